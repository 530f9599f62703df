//! `--self`: the same executable's server on a free port, with a folder of its own; both are gone afterwards.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::machine;

/// How long it may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to end before it is killed.
const END_LIMIT: Duration = Duration::from_secs(20);
/// How many of its last lines are kept.
const LINES: usize = 30;

/// A server that ends with this value.
#[derive(Debug)]
pub(super) struct OwnServer {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
    /// Where it listens.
    pub(super) url: String,
    /// Its admin key.
    pub(super) key: String,
}

impl OwnServer {
    /// Starts one with its data in a new folder below `dir`.
    pub(super) fn start(dir: Option<&Path>) -> anyhow::Result<Self> {
        let below = dir.map_or_else(usual_folder, Path::to_path_buf);
        let folder = tempfile::Builder::new().prefix("boxoffice-bench-").tempdir_in(&below);
        let folder =
            folder.with_context(|| format!("--dir: no folder can be made in {}", below.display()))?;
        let mut bytes = [0u8; 24];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let program = std::env::current_exe().context("this program's own file cannot be found")?;
        let mut command = Command::new(program);
        // The surroundings' settings are for another server.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOXOFFICE_"))
        {
            command.env_remove(name);
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--store"])
            .arg(format!("sqlite:{}", folder.path().join("boxoffice.db").display()))
            .env("BOXOFFICE_ADMIN_KEY", &key)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for the load alone: the server must live until the result is checked.
            .process_group(0);
        let mut child = command.spawn().context("--self: the server cannot be started")?;
        let stderr = child.stderr.take().context("the server has no log")?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (ready, listening) = mpsc::channel();
        let kept = Arc::clone(&log);
        thread::spawn(move || keep_log(stderr, &kept, &ready));
        let mut server = Self { child, log, folder, url: String::new(), key };
        match listening.recv_timeout(START_LIMIT) {
            Ok(url) => server.url = url,
            Err(_) => bail!("--self: the server did not start:\n{}", server.log.lock().join("\n")),
        }
        Ok(server)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its data is.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The last lines of its log.
    pub(super) fn log(&self) -> String {
        self.log.lock().join("\n")
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        terminate(&self.child);
        let deadline = Instant::now() + END_LIMIT;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(unsafe_code, reason = "the standard library can only kill, which leaves no time to close the store")]
fn terminate(child: &Child) {
    // SAFETY: kill takes no pointers; the child was not waited for, so its id is still its own.
    unsafe {
        libc::kill(child.id() as libc::pid_t, libc::SIGTERM);
    }
}

/// The system's folder for such things, or this one if that is only in memory: durable must mean durable.
fn usual_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if machine::file_system(&folder).is_some_and(|kind| kind == "tmpfs") {
        PathBuf::from(".")
    } else {
        folder
    }
}

fn keep_log(stderr: ChildStderr, log: &Mutex<Vec<String>>, ready: &mpsc::Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if let Some(url) = line.strip_prefix("listening on ") {
            // Nobody listens any more after the start.
            let _ = ready.send(url.to_owned());
        }
        let mut log = log.lock();
        if log.len() >= LINES {
            log.remove(0);
        }
        log.push(line);
    }
}
