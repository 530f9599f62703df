//! A showtime's state as the store keeps it: a snapshot, and the log after it. The log is the truth; a snapshot saves
//! going through all of it.

use std::sync::Arc;

use boxoffice_core::change::Change;
use boxoffice_core::codec::{Reader, Writer};
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::Serial;
use boxoffice_core::plan::SeatNo;
use boxoffice_core::seat::{SeatState, SeatStatus};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::error::Failure;
use crate::log::unpack;

pub(crate) type Map<K, V> = HashMap<K, V, FixedState>;

/// A snapshot is due when the log after it has more bytes than this and eight times its own, or than the most: so snapshots
/// are few beside the log, and whoever loads a showtime reads a log of some times its size, at less than a microsecond an event.
const SLACK: usize = 64 * 1024;
const MOST: usize = 16 * 1024 * 1024;

/// Seats, holds and bookings at a revision.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Of the last event.
    pub(crate) revision: u64,
    /// Every seat that was ever changed.
    pub(crate) seats: Map<SeatNo, SeatState>,
    /// Every active hold, also those past their deadline.
    pub(crate) holds: Map<Serial, Arc<Hold>>,
    /// The version of every booking, also of cancelled ones. What else ended never changes again, and is not known any more.
    pub(crate) bookings: Map<Serial, u32>,
    /// How many bytes the snapshot has that it was made from.
    snapshot: usize,
    /// How many bytes of the log came after that.
    after: usize,
}

impl State {
    /// Reads a snapshot.
    pub(crate) fn decode(revision: u64, bytes: &[u8]) -> Result<Self, Failure> {
        let mut input = Reader::new("snapshot", bytes);
        if input.uint::<u8>()? != 1 {
            return Err(input.malformed().into());
        }
        let state = Self {
            revision,
            seats: input.list(|input| {
                let no = input.uint()?;
                let status = SeatStatus::from_number(input.uint()?).ok_or_else(|| input.malformed())?;
                let (version, owner) = (input.uint()?, input.uint()?);
                Ok((no, SeatState { owner, changed: input.uint()?, version, status }))
            })?,
            holds: input.list(|input| Hold::read(input).map(|hold| (hold.serial, Arc::new(hold))))?,
            bookings: input.list(|input| Ok((input.uint()?, input.uint()?)))?,
            snapshot: bytes.len(),
            after: 0,
        };
        input.finish()?;
        Ok(state)
    }

    /// The snapshot of this state.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(self.snapshot + self.after);
        out.uint(1u8);
        out.list(self.seats.iter(), |out, (no, seat)| {
            out.uint(*no);
            out.uint(seat.status as u8);
            out.uint(seat.version);
            out.uint(seat.owner);
            out.uint(seat.changed);
        });
        out.list(self.holds.values(), |out, hold| hold.write(out));
        out.list(self.bookings.iter(), |out, (serial, version)| {
            out.uint(*serial);
            out.uint(*version);
        });
        out.finish()
    }

    /// Whether it is time for a snapshot.
    pub(crate) fn is_snapshot_due(&self) -> bool {
        self.after > (SLACK + 8 * self.snapshot).min(MOST)
    }

    /// Notes that a snapshot of so many bytes was stored.
    pub(crate) fn note_snapshot(&mut self, bytes: usize) {
        (self.snapshot, self.after) = (bytes, 0);
    }

    /// Moves on by a committed change, whose event has so many bytes.
    pub(crate) fn apply(&mut self, revision: u64, change: &Change, bytes: usize) {
        self.revision = revision;
        self.after += bytes;
        for seat in &change.seats {
            let state =
                SeatState { owner: seat.owner, changed: revision, version: seat.version, status: seat.to };
            self.seats.insert(seat.no, state);
        }
        for hold in &change.holds {
            match hold.status {
                HoldStatus::Active => {
                    self.holds.insert(hold.serial, Arc::clone(hold));
                }
                HoldStatus::Booked => {
                    self.holds.remove(&hold.serial);
                    self.bookings.insert(hold.serial, hold.version);
                }
                HoldStatus::Released | HoldStatus::Expired => {
                    self.holds.remove(&hold.serial);
                }
            }
        }
    }

    /// Moves on by a row of the log; what is known of it already is passed over.
    pub(crate) fn follow(&mut self, revision: u64, events: i32, body: &[u8]) -> Result<(), Failure> {
        for (revision, event) in unpack(revision, events, body)? {
            if revision <= self.revision {
                continue;
            }
            if revision != self.revision + 1 {
                return Err(Failure::Damaged(format!("the log has a gap before revision {revision}")));
            }
            self.apply(revision, &Change::decode(event)?, event.len());
        }
        Ok(())
    }

    /// A seat's version; 0 if it was never changed.
    pub(crate) fn seat_version(&self, no: SeatNo) -> u32 {
        self.seats.get(&no).map_or(0, |seat| seat.version)
    }

    /// The version of a hold that is active or a booking; 0 for any other.
    pub(crate) fn hold_version(&self, serial: Serial) -> u32 {
        let hold = self.holds.get(&serial).map(|hold| hold.version);
        hold.or_else(|| self.bookings.get(&serial).copied()).unwrap_or(0)
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        self.seats.len() * 48 + self.holds.len() * 384 + self.bookings.len() * 24
    }
}

