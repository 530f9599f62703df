//! The reference store: plain maps, one transition at a time. What other stores are compared with; it forgets
//! everything when the process ends.

mod archive;
mod catalogue;

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::{Event, Transition};
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash, SeatNo};
use boxoffice_core::seat::SeatState;
use boxoffice_core::showtime::Snapshot;
use boxoffice_core::time::Timestamp;
use parking_lot::Mutex;

use crate::archive::Archive;
use crate::catalogue::{Catalogue, CatalogueKey, Entry, Kind, ShowtimeEntry};
use crate::queue::{CommitQueue, Outcome};
use crate::runtime::{BoxFuture, Runtime};
use crate::store::{Loaded, OutcomeSink, Store, StoreError, StoreHealth, StoredHold, TokenKey, UsedKey};

/// The reference store. Several nodes may share one.
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    runtime: Arc<dyn Runtime>,
}

#[derive(Default)]
struct Tables {
    plans: BTreeMap<PlanHash, Arc<Plan>>,
    entries: BTreeMap<(Kind, u64), Entry>,
    showtimes: BTreeMap<ShowtimeId, ShowtimeEntry>,
    answered: BTreeMap<(String, [u8; 16]), (CatalogueKey, u64)>,
    seats: BTreeMap<(ShowtimeId, SeatNo), SeatState>,
    holds: BTreeMap<(ShowtimeId, Serial), StoredHold>,
    /// A serial is drawn once for all showtimes.
    serials: BTreeMap<Serial, ShowtimeId>,
    events: BTreeMap<(ShowtimeId, u64), Event>,
    keys: BTreeMap<(ShowtimeId, [u8; 16]), UsedKey>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self { tables: Arc::default(), runtime }
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Tables) -> T,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(std::future::ready(Ok(read(&self.tables.lock()))))
    }
}

impl Tables {
    fn revision(&self, showtime: ShowtimeId) -> u64 {
        let range = (showtime, 0)..=(showtime, u64::MAX);
        self.events.range(range).next_back().map_or(0, |((_, revision), _)| *revision)
    }

    fn is_current(&self, transition: &Transition) -> bool {
        let Transition { showtime, change, settings_version, .. } = transition;
        let Some(entry) = self.showtimes.get(showtime) else { return false };
        let seat = |no| self.seats.get(&(*showtime, no)).copied().unwrap_or_default();
        let version = |serial| self.holds.get(&(*showtime, serial)).map_or(0, |stored| stored.hold.version);
        let elsewhere = |serial| self.serials.get(&serial).is_some_and(|other| other != showtime);
        let held = || self.holds.range((*showtime, 0)..=(*showtime, Serial::MAX)).next().is_some();
        !(transition.never_held && held())
            && settings_version.is_none_or(|version| entry.settings.version == version)
            && change.seats.iter().all(|change| seat(change.no).version + 1 == change.version)
            && change
                .holds
                .iter()
                .all(|hold| version(hold.serial) + 1 == hold.version && !elsewhere(hold.serial))
            && change.request.is_none_or(|request| {
                let used = self.keys.get(&(*showtime, request.key));
                used.is_none_or(|used| used.at < transition.keys_since)
            })
    }

    fn commit(&mut self, transition: Transition) -> Outcome {
        if !self.is_current(&transition) {
            return Outcome::Conflict;
        }
        let Transition { showtime, change, contact, .. } = transition;
        let revision = self.revision(showtime) + 1;
        for seat in &change.seats {
            let state =
                SeatState { owner: seat.owner, changed: revision, version: seat.version, status: seat.to };
            self.seats.insert((showtime, seat.no), state);
        }
        for hold in &change.holds {
            let known = self.holds.get(&(showtime, hold.serial)).and_then(|stored| stored.contact.clone());
            let contact = contact.clone().filter(|_| hold.status == HoldStatus::Booked).or(known);
            self.serials.insert(hold.serial, showtime);
            self.holds.insert((showtime, hold.serial), StoredHold { hold: Arc::clone(hold), contact });
        }
        if let (Some(settings), Some(entry)) = (&change.settings, self.showtimes.get_mut(&showtime)) {
            entry.settings = Arc::clone(settings);
        }
        if let Some(request) = change.request {
            let used = UsedKey { key: request.key, revision, at: change.at };
            self.keys.insert((showtime, request.key), used);
        }
        self.events.insert((showtime, revision), Event { revision, change });
        Outcome::Committed { revision }
    }

