//! What may be asked of a showtime.

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::hold::{Contact, Metadata};
use crate::id::{MovieId, Serial};
use crate::money::Currency;
use crate::settings::Prices;
use crate::time::Timestamp;

/// A seat that someone wants, and the ticket for it (the category's default if `None`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatRequest {
    /// The seat's label.
    pub seat: CompactString,
    /// The name of the ticket.
    pub ticket: Option<CompactString>,
}

/// The version that the asker believes a seat to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedVersion {
    /// The seat's label.
    pub seat: CompactString,
    /// Its version.
    pub version: u32,
}

/// The seats of a request: two is the usual number.
pub type SeatRequests = SmallVec<[SeatRequest; 2]>;

/// Ask for a new hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HoldSeats {
    /// The wanted seats; all or none.
    pub seats: SeatRequests,
    /// Versions that must still be right.
    pub versions: Vec<ExpectedVersion>,
    /// A shorter time than the showtime's.
    pub ttl_ms: Option<i64>,
    /// The integrator's pairs.
    pub metadata: Metadata,
}

/// Ask for a change of an active hold; all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HoldEdit {
    /// Seats to gain.
    pub add: SeatRequests,
    /// Labels of seats to give back.
    pub remove: Vec<CompactString>,
    /// Whether to start the time anew.
    pub extend: bool,
    /// Versions that must still be right.
    pub versions: Vec<ExpectedVersion>,
}

/// Ask for other settings; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsPatch {
    /// Another movie, before the first hold.
    pub movie: Option<MovieId>,
    /// Another currency, before the first hold.
    pub currency: Option<Currency>,
    /// Another beginning of the show.
    pub starts_at: Option<Timestamp>,
    /// Another opening of the sale.
    pub on_sale_at: Option<Timestamp>,
    /// Another end of the sale.
    pub off_sale_at: Option<Timestamp>,
    /// Other prices, for all categories.
    pub prices: Option<Prices>,
    /// Another time for new holds.
    pub hold_ttl_ms: Option<i64>,
    /// Another cap of extensions.
    pub max_hold_ttl_ms: Option<i64>,
    /// Another limit of seats.
    pub max_seats_per_hold: Option<u16>,
    /// Show or hide it.
    pub published: Option<bool>,
}

/// Everything that may be asked of a showtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Hold seats.
    Hold(HoldSeats),
    /// Add, remove, extend.
    Edit(Serial, HoldEdit),
    /// Give a hold back.
    Release(Serial),
    /// End a hold whose time is over.
    Expire(Serial),
    /// Turn a hold into a booking.
    Confirm {
        /// Which hold.
        hold: Serial,
        /// The buyer.
        contact: Contact,
        /// Further pairs, added to the hold's.
        metadata: Metadata,
    },
    /// Cancel a booking's seats.
    Cancel {
        /// Which booking.
        booking: Serial,
        /// Labels of some of its seats, or all of them.
        seats: Option<Vec<CompactString>>,
    },
    /// Take seats off sale.
    Block {
        /// Their labels.
        seats: Vec<CompactString>,
        /// Why.
        reason: Option<CompactString>,
    },
    /// Put seats back on sale.
    Unblock {
        /// Their labels.
        seats: Vec<CompactString>,
        /// Why.
        reason: Option<CompactString>,
    },
    /// Change settings.
    ChangeShowtime(SettingsPatch),
    /// Call the showtime off.
    CancelShowtime,
    /// Let go of what a showtime that was called off still has.
    WindUp,
}

impl Command {
    /// The hold or booking that it is about.
    pub fn target(&self) -> Option<Serial> {
        match self {
            Self::Edit(serial, _) | Self::Release(serial) | Self::Expire(serial) => Some(*serial),
            Self::Confirm { hold, .. } => Some(*hold),
            Self::Cancel { booking, .. } => Some(*booking),
            _ => None,
        }
    }

    /// Whether someone who already has seats asks: such commands go before new holds, and before the sweeper.
    pub fn is_urgent(&self) -> bool {
        self.target().is_some() && !matches!(self, Self::Expire(_))
    }
}
