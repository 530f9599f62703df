//! What is read of the API's answers: no more than the load and its check need.

use compact_str::CompactString;
use serde::Deserialize;

/// A refusal.
#[derive(Debug, Deserialize)]
pub(super) struct Problem<'a> {
    /// Its code.
    #[serde(borrow)]
    pub(super) code: &'a str,
    /// After how long to try again.
    pub(super) retry_after_ms: Option<u64>,
    /// Which seats cannot be had.
    #[serde(default)]
    pub(super) conflicts: Vec<Conflict<'a>>,
}

/// A seat that cannot be had.
#[derive(Debug, Deserialize)]
pub(super) struct Conflict<'a> {
    /// Why: `held`, `booked`, `blocked` or `claimed`.
    #[serde(borrow)]
    pub(super) reason: &'a str,
}

impl<'a> Problem<'a> {
    /// Reads a problem; what is none has an empty code.
    pub(super) fn read(body: &'a [u8]) -> Self {
        serde_json::from_slice(body).unwrap_or(Self { code: "", retry_after_ms: None, conflicts: Vec::new() })
    }

    /// Why not, in one word: the first seat's reason, or the code.
    pub(super) fn reason(&self) -> &'a str {
        self.conflicts.first().map_or(self.code, |conflict| conflict.reason)
    }
}

/// A hold or a booking.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    /// Its id.
    pub(super) id: CompactString,
    /// Its token.
    pub(super) token: CompactString,
    /// `active`, `booked` and so on for a hold, `confirmed` and so on for a booking.
    pub(super) status: CompactString,
    /// Its seats.
    pub(super) seats: Vec<RecordSeat>,
}

/// A seat of a hold or booking.
#[derive(Debug, Deserialize)]
pub(super) struct RecordSeat {
    /// Its label.
    pub(super) seat: CompactString,
}

/// A seat map: whole, or what changed.
#[derive(Debug, Deserialize)]
pub(super) struct SeatMap<'a> {
    /// Which transition it shows.
    pub(super) revision: u64,
    /// Whether what was known before is void.
    #[serde(default)]
    pub(super) reset: bool,
    /// The seats.
    #[serde(borrow)]
    pub(super) seats: Vec<MapSeat<'a>>,
}

/// A seat of a map.
#[derive(Debug, Deserialize)]
pub(super) struct MapSeat<'a> {
    /// Its label.
    #[serde(borrow)]
    pub(super) seat: &'a str,
    /// `available`, `held`, `booked`, `blocked`.
    #[serde(borrow)]
    pub(super) status: &'a str,
    /// How often it changed.
    pub(super) version: u32,
}

/// A page of the event log.
#[derive(Debug, Deserialize)]
pub(super) struct EventPage {
    /// The events.
    pub(super) data: Vec<Event>,
}

/// An event.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    /// Its revision.
    pub(super) revision: u64,
    /// What happened.
    pub(super) kind: CompactString,
    /// The hold that it is about.
    pub(super) hold: Option<CompactString>,
    /// Its booking.
    pub(super) booking: Option<CompactString>,
    /// Holds that ended with it, since their time was over.
    #[serde(default)]
    pub(super) also_ended: Vec<CompactString>,
    /// The seats that changed.
    pub(super) seats: Vec<EventSeat>,
}

/// A change of a seat.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EventSeat {
    /// Its label.
    pub(super) seat: CompactString,
    /// Its status before.
    pub(super) from: CompactString,
    /// Its status after.
    pub(super) to: CompactString,
    /// Its version after.
    pub(super) version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why_in_one_word() {
        let taken = br#"{"code":"seat_unavailable","conflicts":[{"seat":"A1","reason":"claimed"}]}"#;
        assert_eq!(Problem::read(taken).reason(), "claimed");
        let busy = Problem::read(br#"{"code":"overloaded","retry_after_ms":321,"more":1}"#);
        assert_eq!((busy.reason(), busy.retry_after_ms), ("overloaded", Some(321)));
        assert_eq!(Problem::read(b"<html>").reason(), "");
    }
}
