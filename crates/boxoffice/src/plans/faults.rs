//! Faults of a file, each with the JSON Pointer of its place.

use std::fmt::{self, Write};

use boxoffice_core::plan::{Origin, PlanFault};

/// How many faults are listed one by one.
pub(super) const MAX_LISTED: usize = 100;
/// How many characters of a file's own text are repeated in a message.
const MAX_QUOTED: usize = 300;

/// Stands for an index where the whole list is meant.
pub(super) const WHOLE: u32 = u32::MAX;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is: a JSON Pointer (RFC 6901); empty for the whole file.
    pub pointer: String,
    /// What it is, in a sentence.
    pub detail: String,
}

impl Fault {
    /// A fault at a place.
    pub(super) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            f.write_str(&self.detail)
        } else {
            write!(f, "{}: {}", self.pointer, self.detail)
        }
    }
}

/// Where a draft's parts are in their file. A part's place is a list of indices, to be put between segments.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Pointer of the object that the plan is in.
    pub prefix: &'static str,
    /// The names on the way to a seat, such as `rows` and `seats`.
    pub to_seat: &'static [&'static str],
    /// Those on the way to a row.
    pub to_row: &'static [&'static str],
    /// Those on the way to what defines a category.
    pub to_category: &'static [&'static str],
    /// The indices of each seat, by the number given as its origin.
    pub seats: Vec<[u32; 3]>,
    /// The indices of each row.
    pub rows: Vec<[u32; 3]>,
    /// The indices of each category.
    pub categories: Vec<[u32; 3]>,
    /// Where the screen is stated.
    pub screen: &'static str,
}

impl Places {
    /// Notes a seat's place and gives its number.
    pub(super) fn seat(&mut self, indices: [u32; 3]) -> u32 {
        self.seats.push(indices);
        self.seats.len() as u32 - 1
    }

    /// Notes a row's place and gives its number.
    pub(super) fn row(&mut self, indices: [u32; 3]) -> u32 {
        self.rows.push(indices);
        self.rows.len() as u32 - 1
    }

    /// Notes a category's place and gives its number.
    pub(super) fn category(&mut self, indices: [u32; 3]) -> u32 {
        self.categories.push(indices);
        self.categories.len() as u32 - 1
    }

    /// A fault of the plan, in terms of the file.
    pub(super) fn fault(&self, fault: &PlanFault) -> Fault {
        let detail = match fault.other {
            Some(other) => format!("{} ({})", fault.problem, self.pointer(other)),
            None => fault.problem.to_string(),
        };
        Fault { pointer: self.pointer(fault.at), detail }
    }

    /// The JSON Pointer of a part.
    pub(super) fn pointer(&self, origin: Origin) -> String {
        let (segments, indices) = match origin {
            Origin::Plan => (&[][..], None),
            Origin::Screen => return format!("{}{}", self.prefix, self.screen),
            Origin::Category(no) => (self.to_category, self.categories.get(no as usize)),
            Origin::Row(no) => (self.to_row, self.rows.get(no as usize)),
            Origin::Seat(no) => (self.to_seat, self.seats.get(no as usize)),
        };
        let mut pointer = self.prefix.to_owned();
        for (segment, index) in segments.iter().zip(indices.into_iter().flatten()) {
            // Writing to a String cannot fail.
            let _ = match *index {
                WHOLE => write!(pointer, "/{segment}"),
                index => write!(pointer, "/{segment}/{index}"),
            };
        }
        pointer
    }
}

/// The first faults, and how many more there are.
pub(super) fn limited(mut faults: Vec<Fault>) -> Vec<Fault> {
    let more = faults.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        faults.truncate(MAX_LISTED);
        faults.push(Fault::new("", format!("and {more} more faults")));
    }
    faults
}

/// The beginning of a text from a file.
pub(super) fn short(text: &str) -> &str {
    text.char_indices().nth(MAX_QUOTED).map_or(text, |(end, _)| &text[..end])
}
