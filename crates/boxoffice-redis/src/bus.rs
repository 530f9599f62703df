//! The bus: what this node committed goes out on sharded channels, beside the way of the sale.
//!
//! There is a fixed number of channels, spread over the servers of a Cluster; a showtime's changes are always on the
//! same one. Nothing is kept for those who do not listen, and what there is no room for is dropped: every node
//! compares its boards with the store's heads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boxoffice_core::change::Event;
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::bus::message::{Draft, Origin};
use boxoffice_engine::bus::{Bus, Epoch, Message, Subscriber};
use boxoffice_engine::link::{BusFigures, LinkHealth};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::address::Address;
use crate::lane::{Failure, Lane};
use crate::listener::{self, Listening};
use crate::shards::{Options, Shards};
use crate::slot;

/// How many channels there are.
const CHANNELS: u64 = 16;
/// How many changes may wait to be sent.
const WAITING: usize = 16_384;
/// How many are sent together, and how many bytes of them in one message.
const AT_ONCE: usize = 512;
const MESSAGE_BYTES: usize = 64 * 1024;
/// How long sending them may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// The bus on Redis.
pub struct RedisBus {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Outgoing>,
}

type Outgoing = (u64, ShowtimeId, Arc<Event>);

/// A message and the channel that it goes to.
type Addressed = (String, Draft);

pub(crate) struct Shared {
    pub(crate) shards: Arc<Shards>,
    pub(crate) epoch: Epoch,
    pub(crate) counters: Counters,
    /// What is wrong with listening, by server.
    pub(crate) listening: Mutex<Listening>,
}

#[derive(Default)]
pub(crate) struct Counters {
    published: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl RedisBus {
    /// A bus that begins to connect; it needs a tokio runtime. Fails only if the certificates cannot be used.
    pub fn start(address: Address, options: Options, epoch: Epoch) -> redis::RedisResult<Self> {
        let shared = Arc::new(Shared {
            shards: Shards::start(address, options)?,
            epoch,
            counters: Counters::default(),
            listening: Mutex::default(),
        });
        let (outgoing, waiting) = mpsc::channel(WAITING);
        tokio::spawn(publish_all(Arc::clone(&shared), waiting));
        Ok(Self { shared, outgoing })
    }
}

impl Shared {
    /// All channels, each with its slot.
    pub(crate) fn channels(&self) -> impl Iterator<Item = (String, u16)> {
        (0..CHANNELS).map(|number| self.channel(number))
    }

    fn channel(&self, number: u64) -> (String, u16) {
        let tag = format!("bus{number}");
        (format!("{}:{{{tag}}}", self.shards.options.prefix), slot::of(&tag))
    }

    fn drop_changes(&self, count: u64) {
        self.counters.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Sends what one server is to carry: all in one round trip.
    async fn send(&self, lane: &Lane, messages: Vec<Addressed>) {
        let changes = messages.iter().map(|(_, draft)| draft.changes).sum();
        let mut pipe = redis::pipe();
        for (channel, draft) in messages {
            pipe.cmd("SPUBLISH").arg(channel).arg(draft.finish()).ignore();
        }
        let sent = lane.call(PATIENCE, async |mut connection| pipe.exec_async(&mut connection).await).await;
        match sent {
            Ok(()) => drop(self.counters.published.fetch_add(changes, Ordering::Relaxed)),
            Err(why) => {
                if why == Failure::Elsewhere {
                    self.shards.look_again();
                }
                self.drop_changes(changes);
            }
        }
    }
}

impl Bus for RedisBus {
    fn publish(&self, node: u64, messages: &[Message]) {
        for (showtime, event) in messages {
            if self.outgoing.try_send((node, *showtime, Arc::clone(event))).is_err() {
                self.shared.drop_changes(1);
            }
        }
    }

    fn subscribe(&self, node: u64, subscriber: Subscriber) {
        tokio::spawn(listener::run(Arc::downgrade(&self.shared), node, Arc::new(subscriber)));
    }

    fn health(&self) -> Option<LinkHealth> {
        let listening = self.shared.listening.lock().values().filter_map(Clone::clone).collect::<Vec<_>>();
        let troubles: Vec<_> = self.shared.shards.trouble().into_iter().chain(listening).collect();
        Some(LinkHealth { trouble: (!troubles.is_empty()).then(|| troubles.join("; ")) })
    }

    fn figures(&self) -> BusFigures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { published, received, dropped } = &self.shared.counters;
        BusFigures { published: get(published), received: get(received), dropped: get(dropped) }
    }
}

/// Sends what waits, many changes at once, each on its showtime's channel; ends with the bus.
async fn publish_all(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Outgoing>) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    while waiting.recv_many(&mut batch, AT_ONCE).await > 0 {
        let epoch = (shared.epoch)();
        let mut drafts: Vec<(u64, u64, Draft)> = Vec::new();
        for (node, showtime, event) in batch.drain(..) {
            let number = showtime.number() % CHANNELS;
            let fits = |(of, by, draft): &&mut (u64, u64, Draft)| {
                *of == number && *by == node && draft.size < MESSAGE_BYTES
            };
            match drafts.iter_mut().find(fits) {
                Some((.., draft)) => draft.add(showtime, &event),
                None => {
                    let mut draft = Draft::new(&Origin { node, epoch: epoch.to_string() });
                    draft.add(showtime, &event);
                    drafts.push((number, node, draft));
                }
            }
        }
        let mut by_lane: Vec<(Arc<Lane>, Vec<Addressed>)> = Vec::new();
        for (number, _, draft) in drafts {
            let (channel, slot) = shared.channel(number);
            let Some(lane) = shared.shards.lane(slot) else {
                shared.drop_changes(draft.changes);
                continue;
            };
            match by_lane.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &lane)) {
                Some((_, messages)) => messages.push((channel, draft)),
                None => by_lane.push((lane, vec![(channel, draft)])),
            }
        }
        let sent = by_lane.into_iter().map(async |(lane, messages)| shared.send(&lane, messages).await);
        futures_util::future::join_all(sent).await;
    }
}
