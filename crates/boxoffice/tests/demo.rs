//! The demo: what it prints works when it is pasted, its crowd changes seats, and it goes on where it stopped.

#[path = "server/support.rs"]
mod server;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use server::{Client, get, interrupt, text, until};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// A demo that runs; it is killed if the test ends before it.
struct Demo {
    process: Child,
    out: BufReader<ChildStdout>,
    greeting: String,
}

impl Demo {
    fn start(folder: &Path, flags: &[&str]) -> Self {
        let mut command = demo(folder, &[&["--listen", "127.0.0.1:0"], flags].concat());
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("the binary starts");
        let mut out = BufReader::new(process.stdout.take().expect("piped"));
        let mut greeting = String::new();
        while !greeting.contains("Ctrl-C") {
            let read = out.read_line(&mut greeting).expect("text");
            assert!(read > 0, "it ended before it had greeted: {greeting}");
        }
        Self { process, out, greeting }
    }

    /// The line that begins so, without the beginning.
    fn told(&self, beginning: &str) -> &str {
        let line = self.greeting.lines().find_map(|line| line.strip_prefix(beginning));
        line.unwrap_or_else(|| panic!("no line begins with {beginning:?}: {}", self.greeting))
    }

    fn curl_lines(&self) -> Vec<&str> {
        self.greeting.lines().filter(|line| line.starts_with("curl ")).collect()
    }

    fn address(&self) -> SocketAddr {
        let (_, rest) = self.greeting.split_once("http://").expect("an address");
        rest.lines().next().and_then(|line| line.trim().parse().ok()).expect("address and port")
    }

    fn read(&self, path: &str) -> Value {
        let mut client = Client::connect(self.address()).expect("a connection");
        client.send(&get(path)).expect("an answer").expect(200)
    }

    fn showtimes(&self) -> Vec<Value> {
        self.read("/v1/showtimes?limit=200")["data"].as_array().expect("a list").clone()
    }

    fn showtime(&self, id: &str) -> Value {
        self.read(&format!("/v1/showtimes/{id}"))
    }

    /// Stops it by Ctrl-C; what it says then.
    fn stop(mut self) -> String {
        interrupt(self.process.id());
        let mut said = String::new();
        self.out.read_to_string(&mut said).expect("text");
        assert_eq!(self.process.wait().expect("a child").code(), Some(0));
        said
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn demo(folder: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boxoffice"));
    command.arg("demo").arg("--folder").arg(folder).args(flags).stdin(Stdio::null());
    command
}

/// A demo that refuses to run; why.
fn refused(folder: &Path, flags: &[&str]) -> String {
    let output = demo(folder, flags).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// Pastes a line into a shell; what is answered.
fn paste(line: &str) -> Value {
    let output = Command::new("sh").arg("-c").arg(line).output().expect("a shell");
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect(line)
}

fn has_curl() -> bool {
    let has = Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has {
        eprintln!("LEFT OUT: no curl here");
    }
    has
}

#[test]
fn what_it_prints_works_when_pasted_and_it_goes_on_where_it_stopped() {
    if !has_curl() {
        return;
    }
    let home = TempDir::new().expect("a directory");
    let folder = home.path().join("demo");
    let first = Demo::start(&folder, &["--crowd", "0"]);
    let lines = first.curl_lines();
    assert_eq!(lines.len(), 3, "{}", first.greeting);
    assert!(!paste(lines[0])["data"].as_array().expect("a list").is_empty());
    let map = paste(lines[1]);
    let hold = paste(lines[2]);
    assert_eq!((&hold["status"], &hold["showtime"]), (&"active".into(), &map["showtime"]));
    assert_eq!(hold["seats"].as_array().expect("seats").len(), 2);
    let key = first.told("Admin key: ").to_owned();
    let showtimes = first.showtimes();
    let taken = refused(&home.path().join("other"), &["--listen", &first.address().to_string()]);
    assert!(taken.contains("--listen"), "a taken port is named with its flag: {taken}");
    let running = refused(&folder, &["--fresh", "--listen", "127.0.0.1:0"]);
    assert!(running.contains("stop it"), "a demo that runs is not started over: {running}");
    let said = first.stop();
    assert!(said.contains(&folder.display().to_string()), "it says where the data is: {said}");

    let again = Demo::start(&folder, &["--crowd", "0"]);
    assert_eq!(again.told("Admin key: "), key);
    assert_eq!(again.showtimes().len(), showtimes.len() + 1, "only the one that opens soon is new");
    let hold = paste(again.curl_lines()[2]);
    assert_eq!(hold["status"], "active", "these seats are free at this start, too");
    again.stop();

    let fresh = Demo::start(&folder, &["--crowd", "0", "--fresh"]);
    assert_ne!(fresh.told("Admin key: "), key);
    let quiet = text(&paste(fresh.curl_lines()[1])["showtime"]);
    assert_eq!(fresh.showtime(&quiet)["counts"]["held"], 0);
}

#[test]
fn a_week_is_on_sale_and_its_crowd_changes_seats() {
    let home = TempDir::new().expect("a directory");
    let demo = Demo::start(home.path(), &["--crowd", "6000"]);
    let (_, rest) = demo.curl_lines()[2].split_once("/v1/showtimes/").expect("a showtime");
    let quiet = rest.split('/').next().expect("its id");
    let showtimes = demo.showtimes();
    let days: std::collections::BTreeSet<String> =
        showtimes.iter().map(|showtime| text(&showtime["starts_at_local"])[..10].to_owned()).collect();
    assert_eq!(days.len(), 7, "{days:?}");
    let opens = showtimes.iter().filter(|showtime| showtime["status"] == "upcoming").collect::<Vec<_>>();
    assert_eq!(opens.len(), 1, "one opens in two minutes");
    let ids: Vec<String> = showtimes.iter().map(|showtime| text(&showtime["id"])).collect();
    let counts = |id: &str| demo.showtime(id)["counts"].clone();
    let nearly_sold_out = |id: &String| {
        let counts = counts(id);
        let number = |name: &str| counts[name].as_u64().expect("a number");
        number("available") > 0 && number("booked") > 5 * number("available")
    };
    assert!(ids.iter().any(nearly_sold_out), "one is nearly sold out");
    let sum = |name: &str| ids.iter().map(|id| counts(id)[name].as_u64().unwrap_or_default()).sum::<u64>();
    until("the crowd holds seats", PATIENCE, || (sum("held") > 0).then_some(()));
    let before = sum("booked");
    until("the crowd books", PATIENCE, || (sum("booked") > before).then_some(()));
    let left_alone = counts(quiet);
    assert_eq!((&left_alone["held"], &left_alone["booked"]), (&0.into(), &0.into()), "{left_alone}");
    let popular = ids.get(1).expect("showtimes");
    let revision = || demo.showtime(popular)["revision"].as_u64().expect("a revision");
    let seen = revision();
    until("seats change while somebody looks", PATIENCE, || (revision() > seen).then_some(()));
    demo.stop();
}
