//! The servers that a cluster stands on: a PostgreSQL of the test's own, to be restarted, and a Redis Cluster of three
//! masters, to be killed one by one. They end with the test.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::server::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// What is missing on this machine to run a cluster, if something is.
pub(crate) fn missing() -> Option<&'static str> {
    let runs = |program: &str| {
        let output =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        output.is_ok_and(|status| status.success())
    };
    if fs::read_dir("/usr/lib/postgresql").is_err() {
        return Some("PostgreSQL is not installed");
    }
    (!runs("redis-server") || !runs("redis-cli")).then_some("redis-server is not installed")
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A file of the repository.
pub(crate) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// A PostgreSQL.
pub(crate) struct Postgres {
    folder: TempDir,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let folder = TempDir::with_prefix("boxoffice-postgres-").expect("a folder");
        // Its user is another one if this one is root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let mut postgres = Self { folder, address: (Ipv4Addr::LOCALHOST, 0).into() };
        postgres.start_again();
        let port = fs::read_to_string(postgres.data().join("port")).expect("a port");
        postgres.address.set_port(port.trim().parse().expect("a port"));
        postgres
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    fn script(&self, action: &str, more: &[&str]) -> bool {
        let mut command = Command::new(repository("scripts/servers/postgres"));
        command.arg(action).arg(self.data()).args(more).stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Stops it: `fast` ends its connections in order, `immediate` is a crash.
    pub(crate) fn stop(&self, mode: &str) {
        assert!(self.script("stop", &[mode]), "PostgreSQL did not stop");
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&self) {
        assert!(self.script("start", &[]), "PostgreSQL did not start");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.script("stop", &["immediate"]);
    }
}

/// One master of a Redis Cluster.
pub(crate) struct Redis {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    bus: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl Redis {
    fn start() -> Self {
        let folder = TempDir::with_prefix("boxoffice-redis-").expect("a folder");
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let mut redis = Self { address, bus: 0, folder, child: None };
        // A port that was free may be anybody's a moment later.
        let mut listens = || {
            redis.address.set_port(free_port());
            redis.bus = free_port();
            redis.listens()
        };
        assert!((0..5).any(|_| listens()), "Redis ends as soon as it is started");
        redis
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&mut self) {
        assert!(self.listens(), "Redis ended as soon as it was started");
    }

    /// Starts it; says whether it listens, or has ended.
    fn listens(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--port", &self.address.port().to_string(), "--cluster-port", &self.bus.to_string()]);
        command.args(["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]);
        // Each node has wires of its own to all masters, so a master must not say where it is.
        command.args(["--cluster-preferred-endpoint-type", "unknown-endpoint"]);
        command.args(["--cluster-node-timeout", "2000"]).current_dir(self.folder.path());
        let child = self.child.insert(command.stdout(Stdio::null()).spawn().expect("a Redis"));
        // Whoever else has the port would be connected to as well.
        let own = format!("process_id:{}\r", child.id());
        until("Redis listens", PATIENCE, || match self.child.as_mut()?.try_wait().expect("a child") {
            Some(_) => Some(false),
            None => self.ask(&["INFO", "server"]).contains(&own).then_some(true),
        })
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("SIGKILL");
            child.wait().expect("a dead child");
        }
    }

    fn ask(&self, words: &[&str]) -> String {
        let port = self.address.port().to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().expect("redis-cli");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn is_whole(&self) -> bool {
        let info = self.ask(&["CLUSTER", "INFO"]);
        info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three masters that know each other.
pub(crate) fn redis_cluster() -> [Redis; 3] {
    let masters = [(); 3].map(|()| Redis::start());
    let slots = [(0, 5460), (5461, 10_922), (10_923, 16_383)];
    for (number, (master, (first, last))) in (1..).zip(masters.iter().zip(slots)) {
        let number: i32 = number;
        assert_eq!(master.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &number.to_string()]), "OK");
        let slots = ["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()];
        assert_eq!(master.ask(&slots), "OK");
    }
    for other in &masters[1..] {
        let (port, bus) = (other.address.port().to_string(), other.bus.to_string());
        assert_eq!(masters[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]), "OK");
    }
    for master in &masters {
        until("the Redis Cluster is whole", PATIENCE, || master.is_whole().then_some(()));
    }
    masters
}
