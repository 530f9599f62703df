//! Reading records of the protocol `messagepack`: arrays whose first item is the type. Items after the known ones are
//! passed over.

use rmpv::Value as Packed;

use super::value::{to_json, to_text};
use crate::protocol::Fault;
use crate::protocol::message::Incoming;

/// How deep values may be nested, so that junk cannot use up the stack.
const MAX_DEPTH: usize = 64;

/// Understands one record, without its length.
pub(crate) fn message(record: &[u8]) -> Result<Incoming, Fault> {
    let value = rmpv::decode::read_value_with_max_depth(&mut &*record, MAX_DEPTH)
        .map_err(|error| Fault::invalid(format!("Reading MessagePack failed: {error}.")))?;
    let Packed::Array(items) = value else {
        return Err(Fault::invalid("A message must be an array."));
    };
    let mut items = Items(items.into_iter());
    match items.next("type")?.as_i64().ok_or_else(|| Fault::invalid("Reading 'type' as Int32 failed."))? {
        kind @ (1 | 4) => invocation(items, kind == 4),
        5 => {
            items.next("headers")?;
            let id = items.text("invocationId")?;
            Ok(Incoming::Cancel { id: id.ok_or_else(|| Fault::invalid("'invocationId' is missing."))? })
        }
        6 => Ok(Incoming::Ping),
        7 => Ok(Incoming::Close),
        _ => Ok(Incoming::Other),
    }
}

fn invocation(mut items: Items, streaming: bool) -> Result<Incoming, Fault> {
    items.next("headers")?;
    let id = items.text("invocationId")?;
    if streaming && id.is_none() {
        return Err(Fault::invalid("'invocationId' is missing."));
    }
    let target = items.text("target")?.ok_or_else(|| Fault::invalid("'target' is missing."))?;
    let arguments = items.next("arguments")?;
    let Packed::Array(arguments) = arguments else {
        return Err(Fault::invalid("Reading array length for 'arguments' failed."));
    };
    let arguments = arguments.into_iter().map(to_json).collect::<Result<_, _>>()?;
    // Left out by some clients when there are none.
    let uploads = match items.0.next() {
        None | Some(Packed::Nil) => false,
        Some(Packed::Array(ids)) => !ids.is_empty(),
        Some(_) => return Err(Fault::invalid("Reading array length for 'streamIds' failed.")),
    };
    Ok(Incoming::Invocation { id, target, arguments, uploads, streaming })
}

struct Items(std::vec::IntoIter<Packed>);

impl Items {
    fn next(&mut self, name: &str) -> Result<Packed, Fault> {
        self.0.next().ok_or_else(|| Fault::invalid(format!("'{name}' is missing.")))
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.next(name)? {
            Packed::Nil => Ok(None),
            Packed::String(text) => Ok(Some(to_text(text)?)),
            _ => Err(Fault::invalid(format!("Reading '{name}' as String failed."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn add() -> Incoming {
        Incoming::Invocation {
            id: Some("0".to_owned()),
            target: "Add".to_owned(),
            arguments: vec![json!(2), json!(3)],
            uploads: false,
            streaming: false,
        }
    }

    #[test]
    fn an_invocation_of_five_and_of_six_items() {
        assert_eq!(message(b"\x95\x01\x80\xa1\x30\xa3Add\x92\x02\x03"), Ok(add()));
        assert_eq!(message(b"\x96\x01\x80\xa1\x30\xa3Add\x92\x02\x03\x90"), Ok(add()));
        assert_eq!(
            message(b"\x97\x01\x80\xa1\x30\xa3Add\x92\x02\x03\x90\x07"),
            Ok(add()),
            "more is passed over"
        );
        let Ok(Incoming::Invocation { id: None, uploads: true, .. }) =
            message(b"\x96\x01\x81\xa1k\xa1v\xc0\xa1A\x90\x91\xa1\x37")
        else {
            panic!("headers, no id, and an upload")
        };
    }

    #[test]
    fn every_other_type() {
        let Ok(Incoming::Invocation { streaming: true, .. }) = message(b"\x95\x04\x80\xa1\x31\xa1A\x90")
        else {
            panic!("a stream")
        };
        assert_eq!(message(b"\x93\x05\x80\xa1\x31"), Ok(Incoming::Cancel { id: "1".to_owned() }));
        assert_eq!(message(b"\x91\x06"), Ok(Incoming::Ping));
        assert_eq!(message(b"\x92\x07\xc0"), Ok(Incoming::Close));
        for other in
            [&b"\x94\x02\x80\xa1\x37\x01"[..], b"\x94\x03\x80\xa1\x37\x02", b"\x92\x08\x01", b"\x91\x2a"]
        {
            assert_eq!(message(other), Ok(Incoming::Other), "{other:?}");
        }
    }

    #[test]
    fn junk_is_refused_with_a_reason() {
        for junk in [
            &b""[..],
            b"\x90",
            b"\x06",
            b"\xc1",
            b"\x91\xa1x",
            b"\x91\x01",
            b"\x95\x01\x80\xa1\x30\xa3Add\x02",
            b"\x95\x01\x80\x07\xa3Add\x90",
            b"\x95\x04\x80\xc0\xa3Add\x90",
            b"\x95\x01\x80\xc0\xa1\xff\x90",
            b"\x96\x01\x80\xc0\xa1A\x90\x07",
            b"\x93\x05\x80\xc0",
            b"\xdd\xff\xff\xff\xff\x06",
        ] {
            assert!(message(junk).is_err(), "{junk:?}");
        }
        assert!(message(&[0x91; 30_000]).is_err(), "too deep");
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = message(&bytes);
        }
    }
}
