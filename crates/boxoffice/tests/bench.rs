//! The load generator: it measures a real server, checks the result, and fails when it should.

#[path = "server/support.rs"]
mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use server::{ADMIN_KEY, Server, get, until};

/// `boxoffice bench` with these arguments, in a folder of its own.
fn bench(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boxoffice"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOXOFFICE_"))
    {
        command.env_remove(name);
    }
    command.arg("bench").args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// Runs one with a server of its own; its result, which must be right.
#[track_caller]
fn result(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let output = bench(folder.path(), &[arguments, &["--self", "--dir", ".", "--json"]].concat())
        .output()
        .expect("a run");
    assert!(output.status.success(), "{}", told(&output));
    let result: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", told(&output)));
    assert_eq!(result["check"]["ok"], true, "{result:#}");
    for figure in ["duration_s", "throughput_per_s", "requests_per_s"] {
        assert!(result[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {result:#}");
    }
    let latency = |name: &str| result["latency_ms"][name].as_f64().expect("a latency");
    assert!(latency("p50") > 0.0 && latency("p50") <= latency("p99") && latency("p99") <= latency("max"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "the server's data is gone");
    let address: SocketAddr = result["url"]
        .as_str()
        .and_then(|url| url.strip_prefix("http://"))
        .expect("a URL")
        .parse()
        .expect("an address");
    assert!(TcpStream::connect(address).is_err(), "the server is gone");
    result
}

#[test]
fn a_herd_buys_every_seat() {
    let result = result(&["herd", "--patrons", "200", "--seats", "61"]);
    let outcomes = &result["outcomes"];
    let count = |name: &str| outcomes[name].as_u64().unwrap_or(0);
    assert_eq!(count("sold_2_seats") * 2 + count("sold_1_seat"), 61, "{outcomes}");
    assert_eq!(count("sold_2_seats") + count("sold_1_seat") + count("sold_out"), 200, "{outcomes}");
    let check = &result["check"];
    assert_eq!((&check["seats_booked"], &check["seats_held"]), (&61.into(), &0.into()));
    assert_eq!(check["events"], check["sales"].as_u64().expect("sales") * 2, "each sale is held and booked");
    assert!(result["refusals"].as_object().is_some_and(|refusals| !refusals.is_empty()));
}

#[test]
fn holds_end_when_every_pair_is_held() {
    let result = result(&["holds", "--showtimes", "3", "--seats", "41", "--concurrency", "8"]);
    assert_eq!(result["outcomes"]["held"], 60);
    assert_eq!(result["check"]["seats_held"], 120);
    assert!(result["notes"].to_string().contains("--showtimes"), "{}", result["notes"]);
}

#[test]
fn an_open_loop_begins_what_is_due() {
    let result =
        result(&["holds", "--rate", "100", "--duration", "1", "--showtimes", "2", "--connections", "16"]);
    let outcomes = result["outcomes"].as_object().expect("outcomes");
    let all: u64 = outcomes.values().filter_map(Value::as_u64).sum();
    assert_eq!(all, 100, "each one that was due is accounted for: {outcomes:?}");
}

#[test]
fn a_mix_looks_buys_and_gives_up() {
    let result =
        result(&["mix", "--duration", "1.5", "--showtimes", "3", "--seats", "120", "--concurrency", "16"]);
    for outcome in ["looked", "booked"] {
        assert!(result["outcomes"][outcome].as_u64().is_some_and(|count| count > 0), "{result:#}");
    }
    assert!(result["check"]["read_back"].as_u64().is_some_and(|count| count > 0));
}

#[test]
fn reads_are_of_the_kind_that_was_asked_for() {
    for (kind, outcome) in [("304", "not_modified"), ("full", "right"), ("gzip", "right")] {
        let result =
            result(&["reads", "--kind", kind, "--duration", "0.3", "--showtimes", "2", "--concurrency", "8"]);
        let outcomes = result["outcomes"].as_object().expect("outcomes");
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), [outcome], "{kind}");
    }
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = ["herd", "--patrons", "60", "--seats", "20", "--self", "--dir", ".", "--report", "out.html"];
    let output = bench(folder.path(), &flags).output().expect("a run");
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("clean"), "{}", told(&output));
    let page = fs::read_to_string(folder.path().join("out.html")).expect("a page");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "one file");
    for title in
        ["Latency by percentile", "Throughput over time", "Seats sold over time", "Refusals by reason"]
    {
        assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}");
    }
    assert!(page.matches("<svg").count() >= 5 && page.contains("cores of"));
    for reference in ["://", "src=", "href=", "url(", "@import", "<script"] {
        assert!(!page.contains(reference), "the page refers to something: {reference}");
    }
}

