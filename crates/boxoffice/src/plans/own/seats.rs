//! The seats of a row in our own format: a number of them, or a list of seats, runs of seats, and gaps.

use std::fmt;

use boxoffice_core::plan::MAX_SEATS;
use compact_str::{CompactString, ToCompactString};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::plans::json::{Object, Text};

/// The member `seats` of a row.
pub(super) enum Seats<'a> {
    /// That many ordinary seats side by side.
    Count(u32),
    /// Seats and gaps from left to right.
    List(Vec<Object<Element<'a>>>),
}

/// A seat; with `count`, several alike; with `gap`, an empty place instead.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Element<'a> {
    #[serde(borrow)]
    pub seat: Option<Text<'a>>,
    pub number: Option<Text<'a>>,
    pub x: Option<f64>,
    pub y: Option<f64>,
    pub category: Option<Text<'a>>,
    pub kind: Option<Text<'a>>,
    pub group: Option<Text<'a>>,
    pub blocked: Option<bool>,
    pub source_id: Option<Text<'a>>,
    #[serde(default, deserialize_with = "count")]
    pub count: Option<u32>,
    pub gap: Option<f64>,
}

impl Element<'_> {
    /// Why its members cannot stand together, if so.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let names_one = self.seat.is_some() || self.number.is_some() || self.source_id.is_some();
        let describes =
            self.x.is_some() || self.y.is_some() || self.category.is_some() || self.kind.is_some();
        let more = self.group.is_some() || self.blocked.is_some() || self.count.is_some();
        match self.gap {
            Some(_) if names_one || describes || more => Some("a gap is not a seat: `gap` stands alone"),
            Some(gap) if !(gap > 0.0 && gap.is_finite()) => Some("a gap is wider than 0"),
            None if self.count.is_some() && names_one => {
                Some("with `count` there are several seats: `seat`, `number` and `source_id` are for one")
            }
            _ => None,
        }
    }

    /// The number: as given, or what the label says besides the row, or the place in the row.
    pub(super) fn number_or(&self, place: usize, row: &str) -> CompactString {
        match (&self.number, &self.seat) {
            (Some(number), _) => number.compact(),
            (None, Some(label)) => {
                let label = label.as_str();
                let rest = label.strip_prefix(row).map_or(label, |rest| rest.trim_start_matches('-'));
                if rest.is_empty() { label.into() } else { rest.into() }
            }
            (None, None) => place.to_compact_string(),
        }
    }
}

/// A number of seats that a room can have; an absurd one must not be carried out.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::<u64>::deserialize(deserializer)?.map(bounded).transpose()
}

fn bounded<E: Error>(count: u64) -> Result<u32, E> {
    match u32::try_from(count) {
        Ok(count) if count > 0 && count as usize <= MAX_SEATS => Ok(count),
        _ => Err(E::custom(format_args!("{count} seats: from 1 to {MAX_SEATS} are possible"))),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Seats<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SeatsVisitor)
    }
}

struct SeatsVisitor;

impl<'de> Visitor<'de> for SeatsVisitor {
    type Value = Seats<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of seats, or how many there are")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Self::Value, E> {
        bounded(count).map(Seats::Count)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Seats::List(elements))
    }
}
