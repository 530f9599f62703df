//! Where log lines go: to stderr, many with one write, so that a busy sale does not pay for each.

mod line;

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::{Condvar, Mutex};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::config::Log;
pub(crate) use line::Line;

/// How long a line of level INFO or below may wait for others.
const GATHER: Duration = Duration::from_millis(20);
/// As many waiting bytes are written by whoever adds the next line.
const MOST_WAITING: usize = 64 * 1024;

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    ended: bool,
}

#[derive(Default)]
struct Gathered {
    waiting: Mutex<Waiting>,
    came: Condvar,
    /// Held while lines are written, so that they stay in order.
    out: Mutex<Vec<u8>>,
}

impl Gathered {
    fn write_out(&self) {
        let mut lines = self.out.lock();
        std::mem::swap(&mut *lines, &mut self.waiting.lock().lines);
        // Nobody is left to be told that stderr is gone.
        let _ = io::stderr().lock().write_all(&lines);
        lines.clear();
    }

    /// Writes what gathers, until the end.
    fn run(&self) {
        loop {
            let mut waiting = self.waiting.lock();
            while waiting.lines.is_empty() && !waiting.ended {
                self.came.wait(&mut waiting);
            }
            if waiting.ended {
                return;
            }
            drop(waiting);
            std::thread::sleep(GATHER);
            self.write_out();
        }
    }
}

/// Takes the lines of one event.
struct Lines {
    gathered: Arc<Gathered>,
    at_once: bool,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.gathered.waiting.lock();
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(bytes);
        let many = waiting.lines.len() >= MOST_WAITING;
        drop(waiting);
        if self.at_once || many {
            self.gathered.write_out();
        } else if is_first {
            self.gathered.came.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where all lines of this process go, and whether they are JSON.
static LOG: OnceLock<(Arc<Gathered>, bool)> = OnceLock::new();

/// Starts a line about a request, unless its level is not wanted.
pub(crate) fn line(level: Level, message: &str) -> Option<Line> {
    let wanted = level <= tracing::level_filters::LevelFilter::current();
    let (_, as_json) = LOG.get().filter(|_| wanted)?;
    Some(Line::new(*as_json, level.as_str(), message))
}

/// Ends a line: it goes where tracing's go. One of level WARN goes at once.
pub(crate) fn write(level: Level, line: Line) {
    if let Some((gathered, _)) = LOG.get() {
        let mut lines = Lines { gathered: Arc::clone(gathered), at_once: level <= Level::WARN };
        // It cannot fail: what stderr says is nobody's concern.
        line.end(|bytes| drop(lines.write(bytes)));
    }
}

struct ToLines(Arc<Gathered>);

impl<'a> MakeWriter<'a> for ToLines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        Lines { gathered: Arc::clone(&self.0), at_once: true }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Lines {
        Lines { gathered: Arc::clone(&self.0), at_once: *metadata.level() <= Level::WARN }
    }
}

/// Logging; when it is dropped, what has gathered is written.
#[must_use]
pub(crate) struct Logging(Arc<Gathered>);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.waiting.lock().ended = true;
        self.0.came.notify_one();
        self.0.write_out();
    }
}

/// Starts logging by the config. A warning is written at once, and what came before it.
pub(crate) fn start(config: &Log) -> anyhow::Result<Logging> {
    let as_json = config.format == "json";
    // A second start in one process keeps the first one's settings.
    let (gathered, _) = LOG.get_or_init(|| (Arc::default(), as_json));
    let level = config.level.parse().unwrap_or(Level::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(ToLines(Arc::clone(gathered)))
        .with_target(false);
    let _ = if as_json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
    let running = Arc::clone(gathered);
    let thread = std::thread::Builder::new().name("log".into());
    thread.spawn(move || running.run()).context("the log's thread cannot be started")?;
    Ok(Logging(Arc::clone(gathered)))
}
