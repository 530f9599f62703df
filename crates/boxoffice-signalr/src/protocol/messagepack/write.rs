//! Writing records of the protocol `messagepack`.

use rmp::encode as pack;

use super::value::{array, text};
use crate::hub::Close;
use crate::payload::Payload;
use crate::protocol::Protocol;
use crate::protocol::framing::write_length;
use crate::protocol::message::Completion;

pub(crate) const PING: &[u8] = &[0x02, 0x91, 0x06];

pub(crate) fn invocation(target: &str, arguments: &[Payload]) -> Vec<u8> {
    let mut out = begin(6, 1);
    headers(&mut out);
    // No id: nobody waits for an answer.
    nil(&mut out);
    text(target, &mut out);
    array(arguments.len(), &mut out);
    for argument in arguments {
        out.extend_from_slice(argument.bytes(Protocol::MessagePack));
    }
    // No streams.
    array(0, &mut out);
    framed(&out)
}

pub(crate) fn item(id: &str, item: &Payload) -> Vec<u8> {
    let mut out = begin(4, 2);
    headers(&mut out);
    text(id, &mut out);
    out.extend_from_slice(item.bytes(Protocol::MessagePack));
    framed(&out)
}

pub(crate) fn completion(id: &str, completion: &Completion) -> Vec<u8> {
    let (items, kind) = match completion {
        Completion::Error(_) => (5, 1),
        Completion::Void => (4, 2),
        Completion::Result(_) => (5, 3),
    };
    let mut out = begin(items, 3);
    headers(&mut out);
    text(id, &mut out);
    out.push(kind);
    match completion {
        Completion::Void => {}
        Completion::Error(error) => text(error, &mut out),
        Completion::Result(result) => out.extend_from_slice(result.bytes(Protocol::MessagePack)),
    }
    framed(&out)
}

pub(crate) fn close(close: &Close) -> Vec<u8> {
    let mut out = begin(3, 7);
    match &close.error {
        Some(error) => text(error, &mut out),
        None => nil(&mut out),
    }
    // Writing to memory cannot fail.
    drop(pack::write_bool(&mut out, close.allow_reconnect));
    framed(&out)
}

/// The start of an array of a few items, the first of which is the message's type.
fn begin(items: usize, kind: u8) -> Vec<u8> {
    let mut out = Vec::new();
    array(items, &mut out);
    // Below 128 an integer is itself.
    out.push(kind);
    out
}

fn headers(out: &mut Vec<u8>) {
    drop(pack::write_map_len(out, 0));
}

fn nil(out: &mut Vec<u8>) {
    drop(pack::write_nil(out));
}

fn framed(record: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(record.len() + 5);
    write_length(record.len(), &mut out);
    out.extend_from_slice(record);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_record_to_the_byte() {
        let result = |value: serde_json::Value| Completion::Result(value.into());
        assert_eq!(completion("0", &result(json!(5))), b"\x07\x95\x03\x80\xa1\x30\x03\x05");
        assert_eq!(completion("1", &Completion::Void), b"\x06\x94\x03\x80\xa1\x31\x02");
        assert_eq!(completion("2", &result(json!(null))), b"\x07\x95\x03\x80\xa1\x32\x03\xc0");
        let error = Completion::Error("no".to_owned());
        assert_eq!(completion("3", &error), b"\x09\x95\x03\x80\xa1\x33\x01\xa2no");
        assert_eq!(item("5", &json!([1]).into()), b"\x07\x94\x02\x80\xa1\x35\x91\x01");
        assert_eq!(close(&Close::default()), b"\x04\x93\x07\xc0\xc2");
        assert_eq!(close(&Close::reconnect("x")), b"\x05\x93\x07\xa1x\xc3");
        let seat = json!({"seat": "A1", "status": "held", "version": 12});
        assert_eq!(invocation("SeatChanged", &[seat.into()]).len(), 49);
    }

    #[test]
    fn a_long_record_has_a_length_of_several_bytes() {
        let written = item("5", &json!("x".repeat(200)).into());
        assert_eq!(written[..3], [0x80 | 79, 0x01, 0x94]);
        assert_eq!(written.len(), 2 + 128 + 79);
    }
}
