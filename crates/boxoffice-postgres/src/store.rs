//! The store port on PostgreSQL.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};

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
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::errand::{Errands, Undo};
use crate::error::{At as _, Failure, OpenError};
use crate::fence::Ids;
use crate::figures::figures;
use crate::readers::Readers;
use crate::reads::{self, Plans};
use crate::watch::Watch;
use crate::writer::caution::Caution;
use crate::writer::known::Known;
use crate::writer::slices::Slices;
use crate::writer::{Shared, Writer};
use crate::{Address, alteration, bookings, catalogue, open};

/// How a PostgreSQL store works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many writers share the showtimes between them, each on a connection of its own.
    pub writers: usize,
    /// The most transitions in one database transaction.
    pub batch: usize,
    /// Connections that read.
    pub readers: usize,
    /// How many reads may wait for them.
    pub waiting_reads: usize,
    /// How many creations may wait.
    pub waiting_creations: usize,
    /// How long idempotency keys are kept, in milliseconds.
    pub keep_keys_ms: i64,
    /// By how much the measure of the database's clock may be wrong before the node is not ready, in milliseconds.
    pub max_clock_error_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writers: 3,
            batch: 512,
            readers: 2,
            waiting_reads: 4096,
            waiting_creations: 1024,
            keep_keys_ms: 24 * 60 * 60 * 1000,
            max_clock_error_ms: 250,
        }
    }
}

/// A store in a PostgreSQL database, which other nodes may share.
pub struct PostgresStore {
    address: Address,
    options: Options,
    newest: Timestamp,
    distributed: bool,
    readers: Readers,
    plans: Arc<Plans>,
    errands: Arc<Errands>,
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    ids: Arc<Ids>,
    tasks: Mutex<Option<JoinSet<()>>>,
    watching: OnceLock<tokio::task::AbortHandle>,
    /// The connection that the database was opened with, for the watch.
    client: Mutex<Option<Client>>,
}

impl PostgresStore {
    /// Opens the database, making or migrating its tables as needed.
    pub async fn open(address: &Address, options: Options) -> Result<Self, OpenError> {
        let opened = open::open(address).await?;
        let watch =
            Watch::new(address.clone(), opened.epoch, options.max_clock_error_ms, options.keep_keys_ms);
        watch.look(&opened.client).await.at(address)?;
        let shared = Arc::new(Shared::new(options.writers.max(1)));
        let ids = Arc::new(Ids::new().at(address)?);
        let errands =
            Errands::new(address.clone(), options.waiting_creations, Arc::clone(&shared), Arc::clone(&ids));
        Ok(Self {
            address: address.clone(),
            newest: opened.newest,
            distributed: opened.distributed,
            readers: Readers::new(address.clone(), options.readers, options.waiting_reads),
            plans: Arc::default(),
            errands: Arc::new(errands),
            shared,
            watch: Arc::new(watch),
            ids,
            tasks: Mutex::default(),
            watching: OnceLock::new(),
            client: Mutex::new(Some(opened.client)),
            options,
        })
    }

    /// The database's clock less this machine's, in milliseconds, measured every second.
    pub fn clock_offset_ms(&self) -> Arc<AtomicI64> {
        self.watch.offset_ms()
    }

    fn read<'s, T: Send + 's>(
        &'s self,
        read: impl for<'c> Fn(&'c Client) -> BoxFuture<'c, Result<T, Failure>> + Send + Sync + 's,
    ) -> BoxFuture<'s, Result<T, StoreError>> {
        Box::pin(self.readers.read(read))
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        if let Some(watching) = self.watching.get() {
            watching.abort();
        }
    }
}

impl Store for PostgresStore {
    fn is_exclusive(&self) -> bool {
        false
    }

    fn start(&self, queue: Arc<CommitQueue>, sink: OutcomeSink) {
        let client = self.client.lock().take();
        let watching = tokio::spawn(Arc::clone(&self.watch).run(client));
        if self.watching.set(watching.abort_handle()).is_err() {
            watching.abort();
            tracing::error!("the store was started twice");
            return;
        }
        let writers = self.options.writers.max(1);
        let most = self.options.batch.max(1);
        let slices = Arc::new(Slices::new(writers, writers * most * 2));
        let mut tasks = JoinSet::new();
        for number in 0..writers {
            let writer = Writer {
                number,
                address: self.address.clone(),
                client: None,
                shared: Arc::clone(&self.shared),
                queue: Arc::clone(&queue),
                slices: Arc::clone(&slices),
                sink: sink.clone(),
                ids: Arc::clone(&self.ids),
                watch: Arc::clone(&self.watch),
                most,
                one_showtime: self.distributed,
                caution: Caution::default(),
                known: Known::default(),
            };
            tasks.spawn(writer.run());
        }
        tasks.spawn(async move { slices.fill(&queue).await });
        *self.tasks.lock() = Some(tasks);
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        let tasks = self.tasks.lock().take();
        Box::pin(async move {
            if let Some(mut tasks) = tasks {
                while tasks.join_next().await.is_some() {}
            }
            if let Some(watching) = self.watching.get() {
                watching.abort();
            }
        })
    }

    fn epoch(&self) -> Arc<str> {
        self.watch.epoch()
    }

