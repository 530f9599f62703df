//! On tables that are split by hash of their showtime, every hot statement touches exactly one part: that is what a
//! database which is spread over several machines needs.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/partitions.rs"]
mod partitions;
#[path = "support/server.rs"]
mod server;

use std::collections::BTreeSet;

use boxoffice_postgres::{hot_statements, migrate};
use server::{address, database, plain};
use tokio_postgres::Client;

/// The showtime that is asked for. Every number that a statement takes is this one.
const SHOWTIME: i64 = 5;

/// Rows of many showtimes in every table, so that no part is empty.
const FILL: &str = "
    INSERT INTO clock (showtime_id, revision, settings_version) SELECT id, 1, 1 FROM generate_series(1, 64) id;
    INSERT INTO showtime SELECT id, '', NULL, NULL, '', 0, 0, 0, 0, 0, true, false FROM generate_series(1, 64) id;
    INSERT INTO log SELECT id, no, 1, '' FROM generate_series(1, 64) id, generate_series(100, 140) no;
    INSERT INTO snapshot SELECT id, 2, '' FROM generate_series(1, 64) id;
    INSERT INTO hold (showtime_id, serial, version, status, body) SELECT id, 9, 1, 0, '' FROM generate_series(1, 64) id;
    INSERT INTO request_key SELECT id, 'key', 1, 100 FROM generate_series(1, 64) id;
    INSERT INTO fence (showtime_id, id, void) SELECT id, 'fence', false FROM generate_series(1, 64) id;
    ANALYZE";

/// A value for a parameter of a type, as a literal. Lists have two, but for the showtimes of `heads`.
fn sample(kind: &str, name: &str) -> String {
    match kind {
        "bigint[]" if name == "heads" => format!("'{{{SHOWTIME}}}'"),
        "bigint" => format!("{SHOWTIME}"),
        "smallint" | "integer" => "1".into(),
        "boolean" => "true".into(),
        "smallint[]" | "integer[]" | "bigint[]" => format!("'{{{SHOWTIME},6}}'"),
        "boolean[]" => "'{true,false}'".into(),
        "text[]" => "'{a,b}'".into(),
        "bytea[]" => r"'{\\x01,\\x02}'".into(),
        "bytea" => r"'\x01'".into(),
        other => panic!("{name}: no value for a parameter of type {other}"),
    }
}

async fn texts(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Runs a statement within a transaction that is undone: with plans made for its parameters, as the store has them, or
/// for any. Says the parts that it read, as EXPLAIN tells, and those that it locked, to read or to write to.
async fn touched(client: &Client, name: &str, sql: &str, mode: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let run = |sql: String| async move {
        client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{name}: {error:?}\n{sql}"));
    };
    run(format!("BEGIN; SET LOCAL plan_cache_mode = {mode}; PREPARE asked AS {sql}")).await;
    let kinds = "SELECT kind::text FROM pg_prepared_statements, unnest(parameter_types) WITH ORDINALITY u(kind, place)
                 WHERE name = 'asked' ORDER BY place";
    let samples: Vec<_> = texts(client, kinds).await.iter().map(|kind| sample(kind, name)).collect();
    let values = if samples.is_empty() { String::new() } else { format!("({})", samples.join(", ")) };
    let explained = client.query(&format!("EXPLAIN (ANALYZE) EXECUTE asked{values}"), &[]).await;
    let explained = explained.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let lines = explained.iter().map(|row| row.get::<_, String>(0));
    // A node that reads says which part; one that was never executed did not touch it.
    let read = lines.filter(|line| line.contains("Scan ") && !line.contains("(never executed)"));
    let read = read.filter_map(|line| Some(line.split_once(" on ")?.1.split([' ', '(']).next()?.to_owned()));
    let read = read.filter(|relation| part_of(relation).is_some()).collect();
    let locked = "SELECT DISTINCT relname::text FROM pg_locks JOIN pg_class ON pg_class.oid = relation
                  WHERE pid = pg_backend_pid() AND relispartition AND relkind = 'r'";
    let locked = texts(client, locked).await.into_iter().collect();
    run("ROLLBACK; DEALLOCATE asked".into()).await;
    (read, locked)
}

/// The number of the part that a relation, or an index of it, is; `None` for a table that is not split.
fn part_of(relation: &str) -> Option<u32> {
    let rest = partitions::HOT.iter().find_map(|table| relation.strip_prefix(&format!("{table}_")))?;
    rest.split('_').next()?.parse().ok()
}

fn parts(relations: &BTreeSet<String>) -> BTreeSet<u32> {
    relations.iter().filter_map(|relation| part_of(relation)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hot_statement_touches_exactly_one_part() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    migrate(&address(&url), false).await.unwrap();
    let client = plain(&url).await;
    partitions::partition(&client).await;
    client.batch_execute(FILL).await.unwrap();
    let home = format!("SELECT tableoid::regclass::text FROM clock WHERE showtime_id = {SHOWTIME}");
    let home = BTreeSet::from([part_of(&texts(&client, &home).await[0]).unwrap()]);

    // That this test can fail: what names no showtime, or two, is seen to touch more.
    for (sql, mode) in [
        ("SELECT 1 FROM log WHERE events > 0", "force_custom_plan"),
        ("SELECT 1 FROM log WHERE events > 0", "force_generic_plan"),
        ("UPDATE clock SET revision = 9", "force_custom_plan"),
    ] {
        let (read, _) = touched(&client, "control", sql, mode).await;
        assert_eq!(parts(&read).len(), 4, "{sql}: {read:?}");
    }
    let everywhere =
        "INSERT INTO fence (showtime_id, id, void) SELECT id, 'new', true FROM generate_series(1, 64) id";
    let (_, locked) = touched(&client, "control", everywhere, "force_custom_plan").await;
    assert_eq!(parts(&locked).len(), 4, "{locked:?}");

    for (name, sql) in hot_statements() {
        let (read, locked) = touched(&client, name, sql, "force_custom_plan").await;
        assert_eq!(parts(&locked), home, "{name} locks {locked:?}:\n{sql}");
        let inserts = sql.trim_start().starts_with("INSERT");
        assert!(inserts || parts(&read) == home, "{name} reads {read:?}:\n{sql}");
        assert!(!inserts || read.is_empty(), "{name} reads {read:?}:\n{sql}");
        // A plan for any showtime leaves the other parts out when it runs; one for any list of them cannot, but the
        // store never has such a plan: nothing is prepared.
        if !inserts && name != "heads" {
            let (read, _) = touched(&client, name, sql, "force_generic_plan").await;
            assert_eq!(parts(&read), home, "{name}, planned for any, reads {read:?}:\n{sql}");
        }
    }
}
