//! Writing records of the protocol `json`: the members that every client knows, and no others, because pysignalr breaks
//! at an unknown one.

use crate::hub::Close;
use crate::payload::Payload;
use crate::protocol::Protocol;
use crate::protocol::framing::SEPARATOR;
use crate::protocol::message::Completion;

pub(crate) const PING: &[u8] = b"{\"type\":6}\x1e";

pub(crate) fn invocation(target: &str, arguments: &[Payload]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"type\":1,\"target\":");
    text(target, &mut out);
    out.extend_from_slice(b",\"arguments\":[");
    for (place, argument) in arguments.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(argument.bytes(Protocol::Json));
    }
    out.push(b']');
    end(out)
}

pub(crate) fn item(id: &str, item: &Payload) -> Vec<u8> {
    let mut out = begin(b"{\"type\":2", id);
    out.extend_from_slice(b",\"item\":");
    out.extend_from_slice(item.bytes(Protocol::Json));
    end(out)
}

pub(crate) fn completion(id: &str, completion: &Completion) -> Vec<u8> {
    let mut out = begin(b"{\"type\":3", id);
    match completion {
        Completion::Void => {}
        Completion::Result(result) => {
            out.extend_from_slice(b",\"result\":");
            out.extend_from_slice(result.bytes(Protocol::Json));
        }
        Completion::Error(error) => {
            out.extend_from_slice(b",\"error\":");
            text(error, &mut out);
        }
    }
    end(out)
}

pub(crate) fn close(close: &Close) -> Vec<u8> {
    let mut out = b"{\"type\":7".to_vec();
    if let Some(error) = &close.error {
        out.extend_from_slice(b",\"error\":");
        text(error, &mut out);
    }
    if close.allow_reconnect {
        out.extend_from_slice(b",\"allowReconnect\":true");
    }
    end(out)
}

fn begin(start: &[u8], id: &str) -> Vec<u8> {
    let mut out = start.to_vec();
    out.extend_from_slice(b",\"invocationId\":");
    text(id, &mut out);
    out
}

fn end(mut out: Vec<u8>) -> Vec<u8> {
    out.extend_from_slice(&[b'}', SEPARATOR]);
    out
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_record_to_the_byte() {
        let written = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let five = || Payload::from(json!(5));
        assert_eq!(written(PING.to_vec()), "{\"type\":6}\u{1e}");
        assert_eq!(
            written(invocation("A\"b", &[five(), json!({"seat": "A1"}).into()])),
            "{\"type\":1,\"target\":\"A\\\"b\",\"arguments\":[5,{\"seat\":\"A1\"}]}\u{1e}"
        );
        assert_eq!(written(invocation("A", &[])), "{\"type\":1,\"target\":\"A\",\"arguments\":[]}\u{1e}");
        assert_eq!(written(item("1", &five())), "{\"type\":2,\"invocationId\":\"1\",\"item\":5}\u{1e}");
        assert_eq!(written(completion("1", &Completion::Void)), "{\"type\":3,\"invocationId\":\"1\"}\u{1e}");
        assert_eq!(
            written(completion("1", &Completion::Result(json!(null).into()))),
            "{\"type\":3,\"invocationId\":\"1\",\"result\":null}\u{1e}"
        );
        assert_eq!(
            written(completion("\u{1e}\n", &Completion::Error("no".to_owned()))),
            "{\"type\":3,\"invocationId\":\"\\u001e\\n\",\"error\":\"no\"}\u{1e}"
        );
        assert_eq!(written(close(&Close::default())), "{\"type\":7}\u{1e}");
        assert_eq!(
            written(close(&Close::reconnect("later"))),
            "{\"type\":7,\"error\":\"later\",\"allowReconnect\":true}\u{1e}"
        );
    }
}
