//! A database of the schema before is brought up by whoever opens it, with all that was sold in it, and until then refused
//! by commands beside.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/node.rs"]
mod node;
#[path = "../../boxoffice-engine/tests/support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::command::Command;
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::Serial;
use boxoffice_core::plan::SeatNo;
use boxoffice_core::seat::SeatState;
use boxoffice_engine::store::Store;
use boxoffice_engine::store::conformance::room;
use boxoffice_postgres::{OpenError, Options, PostgresStore, SCHEMA, audit, migrate, renew_epoch};
use node::{ID, ask, hold, node};
use server::{address, database, plain};
use tokio_postgres::Client;

/// The tables of the schema before, without the log.
const BEFORE: &str = "
    CREATE TABLE seat (showtime_id bigint NOT NULL, no integer NOT NULL, version integer NOT NULL,
        status smallint NOT NULL, owner bigint NOT NULL, revision bigint NOT NULL, PRIMARY KEY (showtime_id, no));
    CREATE TABLE event (showtime_id bigint NOT NULL, revision bigint NOT NULL, body bytea NOT NULL,
        PRIMARY KEY (showtime_id, revision));
    DROP TABLE log; DROP TABLE snapshot; DROP FUNCTION lock_batch; DROP FUNCTION write_batch;
    DROP FUNCTION current_epoch;
    ALTER TABLE clock DROP COLUMN tip; DELETE FROM migration WHERE number = 3;";

/// What a board is made of.
#[derive(Debug, PartialEq)]
struct Board {
    seats: BTreeMap<SeatNo, SeatState>,
    holds: BTreeMap<Serial, Arc<Hold>>,
    events: Vec<Event>,
}

async fn board(store: &dyn Store) -> Board {
    let snapshot = store.load(ID, room::NOW).await.unwrap().unwrap().snapshot;
    Board {
        seats: snapshot.seats.into_iter().collect(),
        holds: snapshot.holds.into_iter().map(|hold| (hold.serial, hold)).collect(),
        events: store.events(ID, 0, 1000).await.unwrap(),
    }
}

/// Makes the database what the program before would have made of it.
async fn take_back(client: &Client, board: &Board) {
    client.batch_execute(BEFORE).await.unwrap();
    client.batch_execute(include_str!("../migrations/0002_write_batch.sql")).await.unwrap();
    let id = ID.number() as i64;
    for (no, seat) in &board.seats {
        let sql = "INSERT INTO seat VALUES ($1, $2, $3, $4, $5, $6)";
        let (no, version, status) = (*no as i32, seat.version as i32, seat.status as i16);
        let (owner, changed) = (seat.owner as i64, seat.changed as i64);
        client.execute(sql, &[&id, &no, &version, &status, &owner, &changed]).await.unwrap();
    }
    for hold in board.holds.values() {
        let sql = "INSERT INTO hold (showtime_id, serial, version, status, body) VALUES ($1, $2, $3, 0, $4)";
        let (serial, version) = (hold.serial as i64, hold.version as i32);
        client.execute(sql, &[&id, &serial, &version, &hold.encode()]).await.unwrap();
    }
    for event in &board.events {
        let sql = "INSERT INTO event VALUES ($1, $2, $3)";
        client.execute(sql, &[&id, &(event.revision as i64), &event.change.encode()]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_schema_before_is_brought_up_with_all_that_was_sold() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let address = address(&url);
    assert_eq!(migrate(&address, false).await.unwrap(), (0, SCHEMA));
    assert_eq!(migrate(&address, false).await.unwrap(), (SCHEMA, SCHEMA));
    let seller = node(&url, 1).await;
    room::make_showtime(&*seller.ports().store, ID, room::plan(8, Some(8)), room::settings(1, 24)).await;
    for seat in ["A1", "A2", "A3", "A4"] {
        let held = ask(&seller, hold(&[seat])).await.ok().unwrap().hold.unwrap().serial;
        let then = match seat {
            "A1" => Command::Confirm { hold: held, contact: Contact::default(), metadata: Vec::new() },
            "A2" => Command::Release(held),
            _ => continue,
        };
        assert!(ask(&seller, then).await.is_ok());
    }
    let sold = board(&*seller.ports().store).await;
    assert_eq!((sold.seats.len(), sold.holds.len(), sold.events.len()), (5, 2, 7));
    drop(seller);

    take_back(&plain(&url).await, &sold).await;
    let refused = renew_epoch(&address).await.err();
    assert!(matches!(refused, Some(OpenError::OlderSchema { found: 2, known: SCHEMA })), "{refused:?}");
    let store = PostgresStore::open(&address, Options::default()).await.unwrap();
    assert_eq!(board(&store).await, sold);
    assert!(renew_epoch(&address).await.is_ok());
    let report = audit::run(&address, |_, _| {}).await.unwrap();
    assert_eq!((report.showtimes, report.violations), (1, Vec::new()));
}
