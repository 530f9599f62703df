//! What is measured while a run goes on: latencies, outcomes, refusals, and how all went over time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use compact_str::CompactString;
use hdrhistogram::Histogram;
use parking_lot::Mutex;

/// How long one step of the course over time is.
pub(super) const STEP_MS: u64 = 10;
/// Longer latencies are recorded as this one, in microseconds.
const MOST_US: u64 = 600_000_000;

/// Latencies in microseconds, exact to three digits.
#[derive(Debug, Clone)]
pub(super) struct Latencies(pub(super) Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        // Three digits up to ten minutes are always allowed.
        Self(Histogram::new_with_bounds(1, MOST_US, 3).expect("bounds that a histogram can have"))
    }
}

impl Latencies {
    /// Adds one.
    pub(super) fn add(&mut self, took: Duration) {
        self.0.saturating_record(took.as_micros() as u64);
    }

    /// The latency that so many percent do not exceed, in milliseconds.
    pub(super) fn ms(&self, percentile: f64) -> f64 {
        self.0.value_at_percentile(percentile) as f64 / 1000.0
    }
}

/// How often what happened.
pub(super) type Counts = BTreeMap<CompactString, u64>;

fn count(counts: &mut Counts, name: &str, more: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += more,
        None => drop(counts.insert(name.into(), more)),
    }
}

/// Everything measured.
#[derive(Debug, Default, Clone)]
pub(super) struct Measured {
    /// Of the whole unit of work (a patron, a hold, a session, a read), from its intended start.
    pub(super) latency: Latencies,
    /// Of each kind of request, from its sending.
    pub(super) requests: BTreeMap<&'static str, Latencies>,
    /// How units ended.
    pub(super) outcomes: Counts,
    /// Why requests were refused.
    pub(super) refusals: Counts,
    /// Requests answered in each step of time.
    pub(super) answered: Vec<u32>,
    /// Units ended in each step of time.
    pub(super) finished: Vec<u32>,
    /// Seats held for good or booked in each step of time.
    pub(super) sold: Vec<u32>,
    /// How late idle connections began what was due: the generator's own fault.
    pub(super) lag: Latencies,
    /// Requests without an answer.
    pub(super) lost: u64,
    /// What the first of them met.
    pub(super) first_error: Option<String>,
    /// Answers that no server that works gives.
    pub(super) faults: Counts,
}

/// Records from many tasks.
#[derive(Debug)]
pub(super) struct Recorder {
    start: Mutex<Instant>,
    measured: Mutex<Measured>,
    /// Units ended, for the progress bar.
    pub(super) done: AtomicU64,
}

impl Recorder {
    /// A recorder that has seen nothing.
    pub(super) fn new() -> Self {
        let start = Mutex::new(Instant::now());
        Self { start, measured: Mutex::default(), done: AtomicU64::new(0) }
    }

    /// The run begins now.
    pub(super) fn begin(&self) -> Instant {
        let now = Instant::now();
        *self.start.lock() = now;
        now
    }

    /// Forgets what was measured before the load.
    pub(super) fn forget_preparation(&self) {
        *self.measured.lock() = Measured::default();
    }

    /// When the run began.
    pub(super) fn start(&self) -> Instant {
        *self.start.lock()
    }

    fn step(&self) -> usize {
        (self.start().elapsed().as_millis() as u64 / STEP_MS) as usize
    }

    /// A request was answered.
    pub(super) fn answered(&self, request: &'static str, took: Duration) {
        let step = self.step();
        let mut measured = self.measured.lock();
        measured.requests.entry(request).or_default().add(took);
        add_at(&mut measured.answered, step, 1);
    }

    /// A request was refused.
    pub(super) fn refused(&self, reason: &str) {
        count(&mut self.measured.lock().refusals, reason, 1);
    }

    /// A unit of work ended.
    pub(super) fn finished(&self, outcome: &str, latency: Duration) {
        let step = self.step();
        let mut measured = self.measured.lock();
        count(&mut measured.outcomes, outcome, 1);
        measured.latency.add(latency);
        add_at(&mut measured.finished, step, 1);
        drop(measured);
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Units that were due but never begun waited at least so long.
    pub(super) fn not_begun(&self, waited: impl Iterator<Item = Duration>) {
        let mut measured = self.measured.lock();
        for waited in waited {
            count(&mut measured.outcomes, "not_begun", 1);
            measured.latency.add(waited);
        }
    }

    /// Seats were sold.
    pub(super) fn sold(&self, seats: usize) {
        let step = self.step();
        add_at(&mut self.measured.lock().sold, step, seats as u32);
    }

    /// A request had no answer.
    pub(super) fn lost(&self, error: &std::io::Error) {
        let mut measured = self.measured.lock();
        measured.lost += 1;
        measured.first_error.get_or_insert_with(|| error.to_string());
    }

    /// An answer that no server that works gives.
    pub(super) fn fault(&self, what: &str) {
        count(&mut self.measured.lock().faults, what, 1);
    }

    /// An idle connection began so late what was due.
    pub(super) fn lagged(&self, late: Duration) {
        self.measured.lock().lag.add(late);
    }

    /// How often a change was told to a watcher.
    pub(super) fn told(&self) -> u64 {
        self.measured.lock().outcomes.get("told").copied().unwrap_or(0)
    }

    /// All that was measured.
    pub(super) fn measured(&self) -> Measured {
        self.measured.lock().clone()
    }
}

fn add_at(steps: &mut Vec<u32>, step: usize, more: u32) {
    if steps.len() <= step {
        steps.resize(step + 1, 0);
    }
    steps[step] += more;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_and_never_begun_counts_as_slow() {
        let recorder = Recorder::new();
        recorder.finished("held", Duration::from_millis(1));
        recorder.not_begun([Duration::from_secs(2), Duration::from_secs(3)].into_iter());
        let measured = recorder.measured();
        assert_eq!(measured.outcomes["not_begun"], 2);
        assert!(measured.latency.ms(50.0) >= 1990.0, "{}", measured.latency.ms(50.0));
    }
}
