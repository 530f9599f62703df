//! The suite that every store must pass, through its ports alone. Each promise is a function that panics when the
//! store breaks it; [`run`] makes a fresh store for each.

mod alteration;
mod archive;
mod catalogue;
pub mod room;

use std::sync::Arc;

use boxoffice_core::change::{Actor, Change, EventKind, RequestKey, SeatChange, Transition};
use boxoffice_core::hold::{Booking, Contact, HeldSeat, Hold, HoldStatus};
use boxoffice_core::id::{Reference, Serial, ShowtimeId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::{Plan, SeatNo};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Showtime;
use smallvec::{SmallVec, smallvec};
use tokio::sync::{mpsc, oneshot};

use crate::queue::{Commit, CommitQueue, Outcome, Rejected, Ticket};
use crate::store::{Outcomes, Store};
use room::{NOW, make_showtime, settings};

/// Checks every promise, each with a store of its own.
pub async fn run<S: Store + 'static>(make: impl Fn() -> Arc<S>) {
    let bench = || Bench::start(make() as Arc<dyn Store>);
    a_stale_part_undoes_the_whole(bench()).await;
    a_loser_harms_nobody_else(bench()).await;
    revisions_have_no_gap_and_events_are_what_was_committed(bench()).await;
    what_is_loaded_is_what_the_log_makes(bench()).await;
    heads_are_where_the_logs_end(bench()).await;
    a_key_is_used_once(bench()).await;
    the_buyer_stays_with_the_booking(bench()).await;
    what_waits_when_the_queue_closes_is_committed(bench()).await;
    a_loser_leaves_no_trace_for_those_after_it(bench()).await;
    catalogue::entries_are_kept_as_given(bench()).await;
    catalogue::the_catalogue_keeps_what_it_is_given(bench()).await;
    catalogue::a_showtime_is_made_once(bench()).await;
    catalogue::showtimes_are_listed_by_their_start(bench()).await;
    catalogue::lists_follow_committed_settings(bench()).await;
    archive::bookings_are_found_newest_first(bench()).await;
    archive::a_blanked_buyer_is_nowhere(bench()).await;
    archive::what_is_old_is_let_go(bench()).await;
    alteration::an_entry_is_changed_from_what_was_read(bench()).await;
    alteration::what_is_used_stays(bench()).await;
    alteration::an_alteration_is_done_once_for_each_key(bench()).await;
    alteration::a_showtime_goes_whole_unless_it_was_held_from(bench()).await;
}

/// Checks what a store promises besides if all showtimes stand in one place: one that spreads them by showtime, as ids
/// lead there, would have to ask every place about every hold.
pub async fn run_in_one_place<S: Store + 'static>(make: impl Fn() -> Arc<S>) {
    a_serial_belongs_to_one_showtime(Bench::start(make() as Arc<dyn Store>)).await;
}

/// A running store with its queue.
struct Bench {
    store: Arc<dyn Store>,
    queue: Arc<CommitQueue>,
    outcomes: mpsc::UnboundedReceiver<Outcomes>,
}

/// Tells the outcome to whoever waits.
struct Word(oneshot::Sender<Outcome>);

impl Ticket for Word {
    fn in_doubt(&mut self) {}

    fn settle(self: Box<Self>, outcome: Outcome) {
        // A test that no longer waits has failed already.
        let _ = self.0.send(outcome);
    }
}

impl Bench {
    fn start(store: Arc<dyn Store>) -> Self {
        let queue = Arc::new(CommitQueue::new(1024));
        let (sink, outcomes) = mpsc::unbounded_channel();
        store.start(Arc::clone(&queue), sink);
        Self { store, queue, outcomes }
    }

    /// Queues transitions together and waits for all outcomes, in their order.
    async fn commit(&mut self, transitions: Vec<Transition>) -> Vec<Outcome> {
        let mut waiting = Vec::new();
        for transition in transitions {
            let (sender, outcome) = oneshot::channel();
            let pushed =
                self.queue.push(Commit { sealed: transition.into(), ticket: Box::new(Word(sender)) }, false);
            assert_eq!(pushed, Ok(()), "the queue has room");
            waiting.push(outcome);
        }
        self.settle(waiting).await
    }

