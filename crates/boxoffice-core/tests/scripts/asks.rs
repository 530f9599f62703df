//! What random histories ask for, and how it is asked of the rules.

use std::collections::BTreeMap;

use boxoffice_core::command::{Command, ExpectedVersion, HoldEdit, HoldSeats, SeatRequest, SettingsPatch};
use boxoffice_core::hold::Contact;
use boxoffice_core::id::MovieId;
use compact_str::CompactString;
use proptest::prelude::*;

use super::room::START;

pub(crate) type Label = &'static str;

/// What random histories ask about: standard and vip seats, one of a category without prices, one that is nowhere.
pub(crate) const LABELS: [Label; 8] = ["A1", "A2", "A3", "A4", "B1", "B2", "C1", "Z9"];

/// A request, in the ledger's words. Versions are what the asker believes.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Hold {
        seats: Vec<Label>,
        ticket: Option<&'static str>,
        ttl_ms: Option<i64>,
        versions: Versions,
    },
    Edit {
        serial: u64,
        add: Vec<Label>,
        remove: Vec<Label>,
        extend: bool,
        versions: Versions,
    },
    Release(u64),
    Expire(u64),
    Confirm(u64),
    Cancel {
        serial: u64,
        seats: Option<Vec<Label>>,
        by_key: bool,
    },
    Block(Vec<Label>),
    Unblock(Vec<Label>),
    Change {
        movie: Option<u64>,
        ttl_ms: Option<i64>,
        max_ttl_ms: Option<i64>,
        limit: Option<u16>,
        closes: Option<i64>,
    },
    CallOff,
    WindUp,
}

pub(crate) type Versions = BTreeMap<Label, u32>;

/// One request of a history: how long after the one before, and which seat is claimed by another meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) wait_ms: i64,
    pub(crate) claimed: Option<Label>,
    /// How far each of the asked-for versions is off.
    pub(crate) believed: BTreeMap<Label, u32>,
    pub(crate) ask: Ask,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let waits = prop_oneof![20 => 0..2_000i64, 5 => 0..20_000i64, 1 => 0..130_000i64, 1 => Just(100_000)];
    let claimed = prop_oneof![6 => Just(None), 1 => prop::sample::select(&LABELS[..7]).prop_map(Some)];
    let off = prop_oneof![9 => Just(0u32), 1 => Just(1)];
    let labels = prop::sample::select(&LABELS[..]);
    let believed =
        prop_oneof![4 => Just(BTreeMap::new()), 1 => prop::collection::btree_map(labels, off, 1..3)];
    let step = (waits, claimed, believed, asks()).prop_map(|(wait_ms, claimed, believed, ask)| Step {
        wait_ms,
        claimed,
        believed,
        ask,
    });
    prop::collection::vec(step, 1..90)
}

