//! One client, as the hub holds it: to send to, to put into groups, to close.

use std::fmt;
use std::sync::{Arc, OnceLock};

use futures_util::Stream;
use futures_util::stream::StreamExt as _;
use http::Extensions;
use parking_lot::Mutex;

use crate::clients::{Clients, Place};
use crate::hub::{Close, SlowReader};
use crate::outbox::{Item, Outbox, Refused};
use crate::payload::Event;
use crate::protocol::Protocol;
use crate::protocol::message::Record;
use crate::server::Server;
use crate::transport::Transport;

/// Why an event was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection ended, or is about to.
    #[error("the connection ended")]
    Ended,
    /// The event is longer than clients take: [`Config::max_send_bytes`](crate::Config::max_send_bytes).
    #[error("the event is too long")]
    TooLong,
}

/// A client's connection. Clones are the same connection.
#[derive(Clone)]
pub struct Connection(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) id: Box<str>,
    pub(crate) server: Arc<Server>,
    pub(crate) outbox: Outbox,
    /// Unknown for a connection that a client began by posting, until it fetches.
    pub(crate) transport: OnceLock<Transport>,
    pub(crate) protocol: OnceLock<Protocol>,
    pub(crate) groups: Mutex<Vec<Arc<str>>>,
    data: Mutex<Extensions>,
    _place: Place,
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>, id: Box<str>, data: Extensions, place: Place) -> Self {
        Self(Arc::new(Inner {
            id,
            outbox: Outbox::new(server.config.max_queued_records, server.config.max_queued_bytes),
            server,
            transport: OnceLock::new(),
            protocol: OnceLock::new(),
            groups: Mutex::new(Vec::new()),
            data: Mutex::new(data),
            _place: place,
        }))
    }

    /// Its id, which others may know.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// How its client speaks.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.0.protocol.get().copied().unwrap_or(Protocol::Json)
    }

    /// How its bytes travel.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.0.transport.get().copied()
    }

    /// All connections of the server and its groups.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.0.server.clients
    }

    /// Looks at, or changes, what the hub keeps about this connection. It is locked meanwhile: do not send from within.
    pub fn with_data<T>(&self, look: impl FnOnce(&mut Extensions) -> T) -> T {
        look(&mut self.0.data.lock())
    }

    /// Queues an event. Returns at once; when too much waits already, the hub decides by
    /// [`on_slow_reader`](crate::Hub::on_slow_reader).
    ///
    /// # Errors
    /// If it was not queued. Someone who sends to many may pass that over.
    pub fn send(&self, event: &Event) -> Result<(), SendError> {
        let size = event.bytes(self.protocol()).len();
        if size > self.0.server.config.max_send_bytes {
            return Err(SendError::TooLong);
        }
        match self.0.outbox.push_within_limits(event, size, false) {
            Ok(()) => return Ok(()),
            Err(Refused::Ended) => return Err(SendError::Ended),
            Err(Refused::Full) => {}
        }
        let policy = self.0.server.hub.on_slow_reader(self);
        if policy == SlowReader::KeepLatest && self.0.outbox.push_within_limits(event, size, true).is_ok() {
            return Ok(());
        }
        self.0.outbox.cut_off(Close::reconnect("The connection was too slow."));
        Err(SendError::Ended)
    }

    /// Attaches a source: events that are asked for only when the connection can be written to and nothing else waits.
    ///
    /// A source that has much to say may merge it into one event meanwhile, so a slow client costs no memory: a cursor
    /// into something shared makes a good one. A source that is attached by a method begins after the method's answer.
    /// One of the same key takes the place of the one before. It is polled on the connection's task, so it must not
    /// block.
    pub fn attach(&self, key: &str, source: impl Stream<Item = Event> + Send + 'static) {
        self.0.outbox.push_source(Item::Attach { key: key.into(), source: source.boxed() });
    }

    /// Detaches a source. Nothing of it is sent after what is queued from now on.
    pub fn detach(&self, key: &str) {
        self.0.outbox.push_source(Item::Detach { key: key.into() });
    }

    /// Closes the connection after what is queued.
    pub fn close(&self, close: Close) {
        self.0.outbox.ask_to_close(close);
    }

    /// Queues what answers a client. It passes the limits, because nothing more is read from a client for whom too much
    /// waits.
    pub(crate) fn push(&self, record: Record) {
        let size = record.size(self.protocol());
        self.0.outbox.push(record, size);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("id", &self.0.id).finish_non_exhaustive()
    }
}

impl PartialEq for Connection {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Connection {}
