//! Redis servers of a test: on free ports, in folders of their own, gone with the test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use boxoffice_core::plan::SeatNo;
use boxoffice_engine::gate::GateSeat;
use boxoffice_redis::{Address, OnFailure, Options, RedisGate};
use tempfile::TempDir;

/// Whether the tests can be run here. Says so if not.
pub(crate) fn are_there() -> bool {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("left out: redis-server is not installed");
    }
    found
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running Redis.
pub(crate) struct Server {
    pub(crate) port: u16,
    arguments: Vec<String>,
    child: Option<Child>,
    folder: TempDir,
}

impl Server {
    /// One that keeps nothing on disk.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        Self::start_at(port, &[&["--port", &port.to_string()], arguments].concat())
    }

    /// One that is told everything, also where to listen: at `port`.
    pub(crate) fn start_at(port: u16, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { port, arguments, child: None, folder: tempfile::tempdir().unwrap() };
        server.start_again();
        server
    }

    /// A Sentinel of one master.
    pub(crate) fn sentinel(master: &str, port_of_master: u16) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let file = folder.path().join("sentinel.conf");
        let config = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor {master} 127.0.0.1 {port_of_master} 1\n\
             sentinel down-after-milliseconds {master} 300\nsentinel failover-timeout {master} 3000\n"
        );
        std::fs::write(&file, config).unwrap();
        let arguments = vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()];
        let mut server = Self { port, arguments, child: None, folder };
        server.start_again();
        server
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(&self.arguments);
        if !self.arguments.iter().any(|argument| argument == "--sentinel") {
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        }
        command.current_dir(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        wait_for("a server to listen", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Kills it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Lets it hang, or go on.
    pub(crate) fn hang(&self, hangs: bool) {
        let signal = if hangs { "-STOP" } else { "-CONT" };
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection of the test's own.
    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Asks it something.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A Cluster of three masters.
pub(crate) fn cluster() -> [Server; 3] {
    let servers: [Server; 3] = std::array::from_fn(|_| {
        let (port, bus) = (free_port().to_string(), free_port().to_string());
        let ports = ["--port", &port, "--cluster-enabled", "yes", "--cluster-port", &bus];
        let rest = ["--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"];
        let port = port.parse().unwrap();
        Server::start_at(port, &[&ports[..], &rest].concat())
    });
    let bounds = ["0", "5461", "10923", "16384"].map(|bound| bound.parse::<u32>().unwrap());
    for (number, server) in servers.iter().enumerate() {
        let (first, last) = (bounds[number].to_string(), (bounds[number + 1] - 1).to_string());
        let () = server.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        let () = server.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
    }
    for other in &servers[1..] {
        let bus: u16 = other.arguments[5].parse().unwrap();
        let (port, bus) = (other.port.to_string(), bus.to_string());
        let () = servers[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
    }
    for server in &servers {
        wait_for("the cluster to be whole", || {
            let info: String = server.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")
        });
    }
    servers
}

/// Looks again until it is so, for ten seconds.
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// As [`wait_for`], and lets other tasks run.
pub(crate) async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn address(url: &str) -> Address {
    url.parse().unwrap()
}

/// Seats that are claimed for their first change.
pub(crate) fn first(seats: &[SeatNo]) -> Vec<GateSeat> {
    seats.iter().map(|no| GateSeat { no: *no, version: 1 }).collect()
}

/// A gate with patience enough for a busy machine.
pub(crate) fn gate(url: &str) -> RedisGate {
    RedisGate::start(address(url), options(), OnFailure::Admit).unwrap()
}

pub(crate) fn options() -> Options {
    Options { timeout: Duration::from_secs(3), ..Options::default() }
}
