//! What a decision wants to be done: a change of seats, records and settings, all or nothing.
//!
//! A [`Change`] is what the event log keeps of a committed transition, in a form that applies without knowing its
//! kind, so that an older binary can follow a newer one. A [`Transition`] is a change on its way to the store, with
//! what the store must check and what must not be in the log.

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::codec::{Malformed, Reader, Writer};
use crate::hold::{Contact, Hold};
use crate::id::{Serial, ShowtimeId};
use crate::plan::SeatNo;
use crate::seat::SeatStatus;
use crate::settings::Settings;
use crate::time::Timestamp;

/// Who caused a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Whoever holds the token, or a stranger.
    Patron,
    /// Boxoffice itself: the sweeper, the winding up of a cancelled showtime.
    System,
    /// The API key of this name.
    Key(CompactString),
}

impl Actor {
    /// As the event log shows it: a key's name, `patron` or `system`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Patron => "patron",
            Self::System => "system",
            Self::Key(name) => name,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of what happened, as the event log shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKind(pub CompactString);

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl EventKind {
            $($(#[$doc])* pub const $name: Self = Self(CompactString::const_new($text));)*
        }
    };
}

event_kinds! {
    /// Seats were held.
    HELD = "held";
    /// A hold gained or lost seats, or time.
    HOLD_CHANGED = "hold_changed";
    /// A hold was given back.
    RELEASED = "released";
    /// A hold's time ran out.
    EXPIRED = "expired";
    /// A hold became a booking.
    BOOKED = "booked";
    /// Seats of a booking were cancelled.
    CANCELLED = "cancelled";
    /// Seats were taken off sale.
    BLOCKED = "blocked";
    /// Seats were put back on sale.
    UNBLOCKED = "unblocked";
    /// Settings changed.
    SHOWTIME_CHANGED = "showtime_changed";
    /// The showtime was called off.
    SHOWTIME_CANCELLED = "showtime_cancelled";
    /// Holds and bookings of a showtime that was called off were let go.
    WOUND_UP = "wound_up";
}

/// The change of one seat. Its version before was one less than after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatChange {
    /// Which seat of the plan.
    pub no: SeatNo,
    /// What it was.
    pub from: SeatStatus,
    /// What it becomes.
    pub to: SeatStatus,
    /// Its version after the change: 1 or more.
    pub version: u32,
    /// The serial of the hold or booking that has it afterwards; 0 if none.
    pub owner: Serial,
}

/// The idempotency key of a request, hashed, with the fingerprint of what was asked under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey {
    /// First 16 bytes of the SHA-256 of the key as given.
    pub key: [u8; 16],
    /// First 16 bytes of the SHA-256 of the parsed command and its caller.
    pub fingerprint: [u8; 16],
}

/// One atomic change of a showtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// Who caused it.
    pub actor: Actor,
    /// The seats that it changes, each once.
    pub seats: SmallVec<[SeatChange; 4]>,
    /// The holds that it makes or changes, as they are afterwards; each one's version was one less before.
    pub holds: SmallVec<[Arc<Hold>; 1]>,
    /// The settings afterwards, if it changes them.
    pub settings: Option<Arc<Settings>>,
    /// Of the request that asked for it.
    pub request: Option<RequestKey>,
    /// Why, in the words of whoever blocked seats.
    pub reason: Option<CompactString>,
}

impl Change {
    /// The change as the event log keeps it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(160);
        out.uint(1u8);
        out.int(self.at.as_ms());
        out.text(&self.kind.0);
        match &self.actor {
            Actor::Patron => out.uint(0u8),
            Actor::System => out.uint(1u8),
            Actor::Key(name) => {
                out.uint(2u8);
                out.text(name);
            }
        }
        out.list(self.seats.iter(), |out, seat| {
            out.uint(seat.no);
            out.uint((seat.from as u8) << 4 | seat.to as u8);
            out.uint(seat.version);
            out.uint(seat.owner);
        });
        out.list(self.holds.iter(), |out, hold| hold.write(out));
        out.option(self.settings.as_ref(), |out, settings| settings.write(out));
        out.option(self.request.as_ref(), |out, request| {
            out.raw(&request.key);
            out.raw(&request.fingerprint);
        });
        out.option(self.reason.as_ref(), |out, reason| out.text(reason));
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new("event", bytes);
        if input.uint::<u8>()? != 1 {
            return Err(input.malformed());
        }
        let change = Self {
            at: Timestamp::from_ms(input.int()?),
            kind: EventKind(input.text()?),
            actor: match input.uint::<u8>()? {
                0 => Actor::Patron,
                1 => Actor::System,
                2 => Actor::Key(input.text()?),
                _ => return Err(input.malformed()),
            },
            seats: input.list(read_seat_change)?,
            holds: input.list(|input| Hold::read(input).map(Arc::new))?,
            settings: input.option(|input| Settings::read(input).map(Arc::new))?,
            request: input
                .option(|input| Ok(RequestKey { key: input.array()?, fingerprint: input.array()? }))?,
            reason: input.option(Reader::text)?,
        };
        input.finish()?;
        Ok(change)
    }
}

fn read_seat_change(input: &mut Reader<'_>) -> Result<SeatChange, Malformed> {
    let no = input.uint()?;
    let statuses: u8 = input.uint()?;
    let status = |number| SeatStatus::from_number(number).ok_or(input.malformed());
    let (from, to) = (status(statuses >> 4)?, status(statuses & 15)?);
    let change = SeatChange { no, from, to, version: input.uint()?, owner: input.uint()? };
    if change.version == 0 { Err(input.malformed()) } else { Ok(change) }
}

/// A change on its way to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Whose showtime.
    pub showtime: ShowtimeId,
    /// What is to be done.
    pub change: Arc<Change>,
    /// The version of the settings that the decision relied on, where it did; a change of the settings itself
    /// relies on the version before it.
    pub settings_version: Option<u32>,
    /// Whether the decision relied on the showtime never having been held from.
    pub never_held: bool,
    /// From when on idempotency keys are kept: one that was last used before may be used again.
    pub keys_since: Timestamp,
    /// The buyer, for the booking that this makes; never part of the event.
    pub contact: Option<Contact>,
}

/// A committed change, at its place in the showtime's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The showtime's revision from this change on; gap-free from 1.
    pub revision: u64,
    /// What was done.
    pub change: Arc<Change>,
}