/// A run against a server that is there.
fn against(url: &str, arguments: &[&str]) -> Command {
    let mut command = bench(Path::new("."), &[arguments, &["--url", url, "--json"]].concat());
    command.env("BOXOFFICE_ADMIN_KEY", ADMIN_KEY);
    command
}

#[test]
fn ended_early_it_still_checks_and_tells() {
    let server = Server::start();
    let url = format!("http://{}", server.address());
    let flags = ["holds", "--rate", "50", "--duration", "300", "--showtimes", "1"];
    let mut command = against(&url, &flags);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
    until("the load has begun", Duration::from_secs(30), || {
        let list = server.send(&get("/v1/showtimes")).expect(200);
        let id = list["data"][0]["id"].as_str()?;
        let showtime = server.send(&get(format!("/v1/showtimes/{id}"))).expect(200);
        (showtime["revision"].as_u64()? > 5).then_some(())
    });
    server::terminate(child.id());
    let output = child.wait_with_output().expect("a run");
    assert!(output.status.success(), "{}", told(&output));
    let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
    assert_eq!((&result["interrupted"], &result["check"]["ok"]), (&true.into(), &true.into()));
    assert!(result["outcomes"]["held"].as_u64().is_some_and(|held| held > 5), "{result:#}");
    server.audit();
}

#[test]
fn a_server_that_lies_about_its_seats_is_found_out() {
    let server = Server::start();
    let liar = lie(server.address(), b"\"status\":\"booked\"", b"\"status\":\"vacant\"");
    let url = format!("http://{liar}");
    let flags = ["herd", "--patrons", "40", "--seats", "20", "--connections", "8"];
    let output = against(&url, &flags).output().expect("a run");
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
    assert_eq!(result["check"]["ok"], false);
    assert!(told(&output).contains("VIOLATION: sho_"), "{}", told(&output));
    let output = against(&format!("http://{}", server.address()), &flags).output().expect("a run");
    assert!(output.status.success(), "without the liar all is well: {}", told(&output));
}

/// A way to a server on which some words of its answers become others of the same length.
fn lie(honest: SocketAddr, said: &'static [u8], told: &'static [u8]) -> SocketAddr {
    assert_eq!(said.len(), told.len());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(honest).expect("the server");
            let ends = || (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
            let ((from, to), (back, source)) = (ends(), ends());
            thread::spawn(move || carry(from, to, &[], &[]));
            thread::spawn(move || carry(source, back, said, told));
        }
    });
    address
}

fn carry(mut from: TcpStream, mut to: TcpStream, said: &[u8], told: &[u8]) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &mut buffer[..count];
        if !said.is_empty() {
            let places: Vec<usize> = (0..count.saturating_sub(said.len() - 1))
                .filter(|at| bytes[*at..].starts_with(said))
                .collect();
            for at in places {
                bytes[at..at + told.len()].copy_from_slice(told);
            }
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn wrong_flags_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (flags, named) in [
        (&["herd"][..], "--self"),
        (&["herd", "--self", "--url", "http://127.0.0.1:1"], "--self"),
        (&["herd", "--self", "--patrons", "many"], "--patrons"),
        (&["herd", "--self", "--patrons", "0"], "--patrons"),
        (&["herd", "--self", "--seats", "100001"], "--seats"),
        (&["herd", "--self", "--dir", "nowhere"], "--dir"),
        (&["herd", "--self", "--report", "nowhere/out.html"], "--report"),
        (&["herd", "--self", "--rate", "5"], "--rate"),
        (&["herd", "--url", "http://127.0.0.1:1"], "--admin-key"),
        (&["herd", "--url", "https://127.0.0.1", "--admin-key", "k"], "--url"),
        (&["herd", "--url", "http://127.0.0.1:1", "--admin-key", "k"], "--url"),
        (&["holds", "--self", "--rate", "5", "--concurrency", "5"], "--concurrency"),
        (&["holds", "--self", "--connections", "5"], "--rate"),
        (&["holds", "--self", "--seats", "1"], "--seats"),
        (&["mix", "--self", "--duration", "0"], "--duration"),
        (&["mix", "--self", "--rate", "-1"], "-1"),
        (&["mix", "--self", "--rate", "0"], "--rate"),
        (&["reads", "--self", "--kind", "zip"], "--kind"),
    ] {
        let output = bench(folder.path(), flags).output().expect("a run");
        assert!(!output.status.success(), "{flags:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(named), "{flags:?} must name {named}: {said}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_wrong_key_is_named() {
    let server = Server::start();
    let url = format!("http://{}", server.address());
    let flags = ["herd", "--patrons", "2", "--admin-key", "not-the-key-of-this-server"];
    let output = against(&url, &flags).output().expect("a run");
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("--admin-key"), "{}", told(&output));
}
