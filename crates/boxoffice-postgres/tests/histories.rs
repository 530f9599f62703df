//! A database that goes on with another history, as after a failover to a standby that was behind: the same versions
//! mean other things in it, and nothing that was decided in the old one is committed.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/node.rs"]
mod node;
#[path = "../../boxoffice-engine/tests/support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;

use std::time::{Duration, Instant};

use boxoffice_core::command::Command;
use boxoffice_core::hold::Contact;
use boxoffice_core::id::Serial;
use boxoffice_core::refusal::Refusal;
use boxoffice_engine::box_office::{BoxOffice, Refused};
use boxoffice_engine::store::conformance::room;
use boxoffice_postgres::migrate;
use node::{ID, ask, hold, node};
use server::{address, database, plain};

/// What a disk has that was put back to what it was after the first commit, and nobody gave the history another name.
const PUT_BACK: &str = "
    BEGIN; DELETE FROM log WHERE revision > 1;
    UPDATE clock SET revision = 1, tip = (SELECT tip FROM log WHERE log.showtime_id = clock.showtime_id); COMMIT";

/// What a standby has that saw nothing of the showtime's sale, and takes over.
const TAKE_OVER: &str = "
    BEGIN; DELETE FROM log; DELETE FROM snapshot; DELETE FROM hold;
    UPDATE clock SET revision = 0, ever_held = false; UPDATE meta SET value = '0badcafe' WHERE name = 'epoch'; COMMIT";

async fn held(node: &BoxOffice) -> Serial {
    ask(node, hold(&["A1"])).await.ok().unwrap().hold.unwrap().serial
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_in_a_lost_history_is_not_committed() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    migrate(&address(&url), false).await.unwrap();
    let one = node(&url, 1).await;
    room::make_showtime(&*one.ports().store, ID, room::plan(4, None), room::settings(1, 24)).await;
    let lost = held(&one).await;
    assert!(ask(&one, Command::Release(lost)).await.is_ok());
    plain(&url).await.batch_execute(TAKE_OVER).await.unwrap();
    // In the new history the seat comes to the very version at which it is free on the first node's board.
    let other = node(&url, 2).await;
    let serial = held(&other).await;
    let confirm = Command::Confirm { hold: serial, contact: Contact::default(), metadata: Vec::new() };
    assert!(ask(&other, confirm).await.is_ok());
    assert!(ask(&one, hold(&["A1"])).await.is_err(), "the seat is sold");
    // The first node knows by now, and says why.
    let began = Instant::now();
    loop {
        match ask(&one, hold(&["A1"])).await.err() {
            Some(Refused::Rule(Refusal::SeatUnavailable(_))) => break,
            Some(Refused::Overloaded) if began.elapsed() < Duration::from_secs(10) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_went_on_from_before_is_not_taken_for_ones_own() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    migrate(&address(&url), false).await.unwrap();
    let one = node(&url, 1).await;
    room::make_showtime(&*one.ports().store, ID, room::plan(8, None), room::settings(1, 24)).await;
    for seat in ["A1", "A2", "A3"] {
        assert!(ask(&one, hold(&[seat])).await.is_ok());
    }
    plain(&url).await.batch_execute(PUT_BACK).await.unwrap();
    let other = node(&url, 2).await;
    for seat in ["A5", "A6"] {
        assert!(ask(&other, hold(&[seat])).await.is_ok());
    }
    // Both are at revision 3, and the first node's board has the seats free.
    for seat in ["A5", "A6"] {
        assert!(ask(&one, hold(&[seat])).await.is_err(), "{seat} is the other's");
    }
    let loaded = other.ports().store.load(ID, room::NOW).await.unwrap().unwrap();
    assert_eq!((loaded.snapshot.revision, loaded.snapshot.holds.len()), (3, 3));
}