    async fn settle(&mut self, waiting: Vec<oneshot::Receiver<Outcome>>) -> Vec<Outcome> {
        let mut settled = 0;
        while settled < waiting.len() {
            let batch = self.outcomes.recv().await.expect("the store hands back every outcome");
            for (ticket, outcome) in batch {
                ticket.settle(outcome);
                settled += 1;
            }
        }
        let mut outcomes = Vec::new();
        for outcome in waiting {
            outcomes.push(outcome.await.expect("each ticket is settled"));
        }
        outcomes
    }

    async fn one(&mut self, transition: Transition) -> Outcome {
        self.commit(vec![transition]).await.remove(0)
    }

    /// A showtime in a room of eight seats, the last of which its plan blocks.
    async fn showtime(&self, number: u64, starts_in_h: i64) -> ShowtimeId {
        let id = ShowtimeId::from_number(number);
        let made = make_showtime(&*self.store, id, room(), settings(number, starts_in_h)).await;
        assert!(made.number == number && !made.replayed, "a showtime can be made");
        id
    }
}

/// Eight seats, the last of which is blocked.
fn room() -> Arc<Plan> {
    room::plan(8, Some(8))
}

fn held(serial: Serial, seats: &[(SeatNo, u32)]) -> Hold {
    let seat = |&(no, version): &(SeatNo, u32)| HeldSeat {
        no,
        version,
        category: 0,
        ticket: "standard".into(),
        price: 1000,
        cancelled: false,
    };
    Hold {
        serial,
        version: 1,
        status: HoldStatus::Active,
        seats: seats.iter().map(seat).collect(),
        currency: Currency::new("EUR").expect("a currency"),
        created_at: NOW,
        expires_at: NOW.plus_ms(480_000),
        extendable_until: NOW.plus_ms(1_440_000),
        ended_at: None,
        key_id: 1,
        metadata: Vec::new(),
        booking: None,
    }
}

fn transition(
    showtime: ShowtimeId,
    kind: EventKind,
    seats: SmallVec<[SeatChange; 4]>,
    hold: Hold,
) -> Transition {
    let change = Change {
        at: NOW,
        kind,
        actor: Actor::Patron,
        seats,
        holds: smallvec![Arc::new(hold)],
        settings: None,
        request: None,
        reason: None,
    };
    Transition {
        showtime,
        change: Arc::new(change),
        settings_version: Some(1),
        never_held: false,
        keys_since: NOW,
        contact: None,
    }
}

/// A hold of seats that nobody has touched, or that were at the version before the given one.
fn hold(showtime: ShowtimeId, serial: Serial, seats: &[(SeatNo, u32)]) -> Transition {
    let change = |&(no, version): &(SeatNo, u32)| SeatChange {
        no,
        from: SeatStatus::Available,
        to: SeatStatus::Held,
        version,
        owner: serial,
    };
    transition(showtime, EventKind::HELD, seats.iter().map(change).collect(), held(serial, seats))
}

/// The booking of a hold of one seat at version 1.
fn booking(showtime: ShowtimeId, serial: Serial, no: SeatNo) -> Transition {
    let mut record = held(serial, &[(no, 2)]);
    (record.version, record.status, record.ended_at) = (2, HoldStatus::Booked, Some(NOW));
    record.booking = Some(Booking { reference: Reference::from_number(serial), created_at: NOW });
    let change = SeatChange { no, from: SeatStatus::Held, to: SeatStatus::Booked, version: 2, owner: serial };
    transition(showtime, EventKind::BOOKED, smallvec![change], record)
}

fn with(mut transition: Transition, edit: impl FnOnce(&mut Change)) -> Transition {
    edit(Arc::make_mut(&mut transition.change));
    transition
}

const fn committed(revision: u64) -> Outcome {
    Outcome::Committed { revision }
}

