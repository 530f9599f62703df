//! What the engine promises while its store is slow, overwhelmed or cannot say what became of a commit.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use boxoffice_core::command::Command;
use boxoffice_core::hold::HoldStatus;
use boxoffice_core::refusal::{Refusal, Unavailable};
use boxoffice_engine::box_office::{BoxOffice, Caller, Done, Limits, Refused};
use boxoffice_engine::queue::Rejected;
use boxoffice_engine::store::Store;
use tokio::task::JoinHandle;

use crate::faulty_store::{FaultyStore, Mode};
use crate::house::{House, ID, caller, confirm, hold, keyed, quiet, serial};

async fn bench() -> (House, Arc<FaultyStore>, BoxOffice) {
    let house = House::alone().await;
    let store = FaultyStore::before(&house.store);
    let node = house.node_on(Arc::clone(&store) as Arc<dyn Store>, 1, Limits::default());
    (house, store, node)
}

type Asked = JoinHandle<Result<Done, Refused>>;

/// Asks, and waits until everything that can happen without time has happened.
async fn ask(node: &BoxOffice, command: Command, caller: Caller) -> Asked {
    let node = node.clone();
    let asked = tokio::spawn(async move { node.execute(ID, &command, &caller).await });
    quiet().await;
    asked
}

async fn done(node: &BoxOffice, command: &Command) -> Done {
    node.execute(ID, command, &caller()).await.ok().unwrap()
}

async fn refused(node: &BoxOffice, command: &Command, caller: &Caller) -> Refused {
    node.execute(ID, command, caller).await.err().unwrap()
}

