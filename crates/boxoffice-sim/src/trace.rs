//! What happened, as a hash of every step and, if wanted, as lines to read.

use std::fmt::{self, Write as _};

use parking_lot::Mutex;

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// The trace of one run. Two runs of a seed have the same hash.
pub struct Trace(Mutex<State>);

struct State {
    hash: u64,
    lines: Option<Vec<String>>,
}

/// Takes text into the hash (FNV-1a) and nowhere else.
struct Hasher<'a>(&'a mut u64);

impl fmt::Write for Hasher<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.0 = (*self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        Ok(())
    }
}

impl Trace {
    /// An empty trace, which keeps its lines if wanted.
    pub fn new(keep_lines: bool) -> Self {
        Self(Mutex::new(State { hash: BASIS, lines: keep_lines.then(Vec::new) }))
    }

    /// Notes a step: the task that ran, and when.
    pub fn step(&self, task: u64, now_ms: u64) {
        let hash = &mut self.0.lock().hash;
        for word in [task, now_ms] {
            *hash = (*hash ^ word).wrapping_mul(PRIME);
        }
    }

    /// Notes a line.
    pub fn line(&self, now_ms: u64, text: fmt::Arguments<'_>) {
        let mut state = self.0.lock();
        let State { hash, lines } = &mut *state;
        // Neither a hash nor a string can fail to be written to.
        let _ = match lines {
            Some(lines) => {
                lines.push(format!("{now_ms:>7} ms  {text}"));
                Hasher(hash).write_fmt(text)
            }
            None => Hasher(hash).write_fmt(text),
        };
    }

    /// The hash so far.
    pub fn hash(&self) -> u64 {
        self.0.lock().hash
    }

    /// The lines, if they were kept.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().lines.clone().unwrap_or_default()
    }
}