#[cfg(test)]
mod tests {
    use boxoffice_core::change::{Actor, EventKind, SeatChange};
    use boxoffice_core::money::Currency;
    use boxoffice_core::time::Timestamp;
    use smallvec::smallvec;

    use super::*;
    use crate::log::LogRow;

    fn change(no: SeatNo, to: SeatStatus, version: u32, status: HoldStatus) -> Change {
        let at = Timestamp::from_ms(1_000);
        let hold = Hold {
            serial: 9 + u64::from(no),
            version,
            status,
            seats: smallvec![],
            currency: Currency::new("EUR").unwrap(),
            created_at: at,
            expires_at: at.plus_ms(5),
            extendable_until: at.plus_ms(9),
            ended_at: None,
            key_id: 1,
            metadata: Vec::new(),
            booking: None,
        };
        let seat = SeatChange { no, from: SeatStatus::Available, to, version, owner: hold.serial };
        Change {
            at,
            kind: EventKind::HELD,
            actor: Actor::Patron,
            seats: smallvec![seat],
            holds: smallvec![Arc::new(hold)],
            settings: None,
            request: None,
            reason: None,
        }
    }

    /// Four holds, of which one is booked, one released and one expired.
    fn changes() -> Vec<Change> {
        let held = (0..4).map(|no| change(no, SeatStatus::Held, 1, HoldStatus::Active));
        let ends = [HoldStatus::Booked, HoldStatus::Released, HoldStatus::Expired];
        let ended = (0..).zip(ends).map(|(no, end)| {
            let to = if end == HoldStatus::Booked { SeatStatus::Booked } else { SeatStatus::Available };
            change(no, to, 2, end)
        });
        held.chain(ended).collect()
    }

    #[test]
    fn a_snapshot_with_the_log_after_it_is_what_the_whole_log_makes() {
        let changes = changes();
        let mut whole = State::default();
        let mut row = LogRow::default();
        for (revision, change) in (1..).zip(&changes) {
            let event = change.encode();
            whole.apply(revision, change, event.len());
            row.push(revision, &event);
        }
        assert_eq!((whole.seats.len(), whole.holds.len(), whole.bookings.len()), (4, 1, 1));
        assert_eq!([9, 10, 12, 77].map(|serial| whole.hold_version(serial)), [2, 0, 1, 0]);
        assert_eq!([0, 3, 4].map(|no| whole.seat_version(no)), [2, 1, 0]);
        for cut in 0..=changes.len() {
            let mut part = State::default();
            for (revision, change) in (1..).zip(&changes[..cut]) {
                part.apply(revision, change, 0);
            }
            let mut read = State::decode(cut as u64, &part.encode()).unwrap();
            read.follow(row.revision, row.events as i32, &row.body).unwrap();
            let parts = |state: &State| {
                (state.revision, state.seats.clone(), state.holds.clone(), state.bookings.clone())
            };
            assert_eq!(parts(&read), parts(&whole), "cut after {cut}");
        }
        let mut behind = State::default();
        let mut late = LogRow::default();
        late.push(2, &changes[1].encode());
        assert!(behind.follow(2, 1, &late.body).is_err(), "event 1 is missing");
    }

    #[test]
    fn snapshots_are_not_most_of_what_is_written() {
        let mut state = State::default();
        let (mut log, mut snapshots) = (0, 0);
        for (revision, no) in (1..).zip(0..20_000) {
            let change = change(no, SeatStatus::Held, 1, HoldStatus::Active);
            let bytes = change.encode().len();
            log += bytes;
            state.apply(revision, &change, bytes);
            if state.is_snapshot_due() {
                let snapshot = state.encode().len();
                snapshots += snapshot;
                state.note_snapshot(snapshot);
            }
        }
        assert!(snapshots > 0 && snapshots <= log, "{snapshots} beside {log}");
    }

    #[test]
    fn a_damaged_snapshot_is_refused() {
        let mut state = State::default();
        for (revision, change) in (1..).zip(&changes()) {
            state.apply(revision, change, 0);
        }
        let bytes = state.encode();
        for cut in 0..bytes.len() {
            assert!(State::decode(7, &bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut strange = bytes;
        strange[0] = 2;
        assert!(State::decode(7, &strange).is_err(), "of another format");
    }
}
