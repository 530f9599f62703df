//! What a client's bytes are read as, for tests and fuzzers that bring bytes of their own.

use serde_json::Value;

use crate::protocol::framing::Inbox;
use crate::protocol::message::Incoming;
use crate::protocol::{Fault, Protocol, handshake};
use crate::{Event, Payload};

/// A call of a client's.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The method's name.
    pub target: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

/// What a connection's first bytes say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Said {
    /// The protocol that the handshake names, once it is whole and good.
    pub protocol: Option<Protocol>,
    /// The calls, in their order.
    pub calls: Vec<Call>,
    /// How many records were something else.
    pub others: usize,
    /// Why it goes no further, if something was wrong.
    pub fault: Option<String>,
}

/// Reads a connection's bytes as they arrive in pieces of `piece` bytes, none of whose records may be longer than
/// `max_record_bytes`.
pub fn read(bytes: &[u8], piece: usize, max_record_bytes: usize) -> Said {
    let (mut inbox, mut said) = (Inbox::new(max_record_bytes), Said::default());
    for chunk in bytes.chunks(piece.max(1)) {
        inbox.push(chunk);
        if let Err(fault) = read_on(&mut inbox, &mut said) {
            said.fault = Some(fault.to_string());
            break;
        }
    }
    said
}

fn read_on(inbox: &mut Inbox, said: &mut Said) -> Result<(), Fault> {
    let protocol = match said.protocol {
        Some(protocol) => protocol,
        None => {
            let Some(record) = inbox.next_handshake()? else { return Ok(()) };
            *said.protocol.insert(handshake::read(&record)?)
        }
    };
    while let Some(record) = inbox.next(protocol)? {
        match Incoming::read(&record, protocol)? {
            Incoming::Invocation { target, arguments, .. } => said.calls.push(Call { target, arguments }),
            _ => said.others += 1,
        }
    }
    Ok(())
}

/// The bytes of a connection whose client names `protocol` and says what the server would say to tell `call`: an event
/// has the form of a call that wants no answer.
pub fn written(protocol: Protocol, call: &Call) -> Vec<u8> {
    let hello = serde_json::json!({ "protocol": protocol.name(), "version": 1 });
    let arguments = call.arguments.iter().map(|value| Payload::from(value.clone()));
    let event = Event::new(&call.target, arguments);
    [format!("{hello}\u{1e}").as_bytes(), event.bytes(protocol)].concat()
}
