//! The shop in fifteen minutes: every command of `docs/shop.md`, word for word.

#[path = "server/support.rs"]
mod server;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use server::Server;

/// Says after each answer what its status was, where nothing else is written.
const WATCHED: &str = "set -euo pipefail\n\
    curl() { command curl --max-time 30 -w '%{stderr}%{http_code} %{url_effective}\\n' \"$@\"; }\n";

fn page() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/shop.md");
    fs::read_to_string(file).expect("the page")
}

/// The commands, but for those that start the server.
fn commands(page: &str) -> Vec<&str> {
    let commands = page.lines().filter_map(|line| line.strip_prefix("    "));
    commands.filter(|line| !line.starts_with("export ") && !line.starts_with("boxoffice ")).collect()
}

/// The statuses and codes of refusals, as the comments behind commands promise them.
fn promised(commands: &[&str]) -> (Vec<String>, Vec<String>) {
    let comment = |line: &&str| {
        let (_, promise) = line.rsplit_once("  # ")?;
        promise.split_once(' ').map(|(status, code)| (status.to_owned(), code.to_owned()))
    };
    commands.iter().filter_map(comment).unzip()
}

#[test]
fn every_command_works_word_for_word() {
    for tool in ["bash", "curl", "jq"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("LEFT OUT: no {tool} here");
            return;
        }
    }
    let page = page();
    let key = page.lines().find_map(|line| line.strip_prefix("    export BOXOFFICE_ADMIN_KEY="));
    let server = Server::start_in(&[("BOXOFFICE_ADMIN_KEY", key.expect("the key"))]);
    let commands = commands(&page);
    let (listed, here) = ("http://127.0.0.1:8080", format!("http://{}", server.address()));
    assert_eq!(
        commands.iter().filter(|line| line.contains(listed)).count(),
        1,
        "the address stands in one place"
    );
    let script = WATCHED.to_owned() + &commands.join("\n").replace(listed, &here);
    let run = Command::new("bash").arg("-c").arg(&script).current_dir(server.path("")).output();
    let run = run.expect("a shell");
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}\n{}", String::from_utf8_lossy(&run.stdout));
    let statuses: Vec<&str> = told.lines().filter_map(|line| Some(line.split_once(" http")?.0)).collect();
    assert_eq!(statuses.len(), script.matches("curl -s").count(), "each was answered: {told}");
    let refused: Vec<&str> =
        statuses.into_iter().filter(|status| !status.starts_with('2') && *status != "304").collect();
    let said = String::from_utf8_lossy(&run.stdout);
    let codes = said.split("\"code\":\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
    let (promised_statuses, promised_codes) = promised(&commands);
    assert_eq!(refused, promised_statuses, "{told}");
    assert_eq!(codes.collect::<Vec<_>>(), promised_codes, "{said}");
    server.audit();
}
