//! Values on their way to clients, encoded once for each protocol however many connections they go to.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::{Protocol, json, messagepack};

/// A value that could not be encoded.
#[derive(Debug, thiserror::Error)]
#[error("not a value that JSON has: {0}")]
pub struct EncodeError(#[from] serde_json::Error);

/// One value: an argument, a result, or an item of a stream. Cheap to clone and to send to many.
#[derive(Clone, Debug)]
pub struct Payload(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    json: Bytes,
    messagepack: OnceLock<Bytes>,
}

impl Payload {
    /// Encodes a value.
    ///
    /// # Errors
    /// If the value has no JSON form, as a map whose keys are not text.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        Ok(Self::from_clean(serde_json::to_vec(value)?.into()))
    }

    /// Takes a value that is JSON already. Clients of MessagePack get it translated, once.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn from_json(text: impl Into<Bytes>) -> Result<Self, EncodeError> {
        let text = text.into();
        // A newline between values would end a line of an event stream.
        if text.contains(&b'\n') || text.contains(&b'\r') {
            return Self::new(&serde_json::from_slice::<Value>(&text)?);
        }
        serde_json::from_slice::<serde::de::IgnoredAny>(&text)?;
        // The translation and clients need it to be text, and the check above skips over strings.
        std::str::from_utf8(&text).map_err(serde::de::Error::custom).map_err(EncodeError)?;
        Ok(Self::from_clean(text))
    }

    fn from_clean(json: Bytes) -> Self {
        Self(Arc::new(Encoded { json, messagepack: OnceLock::new() }))
    }

    pub(crate) fn bytes(&self, protocol: Protocol) -> &Bytes {
        match protocol {
            Protocol::Json => &self.0.json,
            Protocol::MessagePack => {
                self.0.messagepack.get_or_init(|| messagepack::value::translate(&self.0.json))
            }
        }
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::from_clean(value.to_string().into())
    }
}

/// A call of a client's handler, without an answer: what SignalR calls sending a message.
///
/// It is encoded at most once for each protocol; clones share the bytes, so a message to ten thousand connections costs
/// ten thousand pointers.
#[derive(Clone, Debug)]
pub struct Event(Arc<EventParts>);

#[derive(Debug)]
struct EventParts {
    target: Box<str>,
    arguments: Box<[Payload]>,
    json: OnceLock<Bytes>,
    messagepack: OnceLock<Bytes>,
}

impl Event {
    /// A call of the handler `target`. Python's clients compare its name exactly: always write it in the same case.
    #[must_use]
    pub fn new(target: &str, arguments: impl IntoIterator<Item = Payload>) -> Self {
        Self(Arc::new(EventParts {
            target: target.into(),
            arguments: arguments.into_iter().collect(),
            json: OnceLock::new(),
            messagepack: OnceLock::new(),
        }))
    }

    /// The name of the handler.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The whole record, with its frame.
    #[must_use]
    pub fn bytes(&self, protocol: Protocol) -> &Bytes {
        let parts = &*self.0;
        match protocol {
            Protocol::Json => {
                parts.json.get_or_init(|| json::write::invocation(&parts.target, &parts.arguments).into())
            }
            Protocol::MessagePack => parts
                .messagepack
                .get_or_init(|| messagepack::write::invocation(&parts.target, &parts.arguments).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn clones_of_an_event_share_their_bytes() {
        let event = Event::new("Say", [json!("hello").into()]);
        for protocol in [Protocol::Json, Protocol::MessagePack] {
            let first = event.bytes(protocol).as_ptr();
            assert_eq!(event.clone().bytes(protocol).as_ptr(), first, "{protocol:?}");
        }
    }

    #[test]
    fn json_that_is_given_is_checked_and_kept_on_one_line() {
        let payload = Payload::from_json("{\"a\":\r\n 1}").unwrap();
        assert_eq!(payload.bytes(Protocol::Json), &b"{\"a\":1}"[..]);
        assert_eq!(Payload::from_json("[1, 2]").unwrap().bytes(Protocol::Json), &b"[1, 2]"[..]);
        for junk in ["", "{", "1 2", "\u{1e}", "\"a\u{1e}\"", "nul"] {
            assert!(Payload::from_json(junk).is_err(), "{junk:?}");
        }
        assert!(Payload::from_json(&b"\"\xff\""[..]).is_err());
    }
}
