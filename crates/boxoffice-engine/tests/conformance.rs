//! The reference store passes the suite that every store must pass.

#[path = "support/ports.rs"]
mod support;

use std::sync::Arc;

use boxoffice_engine::store::conformance;
use boxoffice_engine::store::memory::MemoryStore;

#[tokio::test]
async fn the_reference_store_keeps_every_promise() {
    let make = || Arc::new(MemoryStore::new(Arc::new(support::TestRuntime)));
    conformance::run(make).await;
    conformance::run_in_one_place(make).await;
}
