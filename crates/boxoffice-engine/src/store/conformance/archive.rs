//! What a store promises about finding bookings, blanking buyers and letting old showtimes go.

use boxoffice_core::change::Transition;
use boxoffice_core::hold::{BookingStatus, Contact};
use boxoffice_core::id::{CinemaId, Reference, Serial, ShowtimeId};

use super::catalogue::key;
use super::{Bench, NOW, booking, committed, hold, with};
use crate::archive::BookingFilter;
use crate::catalogue::NotAltered;
use crate::queue::Outcome;

const HOUR_MS: i64 = 3_600_000;

/// A booking of one seat, made so many hours from now.
async fn sell(bench: &mut Bench, id: ShowtimeId, serial: Serial, no: u32, hours: i64, email: Option<&str>) {
    assert!(matches!(bench.one(hold(id, serial, &[(no, 1)])).await, Outcome::Committed { .. }));
    let mut booked = with(booking(id, serial, no), |change| {
        let hold = std::sync::Arc::make_mut(&mut change.holds[0]);
        if let Some(booking) = &mut hold.booking {
            booking.created_at = NOW.plus_ms(hours * HOUR_MS);
        }
    });
    booked.contact = email.map(|email| Contact { name: Some("Ada".into()), email: Some(email.into()) });
    let booked = Transition { settings_version: None, ..booked };
    assert!(matches!(bench.one(booked).await, Outcome::Committed { .. }));
}

async fn found(bench: &Bench, filter: BookingFilter) -> Vec<Serial> {
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    let found = bench.store.archive().bookings(BookingFilter { limit, ..filter }).await.expect("it lists");
    found.iter().map(|found| found.stored.hold.serial).collect()
}

pub(super) async fn bookings_are_found_newest_first(mut bench: Bench) {
    let (one, other) = (bench.showtime(10, 5).await, bench.showtime(11, 6).await);
    sell(&mut bench, one, 1, 0, 3, Some("Ada@Example.org")).await;
    sell(&mut bench, other, 2, 0, 1, None).await;
    sell(&mut bench, one, 3, 1, 2, Some("bob@example.org")).await;
    sell(&mut bench, one, 4, 2, 2, Some("ada@example.ORG")).await;
    assert_eq!(bench.one(hold(one, 5, &[(3, 1)])).await, committed(8));
    let all = BookingFilter::default;
    assert_eq!(found(&bench, all()).await, [1, 4, 3, 2], "holds are not among them");
    assert_eq!(found(&bench, BookingFilter { limit: 2, ..all() }).await, [1, 4]);
    let at = |hours: i64| NOW.plus_ms(hours * HOUR_MS);
    assert_eq!(found(&bench, BookingFilter { after: Some((at(2), 4)), ..all() }).await, [3, 2]);
    let email = Some("ada@example.org".into());
    assert_eq!(found(&bench, BookingFilter { email, ..all() }).await, [1, 4], "case makes no difference");
    let reference = Some(Reference::from_number(3));
    assert_eq!(found(&bench, BookingFilter { reference, ..all() }).await, [3]);
    assert_eq!(found(&bench, BookingFilter { showtime: Some(one), ..all() }).await, [1, 4, 3]);
    let (from, to) = (Some(at(2)), Some(at(3)));
    assert_eq!(
        found(&bench, BookingFilter { from, to, ..all() }).await,
        [4, 3],
        "from is included, to is not"
    );
    let cinema = Some(CinemaId::from_number(9));
    assert_eq!(found(&bench, BookingFilter { cinema, ..all() }).await, []);
    let status = Some(BookingStatus::Cancelled);
    assert_eq!(found(&bench, BookingFilter { status, ..all() }).await, []);
    let cancelled = with(booking(other, 2, 0), |change| {
        let hold = std::sync::Arc::make_mut(&mut change.holds[0]);
        (hold.version, hold.seats[0].cancelled) = (3, true);
        (change.seats[0].version, change.seats[0].owner) = (3, 0);
    });
    assert_eq!(bench.one(cancelled).await, committed(4));
    assert_eq!(found(&bench, BookingFilter { status, ..all() }).await, [2]);
    let status = Some(BookingStatus::Confirmed);
    assert_eq!(found(&bench, BookingFilter { status, ..all() }).await, [1, 4, 3]);
}

pub(super) async fn a_blanked_buyer_is_nowhere(mut bench: Bench) {
    let id = bench.showtime(10, 5).await;
    sell(&mut bench, id, 1, 0, 0, Some("ada@example.org")).await;
    sell(&mut bench, id, 2, 1, 0, Some("bob@example.org")).await;
    assert_eq!(bench.one(hold(id, 3, &[(2, 1)])).await, committed(6));
    let archive = bench.store.archive();
    for serial in [3, 9] {
        assert_eq!(archive.erase_contact(id, serial, None).await, Err(NotAltered::Absent), "no booking");
    }
    let before = bench.store.hold(id, 1).await.expect("it reads").expect("it is there");
    let done = archive.erase_contact(id, 1, Some(key(1, 1))).await.expect("it is done");
    assert!(!done.replayed);
    assert!(archive.erase_contact(id, 1, Some(key(1, 1))).await.is_ok_and(|done| done.replayed));
    assert_eq!(archive.erase_contact(id, 2, Some(key(1, 2))).await, Err(NotAltered::KeyReused));
    assert!(archive.erase_contact(id, 1, None).await.is_ok(), "a blank one stays so");
    let after = bench.store.hold(id, 1).await.expect("it reads").expect("it is there");
    assert_eq!((&after.hold, &after.contact), (&before.hold, &None));
    let email = Some("ada@example.org".into());
    assert_eq!(found(&bench, BookingFilter { email, ..BookingFilter::default() }).await, []);
    assert_eq!(found(&bench, BookingFilter::default()).await, [2, 1]);
    let kept = bench.store.hold(id, 2).await.expect("it reads").expect("it is there");
    assert!(kept.contact.is_some(), "the other's buyer is there");
}

pub(super) async fn what_is_old_is_let_go(mut bench: Bench) {
    let (old, new) = (bench.showtime(10, 5).await, bench.showtime(11, 50).await);
    for (id, first) in [(old, 1), (new, 11)] {
        for no in 0..3 {
            sell(&mut bench, id, first + u64::from(no), no, 0, Some("ada@example.org")).await;
        }
    }
    let before = NOW.plus_ms(10 * HOUR_MS);
    let archive = bench.store.archive();
    assert_eq!(archive.erase_old_contacts(before, 2).await, Ok(2), "no more than asked for");
    assert_eq!(archive.erase_old_contacts(before, 2).await, Ok(1));
    assert_eq!(archive.erase_old_contacts(before, 2).await, Ok(0));
    let email = Some("ada@example.org".into());
    assert_eq!(found(&bench, BookingFilter { email, ..BookingFilter::default() }).await, [13, 12, 11]);
    assert_eq!(archive.remove_old_showtimes(before, 5).await, Ok(vec![old]));
    assert_eq!(archive.remove_old_showtimes(before, 5).await, Ok(vec![]));
    assert_eq!(found(&bench, BookingFilter::default()).await, [13, 12, 11]);
    assert!(bench.store.load(old, NOW).await.is_ok_and(|loaded| loaded.is_none()));
    assert_eq!(bench.one(hold(old, 30, &[(5, 1)])).await, Outcome::Conflict);
    assert_eq!(bench.one(hold(new, 31, &[(5, 1)])).await, committed(8));
}
