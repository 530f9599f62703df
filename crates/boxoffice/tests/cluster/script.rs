//! `scripts/cluster`: what it prints works when it is pasted, what breaks is started again, and nothing is left at its end.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::buyers::RoundRobin;
use crate::nodes::{alone, say};
use crate::server::{Client, Outcome, fresh_key, get, interrupt, post, text, until};
use crate::servers::{missing, repository};

const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster that somebody started to play with.
struct Playground {
    child: Child,
    out: BufReader<ChildStdout>,
    greeting: String,
    folder: PathBuf,
}

impl Playground {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(repository("scripts/cluster"));
        command.arg("start").arg(folder).env("BOXOFFICE_PROGRAM", env!("CARGO_BIN_EXE_boxoffice"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the script");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut it = Self { child, out, greeting: String::new(), folder: folder.to_owned() };
        it.greeting = it.reads_to("Ctrl-C ends it.");
        it
    }

    /// What it says up to this.
    fn reads_to(&mut self, end: &str) -> String {
        let mut said = String::new();
        while !said.contains(end) {
            let read = self.out.read_line(&mut said).expect("text");
            assert!(read > 0, "it ended before it said {end:?}: {said}");
        }
        said
    }

    /// What follows the beginning of a line.
    fn told(&self, beginning: &str) -> &str {
        let line = self.greeting.lines().find_map(|line| line.strip_prefix(beginning));
        line.unwrap_or_else(|| panic!("no line begins with {beginning:?}: {}", self.greeting))
    }

    fn address(&self, beginning: &str) -> SocketAddr {
        let address = self.told(beginning).split_once("://").expect("a URL").1;
        address
            .rsplit_once('@')
            .map_or(address, |(_, rest)| rest)
            .split('/')
            .next()
            .and_then(|it| it.parse().ok())
            .expect("an address")
    }

    /// The numbers of all processes, as it wrote them down, and PostgreSQL's, with what each is.
    fn processes(&self) -> Vec<(u32, String)> {
        let listed = fs::read_to_string(self.folder.join("processes")).expect("a list");
        let pid = fs::read_to_string(self.folder.join("postgres/data/postmaster.pid")).expect("PostgreSQL's");
        let all =
            listed.lines().map(str::to_owned).chain(pid.lines().next().map(|pid| format!("{pid} postgres")));
        all.map(|line| {
            line.split_once(' ').map(|(pid, name)| (pid.parse().expect("a number"), name.to_owned()))
        })
        .map(|process| process.expect("a number and a name"))
        .collect()
    }

    /// Waits until it has ended, and sees that nothing runs any more.
    fn ended(mut self, processes: &[(u32, String)], addresses: &[SocketAddr]) {
        let status = until("it has ended", PATIENCE, || self.child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0));
        for (pid, name) in processes {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            assert!(command.is_empty(), "{name} still runs: {}", String::from_utf8_lossy(&command));
        }
        for address in addresses {
            assert!(TcpStream::connect(address).is_err(), "somebody listens on {address}");
        }
        for left in ["processes", "running", "postgres/data/postmaster.pid"] {
            assert!(!self.folder.join(left).exists(), "{left} is left");
        }
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = Command::new(repository("scripts/cluster")).arg("stop").arg(&self.folder).status();
            let _ = self.child.wait();
        }
    }
}

/// Runs a line as a shell does.
fn paste(line: &str) -> Value {
    let output = Command::new("bash").args(["-c", line]).output().expect("bash");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{line}: {error}: {output:?}"))
}

#[test]
fn the_script_starts_a_cluster_that_sells_and_leaves_nothing_behind() {
    let runs = |program: &str| {
        Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let missing = missing().or_else(|| (!runs("haproxy")).then_some("haproxy is not installed"));
    if let Some(missing) =
        missing.or_else(|| (!runs("jq") || !runs("curl")).then_some("jq or curl is not installed"))
    {
        return say(&format!("== left out: scripts/cluster, for {missing} (see scripts/test)"));
    }
    let _alone = alone();
    let home = TempDir::with_prefix("boxoffice-cluster-").expect("a folder");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    let folder = home.path().join("played with");

    let mut it = Playground::start(&folder);
    let lines: Vec<_> =
        it.greeting.lines().filter(|line| line.starts_with("curl ")).map(str::to_owned).collect();
    assert!(lines.len() >= 5, "{}", it.greeting);
    let answers: Vec<_> = lines.iter().map(|line| paste(line)).collect();
    assert!(answers.iter().all(|answer| answer["code"].is_null()), "{answers:#?}");
    assert!(answers[0]["data"].as_array().is_some_and(|showtimes| showtimes.len() > 2), "{}", answers[0]);
    assert!(
        answers[2]["seats"].to_string().contains("A1"),
        "held on one node, seen on another: {}",
        answers[2]
    );

    // One node is killed: those who buy through HAProxy do not notice.
    let front = it.address("Boxoffice sells seats at ");
    let mut shop = RoundRobin::new(&[front], 0);
    let showtime = text(&answers[0]["data"][0]["id"]);
    let mut buy = |seat: &str| {
        let hold =
            post(format!("/v1/showtimes/{showtime}/holds"), &json!({"seats": [seat]})).key(&fresh_key());
        let Outcome::Done(held) = shop.insist(&hold) else { panic!("{seat} is taken") };
        let book = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&text(&held["token"]));
        let Outcome::Done(booked) = shop.insist(&book.key(&fresh_key())) else { panic!("{seat} is lost") };
        booked
    };
    let mut booked = vec![buy("B1"), buy("B2"), buy("B3")];
    let processes = it.processes();
    let (node, _) = processes.iter().find(|(_, name)| name.ends_with("node1")).expect("a node");
    let killed = Command::new("kill").args(["-9", &node.to_string()]).status().expect("kill");
    assert!(killed.success());
    booked.extend([buy("C1"), buy("C2"), buy("C3")]);
    it.reads_to("node1 is started again.");
    until("it sells again", PATIENCE, || Client::connect(it.address("Node 1: ")).ok());

    let addresses = ["Boxoffice sells seats at ", "Node 1: ", "Node 2: ", "Node 3: ", "PostgreSQL: "];
    let addresses = addresses.map(|beginning| it.address(beginning));
    let processes = it.processes();
    let mut stop = Command::new(repository("scripts/cluster"));
    assert!(stop.arg("stop").arg(&folder).status().expect("the script").success());
    it.ended(&processes, &addresses);

    // The folder has a name, so what was sold is still there; and Ctrl-C is another way to end it.
    let it = Playground::start(&folder);
    let front = it.address("Boxoffice sells seats at ");
    for booked in &booked {
        let read = get(format!("/v1/bookings/{}", text(&booked["id"]))).bearer(&text(&booked["token"]));
        let mut client = Client::connect(front).expect("a connection");
        assert_eq!(&client.send(&read).expect("an answer").expect(200), booked);
    }
    let processes = it.processes();
    interrupt(it.child.id());
    it.ended(&processes, &[front]);
}
