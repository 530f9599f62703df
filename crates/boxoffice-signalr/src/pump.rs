//! What to write next to one client: what waits, then its sources, then a ping when all was silent.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::time::{Instant, Sleep};

use crate::connection::Connection;
use crate::outbox::Item;
use crate::payload::Event;
use crate::protocol::Protocol;
use crate::protocol::message::Record;

/// From this size on a message is sent rather than joined with the next record.
const ENOUGH_BYTES: usize = 16 * 1024;

/// One message of the transport: whole records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    pub(crate) is_text: bool,
}

pub(crate) struct Pump {
    connection: Connection,
    sources: Vec<(Arc<str>, BoxStream<'static, Event>)>,
    /// Which source is asked first, so that a busy one does not silence the others.
    turn: usize,
    keep_alive: Option<Pin<Box<Sleep>>>,
    /// Whether several records may share a message.
    joins: bool,
}

impl Pump {
    /// With `pings` a long silence is broken by a ping.
    pub(crate) fn new(connection: Connection, pings: bool) -> Self {
        let interval = connection.0.server.config.keep_alive;
        let keep_alive = pings.then(|| Box::pin(tokio::time::sleep(interval)));
        Self { connection, sources: Vec::new(), turn: 0, keep_alive, joins: true }
    }

    pub(crate) fn set_joins(&mut self, joins: bool) {
        self.joins = joins;
    }

    /// The next message, or `None` when there will be none. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        poll_fn(|context| self.poll_next(context)).await
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Batch>> {
        let protocol = self.connection.protocol();
        let mut joined = Joined::default();
        let ended = loop {
            match self.connection.0.outbox.poll_next(context) {
                Poll::Pending => break false,
                Poll::Ready(None) => break true,
                Poll::Ready(Some(Item::Attach { key, source })) => {
                    self.detach(&key);
                    self.sources.push((key, source));
                }
                Poll::Ready(Some(Item::Detach { key })) => self.detach(&key),
                Poll::Ready(Some(Item::Record { record, size })) => {
                    if !joined.fits(record.is_text(protocol)) {
                        self.connection.0.outbox.put_back(record, size);
                        return self.send(joined);
                    }
                    joined.add(record.bytes(protocol), record.is_text(protocol));
                    if !self.joins || joined.size >= ENOUGH_BYTES {
                        return self.send(joined);
                    }
                }
            }
        };
        if ended {
            self.sources.clear();
            return if joined.size > 0 { self.send(joined) } else { Poll::Ready(None) };
        }
        // What was sent before the handshake's end must not be joined with what follows.
        if self.connection.0.protocol.get().is_some() && joined.fits(protocol == Protocol::Json) {
            self.ask_sources(context, protocol, &mut joined);
        }
        if joined.size > 0 {
            return self.send(joined);
        }
        let may_ping = self.connection.0.protocol.get().is_some();
        if let (Some(timer), true) = (&mut self.keep_alive, may_ping)
            && timer.as_mut().poll(context).is_ready()
        {
            joined.add(Record::Ping.bytes(protocol), protocol == Protocol::Json);
            return self.send(joined);
        }
        Poll::Pending
    }

    fn detach(&mut self, key: &str) {
        self.sources.retain(|(other, _)| **other != *key);
    }

    /// Takes at most one event from each source.
    fn ask_sources(&mut self, context: &mut Context<'_>, protocol: Protocol, joined: &mut Joined) {
        let max_bytes = self.connection.0.server.config.max_send_bytes;
        let (mut asked, mut left_out) = (0, false);
        let mut place = self.turn;
        while asked < self.sources.len() && joined.size < ENOUGH_BYTES && (self.joins || joined.size == 0) {
            place %= self.sources.len();
            match self.sources[place].1.as_mut().poll_next(context) {
                Poll::Ready(Some(event)) => {
                    let bytes = event.bytes(protocol);
                    if bytes.len() <= max_bytes {
                        joined.add(bytes.clone(), protocol == Protocol::Json);
                    } else {
                        tracing::error!(target = event.target(), bytes = bytes.len(), "an event is too long");
                        left_out = true;
                    }
                    (place, asked) = (place + 1, asked + 1);
                }
                Poll::Ready(None) => drop(self.sources.remove(place)),
                Poll::Pending => (place, asked) = (place + 1, asked + 1),
            }
        }
        self.turn = place;
        if joined.size == 0 && left_out {
            // That source has not promised to wake anybody.
            context.waker().wake_by_ref();
        }
    }

    fn send(&mut self, joined: Joined) -> Poll<Option<Batch>> {
        if let Some(timer) = &mut self.keep_alive {
            timer.as_mut().reset(Instant::now() + self.connection.0.server.config.keep_alive);
        }
        Poll::Ready(Some(joined.into_batch()))
    }
}

/// Records on their way into one message. A single one is passed on without a copy.
#[derive(Default)]
struct Joined {
    parts: Vec<Bytes>,
    size: usize,
    is_text: bool,
}

impl Joined {
    fn fits(&self, is_text: bool) -> bool {
        self.parts.is_empty() || self.is_text == is_text
    }

    fn add(&mut self, bytes: Bytes, is_text: bool) {
        self.size += bytes.len();
        self.is_text = is_text;
        self.parts.push(bytes);
    }

    fn into_batch(mut self) -> Batch {
        let bytes = match self.parts.len() {
            1 => self.parts.remove(0),
            _ => self.parts.concat().into(),
        };
        Batch { bytes, is_text: self.is_text }
    }
}
