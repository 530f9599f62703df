//! Seating plans: the immutable geometry of a room, named by the hash of its contents.
//!
//! A [`Plan`] is made from a [`PlanDraft`] by [`Plan::build`], which checks everything and normalises: x grows to
//! the right and y away from the screen, which is at the top; 1.0 is the median distance of neighbours; a seat's
//! position is its centre; coordinates are multiples of 0.001. Rows are listed from the screen back, the seats of
//! a row from left to right, and a seat's place in that list is its [`SeatNo`] everywhere else.

mod arrange;
mod build;
mod check;
mod draft;
mod encoding;
mod fault;
mod group;
mod hash;
mod label;
mod text;
mod walk;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use compact_str::CompactString;
use hashbrown::HashTable;

pub use self::draft::{CategoryDraft, Origin, PlanDraft, RowDraft, ScreenDraft, SeatDraft};
pub use self::fault::{PlanFault, Problem};
pub use self::hash::{ParsePlanHashError, PlanHash};
pub use self::label::LabelRule;

/// A seat's dense index in its plan's order: rows from the screen back, seats left to right.
pub type SeatNo = u32;

/// The most seats that a plan may have.
pub const MAX_SEATS: usize = 100_000;
/// The most categories that a plan may have.
pub const MAX_CATEGORIES: usize = 1_000;
/// The widest and deepest a room may be, in seats.
pub const MAX_EXTENT: f32 = 10_000.0;

/// Two seats of a row are beside each other when they are at most this far apart; a larger gap is an aisle.
pub const AISLE: f32 = 1.6;

/// What a seat is, physically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SeatKind {
    /// An ordinary seat.
    #[default]
    Standard,
    /// A space for a wheelchair.
    Wheelchair,
    /// The seat kept for whoever accompanies a wheelchair user.
    Companion,
    /// A place on a sofa for two or more; the members of one sofa share a group.
    LoveSeat,
}

impl SeatKind {
    /// Every kind, in the order in which people list them.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Wheelchair, Self::Companion, Self::LoveSeat];

    /// The kind's name in data: `standard`, `wheelchair`, `companion` or `love_seat`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Wheelchair => "wheelchair",
            Self::Companion => "companion",
            Self::LoveSeat => "love_seat",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A class of seats that share a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// What prices name.
    pub key: CompactString,
    /// What people read.
    pub name: CompactString,
    /// A colour for drawings, as the source wrote it (usually `#rrggbb`).
    pub color: Option<CompactString>,
}

/// One place in a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSeat {
    /// The public name, unique in the plan.
    pub label: CompactString,
    /// What is printed on the seat; unique only within its row, if at all.
    pub number: CompactString,
    /// Index into [`Plan::rows`].
    pub row: u32,
    /// The centre, from the left, in seats.
    pub x: f32,
    /// The centre, from the top (where the screen is), in seats.
    pub y: f32,
    /// Index into [`Plan::categories`].
    pub category: u16,
    /// What the seat is, physically.
    pub kind: SeatKind,
    /// The sofa that it belongs to: see [`Plan::group_members`].
    pub group: Option<u32>,
    /// Never for sale by itself: a house seat, or broken.
    pub blocked: bool,
    /// The identity that it had where the plan came from.
    pub source_id: Option<CompactString>,
}

/// Seats that people call by one row name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name on the floor: `C`.
    pub name: CompactString,
    /// The part of the house, where it has several: `balcony`.
    pub zone: Option<CompactString>,
    /// Its seats, left to right.
    pub seats: Range<SeatNo>,
}

/// Where the screen is, as a line seen from above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Screen {
    /// Its left end.
    pub x: f32,
    /// Its distance from the top.
    pub y: f32,
    /// Its width.
    pub width: f32,
}

/// A room's immutable geometry.
#[derive(Clone)]
pub struct Plan {
    hash: PlanHash,
    categories: Vec<Category>,
    rows: Vec<Row>,
    seats: Vec<PlanSeat>,
    screen: Screen,
    size: (f32, f32),
    /// Whether a seat and the next one are beside each other.
    joined: Vec<bool>,
    /// The seats of each group: its members are consecutive.
    groups: Vec<Range<SeatNo>>,
    by_label: HashTable<SeatNo>,
}

impl Plan {
    /// The name of these contents: equal plans have equal hashes.
    pub fn hash(&self) -> PlanHash {
        self.hash
    }

    /// Every seat, in the plan's order.
    pub fn seats(&self) -> &[PlanSeat] {
        &self.seats
    }

    /// The rows, from the screen back.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The categories; each has at least one seat.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// One seat.
    ///
    /// # Panics
    ///
    /// If `no` is not below [`Plan::seat_count`].
    pub fn seat(&self, no: SeatNo) -> &PlanSeat {
        &self.seats[no as usize]
    }

    /// How many seats there are.
    pub fn seat_count(&self) -> u32 {
        self.seats.len() as u32
    }

    /// The seat of that label.
    pub fn find(&self, label: &str) -> Option<SeatNo> {
        self.by_label.find(label::hash(label), |&no| self.seats[no as usize].label == label).copied()
    }

    /// The category of that key.
    pub fn category_no(&self, key: &str) -> Option<u16> {
        self.categories.iter().position(|category| category.key == key).map(|no| no as u16)
    }

    /// The seats directly to the left and right in the same row, without an aisle between.
    pub fn neighbours(&self, no: SeatNo) -> (Option<SeatNo>, Option<SeatNo>) {
        let joined = |left: Option<u32>| left.filter(|&left| self.joined.get(left as usize) == Some(&true));
        let left = joined(no.checked_sub(1));
        let right = joined(Some(no)).map(|no| no + 1);
        (left, right)
    }

    /// The seats of one sofa, left to right; none if there is no such group.
    pub fn group_members(&self, group: u32) -> Range<SeatNo> {
        self.groups.get(group as usize).cloned().unwrap_or(0..0)
    }

    /// How many sofas there are; groups are numbered from 0 in the plan's order.
    pub fn group_count(&self) -> u32 {
        self.groups.len() as u32
    }

    /// Width and height of everything, in seats.
    pub fn size(&self) -> (f32, f32) {
        self.size
    }

    /// Where the screen is: as the source said, or across the whole front.
    pub fn screen(&self) -> Screen {
        self.screen
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Plan {}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({}, {} rows, {} seats)", self.hash, self.rows.len(), self.seats.len())
    }
}