/// Why a stranger does not get this seat.
async fn why_not(node: &BoxOffice, number: u32) -> Unavailable {
    match refused(node, &hold(&[number]), &caller()).await {
        Refused::Rule(Refusal::SeatUnavailable(seats)) => seats[0].1,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_board_is_loaded_once_however_many_ask() {
    let (house, store, node) = bench().await;
    let asking: Vec<_> = (0..50)
        .map(|number| {
            let node = node.clone();
            tokio::spawn(async move { node.execute(ID, &hold(&[number % 12 + 1]), &caller()).await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for asked in asking {
        made += usize::from(asked.await.unwrap());
    }
    assert_eq!((made, house.check(), store.loads.load(Ordering::SeqCst)), (12, 12, 1));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_fails_or_whose_asker_vanishes_is_begun_anew() {
    let (_house, store, node) = bench().await;
    store.next_load_fails.store(true, Ordering::SeqCst);
    assert_eq!(refused(&node, &hold(&[1]), &caller()).await, Refused::StoreUnavailable);
    let first = ask(&node, hold(&[1]), caller()).await;
    let second = ask(&node, hold(&[1]), caller()).await;
    first.abort();
    assert!(second.await.unwrap().is_ok(), "whoever waited loads it");
    assert_eq!(store.loads.load(Ordering::SeqCst), 3);
    assert_eq!(node.boards(), 1);
}

#[tokio::test(start_paused = true)]
async fn eight_may_wait_for_one_hold_and_the_tenth_command_is_turned_away() {
    let (_house, store, node) = bench().await;
    let serial = serial(&done(&node, &hold(&[1, 2])).await);
    store.set(Mode::Kept);
    let mut waiting = Vec::new();
    for _ in 0..9 {
        waiting.push(ask(&node, confirm(serial), caller()).await);
    }
    assert_eq!(refused(&node, &confirm(serial), &caller()).await, Refused::Overloaded);
    assert_eq!(store.kept(), 1, "the others wait for the first");
    store.hand_back(0);
    for (place, asked) in waiting.into_iter().enumerate() {
        let done = asked.await.unwrap().ok().unwrap();
        assert_eq!(done.hold.unwrap().status, HoldStatus::Booked);
        assert_eq!(done.event.is_some(), place == 0, "the first one made it");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever_behind_a_commit_in_doubt_about_the_same_hold() {
    let (_house, store, node) = bench().await;
    let serial = serial(&done(&node, &hold(&[1, 2])).await);
    store.set(Mode::Kept);
    let first = ask(&node, confirm(serial), caller()).await;
    assert_eq!(refused(&node, &Command::Release(serial), &caller()).await, Refused::Overloaded);
    store.hand_back(0);
    assert!(first.await.unwrap().is_ok());
    store.set(Mode::Well);
    let late = refused(&node, &Command::Release(serial), &caller()).await;
    let over = matches!(late, Refused::Rule(Refusal::HoldNotActive(_)));
    assert!(over, "the turn went on to nobody, and is free: {late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_turns_away_new_holds_first_and_leaves_no_claim() {
    let house = House::alone().await;
    let store = FaultyStore::before(&house.store);
    let limits = Limits { commit_queue: 4, ..Limits::default() };
    let node = house.node_on(Arc::clone(&store) as Arc<dyn Store>, 1, limits);
    let serial = serial(&done(&node, &hold(&[1])).await);
    store.set(Mode::Stalled);
    // The writer has the first one in hand.
    let mut waiting = vec![ask(&node, hold(&[2]), caller()).await];
    for number in 3..=5 {
        waiting.push(ask(&node, hold(&[number]), caller()).await);
    }
    assert_eq!(refused(&node, &hold(&[6]), &caller()).await, Refused::Overloaded);
    waiting.push(ask(&node, confirm(serial), caller()).await);
    assert_eq!(node.waiting(), 4, "buyers have room of their own");
    store.set(Mode::Well);
    for asked in waiting {
        assert_eq!(asked.await.unwrap().err(), None);
    }
    done(&node, &hold(&[6])).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_store_takes_no_writes_nothing_stays_claimed() {
    let (_house, store, node) = bench().await;
    done(&node, &hold(&[1])).await;
    store.refuse(Some(Rejected::Unavailable));
    assert_eq!(refused(&node, &hold(&[2]), &keyed(1, 1)).await, Refused::StoreUnavailable);
    store.refuse(None);
    assert!(node.execute(ID, &hold(&[2]), &keyed(1, 1)).await.is_ok());
    node.close();
    assert_eq!(refused(&node, &hold(&[3]), &caller()).await, Refused::Draining);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_first_under_its_key_but_not_for_ever() {
    let (_house, store, node) = bench().await;
    store.set(Mode::Kept);
    let first = ask(&node, hold(&[1]), keyed(1, 1)).await;
    assert_eq!(refused(&node, &hold(&[1]), &keyed(1, 1)).await, Refused::IdempotencyInProgress);
    let second = ask(&node, hold(&[1]), keyed(1, 1)).await;
    let reused = ask(&node, hold(&[2]), keyed(1, 2)).await;
    store.hand_back(0);
    let (first, second) = (first.await.unwrap().ok().unwrap(), second.await.unwrap().ok().unwrap());
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!((first.revision, first.hold), (second.revision, second.hold));
    assert_eq!(reused.await.unwrap().err(), Some(Refused::IdempotencyKeyReused));
}

#[tokio::test(start_paused = true)]
async fn a_commit_in_doubt_that_proves_dead_lets_go_only_then() {
    let (house, store, node) = bench().await;
    store.set(Mode::Lost);
    let asked = ask(&node, hold(&[1, 2]), keyed(1, 1)).await;
    assert_eq!(asked.await.unwrap().err(), Some(Refused::OutcomeUnknown));
    store.set(Mode::Well);
    assert_eq!(why_not(&node, 1).await, Unavailable::Claimed, "nobody knows whose it is");
    assert_eq!(refused(&node, &hold(&[1, 2]), &keyed(1, 1)).await, Refused::IdempotencyInProgress);
    store.hand_back(0);
    quiet().await;
    assert_eq!(house.check(), 0);
    let again = node.execute(ID, &hold(&[1, 2]), &keyed(1, 1)).await.ok().unwrap();
    assert!(!again.replayed, "it had never been done");
}

#[tokio::test(start_paused = true)]
async fn a_commit_in_doubt_that_proves_done_is_the_answer_to_the_retry() {
    let (house, store, node) = bench().await;
    let serial = serial(&done(&node, &hold(&[1])).await);
    store.set(Mode::InDoubt);
    let asked = ask(&node, confirm(serial), keyed(1, 1)).await;
    assert_eq!(asked.await.unwrap().err(), Some(Refused::OutcomeUnknown));
    store.set(Mode::Well);
    house.clock.advance_ms(480_000);
    assert_eq!(why_not(&node, 1).await, Unavailable::Claimed, "not even past the hold's deadline");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(house.check(), 1, "and the sweeper leaves it alone");
    store.hand_back(0);
    quiet().await;
    let again = node.execute(ID, &confirm(serial), &keyed(1, 1)).await.ok().unwrap();
    assert!(again.replayed && again.hold.unwrap().status == HoldStatus::Booked);
    assert_eq!(why_not(&node, 1).await, Unavailable::Booked);
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_come_in_another_order_are_applied_in_the_order_of_revisions() {
    for log_fails in [true, false] {
        let (_house, store, node) = bench().await;
        let board = node.board(ID).await.ok().unwrap();
        store.set(Mode::Kept);
        store.log_fails.store(log_fails, Ordering::SeqCst);
        let first = ask(&node, hold(&[1]), caller()).await;
        let second = ask(&node, hold(&[2]), caller()).await;
        let third = ask(&node, hold(&[3]), caller()).await;
        store.hand_back(2);
        quiet().await;
        if log_fails {
            assert_eq!(board.revision(), 0, "there is a gap");
            assert!(!third.is_finished(), "who is not on the board is not told");
            assert_eq!(why_not(&node, 3).await, Unavailable::Claimed);
            store.hand_back(1);
            quiet().await;
            assert_eq!(board.revision(), 0, "there still is");
            store.hand_back(0);
        } else {
            assert_eq!(board.revision(), 3, "the log closes the gap");
            assert!(third.is_finished());
            store.hand_back(0);
            store.hand_back(0);
        }
        for (revision, asked) in (1..).zip([first, second, third]) {
            assert_eq!(asked.await.unwrap().ok().unwrap().revision, revision);
        }
        assert_eq!(board.revision(), 3);
        for number in 1..=3 {
            assert_eq!(why_not(&node, number).await, Unavailable::Held, "every claim is gone");
        }
    }
}
