//! The store port on SQLite.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use boxoffice_core::change::Event;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::archive::{Archive, BookingFilter, FoundBooking};
use boxoffice_engine::catalogue::{
    Alteration, Catalogue, CatalogueKey, Created, Entry, EntryFilter, Kind, New, NotAltered, NotCreated,
    ShowtimeEntry, ShowtimeFilter,
};
use boxoffice_engine::counters::Figure;
use boxoffice_engine::queue::CommitQueue;
use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::{Loaded, OutcomeSink, Store, StoreError, StoreHealth, StoredHold, TokenKey};
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::alteration::alter;
use crate::bookings;
use crate::catalogue;
use crate::connection::{check_ours, check_version, has_content, log_of, open_writer};
use crate::epoch::begin_history;
use crate::errand::{Asked, Trouble, Undo};
use crate::error::{At, OpenError};
use crate::event_places::EventPlaces;
use crate::figures::figures;
use crate::lock::WriterLock;
use crate::migration::{MIGRATIONS, migrate};
use crate::open_files::OpenFiles;
use crate::pruning::Pruning;
use crate::readers::Readers;
use crate::reads::{self, Plans};
use crate::token_keys;
use crate::writer::checkpoint::Checkpoints;
use crate::writer::{BatchError, Heads, Shared, Turn, Writer};

/// How a SQLite store works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most transitions in one database transaction.
    pub batch: usize,
    /// Threads that read.
    pub readers: usize,
    /// How many reads may wait for them.
    pub waiting_reads: usize,
    /// How many creations may wait for the writer.
    pub waiting_creations: usize,
    /// The writer's page cache, in KiB.
    pub cache_kib: u32,
    /// From which size of the write-ahead log on it is copied into the database, in KiB.
    pub wal_kib: u32,
    /// How long idempotency keys are kept, in milliseconds.
    pub keep_keys_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: 1024,
            readers: 2,
            waiting_reads: 4096,
            waiting_creations: 1024,
            cache_kib: 8 * 1024,
            wal_kib: 32 * 1024,
            keep_keys_ms: 24 * 60 * 60 * 1000,
        }
    }
}

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    options: Options,
    epoch: Arc<str>,
    newest: Timestamp,
    /// Before what the writer will own, so that they are closed before it.
    readers: Arc<Readers>,
    plans: Arc<Plans>,
    events: Arc<EventPlaces>,
    shared: Arc<Shared>,
    /// What the writer thread will own; taken when the store is started.
    unstarted: Mutex<Option<(Connection, OpenFiles, WriterLock)>>,
    queue: std::sync::OnceLock<Arc<CommitQueue>>,
    /// Resolves when the writer thread has ended.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl SqliteStore {
    /// Opens the database at `path` for writing, making or migrating it as needed.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        check_version()?;
        let lock = WriterLock::take(path)?;
        Self::open_locked(path, options, lock)
    }

    /// As [`open`](Self::open), for whoever has the lock.
    pub(crate) fn open_locked(path: &Path, options: Options, lock: WriterLock) -> Result<Self, OpenError> {
        let is_new = !has_content(path);
        if is_new && has_content(&log_of(path)) {
            // SQLite would delete it, and the newest sales with it.
            return Err(OpenError::LogAlone { path: path.to_owned(), log: log_of(path) });
        }
        let mut connection = open_writer(path, options.cache_kib)?;
        check_ours(&connection, path)?;
        if let Some(copy) = migrate(&mut connection, path, MIGRATIONS)? {
            tracing::info!(copy = %copy.display(), "the database had an older schema; it was copied before its migration");
        }
        if is_new {
            tracing::info!(path = %path.display(), "there was no database: a new, empty one was made");
        }
        let epoch = begin_history(&mut connection).at(path)?;
        token_keys::make_first(&connection).at(path)?;
        let newest = newest_time(&connection, path)?;
        let events = Arc::new(EventPlaces::read(&connection).at(path)?);
        let files = OpenFiles::at(path)?;
        lock.tell(&files).at(path)?;
        let readers = Readers::start(path, options.readers.max(1), options.waiting_reads)?;
        let readers = Arc::new(readers);
        Ok(Self {
            path: path.to_owned(),
            epoch: epoch.into(),
            newest,
            readers,
            plans: Arc::default(),
            events,
            shared: Arc::default(),
            unstarted: Mutex::new(Some((connection, files, lock))),
            queue: std::sync::OnceLock::new(),
            ended: Mutex::new(None),
            options,
        })
    }
}

