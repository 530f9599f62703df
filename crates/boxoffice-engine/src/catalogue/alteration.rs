//! Changing what is in the catalogue, and taking it away.

use std::sync::Arc;

use boxoffice_core::id::{AuditoriumId, ShowtimeId};
use boxoffice_core::plan::Plan;

use super::{Entry, Kind, NotCreated};
use crate::store::StoreError;

/// What is to be changed or taken away.
#[derive(Debug, Clone)]
pub enum Alteration {
    /// An entry becomes another of the same kind and number, unless it has changed since it was read. Showtimes of an
    /// auditorium that moves to another cinema move with it; their plan stays.
    Replace {
        /// The entry as it was read.
        before: Box<Entry>,
        /// The entry as it shall be.
        after: Box<Entry>,
        /// An auditorium's new plan, if it has one.
        plan: Option<Arc<Plan>>,
    },
    /// An entry goes, unless something still uses it.
    Remove(Kind, u64),
    /// A showtime goes, with its log, seats and keys, unless a seat of it was ever held.
    RemoveShowtime(ShowtimeId),
}

/// What still uses an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users {
    /// How many showtimes.
    pub showtimes: u64,
    /// One of them.
    pub showtime: Option<ShowtimeId>,
    /// How many auditoriums.
    pub auditoriums: u64,
    /// One of them.
    pub auditorium: Option<AuditoriumId>,
}

impl Users {
    /// Whether nothing uses it.
    pub fn is_none(&self) -> bool {
        self.showtimes == 0 && self.auditoriums == 0
    }
}

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAltered {
    /// It is not there.
    #[error("it is not there")]
    Absent,
    /// It has changed since it was read: read it again.
    #[error("it has changed since it was read")]
    Changed,
    /// Something still uses it.
    #[error("something still uses it")]
    InUse(Users),
    /// A seat of the showtime was held once.
    #[error("a seat of it was held")]
    EverHeld,
    /// Another of its kind has its external id.
    #[error("the external id is taken")]
    ExternalIdTaken {
        /// The number of the other's id.
        number: u64,
    },
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not answer in time: it may or may not have been done.
    #[error("the outcome is unknown")]
    InDoubt,
}

impl From<NotCreated> for NotAltered {
    fn from(error: NotCreated) -> Self {
        match error {
            NotCreated::ExternalIdTaken { number } => Self::ExternalIdTaken { number },
            NotCreated::KeyReused => Self::KeyReused,
            NotCreated::IdTaken => Self::Changed,
            NotCreated::Store(error) => Self::Store(error),
            NotCreated::InDoubt => Self::InDoubt,
        }
    }
}
