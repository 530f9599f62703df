//! What the engine promises, with several nodes on one store and clients that vanish.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "invariants/cluster.rs"]
mod cluster;
#[path = "invariants/faults.rs"]
mod faults;
#[path = "invariants/faulty_store.rs"]
mod faulty_store;
#[path = "invariants/house.rs"]
mod house;
#[path = "invariants/nodes.rs"]
mod nodes;
#[path = "support/ports.rs"]
mod support;
#[path = "invariants/traces.rs"]
mod traces;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use boxoffice_core::command::Command;
use boxoffice_core::hold::{BookingStatus, HoldStatus};
use boxoffice_core::refusal::Refusal;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::{BoxOffice, Refused};
use boxoffice_engine::bus::{Bus, InProcessBus};
use boxoffice_engine::clock::Clock as _;
use boxoffice_engine::gate::{Gate, InProcessGate, LocalGate};
use boxoffice_engine::random::{Randomness as _, Seeded};
use boxoffice_engine::store::Store as _;

use house::{DeadBus, House, ID, SEATS, caller, confirm, extend, hold, keyed, quiet, serial};

/// Polls a request so often at most, and lets it go.
async fn vanish_after(polls: usize, request: impl Future) {
    let mut request = pin!(request);
    for _ in 0..polls {
        if request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A stranger can take every seat that nobody owns: no claim was left behind.
async fn take_all_free_seats(house: &House, node: &BoxOffice, what: &str) {
    let board = node.board(ID).await.ok().unwrap();
    let free = board.seats(house.clock.now()).0.into_iter();
    let free = free.filter(|seat| seat.status == SeatStatus::Available).map(|seat| seat.no + 1);
    for number in free.collect::<Vec<_>>() {
        let taken = node.execute(ID, &hold(&[number]), &caller()).await;
        assert_eq!(taken.err(), None, "seat {number} stayed claimed {what}");
    }
    assert_eq!(house.check(), SEATS as usize, "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_buyer_who_vanishes_at_any_point_leaves_no_claim_and_no_half_effect() {
    let ways = [(true, true), (true, false), (false, true), (false, false)];
    for ((gate, with_key), polls) in ways.into_iter().flat_map(|way| (0..12).map(move |polls| (way, polls))) {
        let gate: Arc<dyn Gate> = if gate { Arc::new(InProcessGate::default()) } else { Arc::new(LocalGate) };
        let house = House::new(gate, Arc::new(InProcessBus::default())).await;
        let node = house.node(1);
        let buyer = if with_key { keyed(1, 1) } else { caller() };
        vanish_after(polls, node.execute(ID, &hold(&[1, 2]), &buyer)).await;
        quiet().await;
        let owned = house.check();
        assert!(owned == 0 || owned == 2, "half a hold after {polls} polls: {owned} seats");
        assert!(owned == 2 || polls < 11, "so many polls are enough");
        take_all_free_seats(&house, &node, &format!("after {polls} polls")).await;
    }
}

/// Thousands wait at once, and what each of them has is in the way of all others in the processor's cache.
#[tokio::test(start_paused = true)]
async fn who_waits_for_the_store_has_little_state() {
    let house = House::alone().await;
    let node = house.node(1);
    let board = node.board(ID).await.ok().unwrap();
    let (command, caller) = (hold(&[1, 2]), caller());
    let size = size_of_val(&node.execute_on(board, &command, &caller));
    assert!(size <= 1000, "{size} bytes");
}

#[tokio::test(start_paused = true)]
async fn whoever_vanishes_from_a_command_about_a_hold_leaves_it_to_the_next_one() {
    for polls in 0..12 {
        for number in 0..4 {
            let house = House::alone().await;
            let node = house.node(1);
            let serial = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
            house.clock.advance_ms(1000);
            if number == 3 {
                node.execute(ID, &confirm(serial), &caller()).await.ok().unwrap();
            }
            let command = match number {
                0 => confirm(serial),
                1 => extend(serial),
                2 => Command::Release(serial),
                _ => Command::Cancel { booking: serial, seats: None },
            };
            vanish_after(polls, node.execute(ID, &command, &keyed(1, 1))).await;
            quiet().await;
            let again = node.execute(ID, &command, &keyed(1, 1)).await;
            assert!(again.is_ok_and(|done| done.event.is_some()), "{command:?} after {polls} polls");
            let changes = house.store.events(ID, 0, 100).await.unwrap().len();
            assert_eq!(changes, if number == 3 { 3 } else { 2 }, "{command:?} was done once");
            take_all_free_seats(&house, &node, &format!("by {command:?} after {polls} polls")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_double_click_is_never_refused_for_its_own_claim() {
    let house = House::alone().await;
    let node = house.node(1);
    let serial = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    let clicks: Vec<_> = (0..8)
        .map(|_| {
            let node = node.clone();
            tokio::spawn(async move { node.execute(ID, &confirm(serial), &caller()).await })
        })
        .collect();
    let mut made = 0;
    for click in clicks {
        let done = click.await.unwrap().ok().unwrap();
        assert_eq!(done.hold.as_ref().unwrap().status, HoldStatus::Booked);
        made += usize::from(done.event.is_some());
    }
    assert_eq!(made, 1, "one of them made it");
}

#[tokio::test(start_paused = true)]
async fn an_expired_hold_is_free_at_once_and_swept_within_250_ms() {
    let house = House::alone().await;
    let node = house.node(1);
    let first = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    let second = serial(&node.execute(ID, &hold(&[3]), &caller()).await.ok().unwrap());
    house.clock.advance_ms(480_000);
    let third = node.execute(ID, &hold(&[2]), &caller()).await.expect("free, swept or not");
    let change = Arc::clone(&third.event.expect("a change").change);
    let ended = change.holds.iter().any(|hold| hold.serial == first && hold.status == HoldStatus::Expired);
    assert!(ended, "the first hold ends with the same change");
    let left = node.board(ID).await.ok().unwrap().seats(house.clock.now()).0[0].status;
    assert_eq!(left, SeatStatus::Available, "its other seats are let go with it");
    let late = node.execute(ID, &confirm(first), &caller()).await;
    assert_eq!(late.err(), Some(Refused::Rule(Refusal::HoldExpired)));
    for _ in 0..250 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        house.clock.advance_ms(1);
    }
    let swept = house.store.holds(ID).into_iter().find(|hold| hold.serial == second).unwrap();
    assert_eq!(swept.status, HoldStatus::Expired);
    house.check();
}

#[tokio::test(start_paused = true)]
async fn the_same_key_gives_the_same_answer_on_any_node() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let first = one.execute(ID, &hold(&[1]), &keyed(1, 1)).await.ok().unwrap();
    for node in [&one, &other] {
        let again = node.execute(ID, &hold(&[1]), &keyed(1, 1)).await.ok().unwrap();
        assert!(again.replayed && again.hold == first.hold);
        let reused = node.execute(ID, &hold(&[2]), &keyed(1, 2)).await;
        assert_eq!(reused.err(), Some(Refused::IdempotencyKeyReused));
    }
    let race = [one.clone(), other.clone(), one, other].map(|node| {
        tokio::spawn(async move { node.execute(ID, &hold(&[5, 6]), &keyed(2, 1)).await.ok().unwrap() })
    });
    let mut fresh = 0;
    for request in race {
        fresh += usize::from(!request.await.unwrap().replayed);
    }
    assert_eq!((fresh, house.check()), (1, 3), "one effect, however many ask");
}

#[tokio::test(start_paused = true)]
async fn a_hold_made_on_one_node_is_managed_on_the_other_at_once() {
    for bus in [Arc::new(InProcessBus::default()) as Arc<dyn Bus>, Arc::new(DeadBus)] {
        let house = House::new(Arc::new(LocalGate), bus).await;
        let (one, other) = (house.node(1), house.node(2));
        assert!(other.execute(ID, &hold(&[9]), &caller()).await.is_ok(), "the other has its board loaded");
        let serial = serial(&one.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
        house.clock.advance_ms(1000);
        assert!(other.execute(ID, &extend(serial), &caller()).await.is_ok());
        assert!(one.execute(ID, &confirm(serial), &caller()).await.is_ok());
        let cancel = Command::Cancel { booking: serial, seats: None };
        let done = other.execute(ID, &cancel, &caller()).await.ok().unwrap();
        assert_eq!(done.hold.unwrap().booking_status(), BookingStatus::Cancelled);
    }
}

#[tokio::test(start_paused = true)]
async fn a_showtime_that_was_called_off_lets_everything_go() {
    let house = House::alone().await;
    let node = house.node(1);
    let booked = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    node.execute(ID, &confirm(booked), &caller()).await.ok().unwrap();
    node.execute(ID, &hold(&[3]), &caller()).await.ok().unwrap();
    node.execute(ID, &Command::CancelShowtime, &caller()).await.ok().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(house.check(), 0);
    let refused = node.execute(ID, &hold(&[4]), &caller()).await;
    assert_eq!(refused.err(), Some(Refused::Rule(Refusal::ShowtimeCancelled)));
}

#[tokio::test(start_paused = true)]
async fn no_seat_is_sold_twice_by_two_nodes_whatever_gate_and_bus_do() {
    for (round, (gate, bus)) in [
        (Arc::new(LocalGate) as Arc<dyn Gate>, Arc::new(DeadBus) as Arc<dyn Bus>),
        (Arc::new(LocalGate), Arc::new(InProcessBus::default())),
        (Arc::new(InProcessGate::default()), Arc::new(DeadBus)),
        (Arc::new(InProcessGate::default()), Arc::new(InProcessBus::default())),
    ]
    .into_iter()
    .enumerate()
    {
        let house = House::new(gate, bus).await;
        let nodes = [house.node(1), house.node(2)];
        let lots = Arc::new(Seeded::new(round as u64));
        let patrons: Vec<_> = (0..200)
            .map(|number| {
                let (node, lots) = (nodes[number % 2].clone(), Arc::clone(&lots));
                tokio::spawn(async move {
                    let first = lots.next() as u32 % (SEATS - 1) + 1;
                    let Ok(held) = node.execute(ID, &hold(&[first, first + 1]), &caller()).await else {
                        return None;
                    };
                    let serial = serial(&held);
                    match lots.next() % 3 {
                        0 => drop(node.execute(ID, &Command::Release(serial), &caller()).await),
                        1 => return node.execute(ID, &confirm(serial), &caller()).await.ok().map(|_| serial),
                        _ => {}
                    }
                    None
                })
            })
            .collect();
        let mut booked = Vec::new();
        for patron in patrons {
            booked.extend(patron.await.unwrap());
        }
        quiet().await;
        house.check();
        for serial in booked {
            let hold = house.store.holds(ID).into_iter().find(|hold| hold.serial == serial).unwrap();
            assert_eq!(hold.status, HoldStatus::Booked, "an acknowledged booking is there");
        }
        let stored = house.store.load(ID, Timestamp::default()).await.unwrap().unwrap().snapshot;
        for node in &nodes {
            // Whoever brings a key is answered from a board that is level.
            drop(node.execute(ID, &Command::Release(u64::MAX >> 1), &keyed(9, 9)).await);
            let board = node.board(ID).await.ok().unwrap();
            assert_eq!(board.revision(), stored.revision);
            let taken = board
                .seats(house.clock.now())
                .0
                .iter()
                .filter(|seat| seat.status != SeatStatus::Available)
                .count();
            assert_eq!(taken, house.check(), "the board is as the store");
        }
    }
}
