//! Who is connected, and the groups that they are in. Groups are the server's own affair: clients never hear of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use tokio::sync::Notify;

use crate::connection::Connection;
use crate::hub::Close;
use crate::payload::Event;

/// All connections that passed their handshake, and their groups.
#[derive(Debug, Default)]
pub struct Clients {
    members: RwLock<Members>,
}

#[derive(Debug, Default)]
struct Members {
    all: HashMap<Box<str>, Connection>,
    groups: HashMap<Arc<str>, HashMap<Box<str>, Connection>>,
}

impl Clients {
    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.read().all.len()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connection with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Connection> {
        self.members.read().all.get(id).cloned()
    }

    /// Every connection there is at this moment.
    #[must_use]
    pub fn all(&self) -> Vec<Connection> {
        self.members.read().all.values().cloned().collect()
    }

    /// Who is in a group at this moment.
    #[must_use]
    pub fn group(&self, group: &str) -> Vec<Connection> {
        self.members.read().groups.get(group).map_or_else(Vec::new, |group| group.values().cloned().collect())
    }

    /// Puts a connection into a group until it leaves or ends. Whoever ended stays out.
    pub fn join(&self, group: &str, connection: &Connection) {
        let mut members = self.members.write();
        if !members.all.contains_key(connection.id()) {
            return;
        }
        let name =
            members.groups.get_key_value(group).map_or_else(|| Arc::from(group), |(name, _)| name.clone());
        let added = members
            .groups
            .entry(name.clone())
            .or_default()
            .insert(connection.0.id.clone(), connection.clone());
        if added.is_none() {
            connection.0.groups.lock().push(name);
        }
    }

    /// Takes a connection out of a group.
    pub fn leave(&self, group: &str, connection: &Connection) {
        let mut members = self.members.write();
        connection.0.groups.lock().retain(|name| **name != *group);
        members.take_out(group, connection);
    }

    /// Sends an event to everybody.
    pub fn send_all(&self, event: &Event) {
        send(&self.all(), event);
    }

    /// Sends an event to a group.
    pub fn send_group(&self, group: &str, event: &Event) {
        send(&self.group(group), event);
    }

    pub(crate) fn add(&self, connection: &Connection) {
        self.members.write().all.insert(connection.0.id.clone(), connection.clone());
    }

    pub(crate) fn remove(&self, connection: &Connection) {
        let mut members = self.members.write();
        members.all.remove(connection.id());
        for group in std::mem::take(&mut *connection.0.groups.lock()) {
            members.take_out(&group, connection);
        }
    }

    pub(crate) fn close_all(&self, close: &Close) {
        for connection in self.all() {
            connection.close(close.clone());
        }
    }
}

impl Members {
    fn take_out(&mut self, group: &str, connection: &Connection) {
        if let Some(members) = self.groups.get_mut(group) {
            members.remove(connection.id());
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
    }
}

/// Nobody's ending keeps the event from the others.
fn send(connections: &[Connection], event: &Event) {
    for connection in connections {
        if let Err(error) = connection.send(event) {
            tracing::trace!(connection = connection.id(), %error, "not sent");
        }
    }
}

/// Counts connections, from their opening on, and knows when the last is gone.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicUsize,
    most: usize,
    left: Notify,
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most, left: Notify::new() }
    }

    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        let more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Place(self.clone()))
    }

    pub(crate) fn are_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire) >= self.most
    }

    pub(crate) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            if self.taken.load(Ordering::Acquire) == 0 {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
        self.0.left.notify_waiters();
    }
}
