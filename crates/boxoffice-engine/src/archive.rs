//! What was sold, as the house looks at it later: finding bookings, blanking buyers, letting old showtimes go; the port.

use boxoffice_core::hold::BookingStatus;
use boxoffice_core::id::{CinemaId, Reference, Serial, ShowtimeId};
use boxoffice_core::plan::PlanHash;
use boxoffice_core::time::Timestamp;
use compact_str::CompactString;

use crate::catalogue::{CatalogueKey, Created, NotAltered};
use crate::runtime::BoxFuture;
use crate::store::{StoreError, StoredHold};

/// Which bookings to list, the newest first.
#[derive(Debug, Clone, Default)]
pub struct BookingFilter {
    /// After the booking made at this time, of this serial.
    pub after: Option<(Timestamp, Serial)>,
    /// With this reference.
    pub reference: Option<Reference>,
    /// Of the buyer with this address, in small letters.
    pub email: Option<CompactString>,
    /// Of this showtime.
    pub showtime: Option<ShowtimeId>,
    /// Of the showtimes in this cinema.
    pub cinema: Option<CinemaId>,
    /// In this state.
    pub status: Option<BookingStatus>,
    /// Made at or after.
    pub from: Option<Timestamp>,
    /// Made before.
    pub to: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// A booking that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBooking {
    /// Its showtime.
    pub showtime: ShowtimeId,
    /// The showtime's plan.
    pub plan: PlanHash,
    /// The record, and the buyer.
    pub stored: StoredHold,
}

/// An address as it is looked for: case makes no difference.
pub fn folded_email(email: &str) -> CompactString {
    email.to_lowercase().into()
}

/// Looks at what was sold, and forgets what must not be kept.
pub trait Archive: Send + Sync {
    /// Lists bookings.
    fn bookings(&self, filter: BookingFilter) -> BoxFuture<'_, Result<Vec<FoundBooking>, StoreError>>;

    /// Blanks a booking's buyer; one that is blank already stays so. The record and the log, which never had the buyer,
    /// stay as they are.
    fn erase_contact(
        &self,
        showtime: ShowtimeId,
        serial: Serial,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>>;

    /// Blanks the buyers of at most so many bookings of showtimes that started before; says how many it were.
    fn erase_old_contacts(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<usize, NotAltered>>;

    /// Takes out at most so many showtimes that started before, with all that is of them.
    fn remove_old_showtimes(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<ShowtimeId>, NotAltered>>;
}
