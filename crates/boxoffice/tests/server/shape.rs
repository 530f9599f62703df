//! The shapes of answers: which members are there, and of what kind they are.

use jiff::Timestamp;
use serde_json::Value;

/// What a member must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A text that is not empty.
    Text,
    /// An id or another text that begins like this.
    Starts(&'static str),
    /// A whole number that is not negative.
    Count,
    /// A time in UTC.
    Time,
    /// `{"amount", "currency"}`.
    Money,
    /// true or false.
    Flag,
    /// A list.
    List,
    /// An object.
    Object,
    /// null.
    Nothing,
}

/// The members that an answer must have.
pub(crate) type Shape<'a> = &'a [(&'a str, Kind)];

/// Fails unless `value` has every member of the shape. It may have more: answers gain fields.
#[track_caller]
pub(crate) fn check(value: &Value, shape: Shape<'_>) {
    for (name, kind) in shape {
        let member = value.get(name).unwrap_or_else(|| panic!("no member {name} in {value:#}"));
        let fits = match kind {
            Kind::Text => member.as_str().is_some_and(|text| !text.is_empty()),
            Kind::Starts(start) => member.as_str().is_some_and(|text| text.starts_with(start)),
            Kind::Count => member.is_u64(),
            Kind::Time => {
                member.as_str().is_some_and(|text| text.ends_with('Z') && text.parse::<Timestamp>().is_ok())
            }
            Kind::Money => is_money(member),
            Kind::Flag => member.is_boolean(),
            Kind::List => member.is_array(),
            Kind::Object => member.is_object(),
            Kind::Nothing => member.is_null(),
        };
        assert!(fits, "{name} is not {kind:?} in {value:#}");
    }
}

fn is_money(value: &Value) -> bool {
    let currency = value["currency"].as_str().unwrap_or_default();
    value["amount"].is_i64() && currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A time in an answer.
#[track_caller]
pub(crate) fn time(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("a time was expected: {value}"));
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The labels in a list of seats.
pub(crate) fn labels(seats: &Value) -> Vec<String> {
    super::ledger::labels(seats)
}

/// A hold without the one member that tells the time left now.
pub(crate) fn timeless(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("expires_in_ms");
    }
    body
}
