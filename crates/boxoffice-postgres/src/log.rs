//! The rows of the event log: each keeps what one batch did to one showtime, event after event, so that a sale costs the
//! database a part of a row.
//!
//! A row is known by the revision of its last event and says how many there are. Its body has each event's length, in
//! four bytes with the highest first, and the event.

use crate::error::Failure;

/// About as many bytes as a page of the database has for one row: what is longer would be kept aside in pieces, each with
/// an entry in an index.
const ROW: usize = 8_000;

/// A row while it is made.
#[derive(Debug, Default)]
pub(crate) struct LogRow {
    /// The revision of its last event.
    pub(crate) revision: u64,
    /// How many events.
    pub(crate) events: u32,
    /// Them.
    pub(crate) body: Vec<u8>,
}

impl LogRow {
    /// Whether one more event belongs into this row.
    pub(crate) fn has_room_for(&self, event: &[u8]) -> bool {
        self.events == 0 || self.body.len() + 4 + event.len() <= ROW
    }

    /// Adds the next event.
    pub(crate) fn push(&mut self, revision: u64, event: &[u8]) {
        self.revision = revision;
        self.events += 1;
        self.body.extend_from_slice(&(event.len() as u32).to_be_bytes());
        self.body.extend_from_slice(event);
    }
}

/// The events of a row, each with its revision.
pub(crate) fn unpack(revision: u64, events: i32, body: &[u8]) -> Result<Vec<(u64, &[u8])>, Failure> {
    let damaged = || Failure::Damaged(format!("the row of the log at revision {revision} is malformed"));
    let mut found = Vec::new();
    let mut rest = body;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let (event, after) = after.split_at_checked(length).ok_or_else(damaged)?;
        found.push(event);
        rest = after;
    }
    let count = found.len() as u64;
    if !rest.is_empty() || i64::from(events) != count as i64 || count == 0 || count > revision {
        return Err(damaged());
    }
    Ok((revision - count + 1..).zip(found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_its_events_and_refuses_to_be_cut_short() {
        let mut row = LogRow::default();
        for (revision, event) in (8..).zip([&b"one"[..], b"", b"three"]) {
            assert!(row.has_room_for(event));
            row.push(revision, event);
        }
        let events = unpack(row.revision, 3, &row.body).unwrap();
        assert_eq!(events, [(8, &b"one"[..]), (9, b""), (10, b"three")]);
        for cut in 0..row.body.len() {
            assert!(unpack(row.revision, 3, &row.body[..cut]).is_err(), "cut at {cut}");
        }
        assert!(unpack(row.revision, 2, &row.body).is_err(), "it says two");
        assert!(unpack(2, 3, &row.body).is_err(), "there is no revision 0");
    }

    #[test]
    fn what_is_longer_than_a_row_has_one_to_itself() {
        let mut row = LogRow::default();
        let long = vec![1; ROW * 2];
        assert!(row.has_room_for(&long), "nothing else is in it");
        row.push(1, &long);
        assert!(!row.has_room_for(b""));
    }
}
