//! Two nodes on one store, with a bus that cannot be relied on.

use std::sync::Arc;
use std::time::Duration;

use boxoffice_core::command::{Command, ExpectedVersion, HoldEdit, SettingsPatch};
use boxoffice_core::hold::HoldStatus;
use boxoffice_core::id::Serial;
use boxoffice_core::refusal::Refusal;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Showtime;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::{BoxOffice, Refused};
use boxoffice_engine::bus::{Bus, InProcessBus, Message, Subscriber};
use boxoffice_engine::gate::{Gate, InProcessGate, LocalGate};
use boxoffice_engine::random::{Randomness as _, Seeded};
use boxoffice_engine::store::Store as _;
use parking_lot::Mutex;

use crate::house::{DeadBus, House, ID, SEATS, caller, confirm, extend, hold, quiet, serial};

/// A bus that loses a third of all messages, doubles some, and carries others late and out of order.
struct PoorBus {
    lots: Seeded,
    late: Mutex<Vec<Message>>,
    inner: InProcessBus,
}

impl PoorBus {
    fn new(seed: u64) -> Self {
        Self { lots: Seeded::new(seed), late: Mutex::default(), inner: InProcessBus::default() }
    }
}

impl Bus for PoorBus {
    fn publish(&self, node: u64, messages: &[Message]) {
        match self.lots.next() % 6 {
            0 | 1 => {}
            2 => self.inner.publish(node, &[messages, messages].concat()),
            3 => self.late.lock().extend_from_slice(messages),
            4 => {
                let late: Vec<_> = self.late.lock().drain(..).rev().collect();
                self.inner.publish(node, messages);
                self.inner.publish(node, &late);
            }
            _ => self.inner.publish(node, messages),
        }
    }

    fn subscribe(&self, node: u64, subscriber: Subscriber) {
        self.inner.subscribe(node, subscriber);
    }
}

/// What an acknowledged walk through the shop leaves.
struct Left {
    serial: Serial,
    status: HoldStatus,
}

/// Holds, and then extends, confirms, cancels or gives back on whichever node comes first. With a token nobody is
/// refused but for the truth.
async fn walk(nodes: [BoxOffice; 2], lots: Arc<Seeded>) -> Option<Left> {
    let node = || &nodes[lots.next() as usize % 2];
    let first = lots.next() as u32 % (SEATS - 1) + 1;
    let held = match node().execute(ID, &hold(&[first, first + 1]), &caller()).await {
        Ok(held) => serial(&held),
        Err(Refused::Rule(Refusal::SeatUnavailable(_)) | Refused::Overloaded) => return None,
        Err(why) => panic!("a stranger is refused: {why:?}"),
    };
    for _ in 0..lots.next() % 3 {
        let extended = node().execute(ID, &extend(held), &caller()).await;
        assert!(extended.is_ok(), "extending: {:?}", extended.err());
    }
    let then = match lots.next() % 4 {
        0 => Command::Release(held),
        1 => return Some(Left { serial: held, status: HoldStatus::Active }),
        _ => confirm(held),
    };
    let status = if matches!(then, Command::Release(_)) { HoldStatus::Released } else { HoldStatus::Booked };
    let done = node().execute(ID, &then, &caller()).await;
    assert!(done.is_ok(), "{then:?}: {:?}", done.err());
    if status == HoldStatus::Booked && lots.next().is_multiple_of(3) {
        let cancel = Command::Cancel { booking: held, seats: None };
        let done = node().execute(ID, &cancel, &caller()).await;
        assert!(done.is_ok(), "cancelling: {:?}", done.err());
    }
    Some(Left { serial: held, status })
}

/// The log makes what is stored, and the node's board is as that.
async fn compare(house: &House, node: &BoxOffice) {
    let stored = house.store.load(ID, Timestamp::default()).await.unwrap().unwrap();
    let first = Settings { version: 1, cancelled: false, ..(*stored.snapshot.settings).clone() };
    let mut replayed = Showtime::new(ID, Arc::clone(&stored.plan), Arc::new(first));
    for event in house.store.events(ID, 0, usize::MAX).await.unwrap() {
        replayed.apply(&event).unwrap();
    }
    let stored = Showtime::restore(ID, stored.plan, stored.snapshot).unwrap();
    assert_eq!((stored.revision(), stored.seats()), (replayed.revision(), replayed.seats()));
    let board = node.board(ID).await.ok().unwrap();
    let (seats, revision) = board.seats(Timestamp::default());
    assert_eq!(revision, stored.revision());
    for (seat, state) in seats.iter().zip(stored.seats()) {
        assert_eq!((seat.status, seat.version), (state.status, state.version), "seat {}", seat.no);
    }
}

