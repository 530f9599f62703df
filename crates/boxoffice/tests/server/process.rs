//! The server's process: started, killed, asked to end, and started again on the same data.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::client::{Answer, Client};
use super::contract::conforms;
use super::request::Request;
use super::signal;
use super::wait::until;

/// The administrator's key.
pub(crate) const ADMIN_KEY: &str = "the-administrator-of-the-tests";

/// How long the server may take to be ready, also after a crash.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long the server may take to end: `drain.limit_s` and a little.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// How long a command may take.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// A server with a directory of its own. It ends with the test.
pub(crate) struct Server {
    home: TempDir,
    /// The store, if it is not a file of its own.
    shared_store: Option<String>,
    flags: Vec<String>,
    variables: Mutex<Vec<(String, OsString)>>,
    child: Mutex<Option<Child>>,
    port: AtomicU16,
    runs: AtomicU32,
    log: Arc<Mutex<Vec<String>>>,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// All that it wrote, standard output first.
    pub(crate) said: String,
}

impl Server {
    /// A server on an empty store.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server on an empty store, with more flags.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let server = Self::idle(flags);
        server.start_again();
        server
    }

    /// A server on an empty store, in another environment.
    pub(crate) fn start_in(variables: &[(&str, &str)]) -> Self {
        let server = Self::idle(&[]);
        for (name, value) in variables {
            server.set_variable(name, *value);
        }
        server.start_again();
        server
    }

    /// A server on a store that others may use, too.
    pub(crate) fn start_on_store(store: &str, flags: &[&str]) -> Self {
        let mut server = Self::idle(flags);
        server.shared_store = Some(store.to_owned());
        server.start_again();
        server
    }

    /// A directory for a server that has not been started.
    pub(crate) fn idle(flags: &[&str]) -> Self {
        Self {
            home: TempDir::with_prefix("boxoffice-test-").expect("a directory"),
            shared_store: None,
            flags: flags.iter().map(ToString::to_string).collect(),
            variables: Mutex::default(),
            child: Mutex::new(None),
            port: AtomicU16::new(0),
            runs: AtomicU32::new(0),
            log: Arc::default(),
        }
    }

    /// Runs it with a variable of its environment from now on.
    pub(crate) fn set_variable(&self, name: &str, value: impl Into<OsString>) {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), value.into()));
    }

    /// Starts the server on the data that it has, and waits until it listens.
    pub(crate) fn start_again(&self) {
        self.start_on(0);
    }

    /// As [`start_again`](Self::start_again), at the address that it had before.
    pub(crate) fn start_again_there(&self) {
        self.start_on(self.address().port());
    }

    fn start_on(&self, port: u16) {
        let listen = format!("127.0.0.1:{port}");
        let mut command = self.command(&["serve", "--listen", &listen, "--store", &self.store()]);
        command.envs(self.variables.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        command.args(&self.flags).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("piped");
        let (ready, listening) = mpsc::channel();
        let log = Arc::clone(&self.log);
        thread::spawn(move || keep_log(stderr, &log, &ready));
        *self.child() = Some(child);
        let port = listening.recv_timeout(START_LIMIT).expect("the server says that it listens");
        self.port.store(port, Ordering::SeqCst);
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.load(Ordering::SeqCst)).into()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child().as_ref().expect("a running server").id()
    }

    /// kill -9.
    pub(crate) fn kill(&self) {
        let mut child = self.child().take().expect("a running server");
        child.kill().expect("SIGKILL");
        child.wait().expect("a dead child");
    }

    /// SIGTERM, without waiting.
    pub(crate) fn ask_to_end(&self) {
        signal::terminate(self.pid());
    }

    /// Waits until it has ended after [`ask_to_end`](Self::ask_to_end).
    pub(crate) fn ended(&self) -> ExitStatus {
        let mut child = self.child().take().expect("a running server");
        until("the server has drained", DRAIN_LIMIT, || child.try_wait().expect("a child"))
    }

    /// Sends one request over a connection of its own. The answer must be one that the description of the API knows.
    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Answer {
        let answer = Client::connect(self.address()).and_then(|mut client| client.send(request));
        let answer = answer.unwrap_or_else(|error| panic!("no answer to {request}: {error}"));
        let (method, target) = request.line();
        conforms(method, target, &answer);
        answer
    }

    /// A connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address()).expect("a connection")
    }

    /// Its data as the command line names it.
    pub(crate) fn store(&self) -> String {
        let own = || format!("sqlite:{}", self.path("boxoffice.db").display());
        self.shared_store.clone().unwrap_or_else(own)
    }

    /// A path in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs a command of the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let (out, err) = (self.path(&format!("run-{run}.out")), self.path(&format!("run-{run}.err")));
        let mut command = self.command(arguments);
        command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
        let mut child = command.spawn().expect("the binary starts");
        let deadline = std::time::Instant::now() + RUN_LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            if std::time::Instant::now() > deadline {
                child.kill().expect("SIGKILL");
            }
            thread::sleep(Duration::from_millis(2));
        };
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        Run { code: status.code(), said: read(&out) + &read(&err) }
    }

    /// Audits the data, beside the running server if there is one, and fails the test unless it is clean.
    #[track_caller]
    pub(crate) fn audit(&self) {
        let run = self.run(&["audit", "--store", &self.store()]);
        assert_eq!(run.code, Some(0), "the audit is not clean:\n{}", run.said);
    }

    /// All that the server wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boxoffice"));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOXOFFICE_")) {
            command.env_remove(name);
        }
        command.env("BOXOFFICE_ADMIN_KEY", ADMIN_KEY).current_dir(self.home.path()).stdin(Stdio::null());
        command.args(arguments);
        command
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            let tail = log.len().saturating_sub(60);
            eprintln!("the end of the server's log:\n{}", log[tail..].join("\n"));
        }
    }
}

/// Keeps every line, and tells the port once the server listens. A pipe, not a file: a limit of the size of the
/// server's files must not reach its log.
fn keep_log(stderr: ChildStderr, log: &Mutex<Vec<String>>, ready: &Sender<u16>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let port = line.split_once("listening on http://127.0.0.1:").map(|(_, rest)| {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].parse().expect("a port")
        });
        log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        if let Some(port) = port {
            let _ = ready.send(port);
        }
    }
}
