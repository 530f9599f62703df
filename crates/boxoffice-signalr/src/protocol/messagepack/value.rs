//! Values between MessagePack and JSON: hubs see one kind of value, whatever the protocol.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rmp::encode as pack;
use rmpv::Value as Packed;
use serde_json::{Map, Number, Value};

use crate::protocol::Fault;

/// As JSON. Binary data becomes Base64, as in ASP.NET's JSON; keys of maps that are not text are written as text.
pub(crate) fn to_json(value: Packed) -> Result<Value, Fault> {
    Ok(match value {
        Packed::Nil => Value::Null,
        Packed::Boolean(truth) => Value::Bool(truth),
        Packed::Integer(integer) => match (integer.as_i64(), integer.as_u64()) {
            (Some(signed), _) => Value::from(signed),
            (None, unsigned) => unsigned.map_or(Value::Null, Value::from),
        },
        Packed::F32(float) => Number::from_f64(float.into()).map_or(Value::Null, Value::Number),
        Packed::F64(float) => Number::from_f64(float).map_or(Value::Null, Value::Number),
        Packed::String(text) => Value::String(to_text(text)?),
        Packed::Binary(bytes) => Value::String(STANDARD.encode(bytes)),
        Packed::Array(items) => Value::Array(items.into_iter().map(to_json).collect::<Result<_, _>>()?),
        Packed::Map(entries) => {
            let mut members = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Packed::String(text) => to_text(text)?,
                    Packed::Integer(integer) => integer.to_string(),
                    _ => return Err(Fault::invalid("A key of a map must be text or an integer.")),
                };
                members.insert(key, to_json(value)?);
            }
            Value::Object(members)
        }
        Packed::Ext(..) => return Err(Fault::invalid("Extension types are not supported.")),
    })
}

/// The text, which must be UTF-8.
pub(crate) fn to_text(text: rmpv::Utf8String) -> Result<String, Fault> {
    text.into_str().ok_or_else(|| Fault::invalid("Text must be UTF-8."))
}

/// The same value as MessagePack. The JSON is our own, so it can be read.
pub(crate) fn translate(json: &[u8]) -> Bytes {
    let value = serde_json::from_slice(json).unwrap_or_default();
    let mut out = Vec::with_capacity(json.len());
    write(&value, &mut out);
    out.into()
}

fn write(value: &Value, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    match value {
        Value::Null => drop(pack::write_nil(out)),
        Value::Bool(truth) => drop(pack::write_bool(out, *truth)),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(unsigned), _) => drop(pack::write_uint(out, unsigned)),
            (None, Some(signed)) => drop(pack::write_sint(out, signed)),
            (None, None) => drop(pack::write_f64(out, number.as_f64().unwrap_or_default())),
        },
        Value::String(string) => text(string, out),
        Value::Array(items) => {
            array(items.len(), out);
            for item in items {
                write(item, out);
            }
        }
        Value::Object(members) => {
            drop(pack::write_map_len(out, length(members.len())));
            for (key, value) in members {
                text(key, out);
                write(value, out);
            }
        }
    }
}

pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    drop(pack::write_str(out, text));
}

pub(crate) fn array(items: usize, out: &mut Vec<u8>) {
    drop(pack::write_array_len(out, length(items)));
}

/// A record is far shorter than 2^32 items.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn back(json: &Value) -> Value {
        let packed = translate(json.to_string().as_bytes());
        to_json(rmpv::decode::read_value(&mut &packed[..]).unwrap()).unwrap()
    }

    #[test]
    fn values_come_back_as_they_went() {
        for value in [
            json!(null),
            json!(true),
            json!([0, 127, 128, 65_536, u64::MAX, -1, -33, i64::MIN, 1.5]),
            json!({"seat": "A1", "status": "held", "version": 12, "nested": {"": [[], {}]}}),
            json!("ü".repeat(300)),
        ] {
            assert_eq!(back(&value), value);
        }
    }

    #[test]
    fn values_that_json_lacks() {
        assert_eq!(to_json(Packed::Binary(vec![1, 2, 3])), Ok(json!("AQID")));
        assert_eq!(to_json(Packed::F64(f64::NAN)), Ok(Value::Null));
        assert_eq!(to_json(Packed::Map(vec![(7.into(), 8.into())])), Ok(json!({"7": 8})));
        assert!(to_json(Packed::Map(vec![(Packed::Nil, Packed::Nil)])).is_err());
        assert!(to_json(Packed::Ext(-1, vec![0; 4])).is_err());
    }

    proptest! {
        #[test]
        fn any_text_and_number_comes_back(text in ".*", integer in any::<i64>(), float in -1e300..1e300f64) {
            let value = json!([text, integer, {text.clone(): float}]);
            prop_assert_eq!(back(&value), value);
        }
    }
}
