//! The load: an open loop at a rate, or a closed loop at a concurrency.
//!
//! In the open loop each unit of work has an intended start, and its latency counts from there, also when every
//! connection was still busy then: a server that is slow for a second is not asked less in that second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client::Client;
use super::shop::Shop;
use super::stage::Run;

/// How long after the end the last units that are due may still begin.
const GRACE: Duration = Duration::from_millis(50);

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// So many units a second begin, whatever happens, over so many connections.
    Open {
        /// Units per second.
        rate: f64,
        /// Connections.
        connections: usize,
    },
    /// So many at once, each beginning when the one before it ended.
    Closed {
        /// How many at once.
        concurrency: usize,
    },
}

impl Pace {
    /// How many connections it uses.
    pub(super) fn connections(self) -> usize {
        match self {
            Self::Open { connections, .. } => connections,
            Self::Closed { concurrency } => concurrency,
        }
    }
}

/// Someone who does one unit of work after the other over one connection.
pub(super) trait Visitor: Send {
    /// Does one unit, due at `due`, and records it. False when there is nothing left to do.
    fn visit(&mut self, due: Instant) -> impl Future<Output = bool> + Send;
}

/// Opens connections, all of them before any load; the first that fails ends it.
pub(super) async fn open_shops(run: &Run, connections: usize) -> anyhow::Result<Vec<Shop<'_>>> {
    let mut shops = Vec::with_capacity(connections);
    for opened in 0..connections {
        let mut client = Client::new(Arc::clone(&run.target));
        client.connect().await.map_err(|error| {
            anyhow::anyhow!("connection {} of {connections} cannot be opened: {error}", opened + 1)
        })?;
        shops.push(Shop::new(run, client));
    }
    Ok(shops)
}

/// Runs tasks that borrow the run, to their end.
pub(super) async fn all<T: Future<Output = ()> + Send + 'static>(tasks: impl Iterator<Item = T>) {
    let mut set: JoinSet<()> = tasks.collect();
    while let Some(ended) = set.join_next().await {
        // A task that panics takes the run with it: its figures would be wrong.
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// Keeps visitors busy for so long, or until there is nothing left to do or somebody asks to end.
pub(super) async fn drive<V: Visitor + 'static>(
    run: &'static Run,
    visitors: Vec<V>,
    pace: Pace,
    duration: Duration,
) {
    let start = run.recorder.begin();
    let end = start + duration;
    match pace {
        Pace::Closed { .. } => {
            all(visitors.into_iter().map(|mut visitor| async move {
                while !run.stop.is_asked() && Instant::now() < end && visitor.visit(Instant::now()).await {}
            }))
            .await;
        }
        Pace::Open { rate, .. } => {
            let open = Arc::new(Open { start, rate, due: Semaphore::new(0), begun: AtomicU64::new(0) });
            let pacer = {
                let (open, stop) = (Arc::clone(&open), run.stop.clone());
                thread::spawn(move || open.pace(end, || stop.is_asked()))
            };
            let last = Arc::clone(&open);
            all(visitors.into_iter().map(|visitor| Arc::clone(&open).follow(run, visitor))).await;
            last.due.close();
            let due = pacer.join().unwrap_or_default();
            if !run.stop.is_asked() {
                let ended = end.min(Instant::now());
                let begun = last.begun.load(Ordering::Relaxed).min(due);
                run.recorder
                    .not_begun((begun..due).map(|number| ended.saturating_duration_since(last.at(number))));
            }
        }
    }
}

/// An open loop in progress.
struct Open {
    start: Instant,
    rate: f64,
    /// One permit for each unit that is due and not begun.
    due: Semaphore,
    begun: AtomicU64,
}

impl Open {
    /// When a unit is due.
    fn at(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// Releases units when they are due; how many were. On a thread of its own: the runtime's timer has steps of a
    /// millisecond.
    fn pace(&self, end: Instant, stopped: impl Fn() -> bool) -> u64 {
        let mut released = 0;
        loop {
            let (now, next) = (Instant::now(), self.at(released));
            let over = next >= end && (self.due.available_permits() == 0 || now > end + GRACE);
            if over || self.due.is_closed() || stopped() {
                self.due.close();
                return released;
            }
            if next >= end {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            if next > now {
                // Not longer, so that an end asked for is noticed.
                thread::sleep((next - now).min(Duration::from_millis(50)));
                continue;
            }
            let before = released;
            while self.at(released) <= now && self.at(released) < end {
                released += 1;
            }
            self.due.add_permits((released - before) as usize);
        }
    }

    /// Does what is due, as long as there is something.
    async fn follow<V: Visitor>(self: Arc<Self>, run: &'static Run, mut visitor: V) {
        loop {
            let idle = match self.due.try_acquire() {
                Ok(permit) => {
                    permit.forget();
                    false
                }
                Err(tokio::sync::TryAcquireError::Closed) => return,
                Err(tokio::sync::TryAcquireError::NoPermits) => {
                    let Ok(permit) = self.due.acquire().await else { return };
                    permit.forget();
                    true
                }
            };
            let due = self.at(self.begun.fetch_add(1, Ordering::Relaxed));
            if idle {
                run.recorder.lagged(due.elapsed());
            }
            if !visitor.visit(due).await {
                self.due.close();
                return;
            }
        }
    }
}