impl SqliteStore {
    /// Has the writer do something between two batches.
    fn ask_writer<T: Send + 'static, E: Send + From<Trouble> + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Heads) -> Result<Result<T, E>, BatchError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, E>> {
        let refused = |error| -> BoxFuture<'static, Result<T, E>> {
            Box::pin(std::future::ready(Err(Trouble::Store(error).into())))
        };
        let Some(queue) = self.queue.get() else {
            return refused(StoreError::Unavailable("the store was not started".into()));
        };
        let mut errands = self.shared.errands.lock();
        if self.shared.ended.load(std::sync::atomic::Ordering::Acquire) {
            return refused(StoreError::Unavailable("the store was stopped".into()));
        }
        if errands.len() >= self.options.waiting_creations {
            self.shared.counters.creations_full.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return refused(StoreError::Overloaded);
        }
        let (errand, answered) = Asked::new(work);
        errands.push_back(Box::new(errand));
        drop(errands);
        queue.wake();
        // Dropped without an answer: the writer has ended, with or without having written it.
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(Trouble::InDoubt.into())) })
    }
}

/// The end of the writer thread, however it comes: nobody waits for an answer that nobody gives.
struct Ending {
    shared: Arc<Shared>,
    queue: Arc<CommitQueue>,
    _end: oneshot::Sender<()>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.queue.refuse(Some(boxoffice_engine::queue::Rejected::Closed));
        self.shared.end();
    }
}

/// The time of the newest event: the clock never goes below it, so it must not be taken for none.
fn newest_time(connection: &Connection, path: &Path) -> Result<Timestamp, OpenError> {
    let sql = "SELECT seq, body FROM event ORDER BY seq DESC LIMIT 1";
    let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let last: Option<(i64, Vec<u8>)> =
        rusqlite::OptionalExtension::optional(connection.query_row(sql, [], columns)).at(path)?;
    let Some((seq, body)) = last else { return Ok(Timestamp::default()) };
    let change = boxoffice_core::change::Change::decode(&body).map_err(|malformed| OpenError::Damaged {
        path: path.to_owned(),
        what: format!("the newest event, in row {seq}, cannot be read: {malformed}"),
    })?;
    Ok(change.at)
}

impl Store for SqliteStore {
    fn is_exclusive(&self) -> bool {
        true
    }

    fn start(&self, queue: Arc<CommitQueue>, sink: OutcomeSink) {
        let Some((mut connection, files, lock)) = self.unstarted.lock().take() else {
            tracing::error!("the store was started twice");
            return;
        };
        let started =
            Checkpoints::start(&mut connection, &self.path, self.options.wal_kib).and_then(|checkpoints| {
                let writer = Writer {
                    connection,
                    path: self.path.clone(),
                    files,
                    shared: Arc::clone(&self.shared),
                    queue: Arc::clone(&queue),
                    sink,
                    most: self.options.batch.max(1),
                    pruning: Pruning::new(self.options.keep_keys_ms, Instant::now()),
                    events: Arc::clone(&self.events),
                    checkpoints,
                    readers: Arc::clone(&self.readers),
                    leaving: Turn::now(),
                    event_runs: Turn::now(),
                    _lock: lock,
                };
                let (end, ended) = oneshot::channel::<()>();
                *self.ended.lock() = Some(ended);
                let ending =
                    Ending { shared: Arc::clone(&self.shared), queue: Arc::clone(&queue), _end: end };
                let work = move || {
                    writer.run();
                    drop(ending);
                };
                std::thread::Builder::new().name("writer".into()).spawn(work).at(&self.path)
            });
        if let Err(error) = started {
            tracing::error!(%error, "the writer could not be started");
            *self.shared.trouble.lock() = Some(error.to_string());
            self.shared.end();
            queue.refuse(Some(boxoffice_engine::queue::Rejected::Unavailable));
        }
        // Set once: `start` gets this far once.
        let _ = self.queue.set(queue);
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        let ended = self.ended.lock().take();
        Box::pin(async move {
            if let Some(ended) = ended {
                // The sender is dropped, never used: that is the word.
                let _ = ended.await;
            }
        })
    }

    fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.epoch)
    }

    fn newest_time(&self) -> Timestamp {
        self.newest
    }

    fn token_keys(&self) -> BoxFuture<'_, Result<Vec<TokenKey>, StoreError>> {
        self.readers.read(|connection| Ok(token_keys::read(connection)?))
    }

    fn load(&self, id: ShowtimeId, since: Timestamp) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        let plans = Arc::clone(&self.plans);
        self.readers.read(move |connection| reads::load(connection, &plans, id, since))
    }

    fn events(
        &self,
        id: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>> {
        let places = Arc::clone(&self.events);
        self.readers.read(move |connection| reads::events(connection, &places, id, after, limit))
    }

    fn heads(&self, ids: &[ShowtimeId]) -> BoxFuture<'_, Result<Vec<(ShowtimeId, u64)>, StoreError>> {
        let ids = ids.to_vec();
        self.readers.read(move |connection| reads::heads(connection, &ids))
    }

    fn hold(&self, id: ShowtimeId, serial: Serial) -> BoxFuture<'_, Result<Option<StoredHold>, StoreError>> {
        self.readers.read(move |connection| reads::hold(connection, id, serial))
    }

    fn plan(&self, hash: PlanHash) -> BoxFuture<'_, Result<Option<Arc<Plan>>, StoreError>> {
        let plans = Arc::clone(&self.plans);
        self.readers.read(move |connection| plans.read(connection, hash))
    }

    fn catalogue(&self) -> &dyn Catalogue {
        self
    }

    fn archive(&self) -> &dyn Archive {
        self
    }

    fn health(&self) -> StoreHealth {
        StoreHealth { trouble: self.shared.trouble.lock().clone(), ..StoreHealth::default() }
    }

    fn figures(&self) -> Vec<Figure> {
        figures(&self.shared, &self.readers)
    }
}

impl Catalogue for SqliteStore {
    fn create(&self, new: New, key: Option<CatalogueKey>) -> BoxFuture<'_, Result<Created, NotCreated>> {
        self.ask_writer(move |connection, heads| catalogue::create(connection, &new, key.as_ref(), heads))
    }

    fn alter(
        &self,
        alteration: Alteration,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>> {
        self.ask_writer(move |connection, heads| alter(connection, &alteration, key.as_ref(), heads))
    }

    fn answered(&self, key: CatalogueKey) -> BoxFuture<'_, Result<Option<Created>, NotCreated>> {
        let found = self.readers.read(move |connection| match catalogue::answered(connection, Some(&key)) {
            Ok(found) => Ok(Ok(found)),
            Err(Undo::Refused(why)) => Ok(Err(why)),
            Err(Undo::Failed(error)) => Err(error.into()),
        });
        Box::pin(async move { found.await? })
    }

    fn entry(&self, kind: Kind, number: u64) -> BoxFuture<'_, Result<Option<Entry>, StoreError>> {
        self.readers.read(move |connection| catalogue::entry(connection, kind, number))
    }

    fn entries(&self, kind: Kind, filter: EntryFilter) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.readers.read(move |connection| catalogue::entries(connection, kind, &filter))
    }

    fn showtime(&self, id: ShowtimeId) -> BoxFuture<'_, Result<Option<ShowtimeEntry>, StoreError>> {
        self.readers.read(move |connection| catalogue::showtime(connection, id))
    }

    fn showtimes(&self, filter: ShowtimeFilter) -> BoxFuture<'_, Result<Vec<ShowtimeEntry>, StoreError>> {
        self.readers.read(move |connection| catalogue::showtimes(connection, &filter))
    }
}

impl Archive for SqliteStore {
    fn bookings(&self, filter: BookingFilter) -> BoxFuture<'_, Result<Vec<FoundBooking>, StoreError>> {
        self.readers.read(move |connection| bookings::find(connection, &filter))
    }

    fn erase_contact(
        &self,
        id: ShowtimeId,
        serial: Serial,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>> {
        self.ask_writer(move |connection, heads| {
            bookings::erase_contact(connection, id, serial, key.as_ref(), heads)
        })
    }

    fn erase_old_contacts(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<usize, NotAltered>> {
        self.ask_writer(move |connection, heads| {
            bookings::erase_old_contacts(connection, started_before, most, heads)
        })
    }

    fn remove_old_showtimes(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<ShowtimeId>, NotAltered>> {
        self.ask_writer(move |connection, heads| {
            bookings::remove_old_showtimes(connection, started_before, most, heads)
        })
    }
}
