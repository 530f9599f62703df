//! The store port of one node: its writer sends batches to the shared database, and settles by a fence what became
//! of those whose answer is lost.

use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::archive::Archive;
use boxoffice_engine::catalogue::Catalogue;
use boxoffice_engine::queue::{CommitQueue, Outcome, Rejected, Ticket};
use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::memory::MemoryStore;
use boxoffice_engine::store::{Loaded, OutcomeSink, Store, StoreError, StoreHealth, StoredHold, TokenKey};
use tokio::sync::oneshot;

use crate::faults::Fault;
use crate::node::Link;
use crate::rows::{Mutation, Rows};
use crate::world::World;

/// How long whoever waits for a lost commit is kept waiting, in milliseconds.
const PATIENCE_MS: u64 = 2_000;

/// The database as one node reaches it.
#[derive(Clone)]
pub struct NodeStore {
    pub(crate) world: Arc<World>,
    pub(crate) link: Arc<Link>,
    /// There is one node, and nobody else writes.
    pub(crate) is_exclusive: bool,
    /// Most transitions in one batch.
    pub(crate) batch: usize,
    /// Plans and catalogue, which the simulation does not put to the test.
    pub(crate) catalogue: Arc<MemoryStore>,
}

type Tickets = Vec<Box<dyn Ticket>>;

impl NodeStore {
    async fn write(self, queue: Arc<CommitQueue>, sink: OutcomeSink) {
        let World { executor, faults, truth, .. } = &*self.world;
        while let Some(batch) = queue.take(self.batch).await {
            if faults.strikes(Fault::WriterStalls) {
                executor.sleep(faults.between(500, 4000)).await;
            }
            self.crash_if(Fault::CrashBeforeCommit).await;
            let (tickets, sealed): (Tickets, Vec<_>) =
                batch.into_iter().map(|commit| (commit.ticket, commit.sealed)).unzip();
            let count = sealed.len();
            let id = truth.send(self.link.owner, sealed);
            if self.world.mutation == Some(Mutation::ReplyBeforeCommit) {
                let foreseen = truth.foresee(id, &self.world.stamp());
                let _ = sink.send(tickets.into_iter().zip(foreseen).collect());
                executor.sleep(faults.between(1, 200)).await;
                truth.apply(id, &self.world.stamp());
                continue;
            }
            let mut answer = self.send(id, count);
            self.crash_if(Fault::CrashDuringCommit).await;
            let timeout = executor.sleep(PATIENCE_MS);
            let outcomes = tokio::select! { biased;
                outcomes = &mut answer => outcomes.ok(),
                () = timeout => None,
            };
            self.crash_if(Fault::CrashAfterCommit).await;
            match outcomes {
                Some(outcomes) => drop(sink.send(tickets.into_iter().zip(outcomes).collect())),
                None if self.is_exclusive => self.settle(id, tickets, sink.clone(), Some(&queue)).await,
                None => {
                    let (this, sink) = (self.clone(), sink.clone());
                    let settled = async move { this.settle(id, tickets, sink, None).await };
                    self.world.spawn_on(&self.link, Box::pin(settled));
                }
            }
        }
    }

    async fn crash_if(&self, fault: Fault) {
        if self.link.is_alive() && self.world.faults.strikes(fault) {
            self.world.crash(&self.link);
            // Nothing runs on a node that is down.
            std::future::pending::<()>().await;
        }
    }

    /// Carries a batch to the database. The answer may be lost, or the batch, or it comes late.
    fn send(&self, id: u64, count: usize) -> oneshot::Receiver<Vec<Outcome>> {
        let (answer, answered) = oneshot::channel();
        let world = Arc::clone(&self.world);
        self.world.executor.spawn(
            0,
            Box::pin(async move {
                let World { executor, faults, truth, .. } = &*world;
                world.latency().await;
                if faults.strikes(Fault::StoreSlow) {
                    executor.sleep(faults.between(50, 1500)).await;
                }
                if faults.strikes(Fault::CommitFails) {
                    // Undone and gone for certain. Had it been applied, its fence would say so.
                    if truth.fence(id).is_none() {
                        let _ = answer.send(vec![Outcome::Unavailable; count]);
                    }
                    return;
                }
                // A connection that breaks is noticed at once; one that hangs, never.
                let hang = |answer| async move {
                    if faults.between(0, 1) == 0 {
                        executor.sleep(2 * PATIENCE_MS).await;
                    }
                    drop(answer);
                };
                if faults.strikes(Fault::CommitLost) {
                    return hang(answer).await;
                }
                if faults.strikes(Fault::CommitLate) {
                    hang(answer).await;
                    executor.sleep(faults.between(1, 8000)).await;
                    truth.apply(id, &world.stamp());
                    return;
                }
                let outcomes = truth.apply(id, &world.stamp());
                if faults.strikes(Fault::CommitAnswerLost) {
                    return hang(answer).await;
                }
                world.latency().await;
                if let Some(outcomes) = outcomes {
                    // Whoever sent it may have crashed.
                    let _ = answer.send(outcomes);
                }
            }),
        );
        answered
    }

