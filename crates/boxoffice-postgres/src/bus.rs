//! The bus on PostgreSQL's LISTEN and NOTIFY, where there is no Redis: what this node committed is told to the others,
//! beside the way of the sale.
//!
//! Nothing is notified within a transaction that sells: one that notifies holds a lock of the whole cluster from before
//! its commit is written to disk until it is done, so that commits which notify wait for each other. Here one
//! connection of its own tells, after the commits, all that waits in one transaction that nothing depends on and that
//! waits for no disk; the sales' commits never queue for it. What is lost on the way, every node finds by comparing
//! its boards with the store's heads.

mod listener;
mod payload;
mod sender;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use boxoffice_core::change::Event;
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::bus::{Bus, Epoch, Message, Subscriber};
use boxoffice_engine::link::{BusFigures, LinkHealth};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::Address;
use crate::error::{At as _, OpenError};
use crate::history::random;

/// How many changes may wait to be sent.
const WAITING: usize = 16_384;
/// How long no other node may be heard before nothing is told any more: it would be for nobody, and costs the database
/// a tenth of what it does for sales.
const ALONE_AFTER: Duration = sender::HEARTBEAT.saturating_mul(5);
/// The channel of all nodes. Channels belong to a database, which is one installation's.
const CHANNEL: &str = "boxoffice_bus";

type Outgoing = (u64, ShowtimeId, Arc<Event>);

/// The bus in a PostgreSQL database.
pub struct PostgresBus {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
}

struct Shared {
    address: Address,
    epoch: Epoch,
    /// A channel that this node alone listens to: what it says there it must hear.
    own_channel: String,
    counters: Counters,
    /// What is wrong with telling.
    telling: Mutex<Option<String>>,
    /// What is wrong with listening.
    listening: Mutex<Option<String>>,
    /// The node that listens.
    node: OnceLock<u64>,
    /// When another node was heard last, or might not have been.
    others: Mutex<Instant>,
    /// Something should be said soon: somebody has just begun to listen.
    speak: Notify,
}

#[derive(Default)]
struct Counters {
    published: AtomicU64,
    received: AtomicU64,
    dropped: AtomicU64,
}

impl PostgresBus {
    /// A bus that begins to connect; it needs a tokio runtime. It tells on one connection and listens on another, which
    /// must be the server's own: a pooler of transactions would take it away between two of them.
    pub fn start(address: Address, epoch: Epoch) -> Result<Self, OpenError> {
        let own = u64::from_le_bytes(random().at(&address)?);
        let shared = Arc::new(Shared {
            address,
            epoch,
            own_channel: format!("{CHANNEL}_{own:016x}"),
            counters: Counters::default(),
            telling: Mutex::new(Some("not connected yet".into())),
            listening: Mutex::default(),
            node: OnceLock::new(),
            others: Mutex::new(Instant::now()),
            speak: Notify::new(),
        });
        let (outgoing, waiting) = mpsc::channel(WAITING);
        tokio::spawn(sender::run(Arc::clone(&shared), waiting));
        Ok(Self { shared, outgoing })
    }
}

impl Shared {
    fn count_dropped(&self, count: u64) {
        self.counters.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Notes that there is another node, or that it cannot be known.
    fn note_others(&self) {
        *self.others.lock() = Instant::now();
    }

    /// Whether this node hears, and hears no other: each says every second that it is there.
    fn is_alone(&self) -> bool {
        self.node.get().is_some()
            && self.listening.lock().is_none()
            && self.others.lock().elapsed() > ALONE_AFTER
    }

    fn note_telling(&self, trouble: Option<String>) {
        note(&self.telling, "telling", trouble);
    }

    fn note_listening(&self, trouble: Option<String>) {
        note(&self.listening, "listening", trouble);
    }
}

/// Keeps what is wrong, and logs it when it is something new.
fn note(place: &Mutex<Option<String>>, doing: &str, trouble: Option<String>) {
    let mut known = place.lock();
    if *known != trouble {
        match &trouble {
            Some(why) => tracing::warn!(doing, why, "the bus on PostgreSQL does not work"),
            None => tracing::info!(doing, "the bus on PostgreSQL works"),
        }
        *known = trouble;
    }
}

impl Bus for PostgresBus {
    fn publish(&self, node: u64, messages: &[Message]) {
        for (showtime, event) in messages {
            if self.outgoing.try_send((node, *showtime, Arc::clone(event))).is_err() {
                self.shared.count_dropped(1);
            }
        }
    }

    fn subscribe(&self, node: u64, subscriber: Subscriber) {
        *self.shared.listening.lock() = Some("not listening yet".into());
        let _ = self.shared.node.set(node);
        tokio::spawn(listener::run(Arc::downgrade(&self.shared), node, subscriber));
    }

    fn health(&self) -> Option<LinkHealth> {
        let Shared { address, telling, listening, .. } = &*self.shared;
        // Mostly both are away for the same reason, and listening has more to say.
        let trouble = listening.lock().clone().or_else(|| telling.lock().clone());
        Some(LinkHealth { trouble: trouble.map(|why| format!("{address}: {why}")) })
    }

    fn figures(&self) -> BusFigures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { published, received, dropped } = &self.shared.counters;
        BusFigures { published: get(published), received: get(received), dropped: get(dropped) }
    }
}
