//! Clients made from the description: Schemathesis drives the server by it, and a generated TypeScript client sells.
//!
//! Both want tools that are not Rust's. `scripts/test` installs them into a folder and names it in
//! `BOXOFFICE_CLIENT_TOOLS`; without it these tests say that they are left out.

#[path = "server/support.rs"]
mod server;

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use server::{ADMIN_KEY, House, Server, get, hall, post};

/// Where the tools are; or says that a test is left out.
fn tools(test: &str) -> Option<PathBuf> {
    let folder = env::var_os("BOXOFFICE_CLIENT_TOOLS").map(PathBuf::from);
    if folder.is_none() {
        // Past the capture of output: whoever runs the tests must see it.
        let said =
            format!("== left out: {test}, for BOXOFFICE_CLIENT_TOOLS names no folder (see scripts/test)\n");
        std::io::stderr().write_all(said.as_bytes()).expect("stderr");
    }
    folder
}

/// Runs a tool to its end and shows what it said if it failed.
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}\n{said}");
    said
}

/// Copies files beside the tests into the server's folder, where tools may leave theirs.
fn copy(server: &Server, names: &[&str]) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    for name in names {
        fs::copy(from.join(name), server.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A house with showtimes, holds and bookings, as `clients/hooks.py` reads it.
fn house(server: &Server) -> Value {
    let (plan, seats) = hall(10, 20);
    let house = House::with_plan(server, &plan);
    let prices = json!({"prices": {"standard": {"adult": 1250, "child": 900}}});
    let [first, second, spare] = [(); 3].map(|()| house.showtime_with(&prices));
    let showtimes = [first, second];
    let held: Vec<_> = showtimes
        .iter()
        .flat_map(|showtime| ["AA1", "AA2", "AA3"].map(|seat| showtime.hold(&[seat])))
        .collect();
    let bookings: Vec<String> = held.iter().step_by(3).map(|hold| hold.book().id()).collect();
    json!({
        "cinema": [house.cinema], "movie": [house.movie], "auditorium": [house.auditorium], "plan": [house.plan],
        "showtime": showtimes.map(|showtime| showtime.id), "hold": held.iter().map(server::Hold::id).collect::<Vec<_>>(),
        "booking": bookings, "seat": seats, "category": ["standard"], "spare": [spare.id],
    })
}

/// Lets Schemathesis loose on a server, as the administrator or as a stranger.
fn drive(tools: &Path, examples: &str, key: Option<&str>) {
    let server = Server::start_with(&["--log-level", "error"]);
    let house = house(&server);
    copy(&server, &["schemathesis.toml", "hooks.py"]);
    let mut command = Command::new(tools.join("venv/bin/schemathesis"));
    command
        .current_dir(server.path(""))
        .env("PYTHONPATH", server.path(""))
        .env("BOXOFFICE_HOUSE", house.to_string());
    command.args(["--config-file", "schemathesis.toml", "run"]);
    command.arg(format!("http://{}/openapi.json", server.address()));
    if let Some(key) = key {
        command.args(["--header", &format!("Authorization: Bearer {key}")]);
    }
    // More of it: BOXOFFICE_SCHEMATHESIS="--max-examples 1000 --seed 7".
    let more =
        env::var("BOXOFFICE_SCHEMATHESIS").unwrap_or_else(|_| format!("--max-examples {examples} --seed 1"));
    command.args(more.split_whitespace());
    let said = run(&mut command);
    assert!(said.contains("Tested: "), "it ran\n{said}");
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    server.send(&get("/livez")).expect(200);
    server.audit();
}

#[test]
fn schemathesis_finds_nothing_that_is_not_described() {
    let Some(tools) = tools("driving the server by its description") else { return };
    drive(&tools, "10", Some(ADMIN_KEY));
    drive(&tools, "3", None);
}

#[test]
fn a_generated_typescript_client_compiles_and_sells() {
    let Some(tools) = tools("generating a TypeScript client") else { return };
    let server = Server::start();
    let (plan, _) = hall(2, 5);
    let prices = json!({"prices": {"standard": {"adult": 1250, "child": 900}}});
    let showtime = House::with_plan(&server, &plan).showtime_with(&prices);
    copy(&server, &["shop.ts"]);
    let description = server.send(&get("/openapi.json"));
    fs::write(server.path("openapi.json"), &description.body).expect("a file");
    fs::write(server.path("package.json"), "{\"type\": \"module\"}").expect("a file");
    std::os::unix::fs::symlink(tools.join("node_modules"), server.path("node_modules")).expect("a link");
    let tool = |name: &str| {
        let mut command = Command::new(tools.join("node_modules/.bin").join(name));
        command.current_dir(server.path(""));
        command
    };
    run(tool("openapi-typescript").args(["openapi.json", "--output", "boxoffice.d.ts"]));
    let strict = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"];
    let target =
        ["--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--types", "node"];
    run(tool("tsc").args(strict).args(target).arg("shop.ts"));
    let mut shop = Command::new("node");
    shop.current_dir(server.path(""))
        .env("BOXOFFICE_URL", format!("http://{}", server.address()))
        .arg("shop.js");
    assert_eq!(run(&mut shop).trim(), "partly_cancelled 1250 EUR");
    assert_eq!(showtime.taken(), "AA1 booked");
    server.send(&post(showtime.path("/cancel"), &json!({})).admin()).expect(200);
    server.audit();
}
