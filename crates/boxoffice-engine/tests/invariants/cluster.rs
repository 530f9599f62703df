//! What nodes of a cluster owe each other: to notice silence, to ask the gate for no more than they take, to wait for
//! each other's clocks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use boxoffice_core::command::{Command, HoldEdit, SeatRequest};
use boxoffice_core::hold::HoldStatus;
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::SeatNo;
use boxoffice_core::refusal::{Refusal, Unavailable};
use boxoffice_core::seat::SeatStatus;
use boxoffice_engine::box_office::{BoxOffice, Limits, Refused};
use boxoffice_engine::bus::{Bus, InProcessBus, Message, Subscriber};
use boxoffice_engine::gate::{Gate, GateSeat, InProcessGate, LocalGate, Passage};
use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::Store;
use parking_lot::Mutex;

use crate::faulty_store::FaultyStore;
use crate::house::{DeadBus, House, ID, caller, confirm, extend, hold, keyed, quiet, serial};

const MARGIN_MS: i64 = 250;

fn limits() -> Limits {
    Limits { takeover_margin_ms: MARGIN_MS, ..Limits::default() }
}

fn node(house: &House, seed: u64) -> BoxOffice {
    house.node_on(Arc::clone(&house.store) as Arc<dyn Store>, seed, limits())
}

