//! A batch that is written by one call of a function: with plans that were made when the tables were small it still goes
//! from its rows to theirs, and whatever is not as it relies on makes it fail, with nothing of it done.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/server.rs"]
mod server;

use boxoffice_postgres::migrate;
use server::{address, database, plain};
use tokio_postgres::Client;

/// Two showtimes, each with a log; a booking of the first.
const FILL: &str = "
    INSERT INTO clock (showtime_id, revision, settings_version, ever_held) SELECT id, 1, 3, true FROM generate_series(5, 6) id;
    INSERT INTO log SELECT id, 1, 1, '' FROM generate_series(5, 6) id;
    INSERT INTO snapshot VALUES (5, 1, 'old');
    INSERT INTO hold (showtime_id, serial, version, status, body, email) VALUES (5, 9, 2, 1, '', 'ada@example.org');
    INSERT INTO hold (showtime_id, serial, version, status, body) VALUES (6, 9, 2, 3, '');
    INSERT INTO request_key SELECT 5, '\\x01', 1, 100;
    INSERT INTO fence (showtime_id, id, void) VALUES (5, '\\xff', true)";

/// A batch as it is asked for: two events of showtime 5, the second in a row of its own, and one of showtime 6. The booking
/// is changed; in showtime 6 a hold ends that drew the serial of one that expired.
#[derive(Clone, Copy)]
struct Batch {
    epoch: &'static str,
    fence: &'static str,
    clocks: &'static str,
    before: &'static str,
    tips: &'static str,
    log: &'static str,
    hold_version: i32,
    key: &'static str,
    seen: bool,
}

const GOOD: Batch = Batch {
    epoch: "current_epoch()",
    fence: r"\x01",
    clocks: "{5,6}",
    before: "{1,1}",
    tips: "{\"\",\"\"}",
    log: "{2,3,2}",
    hold_version: 3,
    key: r"\x02",
    seen: false,
};

impl Batch {
    fn call(&self) -> String {
        let Self { epoch, fence, clocks, before, tips, log, hold_version, key, seen } = *self;
        format!(
            r"SELECT write_batch({epoch}, 5::bigint, '{fence}'::bytea,
                '{clocks}', '{before}', '{tips}', '{{3,2}}', '{{3,3}}', '{{false,true}}', '{{200,200}}',
                '{{1,1,2}}', '{log}', '{{1,1,1}}', '{{x,y,z}}',
                '{{1}}', '{{new}}',
                '{{1,2}}', '{{9,9}}', '{{{hold_version},2}}', '{{1,2}}', '{{a,b}}', '{{NULL,NULL}}', '{{NULL,NULL}}',
                    '{{NULL,NULL}}', '{{NULL,NULL}}', '{{NULL,NULL}}',
                '{{1}}', ARRAY['{key}']::bytea[], '{{2}}', '{{200}}', {seen})"
        )
    }
}

async fn tables(server: &str) -> Client {
    let url = database(server).await;
    migrate(&address(&url), false).await.unwrap();
    let client = plain(&url).await;
    client.batch_execute("INSERT INTO meta VALUES ('epoch', 'history')").await.unwrap();
    client.batch_execute(FILL).await.unwrap();
    client.batch_execute("SET boxoffice.batch = 'on'").await.unwrap();
    client
}

