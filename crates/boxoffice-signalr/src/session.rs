//! The life of one connection: its handshake, what is said, and its end, whatever the transport.

mod dialogue;

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream};
use tokio::time::timeout;

use self::dialogue::Dialogue;
use crate::connection::Connection;
use crate::hub::{Close, Ending};
use crate::protocol::framing::Inbox;
use crate::protocol::message::Record;
use crate::protocol::{Fault, Protocol, handshake};
use crate::transport::Transport;

/// What a transport brings: pieces of records, or the fault for which it can bring no more.
pub(crate) trait Input: Stream<Item = Result<Bytes, Fault>> + Send + Unpin {}
impl<S: Stream<Item = Result<Bytes, Fault>> + Send + Unpin> Input for S {}

/// Leads a connection from its handshake to its end. When this returns, the hub knows of the end, and what is still to
/// be sent waits for the pump.
pub(crate) async fn run(connection: Connection, mut input: impl Input) {
    let config = &connection.0.server.config;
    let mut inbox = Inbox::new(config.max_message_bytes);
    let mut draining = connection.0.server.draining.subscribe();
    let shaking = timeout(config.handshake_timeout, shake_hands(&connection, &mut input, &mut inbox));
    let shaken = tokio::select! {
        shaken = shaking => shaken,
        _ = draining.wait_for(Option::is_some) => Ok(None),
    };
    drop(draining);
    let protocol = match shaken {
        Ok(Some(Ok(protocol))) => protocol,
        Ok(Some(Err(fault))) => return refuse(&connection, &fault.to_string()),
        Ok(None) => return connection.0.outbox.finish(None),
        Err(_) => return refuse(&connection, handshake::CANCELED),
    };
    connection.push(Record::Handshake(handshake::ACCEPTED.to_owned()));
    // From here on records are written in this protocol.
    let _ = connection.0.protocol.set(protocol);
    connection.0.server.clients.add(&connection);
    let draining = connection.0.server.draining.borrow().clone();
    if let Some(close) = draining {
        connection.close(close);
    }
    // Boxed: a connection spends its life there, and what leads to it shall not take room for both.
    let mut dialogue = Box::new(Dialogue::new(connection.clone(), protocol, inbox));
    let ending = dialogue.lead(&mut input).await;
    drop(dialogue);
    let last = match &ending {
        Ending::Left => None,
        Ending::Silent => Some(Close::reconnect(
            "Client hasn't sent a message/ping within the configured ClientTimeoutInterval.",
        )),
        Ending::Closed(close) => Some(close.clone()),
        Ending::Faulty(text) => Some(Close::error(format!("Connection closed with an error. {text}"))),
    };
    connection.0.outbox.finish(last.map(Record::Close));
    connection.0.server.clients.remove(&connection);
    let farewell = connection.0.server.hub.on_disconnect(&connection, &ending);
    if AssertUnwindSafe(farewell).catch_unwind().await.is_err() {
        tracing::error!(connection = connection.id(), "the hub panicked in on_disconnect");
    }
}

fn refuse(connection: &Connection, error: &str) {
    connection.0.outbox.finish(Some(Record::Handshake(handshake::refusal(error))));
}

/// The protocol that the client asks for, or nothing if it left or was closed before.
async fn shake_hands(
    connection: &Connection,
    input: &mut impl Input,
    inbox: &mut Inbox,
) -> Option<Result<Protocol, Fault>> {
    let record = loop {
        match inbox.next_handshake() {
            Ok(Some(record)) => break record,
            Ok(None) => {}
            Err(fault) => return Some(Err(fault)),
        }
        let chunk = poll_fn(|context| {
            let (end, _) = connection.0.outbox.poll_session(context);
            if end.is_some() { Poll::Ready(None) } else { Pin::new(&mut *input).poll_next(context) }
        });
        match chunk.await? {
            Ok(chunk) => inbox.push(&chunk),
            Err(fault) => return Some(Err(fault)),
        }
    };
    let protocol = match handshake::read(&record) {
        Ok(protocol) => protocol,
        Err(fault) => return Some(Err(fault)),
    };
    // A client may post its handshake before it fetches: how it fetches decides what can pass.
    let transport = poll_fn(|context| {
        let (end, _) = connection.0.outbox.poll_session(context);
        match (end, connection.transport()) {
            (Some(_), _) => Poll::Ready(None),
            (None, Some(transport)) => Poll::Ready(Some(transport)),
            (None, None) => Poll::Pending,
        }
    });
    if transport.await? == Transport::ServerSentEvents && protocol == Protocol::MessagePack {
        return Some(Err(handshake::needs_binary(protocol)));
    }
    Some(Ok(protocol))
}
