//! Listening: one connection to each server that has channels, subscribed to those.
//!
//! What is said while a connection is away is lost. Nothing is asked for again here: the engine compares its boards
//! with the store's heads every second.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use boxoffice_engine::bus::{Subscriber, message};
use boxoffice_engine::link::backoff::Backoff;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::address::Host;
use crate::bus::Shared;
use crate::lane::describe;

/// How long a connection may take to be made, and a heartbeat to be answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a silent server is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How many messages may wait to be taken. Those beyond are dropped.
const WAITING: usize = 4096;

/// What is wrong with listening to each server; `None` if nothing is.
pub(crate) type Listening = BTreeMap<Host, Option<String>>;

/// Ends the listening when it is dropped.
struct Ended(AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens to the servers that have channels, as the map has them, until the bus is gone.
pub(crate) async fn run(shared: Weak<Shared>, node: u64, subscriber: Arc<Subscriber>) {
    let Some(mut changed) = shared.upgrade().map(|shared| shared.shards.watch()) else { return };
    let mut running: BTreeMap<Host, (Vec<String>, Ended)> = BTreeMap::new();
    loop {
        let Some(bus) = shared.upgrade() else { return };
        changed.mark_unchanged();
        let map = bus.shards.map();
        let mut wanted: BTreeMap<Host, Vec<String>> = BTreeMap::new();
        for (channel, slot) in bus.channels() {
            if let Some(place) = map.place(slot) {
                wanted.entry(map.lanes[place].host.clone()).or_default().push(channel);
            }
        }
        running.retain(|host, (channels, _)| wanted.get(host) == Some(channels));
        bus.listening.lock().retain(|host, _| wanted.contains_key(host));
        for (host, channels) in wanted {
            running.entry(host.clone()).or_insert_with(|| {
                let not_yet = Some(format!("{host}: not subscribed yet"));
                bus.listening.lock().insert(host.clone(), not_yet);
                let listener = Listener {
                    shared: Weak::clone(&shared),
                    node,
                    subscriber: Arc::clone(&subscriber),
                    host,
                    channels: channels.clone(),
                };
                (channels, Ended(tokio::spawn(listener.listen()).abort_handle()))
            });
        }
        drop(bus);
        // The map is a part of the bus: without it there is none.
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Listens to one server.
struct Listener {
    shared: Weak<Shared>,
    node: u64,
    subscriber: Arc<Subscriber>,
    host: Host,
    channels: Vec<String>,
}

impl Listener {
    async fn listen(self) {
        let mut backoff = Backoff::default();
        loop {
            let Some(shared) = self.shared.upgrade() else { return };
            let (pushes, incoming) = mpsc::channel(WAITING);
            let subscribed = timeout(3 * PATIENCE, self.subscribe(&shared, pushes)).await;
            let why = match subscribed {
                Ok(Ok(connection)) => {
                    backoff.reset();
                    tracing::debug!(server = %self.host, "subscribed");
                    shared.listening.lock().insert(self.host.clone(), None);
                    drop(shared);
                    self.take_all(connection, incoming).await
                }
                Ok(Err(error)) => {
                    if error.is_cluster_error() {
                        shared.shards.look_again();
                    }
                    describe(&error)
                }
                Err(_) => "no subscription in time".to_owned(),
            };
            let Some(shared) = self.shared.upgrade() else { return };
            tracing::debug!(server = %self.host, why, "the subscription ended");
            shared.listening.lock().insert(self.host.clone(), Some(format!("{}: {why}", self.host)));
            drop(shared);
            tokio::time::sleep(backoff.next(getrandom::u32().ok())).await;
        }
    }

    async fn subscribe(
        &self,
        shared: &Arc<Shared>,
        pushes: mpsc::Sender<PushInfo>,
    ) -> RedisResult<redis::aio::MultiplexedConnection> {
        let shards = &shared.shards;
        let counting = Arc::downgrade(shared);
        let take = move |push: PushInfo| {
            let is_message = push.kind == PushKind::SMessage;
            let taken = pushes.try_send(push);
            if taken.is_err()
                && is_message
                && let Some(shared) = counting.upgrade()
            {
                shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
            }
            taken
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_push_sender(take);
        let client = shards.client(shards.address.server(&self.host)?)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        for channel in &self.channels {
            // One at a time: each is answered by one push.
            redis::cmd("SSUBSCRIBE").arg(channel).exec_async(&mut connection).await?;
        }
        Ok(connection)
    }

    /// Hands on what comes until the connection breaks or the channels move, and says which.
    async fn take_all(
        &self,
        mut connection: redis::aio::MultiplexedConnection,
        mut incoming: mpsc::Receiver<PushInfo>,
    ) -> String {
        loop {
            tokio::select! { biased;
                push = incoming.recv() => match push {
                    Some(PushInfo { kind: PushKind::SMessage, data }) => self.take(&data),
                    Some(PushInfo { kind: PushKind::SUnsubscribe, .. }) => {
                        if let Some(shared) = self.shared.upgrade() {
                            shared.shards.look_again();
                        }
                        return "its channels have moved".to_owned();
                    }
                    Some(PushInfo { kind: PushKind::Disconnection, .. }) | None => {
                        return "the connection broke".to_owned();
                    }
                    Some(_) => {}
                },
                () = tokio::time::sleep(HEARTBEAT) => {
                    let ping = redis::cmd("PING");
                    match timeout(PATIENCE, ping.exec_async(&mut connection)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return describe(&error),
                        Err(_) => return "no answer in time".to_owned(),
                    }
                }
            }
        }
    }

    /// Hands on one message: channel and content.
    fn take(&self, data: &[Value]) {
        let (Some(shared), [_, Value::BulkString(content), ..]) = (self.shared.upgrade(), data) else {
            return;
        };
        let epoch = (shared.epoch)();
        match message::read(content, |origin| origin.node != self.node && *origin.epoch == *epoch) {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                shared.counters.received.fetch_add(messages.len() as u64, Ordering::Relaxed);
                (self.subscriber)(&messages);
            }
            Err(malformed) => {
                tracing::debug!(%malformed, "a message was passed over");
                shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
