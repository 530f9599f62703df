//! The composition root: from a config to a running server. The only place that names a store.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use boxoffice_engine::box_office::{BoxOffice, Limits, Ports};
use boxoffice_engine::clock::SystemClock;
use boxoffice_engine::retention::Retention;
use boxoffice_engine::store::{Store, signing_key};
use boxoffice_postgres::{Address, PostgresStore};
use boxoffice_sqlite::SqliteStore;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{self, Config};
use crate::file_limit;
use crate::http::auth::Tokens;
use crate::http::{App, Shared, operations_router, router, server, token_keys};
use crate::links;
use crate::live::hub;
use crate::runtime::{SystemRandom, TokioRuntime};

/// Files that are open besides connections: the store's, and those for a moment.
const OTHER_FILES: u64 = 256;

/// A server that listens, and what it is made of.
pub struct Running {
    /// Where it listens: http://ADDRESS:PORT.
    pub url: String,
    /// Its state.
    pub app: Shared,
    listener: TcpListener,
    /// For operations alone, if the config wants it.
    ops_listener: Option<TcpListener>,
}

/// Opens the store, starts the engine, and listens; requests are answered once [`Running::run`] is called.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let config = within_file_limit(config);
    // Listening comes first: a taken port is found before anything is touched.
    let listener = listen(&config.main.listen, "--listen").await?;
    let ops_listener = match config.main.ops_listen.as_str() {
        "" => None,
        address => Some(listen(address, "--ops-listen").await?),
    };
    let url = format!("http://{}", listener.local_addr().context("the listener has no address")?);
    let (store, clock) = open_store(&config).await?;
    tracing::info!(schema = schema(&config), epoch = %store.epoch(), "the store is open");
    // Nodes' clocks differ a little: a hold is taken over only when its time is over on all of them.
    let takeover_margin_ms = if store.is_exclusive() { 0 } else { i64::from(config.clock.max_error_ms) };
    let keys = store.token_keys().await.context("the keys for tokens cannot be read")?;
    let (gate, bus) = links::open(&config, &store)?;
    let ports = Ports {
        store,
        gate,
        bus,
        clock: Arc::new(clock),
        random: Arc::new(SystemRandom),
        runtime: Arc::new(TokioRuntime::current()),
    };
    let limits = Limits {
        commit_queue: config.engine.commit_queue,
        boards: config.engine.max_boards,
        keep_keys_ms: keep_keys_ms(&config),
        feed_tick_ms: config.feed.tick_ms,
        takeover_margin_ms,
        ..Limits::default()
    };
    let key_id = signing_key(&keys, ports.clock.now()).context("the store has no key for tokens")?;
    let office = BoxOffice::start(ports, limits, key_id);
    office.keep_to(retention(&config));
    let public_url = match config.main.public_url.trim_end_matches('/') {
        "" => url.clone(),
        given => given.to_owned(),
    };
    let app = Arc::new(App::new(office, config, Tokens::new(keys), public_url));
    if app.keys.is_empty() {
        tracing::warn!(
            "no API key is configured: set BOXOFFICE_ADMIN_KEY to be able to administer this server"
        );
    }
    Ok(Running { url, app, listener, ops_listener })
}

/// Fewer connections, if the system does not allow as many files as they need.
fn within_file_limit(mut config: Config) -> Config {
    let most = file_limit::raise().saturating_sub(OTHER_FILES).max(1) as usize;
    if config.http.max_connections > most {
        let watchers = config.feed.max_watchers.min(most - most / 10);
        tracing::warn!(
            http.max_connections = most,
            feed.max_watchers = watchers,
            wanted = config.http.max_connections,
            "the limit of open files (ulimit -n) is too low for http.max_connections: limits were lowered"
        );
        config.http.max_connections = most;
        config.feed.max_watchers = watchers;
    }
    config
}

async fn listen(address: &str, flag: &str) -> anyhow::Result<TcpListener> {
    let choose = || format!("cannot listen on {address}: choose another address or port with {flag}");
    TcpListener::bind(address).await.with_context(choose)
}

