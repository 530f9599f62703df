//! What is shown, where and when: cinemas, movies, auditoriums and the list of showtimes; and the port to them.

mod alteration;

use std::sync::Arc;

use boxoffice_core::change::Transition;
use boxoffice_core::codec::{Malformed, Reader, Writer};
use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::settings::{SaleStatus, Settings};
use boxoffice_core::time::Timestamp;
use compact_str::CompactString;

use crate::runtime::BoxFuture;
use crate::store::StoreError;
pub use alteration::{Alteration, NotAltered, Users};

/// A site with a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cinema {
    /// Its id.
    pub id: CinemaId,
    /// Its name.
    pub name: CompactString,
    /// An IANA time zone.
    pub time_zone: CompactString,
    /// Where it is.
    pub address: Option<CompactString>,
    /// The integrator's id.
    pub external_id: Option<CompactString>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movie {
    /// Its id.
    pub id: MovieId,
    /// Its title.
    pub title: CompactString,
    /// How long it runs, in minutes.
    pub runtime_min: Option<u32>,
    /// An age rating, in the integrator's words.
    pub rating: Option<CompactString>,
    /// What it is about.
    pub synopsis: Option<CompactString>,
    /// The integrator's id.
    pub external_id: Option<CompactString>,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auditorium {
    /// Its id.
    pub id: AuditoriumId,
    /// Its name.
    pub name: CompactString,
    /// The cinema that it is in.
    pub cinema: Option<CinemaId>,
    /// The plan of showtimes made from now on.
    pub plan: PlanHash,
    /// What it projects with, in the integrator's words.
    pub screen: Option<CompactString>,
    /// The integrator's id.
    pub external_id: Option<CompactString>,
}

/// A showtime as the list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowtimeEntry {
    /// Its id.
    pub id: ShowtimeId,
    /// Its room's geometry.
    pub plan: PlanHash,
    /// The cinema of its room, if the room has one.
    pub cinema: Option<CinemaId>,
    /// Its settings.
    pub settings: Arc<Settings>,
    /// The integrator's id.
    pub external_id: Option<CompactString>,
}

/// One kind of thing in the catalogue (showtimes apart).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// [`Cinema`].
    Cinema = 1,
    /// [`Movie`].
    Movie = 2,
    /// [`Auditorium`].
    Auditorium = 3,
}

/// A thing in the catalogue (showtimes apart).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A cinema.
    Cinema(Cinema),
    /// A movie.
    Movie(Movie),
    /// An auditorium.
    Auditorium(Auditorium),
}

impl Entry {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Cinema(_) => Kind::Cinema,
            Self::Movie(_) => Kind::Movie,
            Self::Auditorium(_) => Kind::Auditorium,
        }
    }

    /// The number of its id.
    pub fn number(&self) -> u64 {
        match self {
            Self::Cinema(cinema) => cinema.id.number(),
            Self::Movie(movie) => movie.id.number(),
            Self::Auditorium(auditorium) => auditorium.id.number(),
        }
    }

    /// The integrator's id.
    pub fn external_id(&self) -> Option<&str> {
        let id = match self {
            Self::Cinema(cinema) => &cinema.external_id,
            Self::Movie(movie) => &movie.external_id,
            Self::Auditorium(auditorium) => &auditorium.external_id,
        };
        id.as_deref()
    }

    /// Everything but kind, id and external id, which stores keep in columns.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let text = |out: &mut Writer, value: &Option<CompactString>| {
            out.option(value.as_ref(), |out, text| out.text(text));
        };
        out.uint(1u8);
        match self {
            Self::Cinema(cinema) => {
                out.text(&cinema.name);
                out.text(&cinema.time_zone);
                text(&mut out, &cinema.address);
            }
            Self::Movie(movie) => {
                out.text(&movie.title);
                out.option(movie.runtime_min, Writer::uint);
                text(&mut out, &movie.rating);
                text(&mut out, &movie.synopsis);
            }
            Self::Auditorium(auditorium) => {
                out.text(&auditorium.name);
                out.option(auditorium.cinema, |out, cinema| out.uint(cinema.number()));
                out.raw(auditorium.plan.as_bytes());
                text(&mut out, &auditorium.screen);
            }
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) gave.
    pub fn decode(
        kind: Kind,
        number: u64,
        external_id: Option<CompactString>,
        body: &[u8],
    ) -> Result<Self, Malformed> {
        let mut input = Reader::new("catalogue entry", body);
        if input.uint::<u8>()? != 1 {
            return Err(input.malformed());
        }
        let entry = match kind {
            Kind::Cinema => Self::Cinema(Cinema {
                id: CinemaId::from_number(number),
                name: input.text()?,
                time_zone: input.text()?,
                address: input.option(Reader::text)?,
                external_id,
            }),
            Kind::Movie => Self::Movie(Movie {
                id: MovieId::from_number(number),
                title: input.text()?,
                runtime_min: input.option(Reader::uint)?,
                rating: input.option(Reader::text)?,
                synopsis: input.option(Reader::text)?,
                external_id,
            }),
            Kind::Auditorium => Self::Auditorium(Auditorium {
                id: AuditoriumId::from_number(number),
                name: input.text()?,
                cinema: input.option(Reader::uint)?.map(CinemaId::from_number),
                plan: PlanHash::from_bytes(input.array()?),
                screen: input.option(Reader::text)?,
                external_id,
            }),
        };
        input.finish()?;
        Ok(entry)
    }
}

