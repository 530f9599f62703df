//! The catalogue of the reference store.

use boxoffice_core::change::Transition;
use boxoffice_core::id::{AuditoriumId, ShowtimeId};
use boxoffice_core::plan::SeatNo;

use super::{MemoryStore, Tables};
use crate::catalogue::{
    Alteration, Catalogue, CatalogueKey, Created, Entry, EntryFilter, Kind, New, NotAltered, NotCreated,
    ShowtimeEntry, ShowtimeFilter, Users,
};
use crate::runtime::BoxFuture;
use crate::store::StoreError;

impl Tables {
    pub(super) fn answered(&self, key: Option<&CatalogueKey>) -> Result<Option<Created>, NotCreated> {
        let Some(key) = key else { return Ok(None) };
        let Some((first, number)) = self.answered.get(&(key.caller.to_string(), key.key)) else {
            return Ok(None);
        };
        if first.fingerprint != key.fingerprint {
            return Err(NotCreated::KeyReused);
        }
        Ok(Some(Created { number: *number, replayed: true, answer: Some(first.answer.clone()) }))
    }

    pub(super) fn done(&mut self, number: u64, key: Option<CatalogueKey>) -> Created {
        if let Some(key) = key {
            self.answered.insert((key.caller.to_string(), key.key), (key, number));
        }
        Created::now(number)
    }

    fn create(&mut self, new: New, key: Option<CatalogueKey>) -> Result<Created, NotCreated> {
        if let Some(first) = self.answered(key.as_ref())? {
            return Ok(first);
        }
        let number = match new {
            New::Entry(entry) => self.add_entry(entry)?,
            New::Auditorium(auditorium, plan) => {
                let number = self.add_entry(Entry::Auditorium(auditorium))?;
                self.plans.insert(plan.hash(), plan);
                number
            }
            New::Showtime(entry, first) => self.add_showtime(entry, first)?,
        };
        Ok(self.done(number, key))
    }

    fn alter(&mut self, alteration: Alteration, key: Option<CatalogueKey>) -> Result<Created, NotAltered> {
        if let Some(first) = self.answered(key.as_ref())? {
            return Ok(first);
        }
        let number = match alteration {
            Alteration::Replace { before, after, plan } => {
                let place = (before.kind(), before.number());
                match self.entries.get(&place) {
                    None => return Err(NotAltered::Absent),
                    Some(entry) if *entry != *before => return Err(NotAltered::Changed),
                    Some(_) => self.refuse_taken(&after)?,
                }
                self.plans.extend(plan.map(|plan| (plan.hash(), plan)));
                if let Entry::Auditorium(auditorium) = &*after {
                    let its = |entry: &&mut ShowtimeEntry| entry.settings.auditorium == auditorium.id;
                    self.showtimes
                        .values_mut()
                        .filter(its)
                        .for_each(|entry| entry.cinema = auditorium.cinema);
                }
                self.entries.insert(place, *after);
                place.1
            }
            Alteration::Remove(kind, number) => {
                if !self.entries.contains_key(&(kind, number)) {
                    return Err(NotAltered::Absent);
                }
                let users = self.users(kind, number);
                if !users.is_none() {
                    return Err(NotAltered::InUse(users));
                }
                self.entries.remove(&(kind, number));
                number
            }
            Alteration::RemoveShowtime(id) => {
                if !self.showtimes.contains_key(&id) {
                    return Err(NotAltered::Absent);
                }
                if self.holds.range((id, 0)..=(id, u64::MAX)).next().is_some() {
                    return Err(NotAltered::EverHeld);
                }
                self.remove_showtime(id);
                id.number()
            }
        };
        Ok(self.done(number, key))
    }

    /// Takes a showtime out, with all that is of it.
    pub(super) fn remove_showtime(&mut self, id: ShowtimeId) {
        self.showtimes.remove(&id);
        self.seats.retain(|(showtime, _): &(ShowtimeId, SeatNo), _| *showtime != id);
        self.holds.retain(|(showtime, _), _| *showtime != id);
        self.serials.retain(|_, showtime| *showtime != id);
        self.events.retain(|(showtime, _), _| *showtime != id);
        self.keys.retain(|(showtime, _), _| *showtime != id);
    }

