//! The one thread that writes: takes what waits, commits it as one transaction, hands the outcomes back at once.

mod batch;
pub(crate) mod checkpoint;
mod heads;
mod log_writes;
#[cfg(test)]
mod tests;
mod turn;

pub(crate) use batch::{BatchError, Statements, in_transaction, write_batch};
pub(crate) use heads::Heads;
pub(crate) use turn::Turn;

use std::collections::VecDeque;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use boxoffice_engine::queue::{Commit, CommitQueue, Outcome, Rejected};
use boxoffice_engine::store::{OutcomeSink, Outcomes, StoreError};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::errand::{Errand, Trouble};
use crate::event_places::EventPlaces;
use crate::leaving;
use crate::lock::WriterLock;
use crate::open_files::OpenFiles;
use crate::pruning::Pruning;
use crate::readers::{ReadError, Readers};

use checkpoint::Checkpoints;

/// How long a failed commit may stay without a fence before those who wait are sent away.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a fence is tried while the store cannot be written.
const FENCE_EVERY: Duration = Duration::from_secs(1);
/// How often it is tried while people wait for the fate of their commit.
const FENCE_EVERY_IN_DOUBT: Duration = Duration::from_millis(50);
/// How often the writer looks up when there is nothing to do.
const IDLE: Duration = Duration::from_millis(500);

/// How many times as long as a step of removing rows the next one is waited for.
pub(crate) const REST: u32 = 10;

/// How many rows that say where events are the writer writes between two batches: a few milliseconds.
const RUNS: usize = 1024;

/// A batch as large as this says that many are buying.
const BUSY: usize = 32;
/// While many are buying, how many shall be there before the next batch begins,
const WORTHWHILE: usize = 96;
/// or how long is waited for them: the cost of a transaction and of waking those who wait for it is then shared by
/// more.
const GATHER: Duration = Duration::from_millis(1);

/// What the writer shares with the rest of the store.
#[derive(Default)]
pub(crate) struct Shared {
    /// What is to be done beside transitions.
    pub(crate) errands: Mutex<VecDeque<Box<dyn Errand>>>,
    /// Set, under the lock of the errands, when nobody will answer them any more.
    pub(crate) ended: AtomicBool,
    /// Why writes are refused, if they are.
    pub(crate) trouble: Mutex<Option<String>>,
    /// Counters for metrics.
    pub(crate) counters: Counters,
}

/// What the writer has done since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Batches committed.
    pub(crate) batches: std::sync::atomic::AtomicU64,
    /// Transitions committed.
    pub(crate) transitions: std::sync::atomic::AtomicU64,
    /// Transitions that lost a conflict.
    pub(crate) conflicts: std::sync::atomic::AtomicU64,
    /// Batches that failed.
    pub(crate) failures: std::sync::atomic::AtomicU64,
    /// How long the committed batches took, in microseconds.
    pub(crate) busy_us: std::sync::atomic::AtomicU64,
    /// Creations that found no room to wait.
    pub(crate) creations_full: std::sync::atomic::AtomicU64,
}

impl Shared {
    /// Nobody writes any more: what waits is dropped without an answer, and nothing is taken after it.
    pub(crate) fn end(&self) {
        let mut errands = self.errands.lock();
        self.ended.store(true, Ordering::Release);
        errands.clear();
    }
}

/// Everything that the writer thread owns.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) files: OpenFiles,
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) sink: OutcomeSink,
    pub(crate) most: usize,
    pub(crate) pruning: Pruning,
    pub(crate) events: Arc<EventPlaces>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) readers: Arc<Readers>,
    /// When the next rows of showtimes that left are removed.
    pub(crate) leaving: Turn,
    /// When the places of many events may be written.
    pub(crate) event_runs: Turn,
    pub(crate) _lock: WriterLock,
}

