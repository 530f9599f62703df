//! A writer: takes what waits in its slice of the showtimes, commits it as one transaction, hands the outcomes back at
//! once; and finds out what became of a batch whose COMMIT was not answered.

pub(crate) mod batch;
pub(crate) mod caution;
pub(crate) mod known;
pub(crate) mod look;
pub(crate) mod rows;
pub(crate) mod slices;
pub(crate) mod statements;
mod whole;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use boxoffice_engine::queue::{Commit, CommitQueue, Outcome, Rejected, Sealed, Ticket};
use boxoffice_engine::store::{OutcomeSink, Outcomes};
use parking_lot::Mutex;
use tokio_postgres::Client;

use crate::Address;
use crate::error::Failure;
use crate::fence::{Ids, Verdict, settle};
use crate::reads::key_of;
use crate::session::connect;
use crate::watch::Watch;
use batch::{BatchError, write_batch};
use caution::Caution;
use known::Known;
use slices::Slices;

/// How long those who wait are left without a word.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the database is tried while it cannot be reached.
const TRY_EVERY: Duration = Duration::from_millis(250);
/// How often a fence is tried while people wait for the fate of their commit.
const FENCE_EVERY: Duration = Duration::from_millis(50);
/// For how long a fence is tried when the node is going down.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// While many are buying, which a batch of so many shows, the next ones are given a millisecond to arrive unless enough wait
/// already: fewer, larger transactions leave more of the processors to requests.
const MANY: usize = 32;
const ENOUGH: usize = 256;
const GATHERING: Duration = Duration::from_millis(1);

/// What the writers share with the rest of the store.
pub(crate) struct Shared {
    /// Why writes are refused, by writer.
    troubles: Mutex<Vec<Option<String>>>,
    /// Counters for metrics.
    pub(crate) counters: Counters,
}

/// What the writers have done since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Batches committed.
    pub(crate) batches: AtomicU64,
    /// Transitions committed.
    pub(crate) transitions: AtomicU64,
    /// Transitions that lost a conflict.
    pub(crate) conflicts: AtomicU64,
    /// Batches that failed.
    pub(crate) failures: AtomicU64,
    /// How long the committed batches took, in microseconds.
    pub(crate) busy_us: AtomicU64,
    /// Batches that were written a second time.
    pub(crate) again: AtomicU64,
    /// Batches whose COMMIT was not answered.
    pub(crate) doubts: AtomicU64,
    /// Creations that found no room to wait.
    pub(crate) creations_full: AtomicU64,
}

impl Shared {
    pub(crate) fn new(writers: usize) -> Self {
        Self { troubles: Mutex::new(vec![None; writers]), counters: Counters::default() }
    }

    /// Why writes are refused, if they are.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.troubles.lock().iter().flatten().next().cloned()
    }

    /// Notes a writer's trouble or its end; while any is in trouble, nothing new is taken.
    fn note(&self, number: usize, trouble: Option<String>, queue: &CommitQueue) {
        let mut troubles = self.troubles.lock();
        if let Some(place) = troubles.get_mut(number) {
            *place = trouble;
        }
        let refusing = troubles.iter().any(Option::is_some);
        queue.refuse(refusing.then_some(Rejected::Unavailable));
    }
}

/// Everything that one writer has.
pub(crate) struct Writer {
    pub(crate) number: usize,
    pub(crate) address: Address,
    pub(crate) client: Option<Client>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) slices: Arc<Slices>,
    pub(crate) sink: OutcomeSink,
    pub(crate) ids: Arc<Ids>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) most: usize,
    /// Whether each transaction keeps to one showtime, and so to one shard.
    pub(crate) one_showtime: bool,
    /// What it has learnt of surprises.
    pub(crate) caution: Caution,
    /// What it knows of its showtimes.
    pub(crate) known: Known,
}

type Tickets = Vec<Box<dyn Ticket>>;

