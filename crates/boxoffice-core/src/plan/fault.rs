//! What can be wrong with a draft, by name, and where.

use compact_str::CompactString;

use super::{MAX_CATEGORIES, MAX_EXTENT, MAX_SEATS, Origin};

/// One thing that is wrong with a draft.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{problem}")]
pub struct PlanFault {
    /// Where it is.
    pub at: Origin,
    /// The other place concerned, where it takes two.
    pub other: Option<Origin>,
    /// What it is.
    pub problem: Problem,
}

impl PlanFault {
    /// A fault of one place.
    pub(super) fn new(at: Origin, problem: Problem) -> Self {
        Self { at, other: None, problem }
    }

    /// A fault between two places; the message is about the first.
    pub(super) fn between(at: Origin, other: Origin, problem: Problem) -> Self {
        Self { at, other: Some(other), problem }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Nothing to sell.
    #[error("the plan has no seats")]
    NoSeats,
    /// More than [`MAX_SEATS`].
    #[error("the plan has {count} seats; at most {MAX_SEATS} are allowed")]
    TooManySeats {
        /// How many there are.
        count: usize,
    },
    /// More than [`MAX_CATEGORIES`].
    #[error("the plan has {count} categories; at most {MAX_CATEGORIES} are allowed")]
    TooManyCategories {
        /// How many there are.
        count: usize,
    },
    /// A row without seats.
    #[error("row `{name}` has no seats")]
    EmptyRow {
        /// The row's name.
        name: CompactString,
    },
    /// Two rows of one name in one zone.
    #[error("row `{name}` is listed twice")]
    DuplicateRow {
        /// The row's name, after its zone.
        name: CompactString,
    },
    /// A category without a key.
    #[error("a category's key is empty")]
    EmptyCategoryKey,
    /// Two categories of one key.
    #[error("category `{key}` is listed twice")]
    DuplicateCategory {
        /// The key.
        key: CompactString,
    },
    /// A seat names a category that is not there.
    #[error("seat `{seat}` is of category `{key}`, which the plan does not list")]
    UnknownCategory {
        /// The seat's label.
        seat: CompactString,
        /// The key that it names.
        key: CompactString,
    },
    /// A name that is too long or has characters that cannot be printed.
    #[error("{what} `{text}` {why}")]
    BadText {
        /// Which name.
        what: &'static str,
        /// The name, cut short.
        text: CompactString,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A label that breaks the rules for labels.
    #[error("label `{label}` {why}")]
    BadLabel {
        /// The label, cut short.
        label: CompactString,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// Two seats of one label.
    #[error("label `{label}` is used twice: by {seat}, and before by {other}")]
    DuplicateLabel {
        /// The label.
        label: CompactString,
        /// The later seat's row and number.
        seat: CompactString,
        /// The earlier seat's row and number.
        other: CompactString,
    },
    /// Two seats of one identity in the source.
    #[error("source id `{id}` is used twice: by {seat}, and before by {other}")]
    DuplicateSourceId {
        /// The identity.
        id: CompactString,
        /// The later seat's row and number.
        seat: CompactString,
        /// The earlier seat's row and number.
        other: CompactString,
    },
    /// A position that is not a number, or beyond all measure.
    #[error("the position of {what} is not a number between -1,000,000,000 and 1,000,000,000")]
    BadPosition {
        /// The seat's row and number, or the screen.
        what: CompactString,
    },
    /// Larger than [`MAX_EXTENT`].
    #[error(
        "the room is {width:.0} by {height:.0} seats large; at most {MAX_EXTENT:.0} by {MAX_EXTENT:.0} are allowed (is a seat misplaced?)"
    )]
    TooLarge {
        /// From the leftmost to the rightmost seat.
        width: f64,
        /// From the first to the last row.
        height: f64,
    },
    /// Two seats in one place.
    #[error("seats `{seat}` and `{other}` are in the same place")]
    SamePlace {
        /// The later seat's label.
        seat: CompactString,
        /// The earlier seat's label.
        other: CompactString,
    },
    /// A screen without width, or behind the seats.
    #[error("the screen {why}")]
    BadScreen {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A sofa of one.
    #[error("seat `{seat}` is the only one of its group; a group has two or more seats")]
    GroupOfOne {
        /// The seat's label.
        seat: CompactString,
    },
    /// A sofa in two rows.
    #[error("seat `{seat}` is of the same group as `{other}`, but in another row")]
    GroupAcrossRows {
        /// The later seat's label.
        seat: CompactString,
        /// The label of the group's first seat.
        other: CompactString,
    },
    /// A sofa with a stranger or an aisle in it.
    #[error("seats `{seat}` and `{other}` are of one group, but not beside each other")]
    GroupNotContiguous {
        /// The right one's label.
        seat: CompactString,
        /// The left one's label.
        other: CompactString,
    },
}
