//! Events that do not continue the state are refused whole: not a seat, record or setting of theirs takes effect.

use std::sync::Arc;

use boxoffice_core::change::{Actor, Change, Event, EventKind, SeatChange};
use boxoffice_core::hold::{HeldSeat, Hold, HoldStatus};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Showtime;

use super::room::{START, settings};
use super::view::{picture, showtime};

fn taken(no: u32) -> SeatChange {
    SeatChange { no, from: SeatStatus::Available, to: SeatStatus::Held, version: 1, owner: 1 }
}

/// Hold 1, with seat 0.
fn hold(version: u32, status: HoldStatus) -> Arc<Hold> {
    let seat =
        HeldSeat { no: 0, version: 1, category: 0, ticket: "adult".into(), price: 1, cancelled: false };
    Arc::new(Hold {
        serial: 1,
        version,
        status,
        seats: [seat].into_iter().collect(),
        currency: settings().currency,
        created_at: START,
        expires_at: START.plus_ms(1),
        extendable_until: START.plus_ms(1),
        ended_at: None,
        key_id: 1,
        metadata: Vec::new(),
        booking: None,
    })
}

fn change(seats: &[SeatChange], holds: &[Arc<Hold>], settings: Option<Settings>) -> Change {
    Change {
        at: START,
        kind: EventKind::HELD,
        actor: Actor::Patron,
        seats: seats.iter().copied().collect(),
        holds: holds.iter().cloned().collect(),
        settings: settings.map(Arc::new),
        request: None,
        reason: None,
    }
}

/// A showtime with hold 1 at revision 1.
fn held() -> Showtime {
    let mut showtime = showtime(settings());
    let change = change(&[taken(0)], &[hold(1, HoldStatus::Active)], None);
    showtime.apply(&Event { revision: 1, change: Arc::new(change) }).expect("the first event");
    showtime
}

#[track_caller]
fn refused(change: Change) {
    let mut showtime = held();
    let before = picture(&showtime);
    let applied = showtime.apply(&Event { revision: 2, change: Arc::new(change) });
    assert!(applied.is_err(), "applied");
    assert_eq!(picture(&showtime), before);
}

#[test]
fn one_bad_seat_spoils_the_event() {
    refused(change(&[taken(1), taken(0)], &[], None));
    refused(change(&[taken(1), taken(18)], &[], None));
    refused(change(&[taken(1), SeatChange { version: 3, ..taken(2) }], &[], None));
}

#[test]
fn a_seat_is_changed_once() {
    refused(change(&[taken(1), SeatChange { owner: 2, ..taken(1) }], &[], None));
}

#[test]
fn a_seat_never_changes_to_version_0() {
    refused(change(&[SeatChange { version: 0, ..taken(1) }], &[], None));
}

#[test]
fn a_record_continues_its_version_before() {
    for version in [0, 1, 3] {
        refused(change(&[], &[hold(version, HoldStatus::Active)], None));
        refused(change(&[], &[hold(version, HoldStatus::Released)], None));
    }
}

#[test]
fn settings_continue_their_version_before() {
    for version in [0, 1, 3] {
        refused(change(&[], &[], Some(Settings { version, ..settings() })));
    }
}
