//! What the codes of Vista's services mean for a plan, as far as it is known; the rest is reported, not guessed.

use std::collections::BTreeMap;

use crate::plans::faults::short;
use crate::plans::json::Text;

/// How many different codes are told apart.
const MAX_CODES: usize = 50;

/// Codes that were met and want a word to whoever imports.
#[derive(Default)]
pub(super) struct Codes {
    blocked: usize,
    /// For each kind of code and its value: how many seats, and the first.
    unsure: BTreeMap<(&'static str, String), (usize, String)>,
}

impl Codes {
    /// Whether a status blocks the seat in every session: house seats and broken ones. Sold and reserved are one
    /// session's business. What is not known is blocked: better a seat too few than one that is not there.
    pub(super) fn blocked(&mut self, status: Option<&Text<'_>>, label: &str) -> bool {
        let status = status.map_or("0", Text::as_str);
        let blocked = match status.to_ascii_lowercase().as_str() {
            "0" | "1" | "2" | "empty" | "sold" | "reserved" => false,
            "4" | "house" | "broken" => true,
            // 3 is house seats for some services and wheelchair spaces for others.
            _ => {
                self.note("status", status, label);
                true
            }
        };
        self.blocked += usize::from(blocked);
        blocked
    }

    /// Whether a style is a part of a sofa: 1 its left, 2 its middle, 3 its right end.
    pub(super) fn is_sofa(&mut self, style: &str, label: &str) -> bool {
        match style.to_ascii_lowercase().as_str() {
            "" | "0" | "normal" => false,
            "1" | "2" | "3" => true,
            word if ["sofa", "love", "couple", "pair"].iter().any(|part| word.contains(part)) => true,
            _ => {
                self.note("style", style, label);
                false
            }
        }
    }

    /// Notes a seat type that the options say nothing about.
    pub(super) fn note_type(&mut self, code: &str, label: &str) {
        if !matches!(code, "" | "0") {
            self.note("type", code, label);
        }
    }

    fn note(&mut self, what: &'static str, value: &str, label: &str) {
        let key = (what, short(value).to_owned());
        if self.unsure.len() < MAX_CODES || self.unsure.contains_key(&key) {
            self.unsure.entry(key).or_insert_with(|| (0, short(label).to_owned())).0 += 1;
        }
    }

    /// What should be looked at.
    pub(super) fn warnings(&self) -> Vec<String> {
        let meaning =
            |what| if what == "status" { "they were blocked" } else { "they were taken as ordinary" };
        let unsure = self.unsure.iter().map(|((what, value), (count, first))| {
            format!(
                "{count} seats (the first is {first}) have the unknown {what} `{value}`; {}",
                meaning(*what)
            )
        });
        let session = (self.blocked > 0).then(|| {
            let count = self.blocked;
            format!(
                "{count} seats are blocked as in the session that the file was taken from; others may differ"
            )
        });
        unsure.chain(session).collect()
    }
}
