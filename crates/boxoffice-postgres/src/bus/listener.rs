//! Listening: one connection that asks for nothing and hands on what it is told.
//!
//! What is said while it is away is lost. Nothing is asked for again here: the engine compares its boards with the
//! store's heads every second.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use boxoffice_engine::bus::message::Origin;
use boxoffice_engine::bus::{Subscriber, message};
use boxoffice_engine::link::backoff::Backoff;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_postgres::{Client, Notification};

use super::payload::Assembly;
use super::sender::HEARTBEAT;
use super::{CHANNEL, Shared};
use crate::error::Failure;
use crate::session::{READ, connect_hearing, within};

/// How many notifications may wait to be taken. Those beyond are dropped.
const WAITING: usize = 4096;
/// How long nothing may be heard: this node itself says something every second.
const SILENCE: Duration = HEARTBEAT.saturating_mul(3);

/// A connection that listens.
struct Ear {
    notifications: mpsc::Receiver<Notification>,
    /// The connection ends with it.
    _client: Client,
}

/// Listens until the bus is gone.
pub(super) async fn run(shared: Weak<Shared>, node: u64, subscriber: Subscriber) {
    let mut backoff = Backoff::default();
    loop {
        let why = match listen(&shared).await {
            Ok(None) => return,
            Ok(Some(ear)) => match take_all(&shared, ear, node, &subscriber, &mut backoff).await {
                None => return,
                Some(why) => why,
            },
            Err(failure) => failure.to_string(),
        };
        match shared.upgrade() {
            None => return,
            Some(bus) => bus.note_listening(Some(why)),
        }
        tokio::time::sleep(backoff.next(getrandom::u32().ok())).await;
    }
}

/// Connects and begins to listen; `None` if the bus is gone.
async fn listen(shared: &Weak<Shared>) -> Result<Option<Ear>, Failure> {
    let Some(bus) = shared.upgrade() else { return Ok(None) };
    let (pushes, notifications) = mpsc::channel(WAITING);
    let counting = Weak::clone(shared);
    let hear = move |notification| {
        if let Err(TrySendError::Full(_)) = pushes.try_send(notification)
            && let Some(bus) = counting.upgrade()
        {
            bus.count_dropped(1);
        }
    };
    let client = connect_hearing(&bus.address, hear).await?;
    let sql = format!("LISTEN {CHANNEL}; LISTEN {}", bus.own_channel);
    within(READ, async { Ok(client.batch_execute(&sql).await?) }).await?;
    bus.note_others();
    bus.speak.notify_one();
    Ok(Some(Ear { notifications, _client: client }))
}

/// Hands on what comes until the connection breaks or is silent, and says which; `None` if the bus is gone.
async fn take_all(
    shared: &Weak<Shared>,
    mut ear: Ear,
    node: u64,
    subscriber: &Subscriber,
    backoff: &mut Backoff,
) -> Option<String> {
    let mut assembly = Assembly::default();
    loop {
        let heard = tokio::time::timeout(SILENCE, ear.notifications.recv()).await;
        let bus = shared.upgrade()?;
        match heard {
            Ok(Some(notification)) => {
                backoff.reset();
                bus.note_listening(None);
                bus.take(&mut assembly, &notification, node, subscriber);
            }
            Ok(None) => return Some("the connection that listens broke".into()),
            Err(_) => {
                let telling = bus.telling.lock().clone();
                return Some(telling.unwrap_or_else(|| {
                    "what this node says does not come back to it. LISTEN needs a connection of its own, which a \
                     pooler of transactions such as PgBouncer does not give: name the server itself in the setting \
                     bus (postgres://…)"
                        .into()
                }));
            }
        }
    }
}

impl Shared {
    /// Hands on one notification, if it completes a message of another node of the same history.
    fn take(&self, assembly: &mut Assembly, notification: &Notification, node: u64, subscriber: &Subscriber) {
        if notification.channel() != CHANNEL {
            return;
        }
        let content = match assembly.add(notification.process_id(), notification.payload()) {
            Ok(None) => return,
            Ok(Some(content)) => content,
            Err(_) => return self.count_dropped(1),
        };
        let epoch = (self.epoch)();
        let is_wanted = |origin: &Origin| {
            if origin.node != node {
                self.note_others();
            }
            origin.node != node && *origin.epoch == *epoch
        };
        match message::read(&content, is_wanted) {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                self.counters.received.fetch_add(messages.len() as u64, Ordering::Relaxed);
                subscriber(&messages);
            }
            Err(malformed) => {
                tracing::debug!(%malformed, "a message was passed over");
                self.count_dropped(1);
            }
        }
    }
}