async fn a_stale_part_undoes_the_whole(mut bench: Bench) {
    let id = bench.showtime(10, 5).await;
    assert_eq!(bench.one(hold(id, 1, &[(0, 1), (1, 1)])).await, committed(2));
    let before = bench.store.load(id, NOW).await.expect("it loads").expect("it is there").snapshot;
    let stale_seat = hold(id, 2, &[(2, 1), (1, 1)]);
    let far_seat = hold(id, 3, &[(2, 1), (3, 2)]);
    let known_hold = hold(id, 1, &[(4, 1)]);
    let stale_settings = Transition { settings_version: Some(2), ..hold(id, 4, &[(4, 1)]) };
    let never_held = Transition { never_held: true, ..hold(id, 5, &[(4, 1)]) };
    let stale_hold = with(booking(id, 1, 0), |change| Arc::make_mut(&mut change.holds[0]).version = 3);
    let absent = hold(ShowtimeId::from_number(77), 6, &[(0, 1)]);
    for (what, stale) in [
        ("a seat that another has", stale_seat),
        ("a seat at a later version than it has", far_seat),
        ("a hold that is there already", known_hold),
        ("settings that changed", stale_settings),
        ("a showtime that was held from", never_held),
        ("a hold at another version", stale_hold),
        ("a showtime that is not there", absent),
    ] {
        assert_eq!(bench.one(stale).await, Outcome::Conflict, "{what}");
    }
    let after = bench.store.load(id, NOW).await.expect("it loads").expect("it is there").snapshot;
    assert_eq!((before.revision, before.seats, before.holds), (after.revision, after.seats, after.holds));
}

async fn a_loser_harms_nobody_else(mut bench: Bench) {
    let (one, other) = (bench.showtime(10, 5).await, bench.showtime(11, 5).await);
    let outcomes = bench
        .commit(vec![
            hold(one, 1, &[(0, 1)]),
            hold(one, 2, &[(1, 1), (0, 1)]),
            hold(other, 3, &[(0, 1)]),
            hold(one, 4, &[(1, 1)]),
            hold(other, 5, &[(1, 1), (0, 1)]),
            hold(other, 6, &[(1, 1)]),
        ])
        .await;
    let expected =
        [committed(2), Outcome::Conflict, committed(2), committed(3), Outcome::Conflict, committed(3)];
    assert_eq!(outcomes, expected, "a loser half way is undone, and the others are as if it had never been");
    for (id, serials) in [(one, [1, 4]), (other, [3, 6])] {
        for serial in serials {
            assert!(
                bench.store.hold(id, serial).await.expect("it reads").is_some(),
                "hold {serial} is there"
            );
        }
    }
    for (id, serial) in [(one, 2), (other, 5), (other, 1)] {
        assert_eq!(bench.store.hold(id, serial).await, Ok(None), "hold {serial} is not in {id}");
    }
}

async fn a_serial_belongs_to_one_showtime(mut bench: Bench) {
    let (one, other) = (bench.showtime(10, 5).await, bench.showtime(11, 5).await);
    let outcomes = bench.commit(vec![hold(one, 1, &[(0, 1)]), hold(other, 1, &[(0, 1)])]).await;
    assert_eq!(outcomes, [committed(2), Outcome::Conflict]);
    assert_eq!(bench.one(hold(other, 1, &[(0, 1)])).await, Outcome::Conflict);
    assert_eq!(bench.one(hold(other, 2, &[(0, 1)])).await, committed(2));
}

/// Head, settings and the mark of the first hold are as before a loser, also for what comes in the same batch.
async fn a_loser_leaves_no_trace_for_those_after_it(mut bench: Bench) {
    let id = bench.showtime(10, 5).await;
    let request = RequestKey { key: [7; 16], fingerprint: [8; 16] };
    let changed = |hold_ttl_ms, key| {
        with(hold(id, 9, &[]), |change| {
            change.holds.clear();
            change.kind = EventKind::SHOWTIME_CHANGED;
            change.settings = Some(Arc::new(Settings { version: 2, hold_ttl_ms, ..settings(10, 5) }));
            change.request = key;
        })
    };
    let keyed = with(hold(id, 9, &[]), |change| {
        change.holds.clear();
        change.request = Some(request);
    });
    let outcomes = bench
        .commit(vec![
            keyed,
            hold(id, 1, &[(0, 1), (1, 2)]),
            changed(60_000, Some(request)),
            Transition { never_held: true, ..changed(90_000, None) },
            hold(id, 2, &[(0, 1)]),
            Transition { settings_version: Some(2), ..hold(id, 3, &[(0, 1)]) },
        ])
        .await;
    let lost = Outcome::Conflict;
    assert_eq!(outcomes, [committed(2), lost.clone(), lost.clone(), committed(3), lost, committed(4)]);
    let loaded = bench.store.load(id, NOW).await.expect("it loads").expect("it is there");
    assert_eq!(loaded.snapshot.settings.hold_ttl_ms, 90_000);
    assert_eq!(loaded.snapshot.holds.iter().map(|hold| hold.serial).collect::<Vec<_>>(), [3]);
    let late = Transition { never_held: true, settings_version: Some(2), ..hold(id, 4, &[(1, 1)]) };
    assert_eq!(bench.one(late).await, Outcome::Conflict, "now it was held from");
}

