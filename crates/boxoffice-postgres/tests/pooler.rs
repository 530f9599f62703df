//! Behind PgBouncer, which gives each transaction whichever of its few sessions is free, the store keeps every promise:
//! nothing of a session is relied on beyond the transaction.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/server.rs"]
mod server;

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_engine::store::conformance;
use boxoffice_postgres::{Options, PostgresStore};
use server::{address, database, plain};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Debian has it where only root looks.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A pooler of transactions, with two sessions for each database.
struct Pooler {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Pooler {
    fn start(server: &str) -> Self {
        let (_, place) = server.rsplit_once('@').unwrap();
        let (host, port) = place.split_once('/').unwrap().0.split_once(':').unwrap();
        let own_port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("boxoffice-pooler-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "[databases]\n* = host={host} port={port} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {own_port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 2\n"
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(PROGRAM);
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            // It refuses to be root.
            command.args(["-u", "postgres"]);
        }
        command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        Self { process: command.spawn().unwrap(), port: own_port, folder }
    }

    /// The URL of a database behind it.
    fn before(&self, url: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, url.rsplit_once('/').unwrap().1)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_postgres_store_keeps_every_promise_behind_a_pooler() {
    let Some(server) = server::server() else { return };
    if !std::path::Path::new(PROGRAM).exists() {
        return eprintln!("left out: {PROGRAM} is not installed (Debian: pgbouncer)");
    }
    let pooler = Pooler::start(&server);
    let deadline = Instant::now() + Duration::from_secs(10);
    while tokio_postgres::connect(&pooler.before(&server), tokio_postgres::NoTls).await.is_err() {
        assert!(Instant::now() < deadline, "the pooler does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let make = || {
        let open = async {
            let url = pooler.before(&database(&server).await);
            Arc::new(PostgresStore::open(&address(&url), Options::default()).await.unwrap())
        };
        block_in_place(|| Handle::current().block_on(open))
    };
    conformance::run(make).await;
    // That there was one in between, and that it had to share.
    let sessions = "SELECT datname::text, count(*) FROM pg_stat_activity
                    WHERE datname LIKE 'test_%' AND backend_type = 'client backend' GROUP BY 1";
    let sessions = plain(&server).await.query(sessions, &[]).await.unwrap();
    let own = format!("test_{}_", std::process::id());
    let counts: Vec<i64> = sessions
        .iter()
        .filter(|row| row.get::<_, String>(0).starts_with(&own))
        .map(|row| row.get(1))
        .collect();
    assert!(!counts.is_empty() && counts.iter().all(|count| *count <= 2), "sessions by database: {counts:?}");
}
