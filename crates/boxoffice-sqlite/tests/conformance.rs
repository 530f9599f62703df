//! The SQLite store passes the suite that every store must pass.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use boxoffice_engine::store::conformance;
use boxoffice_sqlite::{Options, SqliteStore};

#[tokio::test]
async fn the_sqlite_store_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let number = AtomicUsize::new(0);
    let make = || {
        let name = format!("{}.db", number.fetch_add(1, Ordering::Relaxed));
        Arc::new(SqliteStore::open(&folder.path().join(name), Options::default()).unwrap())
    };
    conformance::run(make).await;
    conformance::run_in_one_place(make).await;
}
