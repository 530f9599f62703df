//! What clients may say and what they are told, apart from how it is encoded.

use bytes::Bytes;
use serde_json::Value;

use super::{Fault, Protocol, json, messagepack};
use crate::hub::Close;
use crate::payload::{Event, Payload};

/// What a client said.
#[derive(Debug, PartialEq)]
pub(crate) enum Incoming {
    /// A call of a hub's method. With `streaming` the answer shall be a stream.
    Invocation {
        id: Option<String>,
        target: String,
        arguments: Vec<Value>,
        /// Whether the client wants to send streams of its own, which no hub here takes.
        uploads: bool,
        streaming: bool,
    },
    /// No more of a stream.
    Cancel {
        id: String,
    },
    Ping,
    Close,
    /// Known and of no concern here, or unknown, which a later version of the protocol may be: passed over.
    Other,
}

impl Incoming {
    /// Understands one record, without its frame.
    pub(crate) fn read(record: &[u8], protocol: Protocol) -> Result<Self, Fault> {
        match protocol {
            Protocol::Json => json::read::message(record),
            Protocol::MessagePack => messagepack::read::message(record),
        }
    }
}

/// How an invocation ended.
#[derive(Clone, Debug)]
pub(crate) enum Completion {
    Void,
    Result(Payload),
    Error(String),
}

/// What a client is told.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// Text in both protocols.
    Handshake(String),
    Event(Event),
    Item {
        id: Box<str>,
        item: Payload,
    },
    Completion {
        id: Box<str>,
        completion: Completion,
    },
    Ping,
    Close(Close),
}

impl Record {
    /// The whole record with its frame. An event's bytes are shared, not copied.
    pub(crate) fn bytes(&self, protocol: Protocol) -> Bytes {
        let written = match (self, protocol) {
            (Self::Handshake(text), _) => text.clone().into_bytes(),
            (Self::Event(event), _) => return event.bytes(protocol).clone(),
            (Self::Ping, Protocol::Json) => return Bytes::from_static(json::write::PING),
            (Self::Ping, Protocol::MessagePack) => return Bytes::from_static(messagepack::write::PING),
            (Self::Item { id, item }, Protocol::Json) => json::write::item(id, item),
            (Self::Item { id, item }, Protocol::MessagePack) => messagepack::write::item(id, item),
            (Self::Completion { id, completion }, Protocol::Json) => json::write::completion(id, completion),
            (Self::Completion { id, completion }, Protocol::MessagePack) => {
                messagepack::write::completion(id, completion)
            }
            (Self::Close(close), Protocol::Json) => json::write::close(close),
            (Self::Close(close), Protocol::MessagePack) => messagepack::write::close(close),
        };
        written.into()
    }

    /// About how many bytes it has, for the limits of queues, without encoding it.
    pub(crate) fn size(&self, protocol: Protocol) -> usize {
        const FRAME: usize = 64;
        match self {
            Self::Handshake(text) => text.len(),
            Self::Event(event) => event.bytes(protocol).len(),
            Self::Item { id, item } => FRAME + id.len() + item.bytes(protocol).len(),
            Self::Completion { id, completion } => {
                FRAME
                    + id.len()
                    + match completion {
                        Completion::Void => 0,
                        Completion::Result(payload) => payload.bytes(protocol).len(),
                        Completion::Error(text) => text.len(),
                    }
            }
            Self::Ping | Self::Close(_) => FRAME,
        }
    }

    /// Whether it is text, also over MessagePack.
    pub(crate) fn is_text(&self, protocol: Protocol) -> bool {
        protocol == Protocol::Json || matches!(self, Self::Handshake(_))
    }
}
