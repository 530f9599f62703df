//! Bytes from outside: whatever they are, reading them ends in a value or in `Malformed`, and takes no more memory
//! than the bytes can account for.
#![allow(unsafe_code, reason = "only an allocator can tell how much is asked of it")]

#[path = "scripts/room.rs"]
mod room;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Arc;

use boxoffice_core::change::{Actor, Change, EventKind, RequestKey, SeatChange};
use boxoffice_core::codec::Malformed;
use boxoffice_core::hold::{Booking, Contact, HeldSeat, Hold, HoldStatus};
use boxoffice_core::id::Reference;
use boxoffice_core::plan::Plan;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::Settings;
use boxoffice_core::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

/// The system's allocator, counting the bytes that each thread asks it for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // While a thread ends, its counter is gone; nobody reads it then.
        let _ = ASKED.try_with(|asked| asked.set(asked.get().saturating_add(layout.size())));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes asked for while `work` runs.
fn asked<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ASKED.get();
    let done = work();
    (done, ASKED.get() - before)
}

/// Everything that is read from bytes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Change,
    Hold,
    Settings,
    Contact,
    Plan,
}

const KINDS: [Kind; 5] = [Kind::Change, Kind::Hold, Kind::Settings, Kind::Contact, Kind::Plan];

impl Kind {
    /// Reads bytes as this; what was read must survive being written and read again.
    fn read(self, bytes: &[u8]) -> Result<(), Malformed> {
        match self {
            Self::Change => twice(bytes, Change::decode, Change::encode),
            Self::Hold => twice(bytes, Hold::decode, Hold::encode),
            Self::Settings => twice(bytes, Settings::decode, Settings::encode),
            Self::Contact => twice(bytes, Contact::decode, Contact::encode),
            Self::Plan => twice(bytes, Plan::decode, Plan::encode),
        }
    }

    fn sample(self) -> Vec<u8> {
        match self {
            Self::Change => change().encode(),
            Self::Hold => hold().encode(),
            Self::Settings => room::settings().encode(),
            Self::Contact => {
                Contact { name: Some("Ada Lovelace".into()), email: Some("ada@example.org".into()) }.encode()
            }
            Self::Plan => room::plan().encode(),
        }
    }
}

/// The bound: a small fixed sum, and some hundred bytes for each byte read (the smallest encoded things have a few
/// bytes and the largest structs some hundred; vectors double while they grow).
fn twice<T: Debug + PartialEq>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, Malformed>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> Result<(), Malformed> {
    let (read, taken) = asked(|| decode(bytes));
    assert!(taken <= 4096 + 512 * bytes.len(), "{taken} bytes asked for to read {}", bytes.len());
    let value = read?;
    assert_eq!(decode(&encode(&value)).as_ref(), Ok(&value));
    Ok(())
}

fn hold() -> Hold {
    let seat =
        |no| HeldSeat { no, version: 2, category: 0, ticket: "adult".into(), price: -1, cancelled: no == 1 };
    Hold {
        serial: (1 << 63) - 1,
        version: 3,
        status: HoldStatus::Booked,
        seats: (0..3).map(seat).collect(),
        currency: room::settings().currency,
        created_at: room::START,
        expires_at: room::START.plus_ms(480_000),
        extendable_until: Timestamp::MAX,
        ended_at: Some(room::START.plus_ms(-1)),
        key_id: u32::MAX,
        metadata: vec![("lane".into(), String::from("ä").repeat(40).into()), ("".into(), "".into())],
        booking: Some(Booking { reference: Reference::from_number(u64::MAX), created_at: room::START }),
    }
}

fn change() -> Change {
    let pairs = SeatStatus::ALL.into_iter().flat_map(|from| SeatStatus::ALL.map(|to| (from, to)));
    let seat = |(no, (from, to))| SeatChange { no, from, to, version: u32::MAX - no, owner: u64::MAX };
    Change {
        at: Timestamp::from_ms(i64::MIN),
        kind: EventKind("of a newer binary".into()),
        actor: Actor::Key("desk".into()),
        seats: (0..).zip(pairs).map(seat).collect(),
        holds: [Arc::new(hold()), Arc::new(hold())].into_iter().collect(),
        settings: Some(Arc::new(room::settings())),
        request: Some(RequestKey { key: [1; 16], fingerprint: [255; 16] }),
        reason: Some("broken".into()),
    }
}

#[test]
fn everything_is_read_as_it_was_written() {
    assert_eq!(Change::decode(&change().encode()), Ok(change()));
    assert_eq!(Hold::decode(&hold().encode()), Ok(hold()));
    assert_eq!(Settings::decode(&room::settings().encode()), Ok(room::settings()));
    for (name, email) in [(None, None), (Some("Ada".into()), None), (None, Some("ada@example.org".into()))] {
        let contact = Contact { name, email };
        assert_eq!(Contact::decode(&contact.encode()), Ok(contact));
    }
    assert_eq!(Plan::decode(&room::plan().encode()), Ok((*room::plan()).clone()));
    for actor in [Actor::Patron, Actor::System] {
        let bare = Change { actor, settings: None, request: None, reason: None, ..change() };
        assert_eq!(Change::decode(&bare.encode()), Ok(bare));
    }
}

#[test]
fn bytes_cut_short_or_too_long_are_malformed() {
    for kind in KINDS {
        let mut bytes = kind.sample();
        assert_eq!(kind.read(&bytes), Ok(()), "{kind:?}");
        for cut in 0..bytes.len() {
            assert!(kind.read(&bytes[..cut]).is_err(), "{kind:?} cut at {cut}");
        }
        bytes.push(0);
        assert!(kind.read(&bytes).is_err(), "{kind:?} with a byte left over");
    }
}

#[test]
fn a_list_that_claims_to_be_endless_takes_no_memory() {
    for kind in KINDS {
        let sample = kind.sample();
        for at in 0..sample.len() {
            // Whatever stands here, a length among others, becomes the largest number.
            let endless = [&sample[..at], &[0xff; 9], &[1], &sample[at + 1..]].concat();
            let _ = kind.read(&endless);
        }
    }
}

#[test]
fn a_format_of_the_future_is_malformed() {
    for kind in [Kind::Change, Kind::Hold, Kind::Settings, Kind::Plan] {
        let mut bytes = kind.sample();
        bytes[0] = 2;
        assert!(kind.read(&bytes).is_err(), "{kind:?}");
    }
}

#[test]
fn a_seat_change_to_version_0_is_malformed() {
    let mut zero = change();
    zero.seats[0].version = 0;
    assert!(Change::decode(&zero.encode()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_value_or_malformed(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for kind in KINDS {
            let _ = kind.read(&bytes);
        }
        // Most random bytes fail at the format's number, so that once more with a good one.
        bytes.insert(0, 1);
        for kind in KINDS {
            let _ = kind.read(&bytes);
        }
    }

    #[test]
    fn mutated_bytes_are_a_value_or_malformed(
        kind in prop::sample::select(&KINDS[..]),
        edits in prop::collection::vec((any::<Index>(), prop::collection::vec(any::<u8>(), 0..4), 0..4usize), 1..5),
    ) {
        let mut bytes = kind.sample();
        for (at, put, cut) in edits {
            let start = at.index(bytes.len() + 1);
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, put);
        }
        let _ = kind.read(&bytes);
    }
}