    fn renew_epoch(&self, known: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        let known = known.to_owned();
        Box::pin(async move { Ok(self.watch.renew_epoch(&known).await?) })
    }

    fn newest_time(&self) -> Timestamp {
        self.newest
    }

    fn token_keys(&self) -> BoxFuture<'_, Result<Vec<TokenKey>, StoreError>> {
        self.read(|client| Box::pin(reads::token_keys(client)))
    }

    fn load(&self, id: ShowtimeId, since: Timestamp) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        let plans = Arc::clone(&self.plans);
        self.read(move |client| {
            let plans = Arc::clone(&plans);
            Box::pin(async move { reads::load(client, &plans, id, since).await })
        })
    }

    fn events(
        &self,
        id: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>> {
        self.read(move |client| Box::pin(reads::events(client, id, after, limit)))
    }

    fn heads(&self, ids: &[ShowtimeId]) -> BoxFuture<'_, Result<Vec<(ShowtimeId, u64)>, StoreError>> {
        let ids: Arc<[ShowtimeId]> = ids.into();
        self.read(move |client| {
            let ids = Arc::clone(&ids);
            Box::pin(async move { reads::heads(client, &ids).await })
        })
    }

    fn hold(&self, id: ShowtimeId, serial: Serial) -> BoxFuture<'_, Result<Option<StoredHold>, StoreError>> {
        self.read(move |client| Box::pin(reads::hold(client, id, serial)))
    }

    fn plan(&self, hash: PlanHash) -> BoxFuture<'_, Result<Option<Arc<Plan>>, StoreError>> {
        let plans = Arc::clone(&self.plans);
        self.read(move |client| {
            let plans = Arc::clone(&plans);
            Box::pin(async move { plans.read(client, hash).await })
        })
    }

    fn catalogue(&self) -> &dyn Catalogue {
        self
    }

    fn archive(&self) -> &dyn Archive {
        self
    }

    fn health(&self) -> StoreHealth {
        let away = self.watch.trouble();
        StoreHealth {
            unfit: if away.is_none() { self.watch.clock_trouble() } else { None },
            trouble: self.shared.trouble().or(away),
        }
    }

    fn figures(&self) -> Vec<Figure> {
        figures(&self.shared, &self.readers, &self.watch)
    }
}

impl Catalogue for PostgresStore {
    fn create(&self, new: New, key: Option<CatalogueKey>) -> BoxFuture<'_, Result<Created, NotCreated>> {
        self.errands.run(Box::new(|client| Box::pin(catalogue::create(client, new, key))))
    }

    fn alter(
        &self,
        alteration: Alteration,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>> {
        self.errands.run(Box::new(|client| Box::pin(alteration::alter(client, alteration, key))))
    }

    fn answered(&self, key: CatalogueKey) -> BoxFuture<'_, Result<Option<Created>, NotCreated>> {
        let found = self.read(move |client| {
            let key = key.clone();
            Box::pin(async move {
                match catalogue::answered(client, Some(&key)).await {
                    Ok(found) => Ok(Ok(found)),
                    Err(Undo::Refused(why)) => Ok(Err(why)),
                    Err(Undo::Failed(failure)) => Err(failure),
                }
            })
        });
        Box::pin(async move { found.await? })
    }

    fn entry(&self, kind: Kind, number: u64) -> BoxFuture<'_, Result<Option<Entry>, StoreError>> {
        self.read(move |client| Box::pin(catalogue::entry(client, kind, number)))
    }

    fn entries(&self, kind: Kind, filter: EntryFilter) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.read(move |client| {
            let filter = filter.clone();
            Box::pin(async move { catalogue::entries(client, kind, &filter).await })
        })
    }

    fn showtime(&self, id: ShowtimeId) -> BoxFuture<'_, Result<Option<ShowtimeEntry>, StoreError>> {
        self.read(move |client| Box::pin(catalogue::showtime(client, id)))
    }

    fn showtimes(&self, filter: ShowtimeFilter) -> BoxFuture<'_, Result<Vec<ShowtimeEntry>, StoreError>> {
        self.read(move |client| {
            let filter = filter.clone();
            Box::pin(async move { catalogue::showtimes(client, &filter).await })
        })
    }
}

impl Archive for PostgresStore {
    fn bookings(&self, filter: BookingFilter) -> BoxFuture<'_, Result<Vec<FoundBooking>, StoreError>> {
        self.read(move |client| {
            let filter = filter.clone();
            Box::pin(async move { bookings::find(client, &filter).await })
        })
    }

    fn erase_contact(
        &self,
        id: ShowtimeId,
        serial: Serial,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>> {
        self.errands.run(Box::new(move |client| Box::pin(bookings::erase_contact(client, id, serial, key))))
    }

    fn erase_old_contacts(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<usize, NotAltered>> {
        self.errands
            .run(Box::new(move |client| Box::pin(bookings::erase_old_contacts(client, started_before, most))))
    }

    fn remove_old_showtimes(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<ShowtimeId>, NotAltered>> {
        self.errands.run(Box::new(move |client| {
            Box::pin(bookings::remove_old_showtimes(client, started_before, most))
        }))
    }
}
