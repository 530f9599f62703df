//! The PostgreSQL store passes the suite that every store must pass: on plain tables, and on hash-partitioned ones.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/partitions.rs"]
mod partitions;
#[path = "support/server.rs"]
mod server;

use std::sync::Arc;

use boxoffice_engine::store::conformance;
use boxoffice_postgres::{Options, PostgresStore, migrate};
use server::{address, database, plain};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

async fn keeps_every_promise(partitioned: bool) {
    let Some(server) = server::server() else { return };
    let make = || {
        let open = async {
            let url = database(&server).await;
            if partitioned {
                migrate(&address(&url), false).await.unwrap();
                partitions::partition(&plain(&url).await).await;
            }
            Arc::new(PostgresStore::open(&address(&url), Options::default()).await.unwrap())
        };
        block_in_place(|| Handle::current().block_on(open))
    };
    conformance::run(make).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_postgres_store_keeps_every_promise() {
    keeps_every_promise(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_postgres_store_keeps_every_promise_on_partitioned_tables() {
    keeps_every_promise(true).await;
}