    /// Fences a lost batch, and hands back what became of it. A store that nobody else writes to refuses writes for
    /// as long.
    async fn settle(&self, id: u64, mut tickets: Tickets, sink: OutcomeSink, queue: Option<&CommitQueue>) {
        let World { executor, faults, truth, .. } = &*self.world;
        let began = executor.now_ms();
        let mut told = false;
        loop {
            executor.sleep(faults.between(1, 50)).await;
            if !faults.strikes(Fault::FenceFails) {
                break;
            }
            if !told && executor.now_ms() - began > PATIENCE_MS {
                told = true;
                tickets.iter_mut().for_each(|ticket| ticket.in_doubt());
                if let Some(queue) = queue {
                    queue.refuse(Some(Rejected::Unavailable));
                }
            }
            executor.sleep(faults.between(100, 1500)).await;
        }
        let found = truth.fence(id).unwrap_or_else(|| vec![Outcome::Unavailable; tickets.len()]);
        if let Some(queue) = queue {
            queue.refuse(None);
        }
        let _ = sink.send(tickets.into_iter().zip(found).collect());
    }

    /// Reads in one look, somewhere between the question and the answer.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Rows) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(async move {
            let World { executor, faults, truth, .. } = &*self.world;
            self.world.latency().await;
            if faults.strikes(Fault::StoreSlow) {
                executor.sleep(faults.between(20, 1500)).await;
            }
            if faults.strikes(Fault::ReadFails) {
                return Err(StoreError::Unavailable("as the lots fell".into()));
            }
            let found = truth.look(read);
            self.world.latency().await;
            found
        })
    }
}

impl Store for NodeStore {
    fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    fn start(&self, queue: Arc<CommitQueue>, sink: OutcomeSink) {
        self.world.spawn_on(&self.link, Box::pin(self.clone().write(queue, sink)));
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn epoch(&self) -> Arc<str> {
        "sim".into()
    }

    fn newest_time(&self) -> Timestamp {
        self.world.truth.look(|rows| {
            let logs = rows.values().filter_map(|showtime| showtime.events(0, usize::MAX).ok());
            logs.flatten().map(|event| event.change.at).max().unwrap_or_default()
        })
    }

    fn token_keys(&self) -> BoxFuture<'_, Result<Vec<TokenKey>, StoreError>> {
        let key = TokenKey { id: 1, secret: [7; 32], made_at: Timestamp::default(), revoked: false };
        Box::pin(std::future::ready(Ok(vec![key])))
    }

    fn load(&self, id: ShowtimeId, since: Timestamp) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        self.read(move |rows| rows.get(&id).map(|showtime| Ok(showtime.load(since)?)).transpose())
    }

    fn events(
        &self,
        id: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>> {
        self.read(move |rows| match rows.get(&id) {
            Some(showtime) => Ok(showtime.events(after, limit)?),
            None => Ok(Vec::new()),
        })
    }

    fn heads(&self, ids: &[ShowtimeId]) -> BoxFuture<'_, Result<Vec<(ShowtimeId, u64)>, StoreError>> {
        let ids = ids.to_vec();
        self.read(move |rows| {
            let known = ids.into_iter().filter_map(|id| Some((id, rows.get(&id)?.revision())));
            Ok(known.collect())
        })
    }

    fn hold(&self, id: ShowtimeId, serial: Serial) -> BoxFuture<'_, Result<Option<StoredHold>, StoreError>> {
        self.read(move |rows| {
            let row = rows.get(&id).and_then(|showtime| showtime.holds.get(&serial));
            row.map(|row| Ok(row.decode()?)).transpose()
        })
    }

    fn plan(&self, hash: PlanHash) -> BoxFuture<'_, Result<Option<Arc<Plan>>, StoreError>> {
        self.catalogue.plan(hash)
    }

    fn catalogue(&self) -> &dyn Catalogue {
        self.catalogue.catalogue()
    }

    fn archive(&self) -> &dyn Archive {
        self.catalogue.archive()
    }

    fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }
}
