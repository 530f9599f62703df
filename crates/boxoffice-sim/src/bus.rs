//! The way between nodes, on which messages are lost, doubled, overtaken and late.

use std::sync::Arc;

use boxoffice_engine::bus::{Bus, Message, Subscriber};
use parking_lot::Mutex;

use crate::faults::Fault;
use crate::node::Link;
use crate::world::World;

struct Subscribed {
    node: u64,
    link: Arc<Link>,
    receive: Arc<Subscriber>,
    /// A message that the next one overtakes.
    held_back: Mutex<Vec<Message>>,
}

/// Everybody who listens.
#[derive(Default)]
pub struct Subscribers(Mutex<Vec<Arc<Subscribed>>>);

/// The bus as one node sees it.
pub struct NodeBus {
    pub(crate) world: Arc<World>,
    pub(crate) link: Arc<Link>,
}

async fn carry(world: Arc<World>, to: Arc<Subscribed>, messages: Vec<Message>) {
    world.latency().await;
    if world.faults.strikes(Fault::MessageLate) {
        world.executor.sleep(world.faults.between(50, 5000)).await;
    }
    if to.link.is_alive() {
        (to.receive)(&messages);
    }
}

impl Bus for NodeBus {
    fn publish(&self, node: u64, messages: &[Message]) {
        if !self.link.is_alive() {
            return;
        }
        let faults = &self.world.faults;
        let others: Vec<_> = {
            let mut subscribers = self.world.subscribers.0.lock();
            subscribers.retain(|subscribed| subscribed.link.is_alive());
            subscribers.iter().filter(|subscribed| subscribed.node != node).map(Arc::clone).collect()
        };
        for to in others {
            if faults.strikes(Fault::MessageLost) {
                continue;
            }
            if faults.strikes(Fault::MessageOvertaken) {
                to.held_back.lock().extend_from_slice(messages);
                continue;
            }
            let mut sent = messages.to_vec();
            sent.append(&mut to.held_back.lock());
            let copies = 1 + u64::from(faults.strikes(Fault::MessageDoubled));
            for _ in 0..copies {
                let carried = carry(Arc::clone(&self.world), Arc::clone(&to), sent.clone());
                self.world.executor.spawn(0, Box::pin(carried));
            }
        }
    }

    fn subscribe(&self, node: u64, subscriber: Subscriber) {
        let subscribed = Subscribed {
            node,
            link: Arc::clone(&self.link),
            receive: Arc::new(subscriber),
            held_back: Mutex::default(),
        };
        self.world.subscribers.0.lock().push(Arc::new(subscribed));
    }
}

impl Subscribers {
    /// Forgets everybody.
    pub fn clear(&self) {
        let gone = std::mem::take(&mut *self.0.lock());
        drop(gone);
    }
}