    fn load(&self, id: ShowtimeId) -> Option<Loaded> {
        let entry = self.showtimes.get(&id)?;
        let plan = Arc::clone(self.plans.get(&entry.plan)?);
        let seats = (id, 0)..=(id, SeatNo::MAX);
        let holds = || self.holds.range((id, 0)..=(id, Serial::MAX)).map(|(_, stored)| &stored.hold);
        Some(Loaded {
            plan,
            snapshot: Snapshot {
                settings: Arc::clone(&entry.settings),
                revision: self.revision(id),
                seats: self.seats.range(seats).map(|((_, no), state)| (*no, *state)).collect(),
                holds: holds().filter(|hold| hold.status == HoldStatus::Active).map(Arc::clone).collect(),
                ever_held: holds().next().is_some(),
            },
            keys: self.keys.range((id, [0; 16])..=(id, [255; 16])).map(|(_, used)| *used).collect(),
        })
    }
}

impl Store for MemoryStore {
    fn is_exclusive(&self) -> bool {
        false
    }

    fn start(&self, queue: Arc<CommitQueue>, sink: OutcomeSink) {
        let tables = Arc::clone(&self.tables);
        self.runtime.spawn(Box::pin(async move {
            while let Some(batch) = queue.take(64).await {
                let mut tables = tables.lock();
                let outcomes = batch
                    .into_iter()
                    .map(|commit| (commit.ticket, tables.commit(commit.sealed.transition)))
                    .collect();
                if sink.send(outcomes).is_err() {
                    break;
                }
            }
        }));
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn epoch(&self) -> Arc<str> {
        "memory".into()
    }

    fn newest_time(&self) -> Timestamp {
        let tables = self.tables.lock();
        tables.events.values().map(|event| event.change.at).max().unwrap_or_default()
    }

    fn token_keys(&self) -> BoxFuture<'_, Result<Vec<TokenKey>, StoreError>> {
        self.read(|_| {
            vec![TokenKey { id: 1, secret: [7; 32], made_at: Timestamp::default(), revoked: false }]
        })
    }

    fn load(&self, id: ShowtimeId, since: Timestamp) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>> {
        self.read(move |tables| {
            let mut loaded = tables.load(id)?;
            loaded.keys.retain(|used| used.at >= since);
            Some(loaded)
        })
    }

    fn events(
        &self,
        id: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>> {
        self.read(move |tables| {
            let range = (id, after.saturating_add(1))..=(id, u64::MAX);
            if range.is_empty() {
                return Vec::new();
            }
            tables.events.range(range).take(limit).map(|(_, event)| event.clone()).collect()
        })
    }

    fn heads(&self, ids: &[ShowtimeId]) -> BoxFuture<'_, Result<Vec<(ShowtimeId, u64)>, StoreError>> {
        let ids = ids.to_vec();
        self.read(move |tables| {
            let known = ids.into_iter().filter(|id| tables.showtimes.contains_key(id));
            known.map(|id| (id, tables.revision(id))).collect()
        })
    }

    fn hold(&self, id: ShowtimeId, serial: Serial) -> BoxFuture<'_, Result<Option<StoredHold>, StoreError>> {
        self.read(move |tables| tables.holds.get(&(id, serial)).cloned())
    }

    fn plan(&self, hash: PlanHash) -> BoxFuture<'_, Result<Option<Arc<Plan>>, StoreError>> {
        self.read(move |tables| tables.plans.get(&hash).cloned())
    }

    fn catalogue(&self) -> &dyn Catalogue {
        self
    }

    fn archive(&self) -> &dyn Archive {
        self
    }

    fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }
}

impl MemoryStore {
    /// Every hold and booking of a showtime: for tests that compare.
    pub fn holds(&self, id: ShowtimeId) -> Vec<Arc<Hold>> {
        let tables = self.tables.lock();
        tables.holds.range((id, 0)..=(id, Serial::MAX)).map(|(_, stored)| Arc::clone(&stored.hold)).collect()
    }
}
