//! A database of the schema before is brought up by whoever opens it, and until then refused by commands beside.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/server.rs"]
mod server;

use boxoffice_postgres::{OpenError, Options, PostgresStore, SCHEMA, migrate, renew_epoch};
use server::{address, database, plain};

/// Takes the last step back.
const BACK: &str =
    "DROP FUNCTION write_batch; DROP FUNCTION current_epoch; DELETE FROM migration WHERE number = 2";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_schema_before_is_brought_up_by_whoever_opens_it() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let address = address(&url);
    assert_eq!(migrate(&address, false).await.unwrap(), (0, SCHEMA));
    assert_eq!(migrate(&address, false).await.unwrap(), (SCHEMA, SCHEMA));
    plain(&url).await.batch_execute(BACK).await.unwrap();
    let refused = renew_epoch(&address).await.err();
    assert!(matches!(refused, Some(OpenError::OlderSchema { found: 1, known: SCHEMA })), "{refused:?}");
    drop(PostgresStore::open(&address, Options::default()).await.unwrap());
    assert!(renew_epoch(&address).await.is_ok());
    plain(&url).await.batch_execute(BACK).await.unwrap();
    assert_eq!(migrate(&address, false).await.unwrap(), (1, SCHEMA));
}