impl Writer {
    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let mut heads = Heads::new(Arc::clone(&self.events));
        let mut last_batch = 0;
        match log_writes::join(&self.connection) {
            Ok(true) => {}
            joined => tracing::warn!(?joined, "the pages of a commit are written one by one"),
        }
        loop {
            if last_batch >= BUSY && self.queue.len() < WORTHWHILE {
                std::thread::sleep(GATHER);
            }
            let healthy = !self.is_in_trouble();
            let pause = if healthy { IDLE } else { FENCE_EVERY };
            let until = Instant::now() + pause;
            let chores = self.leaving.at().into_iter().chain([self.pruning.at()]).filter(|_| healthy);
            let until = chores.fold(until, Instant::min);
            let Some(batch) = self.queue.take_blocking_until(self.most, Some(until)) else { break };
            last_batch = batch.len();
            if !healthy && !self.recover(&mut heads) {
                self.refuse(batch);
                continue;
            }
            if batch.is_empty()
                && let Some(why) = self.lost()
            {
                self.begin_trouble(&why);
            }
            if self.is_in_trouble() {
                self.refuse(batch);
                continue;
            }
            if !batch.is_empty() {
                self.commit(batch, &mut heads);
            }
            self.run_errand(&mut heads);
            self.do_chores(&mut heads);
            self.checkpoints.between_batches(&self.connection);
        }
        while self.has_errands() {
            self.run_errand(&mut heads);
        }
        self.checkpoints.end();
        self.readers.end();
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the last checkpoint failed; the log will be read at the next start");
        }
    }

    fn commit(&mut self, batch: Vec<Commit>, heads: &mut Heads) {
        use std::sync::atomic::Ordering::Relaxed;
        let began = Instant::now();
        match write_batch(&self.connection, &batch, heads) {
            Ok(outcomes) => {
                if let Some(why) = self.lost() {
                    self.begin_trouble(&why);
                    self.settle_doubt(batch, Some(outcomes), heads);
                    return;
                }
                let counters = &self.shared.counters;
                let committed = outcomes.iter().filter(|outcome| **outcome != Outcome::Conflict).count();
                counters.batches.fetch_add(1, Relaxed);
                counters.busy_us.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
                counters.transitions.fetch_add(committed as u64, Relaxed);
                counters.conflicts.fetch_add((outcomes.len() - committed) as u64, Relaxed);
                let with_key = |commit: &&Commit| commit.sealed.transition.change.request.is_some();
                self.pruning.note(batch.iter().filter(with_key).count());
                self.hand_back(batch.into_iter().map(|commit| commit.ticket).zip(outcomes).collect());
            }
            Err(BatchError::NotCommitted(error)) => {
                self.begin_trouble(&error);
                self.refuse(batch);
            }
            Err(BatchError::InDoubt(error)) => {
                self.begin_trouble(&error);
                self.settle_doubt(batch, None, heads);
            }
        }
    }

    /// Finds out the fate of a batch that nobody may be told of yet.
    ///
    /// Without `outcomes` its COMMIT failed. Its pages may be in the log and come back after a crash; once another
    /// commit stands on top of the state before it, they never can. With `outcomes` it was committed, but to files
    /// that had lost their names by then: it is done if they get them back, and gone with them if not.
    fn settle_doubt(&mut self, mut batch: Vec<Commit>, outcomes: Option<Vec<Outcome>>, heads: &mut Heads) {
        let since = Instant::now();
        let mut told = false;
        while !self.recover(heads) {
            if !told && since.elapsed() >= PATIENCE {
                told = true;
                batch.iter_mut().for_each(|commit| commit.ticket.in_doubt());
            }
            let pause = if told { FENCE_EVERY } else { FENCE_EVERY_IN_DOUBT };
            match self.queue.take_blocking_until(self.most, Some(Instant::now() + pause)) {
                Some(waiting) if !waiting.is_empty() => self.refuse(waiting),
                Some(_) => {}
                // Going down: a restart decides. Nobody was told anything that might be wrong.
                None => return,
            }
            self.refuse_errands();
        }
        match outcomes {
            Some(outcomes) => {
                self.hand_back(batch.into_iter().map(|commit| commit.ticket).zip(outcomes).collect());
            }
            // What waits for the catalogue can be done now.
            None => self.hand_back_refused(batch),
        }
    }

    /// Why nothing that is written now would be found again, if it would not.
    fn lost(&self) -> Option<String> {
        let name = self.files.lost()?.display();
        Some(format!(
            "{name} was deleted, moved or replaced while the server runs; sales stop until it is back"
        ))
    }

    fn is_in_trouble(&self) -> bool {
        self.shared.trouble.lock().is_some()
    }

    /// Commits a fence on top of the last known state; then writes are taken again. A fence in files that have lost
    /// their names would prove nothing.
    fn recover(&mut self, heads: &mut Heads) -> bool {
        heads.forget();
        if let Some(why) = self.lost() {
            *self.shared.trouble.lock() = Some(why);
            return false;
        }
        if !self.connection.is_autocommit() && self.connection.execute_batch("ROLLBACK").is_err() {
            return false;
        }
        let sql = "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'fence'";
        match self.connection.execute(sql, []) {
            Ok(1) => {
                *self.shared.trouble.lock() = None;
                self.queue.refuse(None);
                tracing::info!(path = %self.path.display(), "the store takes writes again");
                true
            }
            Ok(_) => false,
            Err(error) => {
                *self.shared.trouble.lock() = Some(error.to_string());
                false
            }
        }
    }

    fn begin_trouble(&self, error: &dyn Display) {
        self.shared.counters.failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tracing::error!(path = %self.path.display(), %error, "the store cannot be written; refusing writes");
        *self.shared.trouble.lock() = Some(error.to_string());
        self.queue.refuse(Some(Rejected::Unavailable));
    }

    fn refuse(&self, batch: Vec<Commit>) {
        self.hand_back_refused(batch);
        self.refuse_errands();
    }

    fn hand_back_refused(&self, batch: Vec<Commit>) {
        self.hand_back(batch.into_iter().map(|commit| (commit.ticket, Outcome::Unavailable)).collect());
    }

    fn refuse_errands(&self) {
        let why = self.shared.trouble.lock().clone();
        let why = why.unwrap_or_else(|| "the store could not be written a moment ago; try again".to_owned());
        for errand in self.shared.errands.lock().drain(..) {
            errand.tell(Some(Trouble::Store(StoreError::Unavailable(why.clone()))));
        }
    }

    fn hand_back(&self, outcomes: Outcomes) {
        if !outcomes.is_empty() && self.sink.send(outcomes).is_err() {
            tracing::debug!("outcomes came after the engine had gone");
        }
    }

    /// Runs the next errand. It costs a sync as a whole batch does, so those after it come after the transitions that
    /// wait by then.
    fn run_errand(&mut self, heads: &mut Heads) {
        if self.is_in_trouble() {
            self.refuse_errands();
            return;
        }
        let Some(mut errand) = self.shared.errands.lock().pop_front() else { return };
        let trouble = match errand.write(&self.connection, heads) {
            Ok(()) => self.lost().map(|why| {
                self.begin_trouble(&why);
                Trouble::InDoubt
            }),
            Err(BatchError::InDoubt(error)) => {
                self.begin_trouble(&error);
                Some(Trouble::InDoubt)
            }
            Err(BatchError::NotCommitted(error)) => {
                self.begin_trouble(&error);
                Some(Trouble::Store(StoreError::Unavailable(error.to_string())))
            }
        };
        errand.tell(trouble);
        if self.has_errands() {
            self.queue.wake();
        }
    }

    fn has_errands(&self) -> bool {
        !self.shared.errands.lock().is_empty()
    }

    /// What the writer does by itself, each a little at a time.
    fn do_chores(&mut self, heads: &mut Heads) {
        if heads.have_left() {
            self.leaving.bring_on(Instant::now());
        }
        if !self.is_in_trouble() && self.pruning.is_due(Instant::now()) {
            self.prune(heads);
        }
        if !self.is_in_trouble() && self.leaving.is_due(Instant::now()) {
            self.remove_leaving(heads);
        }
        if !self.is_in_trouble() && self.events.are_many() && self.event_runs.is_due(Instant::now()) {
            self.write_event_runs(heads);
        }
    }

    /// Removes some idempotency keys whose time is over.
    fn prune(&mut self, heads: &mut Heads) {
        match self.pruning.step(&self.connection, heads) {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "old idempotency keys were removed"),
            Err(error) => self.chore_failed("remove old idempotency keys", error, None),
        }
    }

    /// Removes some rows of showtimes that left.
    fn remove_leaving(&mut self, heads: &mut Heads) {
        let began = Instant::now();
        let mut damage = None;
        let step = in_transaction(&self.connection, heads, |_| {
            leaving::step(&self.connection, &self.events).map_err(|error| match error {
                ReadError::Sqlite(error) => error,
                ReadError::Store(error) => {
                    damage = Some(error);
                    rusqlite::Error::StatementChangedRows(0)
                }
            })
        });
        match step {
            Ok(leaving::Step::Nothing) => self.leaving.done(None),
            Ok(leaving::Step::Some) => self.leaving.done(Some(Instant::now() + REST * began.elapsed())),
            Ok(leaving::Step::Last(id)) => {
                self.leaving.done(Some(Instant::now()));
                self.events.forget(id);
                tracing::info!(showtime = %id, "nothing is left of the showtime");
            }
            Err(error) => {
                if let Some(damage) = damage {
                    tracing::error!(error = %damage, "what is left of a showtime that was removed cannot be read");
                }
                let pause = self.leaving.failed(Instant::now());
                self.chore_failed("remove what is left of a showtime", error, Some(pause));
            }
        }
    }

    /// Writes down where some of the newest events are.
    fn write_event_runs(&mut self, heads: &mut Heads) {
        let write = |_: &mut Heads| self.events.write_runs(&self.connection, RUNS);
        match in_transaction(&self.connection, heads, write) {
            Ok(()) => {
                self.events.runs_are_written(RUNS);
                self.event_runs.done(Some(Instant::now()));
            }
            Err(error) => {
                let pause = self.event_runs.failed(Instant::now());
                self.chore_failed("write down where events are", error, Some(pause));
            }
        }
    }

    /// A chore that was undone is no reason to refuse sales: if nothing can be written, they will show it. Only what
    /// may come back after a crash wants a fence.
    fn chore_failed(&self, what: &str, error: BatchError, pause: Option<Duration>) {
        match error {
            BatchError::NotCommitted(error) => {
                tracing::error!(path = %self.path.display(), %error, ?pause, "the store could not {what}; it will try again");
            }
            BatchError::InDoubt(error) => self.begin_trouble(&error),
        }
    }
}