fn figure(node: &BoxOffice, name: &str) -> u64 {
    node.figures().into_iter().find(|(known, ..)| *known == name).map(|(.., value)| value).unwrap()
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_is_noticed_without_the_next_one() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let board = other.board(ID).await.ok().unwrap();
    assert!(one.execute(ID, &hold(&[1, 2]), &caller()).await.is_ok());
    assert_eq!(board.revision(), 0, "nobody has told it");
    pass(1_000).await;
    assert_eq!(board.revision(), 1, "it has seen for itself");
    assert_eq!(
        (figure(&other, "boxoffice_boards_behind_total"), figure(&one, "boxoffice_boards_behind_total")),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_board_with_commits_of_its_own_is_level_without_a_read() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let store = FaultyStore::of_many(&house.store);
    let node = house.node_on(Arc::clone(&store) as Arc<dyn Store>, 1, limits());
    assert!(node.board(ID).await.is_ok());
    store.log_fails.store(true, Ordering::SeqCst);
    for seat in 1..=5 {
        house.clock.advance_ms(600);
        let held = node.execute(ID, &hold(&[seat]), &caller()).await;
        assert!(held.is_ok(), "seat {seat}, 600 ms after the last commit: {:?}", held.err());
    }
    house.clock.advance_ms(1_100);
    let late = node.execute(ID, &hold(&[6]), &caller()).await;
    assert_eq!(late.err(), Some(Refused::StoreUnavailable), "it has to look, and cannot");
}

#[tokio::test(start_paused = true)]
async fn a_board_that_changes_whenever_it_is_compared_is_level_once_the_change_has_come() {
    let bus = Arc::new(HandBus::default());
    let house = House::new(Arc::new(LocalGate), Arc::clone(&bus) as Arc<dyn Bus>).await;
    let store = FaultyStore::of_many(&house.store);
    let other = house.node_on(Arc::clone(&store) as Arc<dyn Store>, 2, limits());
    assert!(other.board(ID).await.is_ok());
    let one = house.node(1);
    store.log_fails.store(true, Ordering::SeqCst);
    for seat in 1..=5 {
        house.clock.advance_ms(700);
        assert!(one.execute(ID, &hold(&[seat]), &caller()).await.is_ok());
        // The boards are compared after 700 ms, and looked at again after 800: the change comes between.
        pass(750).await;
        bus.carry(0);
        pass(50).await;
    }
    assert_eq!(figure(&other, "boxoffice_boards_behind_total"), 0);
    let taken = other.execute(ID, &hold(&[1]), &caller()).await.err();
    assert!(matches!(taken, Some(Refused::Rule(Refusal::SeatUnavailable(_)))), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn a_showtime_that_another_node_took_away_is_gone() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let board = other.board(ID).await.ok().unwrap();
    assert!(one.remove_showtime(ID, None).await.is_ok());
    pass(1_000).await;
    assert!(board.is_gone());
    assert_eq!(other.execute(ID, &hold(&[1]), &caller()).await.err(), Some(Refused::ShowtimeNotFound));
}

/// A bus on which everything is carried when the test says so.
#[derive(Default)]
struct HandBus {
    kept: Mutex<Vec<(u64, Message)>>,
    inner: InProcessBus,
}

impl HandBus {
    fn carry(&self, place: usize) {
        let (node, message) = self.kept.lock().remove(place);
        self.inner.publish(node, &[message]);
    }
}

impl Bus for HandBus {
    fn publish(&self, node: u64, messages: &[Message]) {
        self.kept.lock().extend(messages.iter().map(|message| (node, message.clone())));
    }

    fn subscribe(&self, node: u64, subscriber: Subscriber) {
        self.inner.subscribe(node, subscriber);
    }
}

#[tokio::test(start_paused = true)]
async fn a_word_that_is_overtaken_is_waited_for() {
    let bus = Arc::new(HandBus::default());
    let house = House::new(Arc::new(LocalGate), Arc::clone(&bus) as Arc<dyn Bus>).await;
    let (one, other) = (house.node(1), house.node(2));
    let board = other.board(ID).await.ok().unwrap();
    for seat in 1..=4 {
        assert!(one.execute(ID, &hold(&[seat]), &caller()).await.is_ok());
    }
    // The third, then the fourth; the first and the second are left.
    bus.carry(2);
    bus.carry(2);
    assert_eq!(board.revision(), 0, "the first is missing");
    bus.carry(0);
    assert_eq!(board.revision(), 1, "the second is missing");
    bus.carry(0);
    assert_eq!(board.revision(), 4, "those that waited follow at once");
    pass(100).await;
    let gaps = || figure(&other, "boxoffice_bus_gaps_total");
    assert_eq!(gaps(), 0, "the log was not needed");
    for seat in 5..=6 {
        assert!(one.execute(ID, &hold(&[seat]), &caller()).await.is_ok());
    }
    bus.carry(1);
    pass(100).await;
    assert_eq!((board.revision(), gaps()), (6, 1), "what is lost is read");
}

/// A gate that notes what it is asked for, and turns away whom the test wants turned away.
#[derive(Default)]
struct NotingGate {
    asked: Mutex<Vec<Vec<SeatNo>>>,
    says: Mutex<Option<Passage>>,
}

impl Gate for NotingGate {
    fn claim(&self, _: ShowtimeId, seats: Vec<GateSeat>, _: u64) -> BoxFuture<'_, Passage> {
        self.asked.lock().push(seats.iter().map(|seat| seat.no).collect());
        Box::pin(std::future::ready(self.says.lock().unwrap_or(Passage::Admitted)))
    }

    fn release(&self, _: ShowtimeId, _: Vec<SeatNo>, _: u64) {}
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_asked_only_for_seats_that_change_hands() {
    let gate = Arc::new(NotingGate::default());
    let house = House::new(Arc::clone(&gate) as Arc<dyn Gate>, Arc::new(DeadBus)).await;
    let node = house.node(1);
    let asked = || std::mem::take(&mut *gate.asked.lock());
    let held = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    assert_eq!(asked(), [[0, 1]]);
    house.clock.advance_ms(1000);
    let add = SeatRequest { seat: "A3".into(), ticket: None };
    let edit = HoldEdit { add: [add].into_iter().collect(), extend: true, ..HoldEdit::default() };
    assert!(node.execute(ID, &Command::Edit(held, edit), &caller()).await.is_ok());
    assert_eq!(asked(), [[2]], "the two others are the hold's before and after");
    house.clock.advance_ms(1000);
    assert!(node.execute(ID, &extend(held), &caller()).await.is_ok());
    assert!(node.execute(ID, &confirm(held), &caller()).await.is_ok());
    assert!(node.execute(ID, &Command::Cancel { booking: held, seats: None }, &caller()).await.is_ok());
    let other = serial(&node.execute(ID, &hold(&[5, 6]), &caller()).await.ok().unwrap());
    asked();
    assert!(node.execute(ID, &Command::Release(other), &caller()).await.is_ok());
    assert!(node.execute(ID, &hold(&[7, 8]), &caller()).await.is_ok());
    assert!(node.execute(ID, &hold(&[8, 9]), &caller()).await.is_err(), "the board refuses");
    assert_eq!(asked(), [[6, 7]], "nobody else is in the way of an owner, and a refusal costs no call");
    house.clock.advance_ms(480_000);
    assert!(node.execute(ID, &hold(&[8]), &caller()).await.is_ok());
    let mut taken = asked().concat();
    taken.sort_unstable();
    assert_eq!(taken, [6, 7], "whoever takes over from an expired hold ends all of it");
}

/// A gate at which nobody lets go, as if each node were killed right after its commit.
#[derive(Default)]
struct UnreleasedGate(InProcessGate);

impl Gate for UnreleasedGate {
    fn claim(&self, showtime: ShowtimeId, seats: Vec<GateSeat>, token: u64) -> BoxFuture<'_, Passage> {
        self.0.claim(showtime, seats, token)
    }

    fn release(&self, _: ShowtimeId, _: Vec<SeatNo>, _: u64) {}
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_killed_node_is_over_with_its_commit() {
    let house = House::new(Arc::new(UnreleasedGate::default()), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let own = serial(&other.execute(ID, &hold(&[5]), &caller()).await.ok().unwrap());
    for round in 0..2 {
        let held = serial(&one.execute(ID, &hold(&[1, 2]), &keyed(round, 1)).await.ok().unwrap());
        assert!(one.execute(ID, &Command::Release(held), &caller()).await.is_ok());
    }
    assert_eq!(other.board(ID).await.ok().unwrap().revision(), 1, "nobody told it");
    let edit = HoldEdit {
        add: [SeatRequest { seat: "A1".into(), ticket: None }].into_iter().collect(),
        ..HoldEdit::default()
    };
    let added = other.execute(ID, &Command::Edit(own, edit), &caller()).await;
    assert!(added.is_ok(), "whoever has a token is not turned away before the board is level");
    assert!(other.execute(ID, &hold(&[2]), &caller()).await.is_ok());
    assert_eq!(house.check(), 3);
}

#[tokio::test(start_paused = true)]
async fn whom_the_gate_turns_away_is_told_why_and_leaves_nothing() {
    let gate = Arc::new(NotingGate::default());
    let house = House::new(Arc::clone(&gate) as Arc<dyn Gate>, Arc::new(DeadBus)).await;
    let node = house.node(1);
    let ask = async |says| {
        *gate.says.lock() = Some(says);
        node.execute(ID, &hold(&[1, 2]), &caller()).await.err()
    };
    let claimed = [(0, Unavailable::Claimed), (1, Unavailable::Claimed)].into_iter().collect();
    assert_eq!(ask(Passage::Taken).await, Some(Refused::Rule(Refusal::SeatUnavailable(claimed))));
    assert_eq!(ask(Passage::Shut).await, Some(Refused::Overloaded), "nobody knows that the seats are taken");
    assert_eq!(ask(Passage::Admitted).await, None, "no claim is left on the board");
    assert_eq!(house.check(), 2);
}

#[tokio::test(start_paused = true)]
async fn others_wait_for_the_clocks_and_the_owner_does_not() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (node(&house, 1), node(&house, 2));
    let held = serial(&one.execute(ID, &hold(&[1]), &caller()).await.ok().unwrap());
    let bought = serial(&one.execute(ID, &hold(&[2]), &caller()).await.ok().unwrap());
    house.clock.advance_ms(479_999);
    assert!(one.execute(ID, &confirm(bought), &caller()).await.is_ok(), "in time by a millisecond");
    house.clock.advance_ms(1);
    let late = one.execute(ID, &confirm(held), &caller()).await;
    assert_eq!(late.err(), Some(Refused::Rule(Refusal::HoldExpired)), "the owner's time is over at once");
    house.clock.advance_ms(MARGIN_MS - 1);
    for node in [&one, &other] {
        let early = node.execute(ID, &hold(&[1]), &caller()).await;
        assert!(matches!(early.err(), Some(Refused::Rule(Refusal::SeatUnavailable(_)))));
    }
    pass(1_000).await;
    let status = || house.store.holds(ID).into_iter().find(|hold| hold.serial == held).unwrap().status;
    assert_eq!(status(), HoldStatus::Active, "nobody sweeps it before");
    house.clock.advance_ms(1);
    assert!(other.execute(ID, &hold(&[1]), &caller()).await.is_ok());
    assert_eq!(status(), HoldStatus::Expired);
    house.check();
}

#[tokio::test(start_paused = true)]
async fn each_expiry_is_swept_once_by_whichever_node_comes_first() {
    let house = House::new(Arc::new(LocalGate), Arc::new(InProcessBus::default())).await;
    let nodes = [node(&house, 1), node(&house, 2), node(&house, 3)];
    for seat in 1..=6 {
        assert!(nodes[0].execute(ID, &hold(&[seat]), &caller()).await.is_ok());
    }
    for node in &nodes {
        assert!(node.board(ID).await.is_ok());
    }
    house.clock.advance_ms(480_000 + MARGIN_MS);
    // The nodes' clock moves on as their sweepers sleep.
    for _ in 0..8 {
        pass(50).await;
        house.clock.advance_ms(50);
    }
    assert_eq!(house.check(), 0);
    assert_eq!(house.store.events(ID, 0, 100).await.unwrap().len(), 12, "six holds and six expiries");
    for node in &nodes {
        let board = node.board(ID).await.ok().unwrap();
        assert!(
            board.seats(house.store.newest_time()).0.iter().all(|seat| seat.status == SeatStatus::Available)
        );
        assert_eq!(board.revision(), 12);
    }
}