    fn users(&self, kind: Kind, number: u64) -> Users {
        let uses = |entry: &&ShowtimeEntry| match kind {
            Kind::Cinema => entry.cinema.is_some_and(|id| id.number() == number),
            Kind::Movie => entry.settings.movie.number() == number,
            Kind::Auditorium => entry.settings.auditorium.number() == number,
        };
        let within = |entry: &&Entry| match entry {
            Entry::Auditorium(auditorium) => {
                kind == Kind::Cinema && auditorium.cinema.is_some_and(|id| id.number() == number)
            }
            _ => false,
        };
        let showtimes = || self.showtimes.values().filter(uses);
        let auditoriums = || self.entries.values().filter(within);
        Users {
            showtimes: showtimes().count() as u64,
            showtime: showtimes().next().map(|entry| entry.id),
            auditoriums: auditoriums().count() as u64,
            auditorium: auditoriums().next().map(|entry| AuditoriumId::from_number(entry.number())),
        }
    }

    /// Refuses an entry whose external id another of its kind has.
    fn refuse_taken(&self, entry: &Entry) -> Result<(), NotCreated> {
        let same = |other: &&Entry| {
            other.kind() == entry.kind()
                && other.number() != entry.number()
                && entry.external_id().is_some()
                && other.external_id() == entry.external_id()
        };
        match self.entries.values().find(same) {
            Some(other) => Err(NotCreated::ExternalIdTaken { number: other.number() }),
            None => Ok(()),
        }
    }

    fn add_entry(&mut self, entry: Entry) -> Result<u64, NotCreated> {
        let (kind, number) = (entry.kind(), entry.number());
        self.refuse_taken(&entry)?;
        if self.entries.contains_key(&(kind, number)) {
            return Err(NotCreated::IdTaken);
        }
        self.entries.insert((kind, number), entry);
        Ok(number)
    }

    fn add_showtime(&mut self, entry: ShowtimeEntry, first: Option<Transition>) -> Result<u64, NotCreated> {
        let same =
            |other: &&ShowtimeEntry| entry.external_id.is_some() && other.external_id == entry.external_id;
        if let Some(other) = self.showtimes.values().find(same) {
            return Err(NotCreated::ExternalIdTaken { number: other.id.number() });
        }
        if self.showtimes.contains_key(&entry.id) {
            return Err(NotCreated::IdTaken);
        }
        let number = entry.id.number();
        self.showtimes.insert(entry.id, entry);
        if let Some(first) = first {
            self.commit(first);
        }
        Ok(number)
    }
}

impl Catalogue for MemoryStore {
    fn create(&self, new: New, key: Option<CatalogueKey>) -> BoxFuture<'_, Result<Created, NotCreated>> {
        Box::pin(std::future::ready(self.tables.lock().create(new, key)))
    }

    fn alter(
        &self,
        alteration: Alteration,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>> {
        Box::pin(std::future::ready(self.tables.lock().alter(alteration, key)))
    }

    fn answered(&self, key: CatalogueKey) -> BoxFuture<'_, Result<Option<Created>, NotCreated>> {
        Box::pin(std::future::ready(self.tables.lock().answered(Some(&key))))
    }

    fn entry(&self, kind: Kind, number: u64) -> BoxFuture<'_, Result<Option<Entry>, StoreError>> {
        self.read(move |tables| tables.entries.get(&(kind, number)).cloned())
    }

    fn entries(&self, kind: Kind, filter: EntryFilter) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.read(move |tables| {
            let start = filter.after.map_or(0, |number| number + 1);
            let admits = |entry: &&Entry| {
                filter.external_id.is_none() || entry.external_id() == filter.external_id.as_deref()
            };
            let entries = tables.entries.range((kind, start)..=(kind, u64::MAX)).map(|(_, entry)| entry);
            entries.filter(admits).take(filter.limit).cloned().collect()
        })
    }

    fn showtime(&self, id: ShowtimeId) -> BoxFuture<'_, Result<Option<ShowtimeEntry>, StoreError>> {
        self.read(move |tables| tables.showtimes.get(&id).cloned())
    }

    fn showtimes(&self, filter: ShowtimeFilter) -> BoxFuture<'_, Result<Vec<ShowtimeEntry>, StoreError>> {
        self.read(move |tables| {
            let mut found: Vec<_> =
                tables.showtimes.values().filter(|entry| filter.admits(entry)).cloned().collect();
            found.sort_by_key(|entry| (entry.settings.starts_at, entry.id));
            found.truncate(filter.limit);
            found
        })
    }
}
