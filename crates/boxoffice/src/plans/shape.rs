//! Recognising a format by the members of the outermost object.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Format;
use super::faults::{Fault, short};
use super::json::{self, Text};

const LOOKED_FOR: &str = "this is no seating plan that is known here: looked for `rows` (our own format), `zones` \
    (pretix), `SeatLayoutData` or `Areas` (Vista), and `result` or `seats` (Major Cineplex)";

/// The format of a file.
pub(super) fn recognise(text: &str) -> Result<Format, Fault> {
    let Keys(keys) = json::parse(text)?;
    let has = |names: &[&str]| keys.iter().any(|key| names.contains(&key.as_str()));
    if has(&["SeatLayoutData", "seatLayoutData", "Areas", "areas", "ResponseCode", "responseCode"]) {
        Ok(Format::Vista)
    } else if has(&["zones"]) {
        Ok(Format::Pretix)
    } else if has(&["rows", "format"]) {
        Ok(Format::Boxoffice)
    } else if has(&["result", "seats"]) {
        Ok(Format::Major)
    } else {
        let found: Vec<&str> = keys.iter().take(10).map(Text::as_str).collect();
        Err(Fault::new("", short(&format!("{LOOKED_FOR}; found `{}`", found.join("`, `")))))
    }
}

/// The first members' names; their values are skipped.
struct Keys<'a>(Vec<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Keys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a seating plan, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = map.next_key()? {
            map.next_value::<IgnoredAny>()?;
            // No format has as many members; the rest cannot tell more.
            if keys.len() < 100 {
                keys.push(key);
            }
        }
        Ok(Keys(keys))
    }
}
