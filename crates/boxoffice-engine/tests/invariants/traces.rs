//! What clients that vanish and reads that fail must not leave behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use boxoffice_core::command::Command;
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::{BoxOffice, Limits, Refused};
use boxoffice_engine::store::Store;

use crate::faulty_store::{FaultyStore, Mode};
use crate::house::{House, ID, caller, confirm, hold, quiet, serial};

async fn bench(limits: Limits) -> (House, Arc<FaultyStore>, BoxOffice) {
    let house = House::alone().await;
    let store = FaultyStore::before(&house.store);
    let node = house.node_on(Arc::clone(&store) as Arc<dyn Store>, 1, limits);
    (house, store, node)
}

/// Asks, and vanishes before there is an answer.
async fn vanish(request: impl Future) {
    let mut request = pin!(request);
    for _ in 0..3 {
        assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        tokio::task::yield_now().await;
    }
}

fn confirms(node: &BoxOffice, serial: u64) -> tokio::task::JoinHandle<Result<(), Refused>> {
    let node = node.clone();
    tokio::spawn(async move { node.execute(ID, &confirm(serial), &caller()).await.map(|_| ()) })
}

#[tokio::test(start_paused = true)]
async fn who_vanishes_while_a_board_loads_takes_no_place_among_the_boards() {
    let (_house, _store, node) = bench(Limits { boards: 1, ..Limits::default() }).await;
    vanish(node.board(ShowtimeId::from_number(8))).await;
    assert!(node.board(ID).await.is_ok(), "its place is free again");
    assert_eq!(node.boards(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_vanishes_while_waiting_for_a_hold_takes_no_place_in_its_queue() {
    let (_house, store, node) = bench(Limits::default()).await;
    let serial = serial(&node.execute(ID, &hold(&[1]), &caller()).await.ok().unwrap());
    store.set(Mode::Kept);
    let mut asked = vec![confirms(&node, serial)];
    quiet().await;
    for _ in 0..20 {
        vanish(node.execute(ID, &confirm(serial), &caller())).await;
    }
    asked.extend((0..8).map(|_| confirms(&node, serial)));
    quiet().await;
    let tenth = node.execute(ID, &confirm(serial), &caller()).await;
    assert_eq!(tenth.err(), Some(Refused::Overloaded), "eight wait");
    store.hand_back(0);
    for asked in asked {
        assert_eq!(asked.await.unwrap(), Ok(()), "whoever stayed is answered");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_that_nothing_was_done_when_it_was() {
    let (house, store, node) = bench(Limits::default()).await;
    let serial = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    assert!(node.execute(ID, &confirm(serial), &caller()).await.is_ok());
    store.set(Mode::Kept);
    let asker = node.clone();
    let cancel = Command::Cancel { booking: serial, seats: None };
    let cancelled = tokio::spawn(async move { asker.execute(ID, &cancel, &caller()).await.map(|_| ()) });
    quiet().await;
    store.log_fails.store(true, Ordering::SeqCst);
    store.hand_back(0);
    assert_eq!(cancelled.await.unwrap(), Err(Refused::OutcomeUnknown), "the buyer could not be read");
    assert_eq!(house.check(), 0, "but the seats are free");
}