fn asks() -> impl Strategy<Value = Ask> {
    // Mostly sound requests; the others name seats twice, or seats that cannot be had at all.
    let sound = |least, most| prop::sample::subsequence(&LABELS[..6], least..=most).prop_shuffle();
    let seats = move |least, most| {
        prop_oneof![
            12 => sound(least, most),
            1 => prop::collection::vec(prop::sample::select(&LABELS[..]), 0..5),
        ]
    };
    let serial = || prop_oneof![4 => 0..2u64, 3 => 0..8u64];
    let ticket = prop_oneof![4 => Just(None), 1 => Just(Some("adult")), 1 => Just(Some("child"))];
    let ttl_ms = prop_oneof![6 => Just(None), 1 => (1..101i64).prop_map(|s| Some(s * 1000))];
    let hold = (seats(1, 3), ticket, ttl_ms).prop_map(|(seats, ticket, ttl_ms)| Ask::Hold {
        seats,
        ticket,
        ttl_ms,
        versions: Versions::new(),
    });
    let edit =
        (serial(), seats(0, 2), seats(0, 1), any::<bool>()).prop_map(|(serial, add, remove, extend)| {
            Ask::Edit { serial, add, remove, extend, versions: Versions::new() }
        });
    let extend = serial().prop_map(|serial| Ask::Edit {
        serial,
        add: vec![],
        remove: vec![],
        extend: true,
        versions: Versions::new(),
    });
    let cancel = (serial(), prop::option::of(seats(1, 2)), any::<bool>())
        .prop_map(|(serial, seats, by_key)| Ask::Cancel { serial, seats, by_key });
    let some = |range: std::ops::Range<i64>| prop::option::weighted(0.3, range.prop_map(|s| s * 1000));
    let movie = prop::option::weighted(0.3, 1..3u64);
    let limit = prop::option::weighted(0.3, 0..4u16);
    let change = (movie, some(-1..100), some(60..300), limit, some(-1..3000)).prop_map(
        |(movie, ttl_ms, max_ttl_ms, limit, closes)| Ask::Change { movie, ttl_ms, max_ttl_ms, limit, closes },
    );
    prop_oneof![
        60 => hold,
        30 => edit,
        24 => extend,
        12 => serial().prop_map(Ask::Release),
        12 => serial().prop_map(Ask::Expire),
        40 => serial().prop_map(Ask::Confirm),
        30 => cancel,
        6 => seats(1, 2).prop_map(Ask::Block),
        10 => seats(1, 2).prop_map(Ask::Unblock),
        4 => change,
        1 => Just(Ask::CallOff),
        4 => Just(Ask::WindUp),
    ]
}

/// The command that a request stands for.
pub(crate) fn command(ask: &Ask) -> Command {
    let texts = |labels: &[Label]| labels.iter().map(|label| CompactString::from(*label)).collect::<Vec<_>>();
    let requests = |labels: &[Label], ticket: Option<&str>| {
        let request = |label: &Label| SeatRequest { seat: (*label).into(), ticket: ticket.map(Into::into) };
        labels.iter().map(request).collect()
    };
    let expected = |versions: &Versions| {
        versions
            .iter()
            .map(|(seat, version)| ExpectedVersion { seat: (*seat).into(), version: *version })
            .collect()
    };
    match ask {
        Ask::Hold { seats, ticket, ttl_ms, versions } => Command::Hold(HoldSeats {
            seats: requests(seats, *ticket),
            versions: expected(versions),
            ttl_ms: *ttl_ms,
            metadata: Vec::new(),
        }),
        Ask::Edit { serial, add, remove, extend, versions } => {
            let (add, remove, versions) = (requests(add, None), texts(remove), expected(versions));
            Command::Edit(*serial, HoldEdit { add, remove, extend: *extend, versions })
        }
        Ask::Release(serial) => Command::Release(*serial),
        Ask::Expire(serial) => Command::Expire(*serial),
        Ask::Confirm(hold) => {
            Command::Confirm { hold: *hold, contact: Contact::default(), metadata: Vec::new() }
        }
        Ask::Cancel { serial, seats, .. } => {
            Command::Cancel { booking: *serial, seats: seats.as_deref().map(texts) }
        }
        Ask::Block(seats) => Command::Block { seats: texts(seats), reason: None },
        Ask::Unblock(seats) => Command::Unblock { seats: texts(seats), reason: Some("mended".into()) },
        Ask::Change { movie, ttl_ms, max_ttl_ms, limit, closes } => Command::ChangeShowtime(SettingsPatch {
            movie: movie.map(MovieId::from_number),
            hold_ttl_ms: *ttl_ms,
            max_hold_ttl_ms: *max_ttl_ms,
            max_seats_per_hold: *limit,
            off_sale_at: closes.map(|ms| START.plus_ms(ms)),
            ..SettingsPatch::default()
        }),
        Ask::CallOff => Command::CancelShowtime,
        Ask::WindUp => Command::WindUp,
    }
}
