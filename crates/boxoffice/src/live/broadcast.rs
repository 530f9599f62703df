//! Writing a change to everybody who keeps up: one pass over their sockets, without waking a task for each.
//!
//! A pass goes on in slices, and whatever else the node has to do comes in between: under load the passes take longer,
//! and changes are gathered meanwhile, before anything waits for them. Whoever cannot be written to at once is left to
//! a task of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use slab::Slab;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::HEARTBEAT_S;
use super::audience::Audience;
use super::watcher::Watcher;

/// How many watchers one pass serves; more are shared out among passes, which may go on at the same time.
const BLOCK: usize = 4096;
/// How many are written to before something else gets its turn.
const SLICE: usize = 16;

/// Watchers that are written to by one task.
#[derive(Default)]
pub(super) struct Block {
    watchers: Mutex<Slab<Arc<Watcher>>>,
    /// How many they are, or `OVER`.
    count: AtomicUsize,
}

const OVER: usize = usize::MAX;

/// What is written in a pass.
enum Pass {
    /// Whatever each has to be told.
    Update,
    /// A sign of life.
    Heartbeat,
    /// The last words.
    Leave,
}

impl Block {
    /// Takes a watcher in, if there is room.
    pub(super) fn admit(self: &Arc<Self>, watcher: &Arc<Watcher>) -> bool {
        let mut watchers = self.watchers.lock();
        if self.is_over() || watchers.len() >= BLOCK {
            return false;
        }
        let key = watchers.insert(Arc::clone(watcher));
        self.count.store(watchers.len(), Ordering::Release);
        watcher.is_in(Arc::clone(self), key);
        true
    }

    /// Lets a watcher go.
    pub(super) fn leave(&self, key: usize) {
        let mut watchers = self.watchers.lock();
        let gone = watchers.try_remove(key);
        if !self.is_over() {
            self.count.store(watchers.len(), Ordering::Release);
        }
        drop(watchers);
        drop(gone);
    }

    /// Whether nobody is served by it any more.
    pub(super) fn is_over(&self) -> bool {
        self.count.load(Ordering::Acquire) == OVER
    }

    /// Ends it if it is empty.
    fn ends(&self) -> bool {
        let watchers = self.watchers.lock();
        if watchers.is_empty() {
            self.count.store(OVER, Ordering::Release);
        }
        watchers.is_empty()
    }

    /// Serves the watchers until there are none.
    pub(super) async fn run(self: Arc<Self>, audience: Arc<Audience>) {
        let mut watch = audience.watch();
        let mut leaving = audience.live().leaving.subscribe();
        let silence = Duration::from_secs(HEARTBEAT_S);
        let mut heartbeat = Instant::now() + silence;
        loop {
            let pass = tokio::select! { biased;
                () = left(&mut leaving) => Pass::Leave,
                told = watch.told() => {
                    Box::pin(self.pass(&audience, &Pass::Update)).await;
                    let lag = audience.app().office.now().since_ms(told.oldest_at).max(0);
                    audience.live().counters.lag.note(Duration::from_millis(lag as u64));
                    heartbeat = Instant::now() + silence;
                    continue;
                }
                () = tokio::time::sleep_until(heartbeat) => Pass::Heartbeat,
            };
            heartbeat = Instant::now() + silence;
            self.pass(&audience, &pass).await;
            if self.ends() {
                return;
            }
            if matches!(pass, Pass::Leave) {
                // Those who still come are sent away at the door; those who are here have been told.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn pass(&self, audience: &Arc<Audience>, pass: &Pass) {
        let mut bytes = 0;
        // Nearly all need the same as the one before.
        let mut last = None;
        let heartbeat = matches!(pass, Pass::Heartbeat).then(|| audience.heartbeat());
        let mut key = 0;
        loop {
            let slice: SmallVec<[Arc<Watcher>; SLICE]> = {
                let watchers = self.watchers.lock();
                let keys = key..(key + SLICE).min(watchers.capacity());
                keys.filter_map(|key| watchers.get(key)).map(Arc::clone).collect()
            };
            key += SLICE;
            for watcher in &slice {
                bytes += match (pass, &heartbeat) {
                    (Pass::Leave, _) => watcher.send_away(audience),
                    (_, Some(heartbeat)) => watcher.offer_heartbeat(audience, heartbeat, &mut last),
                    _ => watcher.offer_update(audience, &mut last),
                };
            }
            if key >= self.watchers.lock().capacity() {
                break;
            }
            // The system, too: it lets a thread go on for milliseconds before it lets in one that just woke up.
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
        audience.live().note_bytes(bytes);
    }
}

/// Ends when the node goes down.
pub(super) async fn left(leaving: &mut tokio::sync::watch::Receiver<bool>) {
    drop(leaving.wait_for(|leaving| *leaving).await);
}
