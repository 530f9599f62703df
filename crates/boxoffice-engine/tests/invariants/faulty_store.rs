//! A store that stands before another one: it keeps outcomes back, loses commits, and reads slowly or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use boxoffice_core::change::Event;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::archive::Archive;
use boxoffice_engine::catalogue::Catalogue;
use boxoffice_engine::queue::{CommitQueue, Outcome, Rejected};
use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::memory::MemoryStore;
use boxoffice_engine::store::{
    Loaded, OutcomeSink, Outcomes, Store, StoreError, StoreHealth, StoredHold, TokenKey,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

/// What becomes of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are committed.
    Well,
    /// They wait in the queue.
    Stalled,
    /// They are committed, but nobody hears of it.
    Kept,
    /// They are committed, but their outcome is in doubt.
    InDoubt,
    /// They are lost, and their outcome is in doubt.
    Lost,
}

/// The store that is not well.
pub(crate) struct FaultyStore {
    inner: Arc<MemoryStore>,
    mode: watch::Sender<Mode>,
    kept: Arc<Mutex<Outcomes>>,
    engine: Mutex<Option<(Arc<CommitQueue>, OutcomeSink)>>,
    /// How often a showtime was loaded.
    pub(crate) loads: AtomicUsize,
    /// The next load fails.
    pub(crate) next_load_fails: AtomicBool,
    /// Neither the log nor a hold can be read.
    pub(crate) log_fails: AtomicBool,
    /// No other node has it.
    exclusive: bool,
}

impl FaultyStore {
    pub(crate) fn before(inner: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self::new(inner, true))
    }

    /// One that other nodes have, too.
    pub(crate) fn of_many(inner: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self::new(inner, false))
    }

    fn new(inner: &Arc<MemoryStore>, exclusive: bool) -> Self {
        Self {
            inner: Arc::clone(inner),
            mode: watch::Sender::new(Mode::Well),
            kept: Arc::default(),
            engine: Mutex::default(),
            loads: AtomicUsize::new(0),
            next_load_fails: AtomicBool::new(false),
            log_fails: AtomicBool::new(false),
            exclusive,
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(crate) fn kept(&self) -> usize {
        self.kept.lock().len()
    }

    /// Hands back the outcome at this place among those that were kept.
    pub(crate) fn hand_back(&self, place: usize) {
        let outcome = self.kept.lock().remove(place);
        let (_, sink) = self.engine.lock().clone().unwrap();
        assert!(sink.send(vec![outcome]).is_ok(), "the engine is there");
    }

    /// Refuses writes, or takes them again.
    pub(crate) fn refuse(&self, why: Option<Rejected>) {
        let (queue, _) = self.engine.lock().clone().unwrap();
        queue.refuse(why);
    }
}

impl Store for FaultyStore {
    fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    fn start(&self, queue: Arc<CommitQueue>, sink: OutcomeSink) {
        *self.engine.lock() = Some((Arc::clone(&queue), sink.clone()));
        let (inner_sink, mut outcomes) = mpsc::unbounded_channel::<Outcomes>();
        let inner_queue = Arc::new(CommitQueue::new(1024));
        self.inner.start(Arc::clone(&inner_queue), inner_sink);
        let (mut mode, kept) = (self.mode.subscribe(), Arc::clone(&self.kept));
        tokio::spawn(async move {
            while let Some(batch) = queue.take(1).await {
                // Ends with the store.
                let Ok(mode) = mode.wait_for(|mode| *mode != Mode::Stalled).await.map(|mode| *mode) else {
                    return;
                };
                for mut commit in batch {
                    if mode == Mode::Lost {
                        commit.ticket.in_doubt();
                        kept.lock().push((commit.ticket, Outcome::Unavailable));
                    } else {
                        assert_eq!(inner_queue.push(commit, true), Ok(()), "there is room");
                    }
                }
            }
        });
        let (mode, kept) = (self.mode.subscribe(), Arc::clone(&self.kept));
        tokio::spawn(async move {
            while let Some(mut batch) = outcomes.recv().await {
                let mode = *mode.borrow();
                match mode {
                    Mode::Kept | Mode::InDoubt => {
                        if mode == Mode::InDoubt {
                            batch.iter_mut().for_each(|(ticket, _)| ticket.in_doubt());
                        }
                        kept.lock().extend(batch);
                    }
                    // Whoever asked may have gone.
                    _ => drop(sink.send(batch)),
                }
            }
        });
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        self.inner.stop()
    }

    fn epoch(&self) -> Arc<str> {
        self.inner.epoch()
    }

    fn newest_time(&self) -> Timestamp {
        self.inner.newest_time()
    }

    fn token_keys(&self) -> BoxFuture<'_, Result<Vec<TokenKey>, StoreError>> {
        self.inner.token_keys()
    }

    fn load(&self, id: ShowtimeId, since: Timestamp) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.next_load_fails.swap(false, Ordering::SeqCst) {
                return Err(StoreError::Unavailable("as the test wants it".into()));
            }
            self.inner.load(id, since).await
        })
    }

    fn events(
        &self,
        id: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>> {
        if self.log_fails.load(Ordering::SeqCst) {
            let failed = Err(StoreError::Unavailable("as the test wants it".into()));
            return Box::pin(std::future::ready(failed));
        }
        self.inner.events(id, after, limit)
    }

    fn heads(&self, ids: &[ShowtimeId]) -> BoxFuture<'_, Result<Vec<(ShowtimeId, u64)>, StoreError>> {
        self.inner.heads(ids)
    }

    fn hold(&self, id: ShowtimeId, serial: Serial) -> BoxFuture<'_, Result<Option<StoredHold>, StoreError>> {
        if self.log_fails.load(Ordering::SeqCst) {
            let failed = Err(StoreError::Unavailable("as the test wants it".into()));
            return Box::pin(std::future::ready(failed));
        }
        self.inner.hold(id, serial)
    }

    fn plan(&self, hash: PlanHash) -> BoxFuture<'_, Result<Option<Arc<Plan>>, StoreError>> {
        self.inner.plan(hash)
    }

    fn catalogue(&self) -> &dyn Catalogue {
        self.inner.catalogue()
    }

    fn archive(&self) -> &dyn Archive {
        self.inner.archive()
    }

    fn health(&self) -> StoreHealth {
        self.inner.health()
    }
}
