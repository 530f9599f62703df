//! The handshake: the first record of a connection, by which a client names its protocol; JSON also before MessagePack.

use serde_json::Value;

use super::{Fault, Protocol};

/// The answer that begins a connection. Nothing may be sent before it.
pub(crate) const ACCEPTED: &str = "{}\u{1e}";

/// The newest version of the protocols. 2 adds messages for stateful reconnect, which is never granted; signalrcore
/// says 0.
const NEWEST_VERSION: i64 = 2;

/// What the handshake is refused with after too long a silence.
pub(crate) const CANCELED: &str = "Handshake was canceled.";

/// The protocol that a handshake asks for.
pub(crate) fn read(record: &[u8]) -> Result<Protocol, Fault> {
    let unreadable = |what: &str| Fault::invalid(format!("Invalid handshake request: {what}"));
    let value: Value =
        serde_json::from_slice(record).map_err(|_| unreadable("it is not a JSON object and 0x1E."))?;
    let name = value.get("protocol").and_then(Value::as_str).ok_or_else(|| unreadable("no 'protocol'."))?;
    let version = value.get("version").and_then(Value::as_i64).ok_or_else(|| unreadable("no 'version'."))?;
    let protocol = Protocol::named(name)
        .ok_or_else(|| Fault::invalid(format!("The protocol '{name}' is not supported.")))?;
    if !(0..=NEWEST_VERSION).contains(&version) {
        let text = format!("The server does not support version {version} of the '{name}' protocol.");
        return Err(Fault::invalid(text));
    }
    Ok(protocol)
}

/// What MessagePack is refused with where only text can pass.
pub(crate) fn needs_binary(protocol: Protocol) -> Fault {
    Fault::invalid(format!(
        "Cannot use the '{}' protocol on the current transport. The transport does not support 'Binary' transfer format.",
        protocol.name()
    ))
}

/// The answer that refuses a handshake.
pub(crate) fn refusal(error: &str) -> String {
    format!("{}\u{1e}", serde_json::json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_0_1_and_2_of_both_protocols_are_accepted() {
        for version in 0..=2 {
            for protocol in [Protocol::Json, Protocol::MessagePack] {
                let record = format!(r#"{{"protocol":"{}","version":{version}}}"#, protocol.name());
                assert_eq!(read(record.as_bytes()), Ok(protocol));
            }
        }
    }

    #[test]
    fn a_refusal_has_the_words_that_clients_know() {
        let text = |record: &str| read(record.as_bytes()).unwrap_err().to_string();
        assert_eq!(text(r#"{"protocol":"xml","version":1}"#), "The protocol 'xml' is not supported.");
        assert_eq!(
            text(r#"{"protocol":"json","version":3}"#),
            "The server does not support version 3 of the 'json' protocol."
        );
        for junk in ["", "{", "[]", "null", r#"{"protocol":1,"version":1}"#, r#"{"protocol":"json"}"#] {
            assert!(text(junk).starts_with("Invalid handshake request"), "{junk}");
        }
        assert_eq!(refusal("a \"b\""), "{\"error\":\"a \\\"b\\\"\"}\u{1e}");
    }
}
