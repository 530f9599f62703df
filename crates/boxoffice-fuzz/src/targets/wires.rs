//! Bytes of connections that last: frames of a WebSocket, records of SignalR, messages of the bus.

use std::cell::RefCell;

use boxoffice::live::frame::{Answer, Reader};
use boxoffice_engine::bus::message::{self, Draft, Origin};
use boxoffice_signalr::{Protocol, reading};
use serde_json::Value;

/// In pieces of how many bytes an input arrives, when not one by one.
const PIECES: [usize; 2] = [7, usize::MAX];
/// The longest message that is taken.
const MAX_BYTES: usize = 1000;
/// The header of a control frame of the server's, and the most that follows it.
const MAX_PONG: usize = 2 + 125;
/// How deep values are nested at most that must survive another encoding.
const MAX_DEPTH: usize = 32;

/// However the frames are cut, the answers are the same: short pongs, and at the end perhaps one word of why it ends.
pub(super) fn frames(input: &[u8]) {
    let read = |piece: usize| {
        let (mut reader, mut answers) = (Reader::new(MAX_BYTES), Vec::new());
        for chunk in input.chunks(piece.min(input.len().max(1))) {
            reader.read(chunk, &mut answers);
            if matches!(answers.last(), Some(Answer::Close(_))) {
                break;
            }
        }
        answers
    };
    let answers = read(1);
    for piece in PIECES {
        assert_eq!(read(piece), answers, "in pieces of {piece}");
    }
    for (place, answer) in answers.iter().enumerate() {
        match answer {
            Answer::Pong(pong) => assert!(pong.len() <= MAX_PONG && pong[0] == 0x8a, "{pong:?}"),
            Answer::Close(_) => assert_eq!(place + 1, answers.len(), "nothing is answered after the end"),
        }
    }
}

/// However the records are cut, they say the same; and what a client said is understood again when the server says it,
/// in either protocol.
pub(super) fn records(input: &[u8]) {
    let said = reading::read(input, 1, MAX_BYTES);
    for piece in PIECES {
        assert_eq!(reading::read(input, piece, MAX_BYTES), said, "in pieces of {piece}");
    }
    for call in said.calls.iter().filter(|call| call.arguments.iter().all(|value| depth(value) < MAX_DEPTH)) {
        for protocol in [Protocol::Json, Protocol::MessagePack] {
            let written = reading::written(protocol, call);
            let again = reading::read(&written, 7, usize::MAX);
            assert_eq!(again.fault, None, "{protocol:?}: {call:?}");
            assert_eq!(again.calls, std::slice::from_ref(call), "{protocol:?}");
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A message that is understood is the same when it is written again; who does not want it is told nothing.
pub(super) fn bus(input: &[u8]) {
    let origin: RefCell<Option<Origin>> = RefCell::default();
    let seen = |from: &Origin| {
        origin.replace(Some(from.clone()));
        true
    };
    let Ok(messages) = message::read(input, seen) else { return };
    assert_eq!(message::read(input, |_| false), Ok(Vec::new()));
    let mut draft = Draft::new(&origin.take().expect("it was asked for"));
    messages.iter().for_each(|(showtime, event)| draft.add(*showtime, event));
    assert_eq!(message::read(&draft.finish(), |_| true), Ok(messages));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_understood() {
        let records = crate::seeds::of("records");
        let calls: usize = records.iter().map(|seed| reading::read(seed, 7, MAX_BYTES).calls.len()).sum();
        assert!(calls >= 2, "no call in {records:?}");
        for seed in crate::seeds::of("bus") {
            assert!(message::read(&seed, |_| true).is_ok_and(|messages| !messages.is_empty()));
        }
        let mut answers = Vec::new();
        for seed in crate::seeds::of("frames") {
            Reader::new(MAX_BYTES).read(&seed, &mut answers);
        }
        assert!(answers.iter().any(|answer| matches!(answer, Answer::Pong(_))));
    }
}
