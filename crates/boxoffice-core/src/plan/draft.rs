//! What an importer fills in: a room as some source describes it, unchecked and in any order and scale.

use compact_str::CompactString;

use super::SeatKind;

/// A room as read from a source, before [`Plan::build`](super::Plan::build) checks and normalises it.
#[derive(Debug, Clone, Default)]
pub struct PlanDraft {
    /// The categories; those without seats are left out of the plan.
    pub categories: Vec<CategoryDraft>,
    /// The rows in any order, each (zone, name) once.
    pub rows: Vec<RowDraft>,
    /// Where the screen is, if the source says so.
    pub screen: Option<ScreenDraft>,
}

/// A category as read.
#[derive(Debug, Clone)]
pub struct CategoryDraft {
    /// What seats and prices name.
    pub key: CompactString,
    /// What people read.
    pub name: CompactString,
    /// A colour for drawings.
    pub color: Option<CompactString>,
    /// The importer's own number for it, given back in faults.
    pub origin: u32,
}

/// A row as read.
#[derive(Debug, Clone)]
pub struct RowDraft {
    /// Its name; may be empty where seats have labels or numbers of their own.
    pub name: CompactString,
    /// The part of the house.
    pub zone: Option<CompactString>,
    /// Its seats in any order.
    pub seats: Vec<SeatDraft>,
    /// The importer's own number for it, given back in faults.
    pub origin: u32,
}

/// A seat as read.
#[derive(Debug, Clone, Default)]
pub struct SeatDraft {
    /// Its public name, where the source gives one; else it is made from row and number.
    pub label: Option<CompactString>,
    /// What is printed on it.
    pub number: CompactString,
    /// From left to right, in any unit.
    pub x: f64,
    /// From the screen back, in the same unit.
    pub y: f64,
    /// The key of its category.
    pub category: CompactString,
    /// What it is, physically.
    pub kind: SeatKind,
    /// The importer's number of its sofa.
    pub group: Option<u32>,
    /// A house seat, or broken.
    pub blocked: bool,
    /// Its identity in the source.
    pub source_id: Option<CompactString>,
    /// The importer's own number for it, given back in faults.
    pub origin: u32,
}

/// The screen as read: a line from (x, y) to (x + width, y), in the seats' unit.
#[derive(Debug, Clone, Copy)]
pub struct ScreenDraft {
    /// Its left end.
    pub x: f64,
    /// Its place from front to back.
    pub y: f64,
    /// Its width.
    pub width: f64,
}

/// The part of a draft that a fault is about, by the importer's own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The plan as a whole.
    Plan,
    /// The screen.
    Screen,
    /// A category.
    Category(u32),
    /// A row.
    Row(u32),
    /// A seat.
    Seat(u32),
}
