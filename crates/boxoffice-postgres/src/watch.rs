//! Looking at the database every second: whether it answers, how its clock runs beside ours, whose history it goes on
//! with; and clearing away, now and then, what is kept for a while only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use boxoffice_engine::clock::wall_us;
use parking_lot::Mutex;
use tokio_postgres::Client;

use crate::Address;
use crate::error::Failure;
use crate::history::rename;
use crate::session::{ERRAND, READ, connect, within};
use crate::values::{execute, get, row, values};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How often old keys and fences are removed.
const CLEAR_EVERY: Duration = Duration::from_secs(600);
/// For how long a measure of the clock is good: two good clocks drift apart by a millisecond or so.
const GOOD_FOR: Duration = Duration::from_secs(30);

/// What is seen.
pub(crate) struct Watch {
    address: Address,
    epoch: Mutex<Arc<str>>,
    trouble: Mutex<Option<String>>,
    /// The database's clock less ours.
    offset_ms: Arc<AtomicI64>,
    error_us: AtomicU64,
    measured: Mutex<Option<Instant>>,
    max_error_ms: u64,
    keep_keys_ms: i64,
}

impl Watch {
    pub(crate) fn new(address: Address, epoch: String, max_error_ms: u64, keep_keys_ms: i64) -> Self {
        Self {
            address,
            epoch: Mutex::new(epoch.into()),
            trouble: Mutex::default(),
            offset_ms: Arc::default(),
            error_us: AtomicU64::new(0),
            measured: Mutex::default(),
            max_error_ms,
            keep_keys_ms,
        }
    }

    pub(crate) fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.epoch.lock())
    }

    /// Names the database's history anew if its name still is `known`.
    pub(crate) async fn renew_epoch(&self, known: &str) -> Result<(), Failure> {
        let client = connect(&self.address).await?;
        rename(&client, known).await?;
        self.look(&client).await
    }

    /// Why the database cannot be written to, if it cannot.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    pub(crate) fn offset_ms(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.offset_ms)
    }

    pub(crate) fn error_ms(&self) -> u64 {
        self.error_us.load(Ordering::Relaxed).div_ceil(1000)
    }

    /// Looks until the store is gone.
    pub(crate) async fn run(self: Arc<Self>, mut client: Option<Client>) {
        let watch = Arc::downgrade(&self);
        drop(self);
        let mut clear_at = Instant::now() + EVERY;
        loop {
            let Some(watch) = watch.upgrade() else { return };
            match watch.once(&mut client).await {
                Ok(()) => watch.note(None),
                Err(failure) => {
                    client = None;
                    watch.note(Some(failure.to_string()));
                }
            }
            if let Some(client) = client.as_ref().filter(|_| Instant::now() >= clear_at) {
                clear_at = Instant::now() + CLEAR_EVERY;
                if let Err(failure) = within(ERRAND, clear(client, watch.keep_keys_ms)).await {
                    tracing::warn!(%failure, "old idempotency keys could not be removed");
                }
            }
            drop(watch);
            tokio::time::sleep(EVERY).await;
        }
    }

    fn note(&self, trouble: Option<String>) {
        *self.trouble.lock() = trouble;
    }

    async fn once(&self, client: &mut Option<Client>) -> Result<(), Failure> {
        let client = match client {
            Some(client) if !client.is_closed() => client,
            _ => client.insert(connect(&self.address).await?),
        };
        self.look(client).await
    }

    /// Looks once: the time between question and answer bounds the error of what the answer says.
    pub(crate) async fn look(&self, client: &Client) -> Result<(), Failure> {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8, current_epoch(),
                       current_setting('synchronous_commit') = 'off'";
        let asked = wall_us() as i64;
        let began = Instant::now();
        let found = within(READ, row(client, sql, &[])).await?;
        let took_us = began.elapsed().as_micros() as u64;
        let Some(row) = found else { return Ok(()) };
        self.measure(get::<i64>(&row, 0)? - (asked + took_us as i64 / 2), took_us.div_ceil(2));
        if get(&row, 2)? {
            return Err(Failure::Refused(
                "synchronous_commit is off: a sale could be lost after it was acknowledged".into(),
            ));
        }
        self.note_epoch(get(&row, 1)?);
        Ok(())
    }

    /// The name that the database's history has now.
    pub(crate) fn note_epoch(&self, epoch: String) {
        let mut known = self.epoch.lock();
        if **known != *epoch {
            tracing::warn!(before = &**known, now = epoch, "the database goes on with another history");
            *known = epoch.into();
        }
    }

    /// Takes a measure that is better than the last one, or when that one is old.
    fn measure(&self, offset_us: i64, error_us: u64) {
        let mut measured = self.measured.lock();
        let fresh = measured.is_some_and(|at| at.elapsed() < GOOD_FOR);
        if !fresh || error_us <= self.error_us.load(Ordering::Relaxed) {
            *measured = Some(Instant::now());
            self.error_us.store(error_us, Ordering::Relaxed);
            self.offset_ms.store(offset_us.div_euclid(1000), Ordering::Relaxed);
        }
    }

    /// Why this node cannot tell when holds of others end.
    pub(crate) fn clock_trouble(&self) -> Option<String> {
        let error_ms = self.error_ms();
        (error_ms > self.max_error_ms).then(|| {
            format!(
                "the database's clock is known to {error_ms} ms only, and clock.max_error_ms is {}",
                self.max_error_ms
            )
        })
    }
}

/// Removes what is old enough. Several nodes may do so at once.
async fn clear(client: &Client, keep_keys_ms: i64) -> Result<(), Failure> {
    let sql = "DELETE FROM request_key WHERE at_ms < (SELECT max(at_ms) FROM clock) - $1";
    let keys = execute(client, sql, values![keep_keys_ms]).await?;
    let sql = "DELETE FROM catalogue_key WHERE at_ms < (SELECT max(at_ms) FROM catalogue_key) - $1";
    execute(client, sql, values![keep_keys_ms]).await?;
    // Whoever still asks for the fate of a batch does so within seconds.
    execute(client, "DELETE FROM fence WHERE made_at < now() - interval '1 day'", &[]).await?;
    if keys > 0 {
        tracing::debug!(count = keys, "old idempotency keys were removed");
    }
    Ok(())
}
