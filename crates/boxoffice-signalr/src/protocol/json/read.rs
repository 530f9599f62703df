//! Reading records of the protocol `json`: members in any order, unknown ones passed over.

use serde_json::{Map, Value};

use crate::protocol::Fault;
use crate::protocol::message::Incoming;

/// Understands one record, without its separator.
pub(crate) fn message(record: &[u8]) -> Result<Incoming, Fault> {
    let value: Value = serde_json::from_slice(record)
        .map_err(|error| Fault::invalid(format!("Error reading JSON: {error}.")))?;
    let Value::Object(mut members) = value else {
        return Err(Fault::invalid("A message must be a JSON object."));
    };
    let kind = match members.get("type") {
        Some(Value::Number(number)) => number.as_i64(),
        Some(_) => None,
        None => return Err(Fault::invalid("Missing required property 'type'.")),
    };
    match kind.ok_or_else(|| Fault::invalid("Expected 'type' to be an integer."))? {
        kind @ (1 | 4) => invocation(&mut members, kind == 4),
        5 => Ok(Incoming::Cancel { id: required(text(&mut members, "invocationId")?, "invocationId")? }),
        6 => Ok(Incoming::Ping),
        7 => Ok(Incoming::Close),
        _ => Ok(Incoming::Other),
    }
}

fn invocation(members: &mut Map<String, Value>, streaming: bool) -> Result<Incoming, Fault> {
    let id = text(members, "invocationId")?;
    if streaming {
        required(id.as_ref(), "invocationId")?;
    }
    let target = required(text(members, "target")?, "target")?;
    let arguments = match members.get_mut("arguments").map(Value::take) {
        Some(Value::Array(arguments)) => arguments,
        Some(_) => return Err(Fault::invalid("Expected 'arguments' to be an array.")),
        None => return Err(Fault::invalid("Missing required property 'arguments'.")),
    };
    let uploads = match members.get("streamIds") {
        None | Some(Value::Null) => false,
        Some(Value::Array(ids)) => !ids.is_empty(),
        Some(_) => return Err(Fault::invalid("Expected 'streamIds' to be an array.")),
    };
    Ok(Incoming::Invocation { id, target, arguments, uploads, streaming })
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    match members.get_mut(name).map(Value::take) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::invalid(format!("Expected '{name}' to be of type String."))),
    }
}

fn required<T>(member: Option<T>, name: &str) -> Result<T, Fault> {
    member.ok_or_else(|| Fault::invalid(format!("Missing required property '{name}'.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Incoming, Fault> {
        message(text.as_bytes())
    }

    #[test]
    fn an_invocation_as_each_client_writes_it() {
        let add = |id: Option<&str>| {
            Ok(Incoming::Invocation {
                id: id.map(str::to_owned),
                target: "Add".to_owned(),
                arguments: vec![json!(2), json!(3)],
                uploads: false,
                streaming: false,
            })
        };
        let typescript = r#"{"target":"Add","arguments":[2,3],"invocationId":"0","type":1}"#;
        assert_eq!(read(typescript), add(Some("0")));
        let signalrcore = r#"{"type":1,"headers":{"Content-Type":"application/json"},"target":"Add",
            "arguments":[2,3],"invocationId":"0","streamIds":[]}"#;
        assert_eq!(read(signalrcore), add(Some("0")));
        assert_eq!(read(r#"{"type":1,"headers":{},"target":"Add","arguments":[2,3]}"#), add(None));
        assert_eq!(
            read(r#"{"type":1,"x":[1],"invocationId":null,"target":"Add","arguments":[2,3]}"#),
            add(None)
        );
    }

    #[test]
    fn every_other_type() {
        let stream =
            read(r#"{"type":4,"target":"Count","arguments":[],"invocationId":"1","streamIds":["2"]}"#);
        let expected = Incoming::Invocation {
            id: Some("1".to_owned()),
            target: "Count".to_owned(),
            arguments: Vec::new(),
            uploads: true,
            streaming: true,
        };
        assert_eq!(stream, Ok(expected));
        assert_eq!(read(r#"{"type":5,"invocationId":"1"}"#), Ok(Incoming::Cancel { id: "1".to_owned() }));
        assert_eq!(read(r#"{"type":6}"#), Ok(Incoming::Ping));
        assert_eq!(read(r#"{"type":7,"error":"x"}"#), Ok(Incoming::Close));
        for other in [
            r#"{"type":2,"invocationId":"7","item":1}"#,
            r#"{"type":3,"invocationId":"7"}"#,
            r#"{"type":8,"sequenceId":1}"#,
            r#"{"type":9,"sequenceId":1}"#,
            r#"{"type":42}"#,
        ] {
            assert_eq!(read(other), Ok(Incoming::Other), "{other}");
        }
    }

    #[test]
    fn junk_is_refused_with_a_reason() {
        for junk in [
            "",
            "{",
            "[]",
            "6",
            "{}",
            r#"{"type":"6"}"#,
            r#"{"type":1.5}"#,
            r#"{"type":1}"#,
            r#"{"type":1,"target":"A"}"#,
            r#"{"type":1,"target":"A","arguments":{}}"#,
            r#"{"type":1,"target":7,"arguments":[]}"#,
            r#"{"type":1,"target":"A","arguments":[],"invocationId":7}"#,
            r#"{"type":1,"target":"A","arguments":[],"streamIds":"7"}"#,
            r#"{"type":4,"target":"A","arguments":[]}"#,
            r#"{"type":5}"#,
        ] {
            assert!(read(junk).is_err(), "{junk}");
        }
        let deep =
            format!(r#"{{"type":1,"target":"A","arguments":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(read(&deep).is_err(), "too deep");
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = message(&bytes);
        }
    }
}
