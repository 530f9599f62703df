//! Splitting the hot tables by hash of showtime_id, as a database that is spread over several machines has them.

use tokio_postgres::Client;

/// The tables that are split.
pub(crate) const HOT: [&str; 6] = ["clock", "log", "snapshot", "hold", "request_key", "fence"];

/// Puts partitioned tables in the place of empty plain ones, with the same columns and indexes.
pub(crate) async fn partition(client: &Client) {
    for table in HOT {
        let sql = format!(
            "ALTER TABLE {table} RENAME TO {table}_plain;
             CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS INCLUDING INDEXES)
                 PARTITION BY HASH (showtime_id);
             DROP TABLE {table}_plain;"
        );
        client.batch_execute(&sql).await.unwrap();
        for part in 0..4 {
            let sql = format!(
                "CREATE TABLE {table}_{part} PARTITION OF {table} FOR VALUES WITH (MODULUS 4, REMAINDER {part})"
            );
            client.batch_execute(&sql).await.unwrap();
        }
    }
}