async fn revisions_have_no_gap_and_events_are_what_was_committed(mut bench: Bench) {
    let id = bench.showtime(10, 5).await;
    let transitions: Vec<_> = (0..5).map(|no| hold(id, u64::from(no) + 1, &[(no, 1)])).collect();
    let changes: Vec<_> = transitions.iter().map(|transition| Arc::clone(&transition.change)).collect();
    let outcomes = bench.commit(transitions).await;
    assert_eq!(outcomes, (2..=6).map(committed).collect::<Vec<_>>());
    let page = bench.store.events(id, 1, 2).await.expect("it reads");
    assert_eq!(page.iter().map(|event| event.revision).collect::<Vec<_>>(), [2, 3]);
    let rest = bench.store.events(id, 3, 100).await.expect("it reads");
    let read: Vec<_> = page.into_iter().chain(rest).map(|event| event.change).collect();
    assert_eq!(read, changes);
    assert_eq!(bench.store.events(id, 6, 100).await, Ok(Vec::new()));
    assert_eq!(bench.store.events(id, u64::MAX, 100).await, Ok(Vec::new()));
}

async fn heads_are_where_the_logs_end(mut bench: Bench) {
    let (one, other, untold) =
        (bench.showtime(10, 5).await, bench.showtime(11, 5).await, bench.showtime(12, 5).await);
    assert_eq!(bench.one(hold(one, 1, &[(0, 1)])).await, committed(2));
    assert_eq!(bench.one(hold(untold, 3, &[(0, 1)])).await, committed(2));
    assert_eq!(bench.one(hold(one, 2, &[(6, 1), (1, 1)])).await, committed(3));
    let absent = ShowtimeId::from_number(77);
    let mut heads = bench.store.heads(&[other, absent, one]).await.expect("it reads");
    heads.sort_unstable();
    assert_eq!(heads, [(one, 3), (other, 1)], "of those that were asked for and are there");
    assert_eq!(bench.store.heads(&[]).await, Ok(Vec::new()));
}

async fn what_is_loaded_is_what_the_log_makes(mut bench: Bench) {
    let id = bench.showtime(10, 5).await;
    assert_eq!(bench.store.load(ShowtimeId::from_number(77), NOW).await.expect("it reads").map(|_| ()), None);
    let fresh = bench.store.load(id, NOW).await.expect("it loads").expect("it is there");
    assert!(!fresh.snapshot.ever_held && fresh.snapshot.revision == 1, "its plan blocked a seat");
    assert_eq!(bench.one(hold(id, 1, &[(0, 1)])).await, committed(2));
    assert_eq!(bench.one(hold(id, 2, &[(1, 1), (2, 1)])).await, committed(3));
    assert_eq!(bench.one(booking(id, 1, 0)).await, committed(4));
    let changed = with(booking(id, 9, 5), |change| {
        change.seats.clear();
        change.holds.clear();
        change.kind = EventKind::SHOWTIME_CHANGED;
        change.settings = Some(Arc::new(Settings { version: 2, hold_ttl_ms: 60_000, ..settings(10, 5) }));
    });
    assert_eq!(bench.one(changed).await, committed(5));
    let loaded = bench.store.load(id, NOW).await.expect("it loads").expect("it is there");
    assert!(loaded.snapshot.ever_held);
    let restored = Showtime::restore(id, Arc::clone(&loaded.plan), loaded.snapshot).expect("it is sound");
    let mut replayed = Showtime::new(id, loaded.plan, Arc::new(settings(10, 5)));
    for event in bench.store.events(id, 0, 100).await.expect("it reads") {
        replayed.apply(&event).expect("the log continues itself");
    }
    assert_eq!(restored.revision(), replayed.revision());
    assert_eq!(restored.seats(), replayed.seats());
    assert_eq!(restored.settings(), replayed.settings());
    assert_eq!(restored.holds().collect::<Vec<_>>(), replayed.holds().collect::<Vec<_>>());
}

