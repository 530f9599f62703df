//! Rows that are there where a node expected none, because another node wrote them: the batch that meets them is written
//! again after a look, whoever is in the way of nobody does not notice, and the writer is wary for a while.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/node.rs"]
mod node;
#[path = "../../boxoffice-engine/tests/support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;

use boxoffice_core::refusal::Refusal;
use boxoffice_engine::box_office::{BoxOffice, Refused};
use boxoffice_engine::store::conformance::room;
use boxoffice_postgres::migrate;
use node::{ID, ask, hold, node};
use server::{address, database};

fn rewrites(node: &BoxOffice) -> u64 {
    let figures = node.ports().store.figures();
    figures.iter().find(|(name, ..)| *name == "boxoffice_commit_rewrites_total").unwrap().3
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whoever_is_late_loses_by_a_row_that_was_there() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    migrate(&address(&url), false).await.unwrap();
    let (one, two) = (node(&url, 1).await, node(&url, 2).await);
    room::make_showtime(&*one.ports().store, ID, room::plan(8, None), room::settings(1, 24)).await;
    let stale = two.board(ID).await.ok().unwrap();
    for seat in ["A1", "A5"] {
        assert!(ask(&one, hold(&[seat])).await.is_ok());
    }
    assert_eq!(stale.revision(), 0, "nobody has told the second node");
    let (late, free, also_free) =
        tokio::join!(ask(&two, hold(&["A1"])), ask(&two, hold(&["A2", "A3"])), ask(&two, hold(&["A4"])));
    assert!(matches!(late.err(), Some(Refused::Rule(Refusal::SeatUnavailable(_)))));
    assert!(free.is_ok() && also_free.is_ok());
    assert_eq!((rewrites(&one), rewrites(&two)), (0, 1));
    // The next surprise is seen in time.
    assert!(ask(&one, hold(&["A6"])).await.is_ok());
    assert!(ask(&two, hold(&["A6"])).await.is_err());
    assert!(ask(&two, hold(&["A7"])).await.is_ok());
    assert_eq!(rewrites(&two), 1);
}
