//! The gate: one script claims all seats of a request or none, each for one commit.
//!
//! A seat's key is `PREFIX:{SHOWTIME}:NUMBER`, so that all seats of a showtime are in one slot; its value is
//! `VERSION:TOKEN`: the version that the seat is to get, and the owner. Whoever claimed deletes the keys when the outcome
//! is known; if that fails, they end by themselves, or when somebody is about to give the seat a higher version.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::SeatNo;
use boxoffice_engine::gate::{Gate, GateSeat, Passage};
use boxoffice_engine::link::{GATE_BOUNDS_US, GateFigures, LinkHealth};
use boxoffice_engine::runtime::BoxFuture;
use redis::Script;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::address::Address;
use crate::lane::{Failure, Lane};
use crate::shards::{Options, Shards};
use crate::slot;

/// How many releases may wait to be sent. Those beyond are left to end by themselves.
const WAITING_RELEASES: usize = 16_384;
/// How many are sent together.
const RELEASES_AT_ONCE: usize = 256;
/// How long sending them may take.
const RELEASE_PATIENCE: Duration = Duration::from_millis(500);

/// What to do with those who come while nobody can say whether a seat is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Let them through: the store decides.
    Admit,
    /// Turn them away.
    Refuse,
}

/// The gate on Redis.
pub struct RedisGate {
    shared: Arc<Shared>,
    on_failure: OnFailure,
    releases: mpsc::Sender<Release>,
}

struct Shared {
    shards: Arc<Shards>,
    claim: Script,
    release: Script,
    counters: Counters,
}

struct Release {
    showtime: ShowtimeId,
    seats: Vec<SeatNo>,
    token: u64,
}

#[derive(Default)]
struct Counters {
    admitted: AtomicU64,
    refused: AtomicU64,
    opened: AtomicU64,
    shut: AtomicU64,
    left: AtomicU64,
    durations: [AtomicU64; GATE_BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

impl RedisGate {
    /// A gate that begins to connect; it needs a tokio runtime. Fails only if the certificates cannot be used.
    pub fn start(address: Address, options: Options, on_failure: OnFailure) -> redis::RedisResult<Self> {
        let shared = Arc::new(Shared {
            shards: Shards::start(address, options)?,
            claim: Script::new(include_str!("scripts/claim.lua")),
            release: Script::new(include_str!("scripts/release.lua")),
            counters: Counters::default(),
        });
        let (releases, waiting) = mpsc::channel(WAITING_RELEASES);
        tokio::spawn(release_all(Arc::clone(&shared), waiting));
        Ok(Self { shared, on_failure, releases })
    }
}

impl Shared {
    /// The server of a showtime.
    fn lane(&self, showtime: ShowtimeId) -> Result<Arc<Lane>, Failure> {
        self.shards.lane(slot::of(&showtime.to_string())).ok_or(Failure::Away)
    }

    fn keys(&self, showtime: ShowtimeId, seats: impl Iterator<Item = SeatNo>) -> Vec<String> {
        let prefix = &self.shards.options.prefix;
        let key = |no| {
            let mut key = String::with_capacity(prefix.len() + 24);
            // Writing to a String cannot fail.
            let _ = write!(key, "{prefix}:{{{showtime}}}:{no}");
            key
        };
        seats.map(key).collect()
    }

    /// Claims all seats or none, and says which.
    async fn claim(&self, showtime: ShowtimeId, seats: &[GateSeat], token: u64) -> Result<bool, Failure> {
        let Options { timeout, claim, .. } = &self.shards.options;
        let mut call = self.claim.prepare_invoke();
        call.key(self.keys(showtime, seats.iter().map(|seat| seat.no)));
        call.arg(token).arg(claim.as_millis() as u64);
        for seat in seats {
            call.arg(seat.version);
        }
        let lane = self.lane(showtime)?;
        let answered = lane.call(*timeout, async |mut connection| call.invoke_async(&mut connection).await);
        let answered = answered.await;
        self.note_elsewhere(&answered);
        answered
    }

    fn note_elsewhere<T>(&self, answered: &Result<T, Failure>) {
        if matches!(answered, Err(Failure::Elsewhere)) {
            self.shards.look_again();
        }
    }

    /// Lets go of claims that one server has: all in one round trip.
    async fn release(&self, lane: &Lane, releases: &[Release]) {
        let sent = lane.call(RELEASE_PATIENCE, async |mut connection| {
            let hash = self.release.get_hash();
            let mut pipe = redis::pipe();
            for Release { showtime, seats, token } in releases {
                let keys = self.keys(*showtime, seats.iter().copied());
                pipe.cmd("EVALSHA").arg(hash).arg(keys.len()).arg(keys).arg(*token).ignore();
            }
            match pipe.exec_async(&mut connection).await {
                Err(error) if is_unknown_script(&error) => {
                    self.release.load_async(&mut connection).await?;
                    pipe.exec_async(&mut connection).await
                }
                sent => sent,
            }
        });
        let sent = sent.await;
        self.note_elsewhere(&sent);
        if sent.is_err() {
            self.counters.left.fetch_add(releases.len() as u64, Ordering::Relaxed);
        }
    }
}

/// Whether a server has not seen the script since it started. Of a pipeline, any of its calls may say so.
fn is_unknown_script(error: &redis::RedisError) -> bool {
    let is_one = |error: &redis::RedisError| error.code() == Some("NOSCRIPT");
    is_one(error)
        || error
            .clone()
            .into_server_errors()
            .is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == "NOSCRIPT"))
}

