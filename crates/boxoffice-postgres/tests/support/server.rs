//! Databases for tests, on the server that BOXOFFICE_TEST_POSTGRES names.

use std::sync::atomic::{AtomicU32, Ordering};

use boxoffice_postgres::Address;
use tokio_postgres::{Client, NoTls};

/// Where the server is; `None`, and a word about it, where there is none.
pub(crate) fn server() -> Option<String> {
    let url = std::env::var("BOXOFFICE_TEST_POSTGRES").ok();
    if url.is_none() {
        eprintln!("left out: BOXOFFICE_TEST_POSTGRES names no server (scripts/servers/postgres starts one)");
    }
    url
}

/// A plain connection.
pub(crate) async fn plain(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(async move {
        // Ends with the test, or with the server.
        let _ = connection.await;
    });
    client
}

/// The URL of another database on the same server.
pub(crate) fn on(server: &str, database: &str) -> String {
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{database}")
}

/// Makes an empty database, whose name no other test has; says its URL.
pub(crate) async fn database(server: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let client = plain(server).await;
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    on(server, &name)
}

/// Its address.
pub(crate) fn address(url: &str) -> Address {
    Address::parse(url).unwrap()
}
