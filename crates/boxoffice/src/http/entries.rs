//! Cinemas, movies and auditoriums that were read before: they change seldom and stand in every showtime.

use std::sync::Arc;

use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId};
use boxoffice_engine::box_office::BoxOffice;
use boxoffice_engine::catalogue::{Auditorium, Cinema, Entry, Kind, Movie};
use boxoffice_engine::store::StoreError;
use parking_lot::RwLock;
use std::collections::BTreeMap;

/// How many are kept; beyond it all are forgotten and read again.
const MOST: usize = 20_000;

/// A cache of entries. Whoever changes one has it forgotten, so that answers are right at once.
#[derive(Debug, Default)]
pub struct EntryCache(RwLock<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<(Kind, u64), Arc<Entry>>,
    /// How often something was forgotten: what was read before that may be from before the change.
    forgotten: u64,
}

impl EntryCache {
    /// The entry of this kind and number.
    pub async fn get(
        &self,
        office: &BoxOffice,
        kind: Kind,
        number: u64,
    ) -> Result<Option<Arc<Entry>>, StoreError> {
        let forgotten = {
            let kept = self.0.read();
            if let Some(entry) = kept.entries.get(&(kind, number)) {
                return Ok(Some(Arc::clone(entry)));
            }
            kept.forgotten
        };
        let Some(entry) = office.ports().store.catalogue().entry(kind, number).await? else {
            return Ok(None);
        };
        let entry = Arc::new(entry);
        let mut kept = self.0.write();
        if kept.entries.len() >= MOST {
            kept.entries.clear();
        }
        if kept.forgotten == forgotten {
            kept.entries.insert((kind, number), Arc::clone(&entry));
        }
        Ok(Some(entry))
    }

    /// Forgets an entry that was changed or taken away.
    pub fn forget(&self, kind: Kind, number: u64) {
        let mut kept = self.0.write();
        kept.forgotten += 1;
        kept.entries.remove(&(kind, number));
    }

    /// A cinema.
    pub async fn cinema(&self, office: &BoxOffice, id: CinemaId) -> Result<Option<Cinema>, StoreError> {
        let entry = self.get(office, Kind::Cinema, id.number()).await?;
        Ok(entry.and_then(|entry| match &*entry {
            Entry::Cinema(cinema) => Some(cinema.clone()),
            _ => None,
        }))
    }

    /// A movie.
    pub async fn movie(&self, office: &BoxOffice, id: MovieId) -> Result<Option<Movie>, StoreError> {
        let entry = self.get(office, Kind::Movie, id.number()).await?;
        Ok(entry.and_then(|entry| match &*entry {
            Entry::Movie(movie) => Some(movie.clone()),
            _ => None,
        }))
    }

    /// An auditorium.
    pub async fn auditorium(
        &self,
        office: &BoxOffice,
        id: AuditoriumId,
    ) -> Result<Option<Auditorium>, StoreError> {
        let entry = self.get(office, Kind::Auditorium, id.number()).await?;
        Ok(entry.and_then(|entry| match &*entry {
            Entry::Auditorium(auditorium) => Some(auditorium.clone()),
            _ => None,
        }))
    }
}