fn keep_keys_ms(config: &Config) -> i64 {
    i64::from(config.retention.idempotency_h) * 60 * 60 * 1000
}

/// What is kept for how long; 0 days is for ever.
fn retention(config: &Config) -> Retention {
    let days = |days: u32| (days > 0).then_some(i64::from(days) * 24 * 60 * 60 * 1000);
    let kept = &config.retention;
    Retention { contacts_ms: days(kept.contacts_days), showtimes_ms: days(kept.showtime_days) }
}

/// The store that the config names, and the clock that goes with it.
async fn open_store(config: &Config) -> anyhow::Result<(Arc<dyn Store>, SystemClock)> {
    if config::is_postgres(&config.main.store) {
        let store = Box::pin(open_postgres(config)).await?;
        let clock = SystemClock::following(store.clock_offset_ms());
        return Ok((Arc::new(store), clock));
    }
    let path = config.sqlite_path().context("store: it must be sqlite:FILE or postgres://…")?;
    let sqlite = &config.sqlite;
    let options = boxoffice_sqlite::Options {
        batch: sqlite.batch,
        readers: sqlite.readers,
        waiting_reads: sqlite.max_waiting_reads,
        waiting_creations: sqlite.max_waiting_creations,
        cache_kib: sqlite.cache_kib,
        wal_kib: sqlite.wal_kib,
        keep_keys_ms: keep_keys_ms(config),
    };
    Ok((Arc::new(SqliteStore::open(&path, options)?), SystemClock::start()))
}

/// The version of the store's tables, now that it is open.
fn schema(config: &Config) -> u64 {
    if config::is_postgres(&config.main.store) {
        return boxoffice_postgres::SCHEMA.unsigned_abs().into();
    }
    boxoffice_sqlite::SCHEMA as u64
}

async fn open_postgres(config: &Config) -> anyhow::Result<PostgresStore> {
    let postgres = &config.postgres;
    let options = boxoffice_postgres::Options {
        writers: postgres.writers,
        batch: postgres.batch,
        readers: postgres.readers,
        waiting_reads: postgres.max_waiting_reads,
        waiting_creations: postgres.max_waiting_creations,
        keep_keys_ms: keep_keys_ms(config),
        max_clock_error_ms: u64::from(config.clock.max_error_ms),
    };
    Ok(PostgresStore::open(&Address::parse(&config.main.store)?, options).await?)
}

impl Running {
    /// Where operations are served, if apart from the rest.
    pub fn ops_url(&self) -> Option<String> {
        let address = self.ops_listener.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}"))
    }

    /// Serves until `stop` ends; then drains: readiness is withdrawn, requests in flight are finished, what waits
    /// for the store is committed.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { app, listener, ops_listener, .. } = self;
        let (stopping, stopped) = watch::channel(false);
        let operations = ops_listener.map(|listener| {
            let router = operations_router(Arc::clone(&app));
            let serves = (server::Serves::Operations, router);
            tokio::spawn(server::run(listener, Arc::clone(&app), serves, stopped.clone()))
        });
        let hub = hub::server(&app);
        let serves = (server::Serves::Everything, router(Arc::clone(&app), &hub));
        let server = tokio::spawn(server::run(listener, Arc::clone(&app), serves, stopped));
        let following = tokio::spawn(token_keys::follow(Arc::clone(&app)));
        stop.await;
        tracing::info!("draining");
        app.draining.store(true, Ordering::Release);
        tokio::time::sleep(Duration::from_secs(app.config.drain.delay_s)).await;
        app.live.leave();
        hub.drain(&hub::draining());
        stopping.send_replace(true);
        if let Err(error) = server.await {
            tracing::error!(%error, "the accept loop failed");
        }
        following.abort();
        if let Some(operations) = operations
            && let Err(error) = operations.await
        {
            tracing::error!(%error, "the accept loop for operations failed");
        }
        app.office.close();
        app.office.ports().store.stop().await;
        tracing::info!("stopped");
    }
}

/// Ends when the process is told to stop, from now on: SIGTERM, or Ctrl-C.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    Ok(async move {
        tokio::select! { biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
