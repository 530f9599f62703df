//! Reading JSON bodies: every fault is found and named, and nothing unknown passes silently.

use std::fmt;

use compact_str::CompactString;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::problem::{Code, Problem};

/// Parses a body, refusing a member that stands in an object twice.
pub fn parse(body: &[u8]) -> Result<Value, Problem> {
    let malformed = |detail: String| Problem::fault(Code::MalformedBody, ("pointer", ""), detail);
    let text =
        std::str::from_utf8(body).map_err(|error| malformed(format!("The body is not UTF-8: {error}.")))?;
    let mut input = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut input);
    value
        .and_then(|value| input.end().map(|()| value))
        .map_err(|error| malformed(format!("The body is not valid JSON: {error}.")))
}

/// Builds a [`Value`] as serde_json does, but refuses repeated members.
pub struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Strict)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Strict)?;
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member {name:?} is there twice")));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// The faults of a body, each with its JSON Pointer.
#[derive(Debug, Default)]
pub struct Faults {
    errors: Vec<Value>,
    invalid: bool,
}

/// The most faults that are listed.
const MOST: usize = 100;

impl Faults {
    /// Notes a value that cannot be.
    pub fn invalid(&mut self, pointer: &str, detail: impl Into<String>) {
        self.invalid = true;
        self.note(pointer, detail.into());
    }

    fn unknown(&mut self, pointer: &str) {
        self.note(pointer, "There is no such field.".to_owned());
    }

    fn note(&mut self, pointer: &str, detail: String) {
        if self.errors.len() < MOST {
            self.errors.push(json!({"pointer": pointer, "detail": detail}));
        }
    }

    /// The problem, if there is any fault.
    pub fn check(&mut self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let code = if self.invalid { Code::InvalidField } else { Code::UnknownField };
        let detail = "The body has faults; see errors.";
        Err(Problem::new(code, detail).with("errors", std::mem::take(&mut self.errors)))
    }
}

/// An object whose members are taken one by one.
pub struct Fields<'f> {
    members: Map<String, Value>,
    path: String,
    faults: &'f mut Faults,
}

impl<'f> Fields<'f> {
    /// The members of `value`, which must be an object.
    pub fn new(value: Value, path: String, faults: &'f mut Faults) -> Self {
        let members = match value {
            Value::Object(members) => members,
            _ => {
                faults.invalid(&path, "It must be an object.");
                Map::new()
            }
        };
        Self { members, path, faults }
    }