#[tokio::test(start_paused = true)]
async fn random_patrons_through_two_nodes_find_the_truth() {
    let mut held = 0;
    for seed in 0..12 {
        let gate: Arc<dyn Gate> =
            if seed % 2 == 0 { Arc::new(LocalGate) } else { Arc::new(InProcessGate::default()) };
        let bus: Arc<dyn Bus> = if seed % 3 == 0 { Arc::new(DeadBus) } else { Arc::new(PoorBus::new(seed)) };
        let house = House::new(gate, bus).await;
        let nodes = [house.node(2 * seed + 1), house.node(2 * seed + 2)];
        let lots = Arc::new(Seeded::new(seed));
        let mut left = Vec::new();
        for _ in 0..10 {
            let walks: Vec<_> =
                (0..12).map(|_| tokio::spawn(walk(nodes.clone(), Arc::clone(&lots)))).collect();
            for walk in walks {
                left.extend(walk.await.unwrap());
            }
            house.check();
            house.clock.advance_ms(1 + (lots.next() % 1500) as i64);
        }
        let stored = house.store.holds(ID);
        for left in &left {
            let hold = stored.iter().find(|hold| hold.serial == left.serial).expect("it is there");
            assert_eq!(hold.status, left.status, "every acknowledged effect is in the store");
        }
        held += left.len();
        quiet().await;
        for node in &nodes {
            // Whoever asks for what is not there is answered from a level board.
            drop(node.execute(ID, &Command::Release(1), &caller()).await);
            compare(&house, node).await;
        }
    }
    assert!(held > 100, "{held} holds prove little");
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_a_node_has_not_heard_of_is_released_whole() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    assert!(other.board(ID).await.is_ok(), "the other has its board loaded");
    let held = serial(&one.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    let done = other.execute(ID, &Command::Release(held), &caller()).await.ok().unwrap();
    assert_eq!(done.event.unwrap().change.seats.len(), 2, "its seats are let go with it");
    assert_eq!(house.check(), 0);
    compare(&house, &other).await;
    assert!(other.execute(ID, &hold(&[1, 2]), &caller()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nothing_changes_on_a_node_that_has_not_heard_that_the_showtime_was_called_off() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let held = serial(&one.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    assert!(other.board(ID).await.is_ok(), "the other has its board loaded");
    assert!(one.execute(ID, &Command::CancelShowtime, &caller()).await.is_ok());
    let block = Command::Block { seats: vec!["A5".into()], reason: None };
    let edit = HoldEdit { remove: vec!["A2".into()], ..HoldEdit::default() };
    for command in [block, Command::Edit(held, edit)] {
        let refused = other.execute(ID, &command, &caller()).await.err();
        assert_eq!(refused, Some(Refused::Rule(Refusal::ShowtimeCancelled)), "{command:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_names_versions_is_not_refused_by_settings_that_are_over() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let limit = |seats| {
        let patch = SettingsPatch { max_seats_per_hold: Some(seats), ..SettingsPatch::default() };
        Command::ChangeShowtime(patch)
    };
    assert!(one.execute(ID, &limit(1), &caller()).await.is_ok());
    assert!(other.board(ID).await.is_ok(), "the other has its board loaded");
    assert!(one.execute(ID, &limit(2), &caller()).await.is_ok());
    let Command::Hold(mut request) = hold(&[1, 2]) else { unreachable!() };
    request.versions = vec![ExpectedVersion { seat: "A1".into(), version: 0 }];
    let held = other.execute(ID, &Command::Hold(request), &caller()).await;
    assert_eq!(held.err(), None);
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_another_node_put_back_on_sale_is_blocked_again() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let block = |seats: &[&str]| Command::Block {
        seats: seats.iter().map(|seat| (*seat).into()).collect(),
        reason: None,
    };
    let unblock = Command::Unblock { seats: vec!["A1".into()], reason: None };
    assert!(one.execute(ID, &block(&["A1"]), &caller()).await.is_ok());
    assert!(other.execute(ID, &unblock, &caller()).await.is_ok());
    assert!(one.execute(ID, &block(&["A1", "A2"]), &caller()).await.is_ok());
    let seats = one.board(ID).await.ok().unwrap().seats(Timestamp::default()).0;
    assert_eq!([seats[0].status, seats[1].status], [SeatStatus::Blocked; 2]);
    compare(&house, &one).await;
}

#[tokio::test(start_paused = true)]
async fn a_sweeper_that_loses_a_conflict_catches_up() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let held = serial(&one.execute(ID, &hold(&[1]), &caller()).await.ok().unwrap());
    let board = other.board(ID).await.ok().unwrap();
    assert!(one.execute(ID, &confirm(held), &caller()).await.is_ok());
    house.clock.advance_ms(480_000);
    // Nobody asks the other node anything; only its sweeper is at it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(board.revision(), 2, "the lost conflict told it that it was behind");
}

#[tokio::test(start_paused = true)]
async fn a_called_off_showtime_is_wound_up_by_whoever_loads_it() {
    let house = House::alone().await;
    let node = house.node(1);
    assert!(node.execute(ID, &hold(&[1, 2]), &caller()).await.is_ok());
    assert!(node.execute(ID, &Command::CancelShowtime, &caller()).await.is_ok());
    // The node goes down before it has wound up.
    node.close();
    drop(node);
    assert_eq!(house.check(), 2);
    let next = house.node(2);
    assert!(next.board(ID).await.is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.check(), 0);
    compare(&house, &next).await;
}
