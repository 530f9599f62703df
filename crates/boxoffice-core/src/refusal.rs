//! A business "no": what the rules do not allow, with everything that the asker needs to know.

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::hold::HoldStatus;
use crate::plan::SeatNo;
use crate::time::Timestamp;

/// Why a seat cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// On hold by another.
    Held,
    /// Sold.
    Booked,
    /// Off sale.
    Blocked,
    /// Being taken this instant; worth one retry.
    Claimed,
}

impl Unavailable {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Booked => "booked",
            Self::Blocked => "blocked",
            Self::Claimed => "claimed",
        }
    }
}

/// A seat that is not at the version that the asker believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionFault {
    /// Which seat.
    pub no: SeatNo,
    /// What the asker believed.
    pub expected: u32,
    /// What it is.
    pub actual: u32,
}

/// A business "no". It changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The sale has not opened or is over.
    NotOnSale {
        /// When it opens, if it will.
        opens_at: Option<Timestamp>,
    },
    /// The showtime was called off.
    ShowtimeCancelled,
    /// The plan does not have these seats.
    UnknownSeat(Vec<CompactString>),
    /// These seats are named more than once, or are in the hold already.
    DuplicateSeat(Vec<CompactString>),
    /// No seat is asked for, or none would be left.
    NoSeats,
    /// More seats than one hold may have.
    TooManySeats {
        /// How many it may have.
        limit: u16,
    },
    /// These seats' category has no such ticket.
    UnknownTicket(Vec<CompactString>),
    /// These seats' category has no price.
    MissingPrice(Vec<CompactString>),
    /// A longer time than the showtime gives.
    TtlTooLong {
        /// The longest, in milliseconds.
        limit_ms: i64,
    },
    /// Seats have changed since the asker looked.
    VersionMismatch(Vec<VersionFault>),
    /// Seats are not to be had.
    SeatUnavailable(SmallVec<[(SeatNo, Unavailable); 4]>),
    /// There is no such hold.
    HoldNotFound,
    /// There is no such booking.
    BookingNotFound,
    /// The hold's time is over.
    HoldExpired,
    /// The hold was booked or given back.
    HoldNotActive(HoldStatus),
    /// The hold cannot be extended further.
    HoldLimitReached,
    /// The hold or booking does not have these seats.
    SeatNotInHold(Vec<CompactString>),
    /// The show has begun.
    TooLate,
    /// Seats were held already, so this may not change any more.
    ShowtimeInUse,
    /// A value cannot be, by itself or beside what is there: which one, and why.
    InvalidField {
        /// Its name in the API.
        field: &'static str,
        /// What is wrong.
        detail: &'static str,
    },
}
