//! The port on which nodes tell each other what was committed. Messages may be lost, doubled or late.

pub mod message;

use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::id::ShowtimeId;
use parking_lot::RwLock;

use crate::link::{BusFigures, LinkHealth};

/// A committed change of a showtime.
pub type Message = (ShowtimeId, Arc<Event>);

/// Who receives what other nodes publish.
pub type Subscriber = Box<dyn Fn(&[Message]) + Send + Sync>;

/// Tells the name of the store's history: changes of another one are passed over.
pub type Epoch = Arc<dyn Fn() -> Arc<str> + Send + Sync>;

/// Carries committed changes between nodes.
pub trait Bus: Send + Sync {
    /// Tells every other node. It does not wait: what there is no room for is lost.
    fn publish(&self, node: u64, messages: &[Message]);

    /// Calls `subscriber` with what nodes other than `node` publish. It must not block.
    fn subscribe(&self, node: u64, subscriber: Subscriber);

    /// How its servers are; `None` if it has none.
    fn health(&self) -> Option<LinkHealth> {
        None
    }

    /// What it counts.
    fn figures(&self) -> BusFigures {
        BusFigures::default()
    }
}

/// A bus between nodes in one process; with one node it carries nothing.
#[derive(Default)]
pub struct InProcessBus {
    subscribers: RwLock<Vec<(u64, Subscriber)>>,
}

impl Bus for InProcessBus {
    fn publish(&self, node: u64, messages: &[Message]) {
        for (subscribed, subscriber) in self.subscribers.read().iter() {
            if *subscribed != node {
                subscriber(messages);
            }
        }
    }

    fn subscribe(&self, node: u64, subscriber: Subscriber) {
        self.subscribers.write().push((node, subscriber));
    }
}
