//! The seats hub, driven by the SignalR clients that people already have: npm's @microsoft/signalr, PyPI's signalrcore
//! and pysignalr. `scripts/test` installs them into the folder that `SIGNALR_CLIENTS` names; without it they are left
//! out.

#[path = "server/support.rs"]
mod server;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use server::{House, Server, get, hall, post};

/// Where the clients are; or says that a test is left out.
fn clients(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SIGNALR_CLIENTS").map(PathBuf::from);
    if folder.is_none() {
        // Past the capture of output: whoever runs the tests must see it.
        let said = format!("== left out: {test}, for SIGNALR_CLIENTS names no folder (see scripts/test)\n");
        std::io::stderr().write_all(said.as_bytes()).expect("stderr");
    }
    folder.map(|folder| folder.canonicalize().expect("a folder"))
}

/// A client that is running.
fn start(program: &Path, script: &str, arguments: &[&str]) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let mut command = Command::new(program);
    command.arg(script).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the client starts")
}

fn ends_well(mut child: Child, what: &str) {
    let mut told = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut told).expect("text");
    assert!(child.wait().expect("an end").success(), "{what}: {told}");
}

#[test]
fn clients_of_signalr_see_every_change() {
    let Some(folder) = clients("the seats hub with real clients") else { return };
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let url = format!("http://{}", server.address());
    let python = folder.join("venv/bin/python");
    for script in ["seats_signalrcore.py", "seats_pysignalr.py"] {
        ends_well(start(&python, script, &[&url, &showtime.id]), script);
    }
    let folder = folder.to_str().expect("a path");
    let mut node = start(Path::new("node"), "seats.mjs", &[&url, &showtime.id, folder]);
    let mut said = String::new();
    BufReader::new(node.stdout.take().expect("piped")).read_line(&mut said).expect("text");
    if said == "5 checks\n" {
        showtime.staff("/cancel", &json!({})).expect(200);
    }
    ends_well(node, "seats.mjs");
}

#[test]
fn a_map_of_any_size_is_answered_in_parts() {
    let Some(folder) = clients("a large room on the seats hub") else { return };
    let server = Server::start_with(&["--holds-max-seats", "500"]);
    let (plan, seats) = hall(60, 100);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    for some in seats.chunks(500) {
        showtime.hold(&some.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let url = format!("http://{}", server.address());
    let (folder, count) = (folder.to_str().expect("a path"), seats.len().to_string());
    ends_well(
        start(Path::new("node"), "seats_parts.mjs", &[&url, &showtime.id, folder, &count]),
        "seats_parts.mjs",
    );
}

#[test]
fn negotiations_that_are_never_used_cost_little_and_disturb_nobody() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let memory = || {
        let text = server.send(&get("/metrics")).text();
        let line = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
        line.expect("a metric").parse::<f64>().expect("a number")
    };
    let before = memory();
    let mut client = server.connect();
    for _ in 0..10_000 {
        let answer = client.send(&post("/hubs/seats/negotiate?negotiateVersion=1", &json!({})));
        answer.expect("an answer").expect_status(200);
    }
    let grown = memory() - before;
    assert!(grown < 32.0 * 1024.0 * 1024.0, "{grown} bytes more");
    showtime.hold(&["A1"]);
}