impl Gate for RedisGate {
    fn claim(&self, showtime: ShowtimeId, seats: Vec<GateSeat>, token: u64) -> BoxFuture<'_, Passage> {
        Box::pin(async move {
            let asked = Instant::now();
            let answered = self.shared.claim(showtime, &seats, token).await;
            let counters = &self.shared.counters;
            let us = asked.elapsed().as_micros() as u64;
            let bucket = GATE_BOUNDS_US.partition_point(|bound| *bound < us);
            counters.durations[bucket].fetch_add(1, Ordering::Relaxed);
            counters.total_us.fetch_add(us, Ordering::Relaxed);
            let (counter, passage) = match (answered, self.on_failure) {
                (Ok(true), _) => (&counters.admitted, Passage::Admitted),
                (Ok(false), _) => (&counters.refused, Passage::Taken),
                (Err(_), OnFailure::Admit) => (&counters.opened, Passage::Admitted),
                (Err(_), OnFailure::Refuse) => (&counters.shut, Passage::Shut),
            };
            counter.fetch_add(1, Ordering::Relaxed);
            passage
        })
    }

    fn release(&self, showtime: ShowtimeId, seats: Vec<SeatNo>, token: u64) {
        if self.releases.try_send(Release { showtime, seats, token }).is_err() {
            self.shared.counters.left.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn health(&self) -> Option<LinkHealth> {
        Some(LinkHealth { trouble: self.shared.shards.trouble() })
    }

    fn figures(&self) -> GateFigures {
        let counters = &self.shared.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut durations = [0; GATE_BOUNDS_US.len() + 1];
        for (duration, counter) in durations.iter_mut().zip(&counters.durations) {
            *duration = get(counter);
        }
        GateFigures {
            admitted: get(&counters.admitted),
            refused: get(&counters.refused),
            opened: get(&counters.opened),
            shut: get(&counters.shut),
            left: get(&counters.left),
            durations,
            total_us: get(&counters.total_us),
        }
    }
}

/// Sends releases in the order in which they come, many at once, to each server its own; ends with the gate.
async fn release_all(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Release>) {
    let mut batch = Vec::with_capacity(RELEASES_AT_ONCE);
    while waiting.recv_many(&mut batch, RELEASES_AT_ONCE).await > 0 {
        let mut by_lane: Vec<(Arc<Lane>, Vec<Release>)> = Vec::new();
        for release in batch.drain(..) {
            let Ok(lane) = shared.lane(release.showtime) else {
                shared.counters.left.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            match by_lane.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &lane)) {
                Some((_, releases)) => releases.push(release),
                None => by_lane.push((lane, vec![release])),
            }
        }
        let sent = by_lane.iter().map(|(lane, releases)| shared.release(lane, releases));
        futures_util::future::join_all(sent).await;
    }
}
