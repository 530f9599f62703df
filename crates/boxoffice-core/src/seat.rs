//! The state of one seat in one showtime.

use crate::id::Serial;

/// What a seat is to those who would like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum SeatStatus {
    /// Anyone may hold it.
    #[default]
    Available = 0,
    /// On hold until a deadline.
    Held = 1,
    /// Sold.
    Booked = 2,
    /// Not for sale: a house seat, or broken.
    Blocked = 3,
}

impl SeatStatus {
    /// All of them, at the index of their number.
    pub const ALL: [Self; 4] = [Self::Available, Self::Held, Self::Booked, Self::Blocked];

    /// From its number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Booked => "booked",
            Self::Blocked => "blocked",
        }
    }
}

/// A seat's state. A seat that was never touched is available at version 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeatState {
    /// The serial of the hold or booking that has it; 0 if none.
    pub owner: Serial,
    /// The showtime's revision at its last change; 0 if never changed.
    pub changed: u64,
    /// How often it has changed.
    pub version: u32,
    /// What it is.
    pub status: SeatStatus,
}
