//! A batch that is written by one call of a function: with plans that were made when the tables were small it still goes
//! from its rows to theirs, and whatever is not as it relies on makes it fail, with nothing of it done.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/server.rs"]
mod server;

use boxoffice_postgres::migrate;
use server::{address, database, plain};
use tokio_postgres::Client;

/// Two showtimes, each with one seat that is held.
const FILL: &str = "
    INSERT INTO clock (showtime_id, revision, settings_version, ever_held) SELECT id, 1, 3, true FROM generate_series(5, 6) id;
    INSERT INTO seat SELECT id, 1, 1, 1, 9, 1 FROM generate_series(5, 6) id;
    INSERT INTO hold (showtime_id, serial, version, status, body) SELECT id, 9, 1, 0, '' FROM generate_series(5, 6) id;
    INSERT INTO event SELECT id, 1, '' FROM generate_series(5, 6) id;
    INSERT INTO request_key SELECT 5, '\\x01', 1, 100;
    INSERT INTO fence (showtime_id, id, void) VALUES (5, '\\xff', true)";

/// A batch as it is asked for: seat 1 of showtime 5 is given back, seat 2 of both is taken.
#[derive(Clone, Copy)]
struct Batch {
    epoch: &'static str,
    fence: &'static str,
    clocks: &'static str,
    settings: &'static str,
    seat: i32,
    seat_before: i32,
    hold: i64,
    hold_before: i32,
    new_seat: i32,
    new_hold: i64,
    key: &'static str,
}

const GOOD: Batch = Batch {
    epoch: "current_epoch()",
    fence: r"\x01",
    clocks: "{5,6}",
    settings: "{3,0}",
    seat: 1,
    seat_before: 1,
    hold: 9,
    hold_before: 1,
    new_seat: 2,
    new_hold: 10,
    key: r"\x02",
};

impl Batch {
    fn call(&self) -> String {
        let Self {
            epoch,
            fence,
            clocks,
            settings,
            seat,
            seat_before,
            hold,
            hold_before,
            new_seat,
            new_hold,
            key,
        } = *self;
        format!(
            r"SELECT write_batch({epoch}, 5::bigint, '{fence}'::bytea, 1::bigint, 1::bigint,
                '{clocks}', '{{2,1}}', '{settings}', '{{true,true}}', '{{200,200}}',
                '{{1,1,2}}', '{{{seat},{new_seat},2}}', '{{{seat_before},0,0}}', '{{2,1,1}}', '{{0,1,1}}', '{{0,10,10}}',
                    '{{1,2,1}}',
                '{{1,1,2}}', '{{{hold},{new_hold},10}}', '{{{hold_before},0,0}}', '{{2,1,1}}', '{{2,0,0}}',
                    '{{a,b,c}}', '{{NULL,NULL,NULL}}', '{{NULL,NULL,NULL}}', '{{NULL,NULL,NULL}}',
                    '{{NULL,NULL,NULL}}', '{{NULL,NULL,NULL}}',
                '{{1}}', ARRAY['{key}']::bytea[], '{{2}}', '{{200}}',
                '{{1,1,2}}', '{{1,2,1}}', '{{x,y,z}}')"
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
    for table in ["clock", "seat", "hold", "event", "request_key", "fence"] {
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
        ("other settings", Batch { settings: "{3,2}", ..GOOD }),
        ("an older seat", Batch { seat_before: 2, ..GOOD }),
        ("a seat without a row", Batch { seat: 3, ..GOOD }),
        ("an older hold", Batch { hold_before: 2, ..GOOD }),
        ("a hold that is not there", Batch { hold: 8, ..GOOD }),
        ("a seat that has a row", Batch { seat: 3, new_seat: 1, ..GOOD }),
        ("a serial that is taken", Batch { hold: 8, new_hold: 9, ..GOOD }),
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
    let heads: Vec<i64> = client.query_one(&GOOD.call(), &[]).await.unwrap().get(0);
    assert_eq!(heads, [1, 1]);
    let after = all_rows(&client).await;
    for row in [
        r#"clock {"at_ms": 200, "revision": 3, "ever_held": true, "showtime_id": 5, "settings_version": 3}"#,
        r#"clock {"at_ms": 200, "revision": 2, "ever_held": true, "showtime_id": 6, "settings_version": 3}"#,
        r#"seat {"no": 1, "owner": 0, "status": 0, "version": 2, "revision": 2, "showtime_id": 5}"#,
        r#"seat {"no": 1, "owner": 9, "status": 1, "version": 1, "revision": 1, "showtime_id": 6}"#,
        r#"seat {"no": 2, "owner": 10, "status": 1, "version": 1, "revision": 3, "showtime_id": 5}"#,
        r#"seat {"no": 2, "owner": 10, "status": 1, "version": 1, "revision": 2, "showtime_id": 6}"#,
        r#"event {"body": "\\x79", "revision": 3, "showtime_id": 5}"#,
        r#"event {"body": "\\x7a", "revision": 2, "showtime_id": 6}"#,
        r#"request_key {"key": "\\x02", "at_ms": 200, "revision": 3, "showtime_id": 5}"#,
        r#"fence {"id": "\\x01", "void": false, "showtime_id": 5}"#,
    ] {
        assert!(after.iter().any(|found| found == row), "{row} is not in {after:#?}");
    }
    assert_eq!(after.len(), before.len() + 2 + 2 + 3 + 1 + 1, "seats, holds, events, a key and a fence");
}

/// How many rows of clocks, holds and seats this session has read that the server has not counted yet.
async fn rows_read(client: &Client) -> Vec<i64> {
    let sql = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables
               WHERE relname IN ('clock', 'seat', 'hold') ORDER BY relname";
    client.query(sql, &[]).await.unwrap().iter().flat_map(|row| [row.get(0), row.get(1)]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_were_made_for_small_tables_are_right_for_large_ones() {
    let Some(server) = server::server() else { return };
    let client = tables(&server).await;
    let small = "
        ALTER TABLE clock SET (autovacuum_enabled = off);
        ALTER TABLE seat SET (autovacuum_enabled = off);
        ALTER TABLE hold SET (autovacuum_enabled = off);
        ANALYZE";
    client.batch_execute(small).await.unwrap();
    // The session makes its plans now, and keeps them.
    client.batch_execute(&format!("BEGIN; {}; ROLLBACK", GOOD.call())).await.unwrap();
    let grow = "
        INSERT INTO clock (showtime_id, settings_version) SELECT id, 1 FROM generate_series(100, 5000) id;
        INSERT INTO seat SELECT 5, no, 1, 1, 9, 1 FROM generate_series(1000, 20000) no;
        INSERT INTO hold (showtime_id, serial, version, status, body)
            SELECT 5, no, 1, 0, '' FROM generate_series(1000, 20000) no";
    client.batch_execute(grow).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    let before = rows_read(&client).await;
    client.batch_execute(&GOOD.call()).await.unwrap();
    let read: Vec<_> =
        rows_read(&client).await.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(read, [0, 2, 0, 1, 0, 1], "of clocks, holds and seats: by scanning, and by looking up");
}
