//! What a batch relies on is looked up by key, also in tables of which the database knows nothing yet: a showtime's other
//! rows are not read for it.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/server.rs"]
mod server;

use boxoffice_postgres::{hot_statements, migrate};
use server::{address, database, plain};
use tokio_postgres::Client;

/// One showtime with many rows, never analysed.
const FILL: &str = "
    ALTER TABLE log SET (autovacuum_enabled = off);
    ALTER TABLE request_key SET (autovacuum_enabled = off);
    INSERT INTO snapshot VALUES (5, 19000, '');
    INSERT INTO log SELECT 5, no, 1, '' FROM generate_series(1, 20000) no;
    INSERT INTO request_key SELECT 5, int4send(no), 1, 100 FROM generate_series(1, 20000) no";

/// How the database runs a statement for these keys.
async fn plan(client: &Client, sql: &str, keys: &str) -> String {
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE asked(5, {keys})");
    let prepare = format!("SET plan_cache_mode = force_custom_plan; PREPARE asked AS {sql}");
    client.batch_execute(&prepare).await.unwrap();
    let lines = client.query(&explain, &[]).await.unwrap();
    client.batch_execute("DEALLOCATE asked").await.unwrap();
    lines.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_relies_on_is_looked_up_by_key() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    migrate(&address(&url), false).await.unwrap();
    let client = plain(&url).await;
    client.batch_execute(FILL).await.unwrap();
    let keys = "ARRAY(SELECT int4send(no) FROM generate_series(1, 19900, 100) no)";
    let keys: String =
        client.query_one(&format!("SELECT quote_literal(({keys})::text)"), &[]).await.unwrap().get(0);
    for (name, key, asked, most) in [
        ("keys", "(key = ", &*keys, 199),
        ("state", "(revision > ", "19990, ''", 10),
        ("state", "(revision > ", "19990, 'another'", 1001),
        ("state", "(revision > ", "-1, ''", 1001),
        ("log", "(revision > ", "500, 64", 64),
    ] {
        let statements = hot_statements();
        let (_, sql) = statements.iter().find(|(other, _)| *other == name).unwrap();
        let plan = plan(&client, sql, asked).await;
        assert!(plan.contains(&format!(" AND {key}")), "{name} is not looked up by {key}:\n{plan}");
        let is_other_history = asked.contains("another");
        assert!(is_other_history || !plan.contains("Rows Removed"), "{name} reads other rows:\n{plan}");
        let rows = plan.split_once("(actual rows=").unwrap().1.split_once(' ').unwrap().0;
        assert_eq!(rows.parse(), Ok(most), "{name}:\n{plan}");
    }
}
