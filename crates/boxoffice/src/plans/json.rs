//! Reading JSON that may be hostile: limits before parsing, text without copies, and errors with a JSON Pointer.

mod pointer;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use compact_str::CompactString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::MAX_BYTES;
use super::faults::{Fault, short};

/// More objects and lists than the most elaborate plan of 100,000 seats has.
const MAX_CONTAINERS: usize = 1_000_000;

/// How many characters of a text are kept: more than a name may have.
const MAX_KEPT: usize = 250;

/// The file as text, if it is worth parsing. A byte order mark is skipped.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > MAX_BYTES {
        return Err(Fault::new(
            "",
            format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len()),
        ));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        Fault::new("", format!("the file is not UTF-8: the first wrong byte is at {}", error.valid_up_to()))
    })?;
    // What is parsed takes many times the room of `{}` in memory, so these are counted first.
    if bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > MAX_CONTAINERS {
        let detail =
            format!("the file has more than {MAX_CONTAINERS} objects and lists; no plan needs so many");
        return Err(Fault::new("", detail));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Parses the file as `T`.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| {
        let line =
            text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let told = error.to_string();
        // What is missing is not at the member that was read last, but in the object.
        let place = if told.starts_with("missing field") { pointer::object } else { pointer::before };
        Fault::new(place(text, line + error.column()), short(&told))
    })
}

/// A name as far as it may be sound: one that is longer than any may be is cut behind that, because it may become part
/// of a hundred thousand labels before it is found to be too long.
pub(super) fn kept(text: &str) -> &str {
    text.char_indices().nth(MAX_KEPT).map_or(text, |(end, _)| &text[..end])
}

/// A string, or a number where people write one: row 7, seat 12. Borrowed from the file where it can be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// Without the spaces around it.
    pub(super) fn as_str(&self) -> &str {
        self.0.trim()
    }

    /// As a text of its own, [`kept`] as far as it may be sound.
    pub(super) fn compact(&self) -> CompactString {
        kept(self.as_str()).into()
    }

    /// As an integer: `28`, `"28"`.
    pub(super) fn integer(&self) -> Option<i64> {
        self.as_str().parse().ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(value.to_owned())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(value.to_string())))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(value.to_string())))
    }
}

/// An object. By itself a struct is also read from a list of its members' values, which nobody means.
#[derive(Debug)]
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter")]
    struct Sample {
        list: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter")]
    struct Item {
        size: f64,
        #[serde(default)]
        name: String,
    }

    fn pointer(text: &str) -> String {
        parse::<Sample>(text).expect_err("a fault").pointer
    }

    #[test]
    fn errors_point_at_their_place() {
        assert_eq!(pointer(r#"{"list":[{"size":1},{"size":"big"}]}"#), "/list/1/size");
        assert_eq!(pointer("{\"list\":[\n  {\"size\":1},\n  {\"size\":true}]}"), "/list/1/size");
        assert_eq!(pointer(r#"{"list":[{"size":1e999}]}"#), "/list/0/size");
        assert_eq!(pointer(r#"{"list":[{}]}"#), "/list/0");
        assert_eq!(pointer(r#"{"list":[{"name":"what is missing is not here"}]}"#), "/list/0");
        assert_eq!(pointer(r#"{"list":[{"size":1,"a/b~\"":2}]}"#), "/list/0/a~1b~0\"");
        assert_eq!(pointer(r#"{"list":7}"#), "/list");
    }

    #[test]
    fn hostile_files_are_refused_before_they_take_memory() {
        assert!(text(&vec![b' '; MAX_BYTES + 1]).is_err_and(|fault| fault.detail.contains("at most")));
        assert!(text(b"{\"a\":\"\xff\"}").is_err_and(|fault| fault.detail.contains("at 6")));
        assert!(text(&[b'['; MAX_CONTAINERS + 1]).is_err_and(|fault| fault.detail.contains("objects")));
        assert_eq!(text("\u{feff}{}".as_bytes()), Ok("{}"));
        let deep = "[".repeat(MAX_CONTAINERS);
        assert!(parse::<Sample>(&deep).is_err());
        assert!(
            parse::<Sample>(&format!("{{\"list\":{deep}")).is_err_and(|fault| fault.pointer.len() < 1000)
        );
    }
}