/// Every row of every table that a batch writes to.
async fn all_rows(client: &Client) -> Vec<String> {
    let mut found = Vec::new();
    for table in ["clock", "log", "snapshot", "hold", "request_key", "fence"] {
        let sql = format!("SELECT '{table} ' || (to_jsonb(t) - 'made_at')::text FROM {table} t ORDER BY 1");
        found.extend(client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_batch_is_written_or_nothing() {
    let Some(server) = server::server() else { return };
    let client = tables(&server).await;
    let before = all_rows(&client).await;
    let faults = [
        ("another history", Batch { epoch: "'other'", ..GOOD }),
        ("no history", Batch { epoch: "NULL", ..GOOD }),
        ("a fence that is void", Batch { fence: r"\xff", ..GOOD }),
        ("a showtime that is not there", Batch { clocks: "{5,7}", ..GOOD }),
        ("a showtime that is further", Batch { before: "{1,0}", ..GOOD }),
        ("a showtime that is not so far", Batch { before: "{2,1}", ..GOOD }),
        ("a showtime at the same revision of another history", Batch { tips: r#"{"",\\x01}"#, ..GOOD }),
        ("a row of the log that is there", Batch { log: "{1,3,2}", ..GOOD }),
        ("an older booking", Batch { hold_version: 2, ..GOOD }),
        ("a key that was used", Batch { key: r"\x01", ..GOOD }),
    ];
    for (fault, batch) in faults {
        let result = client.query(&batch.call(), &[]).await;
        let code = result.map(|_| ()).unwrap_err().code().unwrap().code().to_owned();
        // As a conflict or a row that is there already, and not because the call is wrong.
        assert!(["40001", "23505"].contains(&&*code), "{fault}: {code}");
        assert_eq!(all_rows(&client).await, before, "{fault}");
    }
    client.batch_execute("RESET boxoffice.batch").await.unwrap();
    let unheard = client.query(&GOOD.call(), &[]).await.map(|_| ()).unwrap_err();
    assert_eq!(unheard.code().unwrap().code(), "25P01", "outside of a transaction that a writer began");
    client.batch_execute("SET boxoffice.batch = 'on'").await.unwrap();
    client.batch_execute(&GOOD.call()).await.unwrap();
    let after = all_rows(&client).await;
    for row in [
        r#"clock {"tip": "\\x01", "at_ms": 200, "revision": 3, "ever_held": true, "showtime_id": 5, "settings_version": 3}"#,
        r#"clock {"tip": "\\x01", "at_ms": 200, "revision": 2, "ever_held": true, "showtime_id": 6, "settings_version": 3}"#,
        r#"log {"tip": "\\x01", "body": "\\x78", "events": 1, "revision": 2, "showtime_id": 5}"#,
        r#"log {"tip": "\\x01", "body": "\\x79", "events": 1, "revision": 3, "showtime_id": 5}"#,
        r#"log {"tip": "\\x01", "body": "\\x7a", "events": 1, "revision": 2, "showtime_id": 6}"#,
        r#"snapshot {"body": "\\x6e6577", "revision": 1, "showtime_id": 5}"#,
        r#"request_key {"key": "\\x02", "at_ms": 200, "revision": 2, "showtime_id": 5}"#,
        r#"fence {"id": "\\x01", "void": false, "showtime_id": 5}"#,
    ] {
        assert!(after.iter().any(|found| found == row), "{row} is not in {after:#?}");
    }
    let holds: Vec<_> = after.iter().filter(|row| row.starts_with("hold ")).collect();
    assert!(
        holds[0].contains(r#""body": "\\x61", "email": "ada@example.org""#),
        "the buyer stays: {holds:?}"
    );
    assert_eq!(holds.len(), 2);
    assert_eq!(after.len(), before.len() + 3 + 1 + 1, "of the log, a key and a fence");
}

/// How many rows of some tables this session has read that the server has not counted yet: by scanning, and by looking up.
async fn rows_read(client: &Client, tables: &[&str]) -> Vec<i64> {
    let sql = "SELECT seq_tup_read, idx_tup_fetch FROM unnest($1::text[]) WITH ORDINALITY AS i(name, place)
               JOIN pg_stat_xact_user_tables ON relname = name ORDER BY place";
    client.query(sql, &[&tables]).await.unwrap().iter().flat_map(|row| [row.get(0), row.get(1)]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_were_made_for_small_tables_are_right_for_large_ones() {
    let Some(server) = server::server() else { return };
    let client = tables(&server).await;
    let look = r#"SELECT count(*) FROM lock_batch(true, '{5,6}', '{1,-1}', '{"",""}', '{1}', '{"\\x01"}')"#;
    let written = ["clock", "hold", "snapshot"];
    let looked = ["clock", "log", "snapshot", "request_key"];
    for table in written.iter().chain(&looked) {
        let sql = format!("ALTER TABLE {table} SET (autovacuum_enabled = off); ANALYZE {table}");
        client.batch_execute(&sql).await.unwrap();
    }
    // The session makes its plans now, and keeps them.
    client.batch_execute(&format!("BEGIN; {look}; {}; ROLLBACK", GOOD.call())).await.unwrap();
    let grow = "
        INSERT INTO clock (showtime_id, settings_version) SELECT id, 1 FROM generate_series(100, 5000) id;
        INSERT INTO snapshot SELECT id, 1, '' FROM generate_series(100, 5000) id;
        INSERT INTO log SELECT id, 1, 1, '' FROM generate_series(100, 5000) id;
        INSERT INTO request_key SELECT 5, int4send(no), 1, 1 FROM generate_series(100, 5000) no;
        INSERT INTO hold (showtime_id, serial, version, status, body)
            SELECT 5, no, 1, 0, '' FROM generate_series(1000, 20000) no";
    client.batch_execute(grow).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    let read = async |tables: &[&str], sql: &str, what: &str, expected: &[i64]| {
        let before = rows_read(&client, tables).await;
        client.batch_execute(sql).await.unwrap();
        let after = rows_read(&client, tables).await;
        let read: Vec<_> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
        assert_eq!(read, expected, "{what}: by scanning, and by looking up");
    };
    // Both clocks; the row of the log at a known revision, and that there is no later snapshot; of the showtime that is not
    // known the log; a key.
    read(&looked, look, "clocks, log, snapshots and keys", &[0, 2, 0, 2, 0, 1, 0, 1]).await;
    read(&written, &GOOD.call(), "clocks, holds and snapshots", &[0, 2, 0, 2, 0, 1]).await;
}
