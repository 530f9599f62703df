//! The way to one Redis server: a connection that is kept, made anew when it breaks, and left alone while the server
//! is too slow.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use boxoffice_engine::link::backoff::Backoff;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::address::Host;

/// How long a connection may take to be made, and a heartbeat to be answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a server is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How often a server that was too slow is asked.
const SLOW_HEARTBEAT: Duration = Duration::from_millis(100);
/// For how long a server that refused a call counts as not well.
const REFUSAL: Duration = Duration::from_secs(5);
/// After how many calls in a row without an answer in time a server is left alone.
const TOO_SLOW: u32 = 3;

/// Why a call came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server cannot be reached.
    Away,
    /// It did not answer in time.
    Slow,
    /// Another server is responsible now.
    Elsewhere,
    /// It answered that it cannot.
    Refused,
}

/// One server.
pub(crate) struct Lane {
    pub(crate) host: Host,
    client: Client,
    /// Within which time a call is answered by a server that is well.
    quick: Duration,
    connection: ArcSwapOption<MultiplexedConnection>,
    /// Calls in a row that were not answered in time.
    slow: AtomicU32,
    /// When it last answered that it cannot.
    refused: Mutex<Option<Instant>>,
    trouble: Mutex<Option<String>>,
    /// Whether the log knows of the trouble.
    told: AtomicBool,
    wake: Arc<Notify>,
}

impl Lane {
    /// Begins to connect, and keeps at it until the lane is dropped.
    pub(crate) fn start(host: Host, client: Client, quick: Duration) -> Arc<Self> {
        let lane = Arc::new(Self {
            trouble: Mutex::new(Some(format!("{host}: not connected yet"))),
            told: AtomicBool::new(false),
            host,
            client,
            quick,
            connection: ArcSwapOption::empty(),
            slow: AtomicU32::new(0),
            refused: Mutex::default(),
            wake: Arc::new(Notify::new()),
        });
        tokio::spawn(keep(Arc::downgrade(&lane)));
        lane
    }

    /// What is wrong with it, if something is.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    /// Makes a call, which is given up after `patience`. Of a server that is away or too slow nothing is asked.
    pub(crate) async fn call<T, F>(
        &self,
        patience: Duration,
        call: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = RedisResult<T>>,
    {
        if self.slow.load(Ordering::Relaxed) >= TOO_SLOW {
            return Err(Failure::Slow);
        }
        let Some(connection) = self.connection.load_full() else { return Err(Failure::Away) };
        match timeout(patience, call(MultiplexedConnection::clone(&connection))).await {
            Ok(Ok(answer)) => {
                self.slow.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.judge(&error)),
            Err(_) => {
                if self.slow.fetch_add(1, Ordering::Relaxed) + 1 == TOO_SLOW {
                    self.note(Some("it answers too slowly".into()));
                    self.wake.notify_one();
                }
                Err(Failure::Slow)
            }
        }
    }

    /// What an error says about the server.
    fn judge(&self, error: &RedisError) -> Failure {
        let redis::ErrorKind::Server(kind) = error.kind() else {
            self.wake.notify_one();
            return Failure::Away;
        };
        match kind {
            ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::ReadOnly => Failure::Elsewhere,
            _ => {
                self.note_refusal(describe(error));
                Failure::Refused
            }
        }
    }

    /// It answers, but not as it should.
    pub(crate) fn note_refusal(&self, why: String) {
        *self.refused.lock() = Some(Instant::now());
        self.note(Some(why));
    }

    /// Makes sure that there is a connection on which calls are answered.
    async fn check(&self) -> Result<(), String> {
        let connection = match self.connection.load_full() {
            Some(connection) => MultiplexedConnection::clone(&connection),
            None => {
                // Calls have a patience of their own; this one is for those of the connection itself.
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PATIENCE))
                    .set_response_timeout(Some(PATIENCE));
                let made = self.client.get_multiplexed_async_connection_with_config(&config);
                let made =
                    timeout(2 * PATIENCE, made).await.map_err(|_| "no connection in time".to_owned())?;
                let made = made.map_err(|error| describe(&error))?;
                self.connection.store(Some(Arc::new(made.clone())));
                self.slow.store(0, Ordering::Relaxed);
                made
            }
        };
        let mut connection = connection;
        let asked = Instant::now();
        let ping = redis::cmd("PING");
        let answered = timeout(PATIENCE, ping.exec_async(&mut connection)).await;
        if let Err(error) = answered.map_err(|_| "no answer in time".to_owned())? {
            // A server that is loading or not in order is there all the same.
            let text = describe(&error);
            return if matches!(error.kind(), redis::ErrorKind::Server(_)) {
                self.tell(text)
            } else {
                Err(text)
            };
        }
        if asked.elapsed() <= self.quick {
            self.slow.store(0, Ordering::Relaxed);
        }
        if self.is_slow() {
            return self.tell("it answers too slowly".into());
        }
        // A server that answers a heartbeat may refuse everything else.
        if self.refused.lock().is_none_or(|refused| refused.elapsed() > REFUSAL) {
            self.note(None);
        }
        Ok(())
    }

    fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed) >= TOO_SLOW
    }

    fn tell(&self, trouble: String) -> Result<(), String> {
        self.note(Some(trouble));
        Ok(())
    }

    /// Notes what is wrong, and says so in the log when that begins or ends.
    fn note(&self, trouble: Option<String>) {
        let mut noted = self.trouble.lock();
        let was_told = self.told.swap(trouble.is_some(), Ordering::Relaxed);
        match (&*noted, &trouble) {
            (_, Some(why)) if !was_told => tracing::warn!(server = %self.host, why, "Redis is in trouble"),
            (Some(_), None) => tracing::info!(server = %self.host, "Redis is well"),
            _ => {}
        }
        *noted = trouble.map(|why| format!("{}: {why}", self.host));
    }
}

/// An error in a few words. Redis's own never have a password in them.
pub(crate) fn describe(error: &RedisError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

async fn keep(lane: Weak<Lane>) {
    let mut backoff = Backoff::default();
    loop {
        let Some(kept) = lane.upgrade() else { return };
        let pause = match kept.check().await {
            Ok(()) => {
                backoff.reset();
                if kept.is_slow() { SLOW_HEARTBEAT } else { HEARTBEAT }
            }
            Err(why) => {
                kept.connection.store(None);
                kept.note(Some(why));
                backoff.next(getrandom::u32().ok())
            }
        };
        let wake = Arc::clone(&kept.wake);
        let is_connected = kept.connection.load().is_some();
        drop(kept);
        // A broken connection is noticed at the first call; but a server that is away is not asked more often for it.
        tokio::select! { biased;
            () = wake.notified(), if is_connected => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