impl Writer {
    /// Writes until nothing comes any more.
    pub(crate) async fn run(mut self) {
        while let Some(batch) = self.slices.take(self.number, self.most, self.one_showtime).await {
            if self.client.as_ref().is_none_or(Client::is_closed)
                && let Err(failure) = self.connect().await
            {
                self.hand_back_refused(batch.into_iter().map(|commit| commit.ticket).collect());
                self.wait_for_database(&failure).await;
                continue;
            }
            let many = batch.len() >= MANY;
            // Boxed: all its statements are on their way at once.
            Box::pin(self.commit(batch)).await;
            if many && self.slices.waiting(self.number) < ENOUGH {
                tokio::time::sleep(GATHERING).await;
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        self.client = None;
        self.client = Some(connect(&self.address).await?);
        Ok(())
    }

    async fn commit(&mut self, batch: Vec<Commit>) {
        let Some(client) = self.client.take() else { return };
        let began = Instant::now();
        let (batch, mut tickets): (Vec<Sealed>, Tickets) =
            batch.into_iter().map(|commit| (commit.sealed, commit.ticket)).unzip();
        let Some(first) = batch.first() else { return };
        let fence = (key_of(first.transition.showtime), self.ids.next());
        let mut known = std::mem::take(&mut self.known);
        let result = {
            let how = (!self.caution.is_wary(), self.one_showtime);
            let epoch = self.watch.epoch();
            let work = write_batch(&client, &batch, fence, &mut known, how, &epoch);
            tokio::pin!(work);
            match tokio::time::timeout(PATIENCE, &mut work).await {
                Ok(result) => result,
                Err(_) => {
                    tickets.iter_mut().for_each(|ticket| ticket.in_doubt());
                    // Who is behind it is told at once that nothing was done, and does not wait for its fate.
                    loop {
                        tokio::select! { biased;
                            result = &mut work => break result,
                            () = self.refuse_what_comes(TRY_EVERY) => {}
                        }
                    }
                }
            }
        };
        self.known = known;
        let counters = &self.shared.counters;
        match result {
            Ok(written) => {
                self.watch.note_epoch(written.epoch);
                if written.again {
                    self.caution.note_surprise();
                } else {
                    self.caution.note_none();
                }
                counters.again.fetch_add(written.again.into(), Ordering::Relaxed);
                self.client = Some(client);
                counters.batches.fetch_add(1, Ordering::Relaxed);
                counters.busy_us.fetch_add(began.elapsed().as_micros() as u64, Ordering::Relaxed);
                self.hand_back(tickets, written.outcomes);
            }
            Err(BatchError::NotCommitted(failure)) => {
                self.caution.note_surprise();
                counters.failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%failure, "a batch could not be written; nothing of it was done");
                self.hand_back_refused(tickets);
                // Its transaction has failed, and ends with the connection.
                drop(client);
                if let Failure::Lost(_) = failure
                    && let Err(failure) = self.connect().await
                {
                    self.wait_for_database(&failure).await;
                }
            }
            Err(BatchError::InDoubt(failure, outcomes)) => {
                self.known.forget_all_of(&batch);
                self.caution.note_surprise();
                counters.doubts.fetch_add(1, Ordering::Relaxed);
                drop(client);
                let told = began.elapsed() >= PATIENCE;
                self.settle_doubt(fence, (tickets, told, began), outcomes, &failure).await;
            }
        }
    }

    /// Finds out the fate of a batch whose COMMIT was not answered. Until then nobody is told anything that might be
    /// wrong, and their claims stay.
    async fn settle_doubt(
        &mut self,
        fence: (i64, [u8; 16]),
        (mut tickets, mut told, since): (Tickets, bool, Instant),
        outcomes: Vec<Outcome>,
        failure: &Failure,
    ) {
        tracing::warn!(%failure, "COMMIT was not answered; a fence decides what became of it");
        loop {
            let failure = match settle(&self.address, fence).await {
                Ok((client, verdict)) => {
                    tracing::info!(?verdict, "the fence has decided");
                    self.client = Some(client);
                    self.note(None);
                    let dead = |outcome| match (verdict, outcome) {
                        (Verdict::Void, Outcome::Committed { .. }) => Outcome::Unavailable,
                        (_, outcome) => outcome,
                    };
                    return self.hand_back(tickets, outcomes.into_iter().map(dead).collect());
                }
                Err(failure) => failure,
            };
            self.note(Some(failure.to_string()));
            if !told && since.elapsed() >= PATIENCE {
                told = true;
                tickets.iter_mut().for_each(|ticket| ticket.in_doubt());
            }
            if self.slices.is_closed() && since.elapsed() >= LAST_PATIENCE {
                // Going down: those who ask again, under their keys, are told by another node.
                tracing::error!(%failure, "the fate of a batch could not be found out before the end");
                return;
            }
            let pause = if told { TRY_EVERY } else { FENCE_EVERY };
            self.refuse_what_comes(pause).await;
        }
    }

    /// Refuses what comes until the database can be reached again.
    async fn wait_for_database(&mut self, failure: &Failure) {
        tracing::error!(%failure, "the database cannot be reached; refusing writes");
        let mut trouble = failure.to_string();
        loop {
            self.note(Some(trouble));
            self.refuse_what_comes(TRY_EVERY).await;
            if self.slices.is_closed() {
                return;
            }
            match self.connect().await {
                Ok(()) => break,
                Err(failure) => trouble = failure.to_string(),
            }
        }
        tracing::info!("the database takes writes again");
        self.note(None);
    }

    fn note(&self, trouble: Option<String>) {
        self.shared.note(self.number, trouble, &self.queue);
    }

    async fn refuse_what_comes(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let commits = self.slices.take_within(self.number, left).await;
            self.hand_back_refused(commits.into_iter().map(|commit| commit.ticket).collect());
        }
    }

    fn hand_back_refused(&self, tickets: Tickets) {
        let outcomes = vec![Outcome::Unavailable; tickets.len()];
        self.send(tickets.into_iter().zip(outcomes).collect());
    }

    fn hand_back(&self, tickets: Tickets, outcomes: Vec<Outcome>) {
        let count =
            |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count() as u64;
        let counters = &self.shared.counters;
        let committed = count(|outcome| matches!(outcome, Outcome::Committed { .. }));
        counters.transitions.fetch_add(committed, Ordering::Relaxed);
        counters.conflicts.fetch_add(count(|outcome| *outcome == Outcome::Conflict), Ordering::Relaxed);
        self.send(tickets.into_iter().zip(outcomes).collect());
    }

    fn send(&self, outcomes: Outcomes) {
        if !outcomes.is_empty() && self.sink.send(outcomes).is_err() {
            tracing::debug!("outcomes came after the engine had gone");
        }
    }
}