    /// The JSON Pointer of a member.
    pub fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.path, escape(name))
    }

    /// Takes a member as it is; null counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a member that may be absent.
    pub fn optional<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        let value = self.take(name)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(detail) => {
                let pointer = self.pointer(name);
                self.faults.invalid(&pointer, detail);
                None
            }
        }
    }

    /// Takes a member that must be there; a default stands in for it until the faults are checked.
    pub fn required<T: Default>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> T {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.missing(name);
        }
        self.optional(name, read).unwrap_or_default()
    }

    /// Takes a member of a change: absent, cleared by null, or a new value.
    pub fn change<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.members.get(name)? {
            Value::Null => {
                self.members.remove(name);
                Some(None)
            }
            _ => self.optional(name, read).map(Some),
        }
    }

    /// Refuses members that are null: none of these can be cleared.
    pub fn refuse_nulls(&mut self) {
        let nulls = self.members.iter().filter(|(_, value)| value.is_null());
        for name in nulls.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.faults.invalid(&self.pointer(&name), "It cannot be cleared.");
        }
    }

    /// Takes a member of a change that cannot be cleared.
    pub fn replace<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        if self.members.get(name).is_some_and(Value::is_null) {
            let pointer = self.pointer(name);
            self.faults.invalid(&pointer, "It cannot be cleared.");
        }
        self.optional(name, read)
    }

    /// Notes that a member must be there. Nothing is missing from what is no object: that is one fault, not many.
    pub fn missing(&mut self, name: &str) {
        let pointer = self.pointer(name);
        let known = |error: &Value| error["pointer"] == self.path || error["pointer"] == pointer;
        if !self.faults.errors.iter().any(known) {
            self.faults.invalid(&pointer, "It is required.");
        }
    }

    /// Reads an object that was taken as the member `name`.
    pub fn nested<T>(&mut self, name: &str, value: Value, read: impl FnOnce(&mut Fields<'_>) -> T) -> T {
        let mut fields = Fields::new(value, self.pointer(name), self.faults);
        let result = read(&mut fields);
        fields.finish();
        result
    }

    /// Takes a list and reads each item, with its JSON Pointer; at most `most` items.
    pub fn list<T>(
        &mut self,
        name: &str,
        most: usize,
        mut read: impl FnMut(Value, String, &mut Faults) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let pointer = self.pointer(name);
        let Value::Array(items) = value else {
            self.faults.invalid(&pointer, "It must be a list.");
            return None;
        };
        if items.len() > most {
            self.faults.invalid(&pointer, format!("It may have at most {most} items."));
            return None;
        }
        let read = |(at, item)| read(item, format!("{pointer}/{at}"), self.faults);
        Some(items.into_iter().enumerate().filter_map(read).collect())
    }

    /// Takes an object and reads each member, with its name and JSON Pointer; at most `most` members.
    pub fn map<T>(
        &mut self,
        name: &str,
        most: usize,
        mut read: impl FnMut(&str, Value, String, &mut Faults) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.take(name)?;
        let pointer = self.pointer(name);
        let Value::Object(members) = value else {
            self.faults.invalid(&pointer, "It must be an object.");
            return None;
        };
        if members.len() > most {
            self.faults.invalid(&pointer, format!("It may have at most {most} members."));
            return None;
        }
        let read = |(name, value): (String, Value)| {
            let pointer = format!("{pointer}/{}", escape(&name));
            read(&name, value, pointer, self.faults)
        };
        Some(members.into_iter().filter_map(read).collect())
    }

    /// Ends the object: members that nobody took are unknown.
    pub fn finish(self) {
        for name in self.members.keys() {
            self.faults.unknown(&self.pointer(name));
        }
    }
}

/// A member's name as part of a JSON Pointer (RFC 6901).
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether a text has no control characters but line feed and tab.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

/// A text of 1 to `most` characters, without control characters.
pub fn text(most: usize) -> impl Fn(Value) -> Result<CompactString, String> {
    move |value| {
        let Value::String(text) = value else { return Err("It must be a text.".to_owned()) };
        let count = text.chars().count();
        if count == 0 || count > most {
            return Err(format!("It must have 1 to {most} characters."));
        }
        if !is_plain(&text) {
            return Err("It must not have control characters.".to_owned());
        }
        Ok(text.into())
    }
}

/// A whole number within a range. `8.0` is one: JSON does not tell it from `8`, and some clients write it so.
pub fn integer(range: std::ops::RangeInclusive<i64>) -> impl Fn(Value) -> Result<i64, String> {
    const EXACT: f64 = (1u64 << 53) as f64;
    move |value| {
        let fault = || format!("It must be a whole number from {} to {}.", range.start(), range.end());
        let whole = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < EXACT);
        let number = value.as_i64().or(whole.map(|number| number as i64));
        number.filter(|number| range.contains(number)).ok_or_else(fault)
    }
}

/// True or false.
pub fn boolean(value: Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "It must be true or false.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_be_written_with_a_fraction_of_zero() {
        let read = |text: &str| integer(-5..=1000)(serde_json::from_str(text).unwrap()).ok();
        for (text, number) in [("8", 8), ("8.0", 8), ("-5.0", -5), ("1e2", 100), ("1000", 1000)] {
            assert_eq!(read(text), Some(number), "{text}");
        }
        for text in ["8.5", "-6", "1001.0", "1e300", "9223372036854775808", "\"8\"", "true", "null", "[8]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