async fn a_key_is_used_once(mut bench: Bench) {
    let (id, other) = (bench.showtime(10, 5).await, bench.showtime(11, 5).await);
    let request = RequestKey { key: [7; 16], fingerprint: [8; 16] };
    let keyed = |transition| with(transition, |change: &mut Change| change.request = Some(request));
    assert_eq!(bench.one(keyed(hold(id, 1, &[(0, 1)]))).await, committed(2));
    assert_eq!(bench.one(keyed(hold(id, 2, &[(1, 1)]))).await, Outcome::Conflict, "the key was used");
    assert_eq!(bench.one(keyed(hold(other, 3, &[(1, 1)]))).await, committed(2), "keys belong to a showtime");
    let store = Arc::clone(&bench.store);
    let keys = async |since| store.load(id, since).await.expect("it loads").expect("it is there").keys;
    let kept = keys(NOW).await;
    assert_eq!((kept.len(), kept[0].key, kept[0].revision, kept[0].at), (1, [7; 16], 2, NOW));
    assert!(keys(NOW.plus_ms(1)).await.is_empty(), "older ones are left out");
    let later = Transition { keys_since: NOW.plus_ms(1), ..keyed(hold(id, 4, &[(1, 1)])) };
    assert_eq!(bench.one(later).await, committed(3), "its time is over, removed or not");
    assert_eq!(keys(NOW).await[0].revision, 3);
}

async fn the_buyer_stays_with_the_booking(mut bench: Bench) {
    let id = bench.showtime(10, 5).await;
    let contact = Contact { name: Some("Ada".into()), email: Some("ada@example.org".into()) };
    assert_eq!(bench.one(hold(id, 1, &[(0, 1)])).await, committed(2));
    let booked = Transition { contact: Some(contact.clone()), ..booking(id, 1, 0) };
    assert_eq!(bench.one(booked).await, committed(3));
    let mut cancelled = held(1, &[(0, 3)]);
    (cancelled.version, cancelled.status, cancelled.ended_at) = (3, HoldStatus::Booked, Some(NOW));
    cancelled.booking = Some(Booking { reference: Reference::from_number(1), created_at: NOW });
    cancelled.seats[0].cancelled = true;
    let change =
        SeatChange { no: 0, from: SeatStatus::Booked, to: SeatStatus::Available, version: 3, owner: 0 };
    let cancel = transition(id, EventKind::CANCELLED, smallvec![change], cancelled.clone());
    assert_eq!(bench.one(cancel).await, committed(4));
    let stored = bench.store.hold(id, 1).await.expect("it reads").expect("it is there");
    assert_eq!((&*stored.hold, stored.contact), (&cancelled, Some(contact)));
    for event in bench.store.events(id, 0, 100).await.expect("it reads") {
        let bytes = event.change.encode();
        assert!(!bytes.windows(3).any(|part| part == b"Ada"), "event {} names the buyer", event.revision);
    }
}

async fn what_waits_when_the_queue_closes_is_committed(mut bench: Bench) {
    let id = bench.showtime(10, 5).await;
    let (sender, outcome) = oneshot::channel();
    let commit = Commit { sealed: hold(id, 1, &[(0, 1)]).into(), ticket: Box::new(Word(sender)) };
    assert_eq!(bench.queue.push(commit, false), Ok(()));
    bench.queue.refuse(Some(Rejected::Closed));
    let (late, _) = oneshot::channel();
    let late = Commit { sealed: hold(id, 2, &[(1, 1)]).into(), ticket: Box::new(Word(late)) };
    assert_eq!(bench.queue.push(late, true), Err(Rejected::Closed));
    assert_eq!(bench.settle(vec![outcome]).await, [committed(2)]);
    bench.store.stop().await;
}
