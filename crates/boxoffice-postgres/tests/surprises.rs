//! Showtimes that are not as a node knows them, because another node wrote to them: the batch that meets that is written
//! again after a look, whoever is in the way of nobody does not notice, and the writer is wary for a while.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/node.rs"]
mod node;
#[path = "../../boxoffice-engine/tests/support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;

use boxoffice_core::command::Command;
use boxoffice_core::hold::Contact;
use boxoffice_core::refusal::Refusal;
use boxoffice_engine::box_office::{BoxOffice, Refused};
use boxoffice_engine::store::conformance::room;
use boxoffice_postgres::migrate;
use node::{ID, ask, hold, node};
use server::{address, database, plain};

fn rewrites(node: &BoxOffice) -> u64 {
    let figures = node.ports().store.figures();
    figures.iter().find(|(name, ..)| *name == "boxoffice_commit_rewrites_total").unwrap().3
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whoever_is_late_loses_to_another_node() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    migrate(&address(&url), false).await.unwrap();
    let (one, two) = (node(&url, 1).await, node(&url, 2).await);
    room::make_showtime(&*one.ports().store, ID, room::plan(8, None), room::settings(1, 24)).await;
    assert!(ask(&two, hold(&["A8"])).await.is_ok(), "now its writer knows the showtime");
    let stale = two.board(ID).await.ok().unwrap();
    for seat in ["A1", "A5"] {
        assert!(ask(&one, hold(&[seat])).await.is_ok());
    }
    assert_eq!(stale.revision(), 1, "nobody has told the second node");
    let (late, free, also_free) =
        tokio::join!(ask(&two, hold(&["A1"])), ask(&two, hold(&["A2", "A3"])), ask(&two, hold(&["A4"])));
    assert!(matches!(late.err(), Some(Refused::Rule(Refusal::SeatUnavailable(_)))));
    assert!(free.is_ok() && also_free.is_ok());
    assert_eq!((rewrites(&one), rewrites(&two)), (0, 1));
    // The next surprise is seen in time.
    assert!(ask(&one, hold(&["A6"])).await.is_ok());
    assert_eq!(rewrites(&one), 1, "it had its turn to be surprised");
    assert!(ask(&two, hold(&["A6"])).await.is_err());
    assert!(ask(&two, hold(&["A7"])).await.is_ok());
    assert_eq!(rewrites(&two), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_take_turns_at_a_showtime_whatever_isolation_the_database_gives_by_default() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let name = url.rsplit_once('/').unwrap().1;
    let sql = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'");
    plain(&server).await.batch_execute(&sql).await.unwrap();
    // Both make the tables.
    let (one, two) = tokio::join!(node(&url, 1), node(&url, 2));
    let nodes = [one, two];
    room::make_showtime(&*nodes[0].ports().store, ID, room::plan(200, None), room::settings(1, 24)).await;
    let mut holds = tokio::task::JoinSet::new();
    for seat in 1..=200 {
        let node = nodes[seat % 2].clone();
        holds.spawn(async move { ask(&node, hold(&[&format!("A{seat}")])).await.err() });
    }
    assert!(holds.join_all().await.iter().all(Option::is_none), "they are of different seats");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_alone_is_never_surprised() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let node = node(&url, 1).await;
    room::make_showtime(&*node.ports().store, ID, room::plan(20, None), room::settings(1, 24)).await;
    for seat in 1..=20 {
        let held = ask(&node, hold(&[&format!("A{seat}")])).await.ok().unwrap().hold.unwrap().serial;
        let then = match seat % 3 {
            0 => Command::Release(held),
            1 => Command::Confirm { hold: held, contact: Contact::default(), metadata: Vec::new() },
            _ => continue,
        };
        assert!(ask(&node, then).await.is_ok());
    }
    assert_eq!(rewrites(&node), 0);
}