/// Something to be added to the catalogue.
#[derive(Debug, Clone)]
pub enum New {
    /// A cinema or a movie, or an auditorium whose plan is stored already.
    Entry(Entry),
    /// An auditorium with its plan.
    Auditorium(Auditorium, Arc<Plan>),
    /// A showtime, with its first transition where its plan blocks seats.
    Showtime(ShowtimeEntry, Option<Transition>),
}

/// The idempotency key of a request to the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueKey {
    /// The name of the API key: each has keys of its own.
    pub caller: CompactString,
    /// First 16 bytes of the SHA-256 of the key as given.
    pub key: [u8; 16],
    /// First 16 bytes of the SHA-256 of the parsed command and its caller.
    pub fingerprint: [u8; 16],
    /// When it was used.
    pub at: Timestamp,
    /// What is answered, now and when the request is repeated; the store only keeps it.
    pub answer: Vec<u8>,
}

/// What was added or altered, or had been under the same key before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The number of its id.
    pub number: u64,
    /// Whether this answers a request that was answered before.
    pub replayed: bool,
    /// What was answered then, if it was kept.
    pub answer: Option<Vec<u8>>,
}

impl Created {
    /// Something was done just now.
    pub fn now(number: u64) -> Self {
        Self { number, replayed: false, answer: None }
    }
}

/// Why something was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCreated {
    /// Another of its kind has its external id.
    #[error("the external id is taken")]
    ExternalIdTaken {
        /// The number of the other's id.
        number: u64,
    },
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The id was drawn before; draw another.
    #[error("the id is taken")]
    IdTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not answer in time: it may or may not have been added.
    #[error("the outcome is unknown")]
    InDoubt,
}

/// Which entries to list, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// After the entry of this number.
    pub after: Option<u64>,
    /// Of this external id.
    pub external_id: Option<CompactString>,
    /// At most so many.
    pub limit: usize,
}

/// Which showtimes to list, in the order of starts_at, then id.
#[derive(Debug, Clone, Default)]
pub struct ShowtimeFilter {
    /// After the showtime at this place.
    pub after: Option<(Timestamp, ShowtimeId)>,
    /// In this cinema.
    pub cinema: Option<CinemaId>,
    /// Of this movie.
    pub movie: Option<MovieId>,
    /// In this room.
    pub auditorium: Option<AuditoriumId>,
    /// In this state at `now`.
    pub status: Option<SaleStatus>,
    /// Of this external id.
    pub external_id: Option<CompactString>,
    /// Starting at or after.
    pub from: Option<Timestamp>,
    /// Starting before.
    pub to: Option<Timestamp>,
    /// Leave out what the public does not see.
    pub published_only: bool,
    /// The time for `status`.
    pub now: Timestamp,
    /// At most so many.
    pub limit: usize,
}

impl ShowtimeFilter {
    /// Whether a showtime belongs into the list, its place after the cursor included.
    pub fn admits(&self, entry: &ShowtimeEntry) -> bool {
        let settings = &entry.settings;
        let place = (settings.starts_at, entry.id);
        self.after.is_none_or(|after| place > after)
            && self.cinema.is_none_or(|cinema| entry.cinema == Some(cinema))
            && self.movie.is_none_or(|movie| settings.movie == movie)
            && self.auditorium.is_none_or(|auditorium| settings.auditorium == auditorium)
            && self.status.is_none_or(|status| settings.sale_status(self.now) == status)
            && self.external_id.as_ref().is_none_or(|id| entry.external_id.as_ref() == Some(id))
            && self.from.is_none_or(|from| settings.starts_at >= from)
            && self.to.is_none_or(|to| settings.starts_at < to)
            && (settings.published || !self.published_only)
    }
}

/// Stores the catalogue.
pub trait Catalogue: Send + Sync {
    /// Adds something, once for each idempotency key.
    fn create(&self, new: New, key: Option<CatalogueKey>) -> BoxFuture<'_, Result<Created, NotCreated>>;

    /// Changes something or takes it away, once for each idempotency key.
    fn alter(
        &self,
        alteration: Alteration,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>>;

    /// What was done under this key, if anything was; refused if it was something else.
    fn answered(&self, key: CatalogueKey) -> BoxFuture<'_, Result<Option<Created>, NotCreated>>;

    /// Reads an entry.
    fn entry(&self, kind: Kind, number: u64) -> BoxFuture<'_, Result<Option<Entry>, StoreError>>;

    /// Lists entries.
    fn entries(&self, kind: Kind, filter: EntryFilter) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;

    /// Reads a showtime's entry.
    fn showtime(&self, id: ShowtimeId) -> BoxFuture<'_, Result<Option<ShowtimeEntry>, StoreError>>;

    /// Lists showtimes.
    fn showtimes(&self, filter: ShowtimeFilter) -> BoxFuture<'_, Result<Vec<ShowtimeEntry>, StoreError>>;
}
