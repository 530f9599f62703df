//! Labels: given by the source, or made from zone, row and number so that no two collide.

use std::hash::BuildHasher;

use compact_str::{CompactString, format_compact};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::draft::{Origin, PlanDraft, RowDraft, SeatDraft};
use super::fault::{PlanFault, Problem};
use super::text;

/// How the labels of a plan came about; one rule holds for the whole room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LabelRule {
    /// Every seat came with its label.
    Given,
    /// Row and number: `C12`. A number that begins with its row's letters stands alone.
    RowNumber,
    /// `C-12`, because row and number alone collide (row 1 seat 12, row 11 seat 2).
    RowDashNumber,
    /// `balcony-C-12`, because rows of several zones share names.
    ZoneRowNumber,
}

impl LabelRule {
    /// The rule's name in data: `given`, `row_number`, `row_dash_number` or `zone_row_number`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::RowNumber => "row_number",
            Self::RowDashNumber => "row_dash_number",
            Self::ZoneRowNumber => "zone_row_number",
        }
    }
}

/// The hash under which a label is looked up.
pub(super) fn hash(label: &str) -> u64 {
    FixedState::with_seed(0).hash_one(label)
}

/// The labels of all seats in the draft's order, and the rule that made those which were not given.
pub(super) fn labels(draft: &PlanDraft, faults: &mut Vec<PlanFault>) -> (Vec<CompactString>, LabelRule) {
    let seats = || draft.rows.iter().flat_map(|row| row.seats.iter().map(move |seat| (row, seat)));
    let all_given = seats().all(|(_, seat)| seat.label.is_some());
    let rules = [LabelRule::RowNumber, LabelRule::RowDashNumber, LabelRule::ZoneRowNumber];
    let rules: &[LabelRule] = if all_given { &[LabelRule::Given] } else { &rules };

    let mut labels = Vec::new();
    let mut collisions = Vec::new();
    let mut used = LabelRule::Given;
    for &rule in rules {
        used = rule;
        labels.clear();
        labels.extend(seats().map(|(row, seat)| seat.label.clone().unwrap_or_else(|| made(rule, row, seat))));
        collisions = duplicates(&labels);
        if collisions.is_empty() {
            break;
        }
    }
    report(draft, &labels, &collisions, faults);
    (labels, used)
}

/// A seat's label by one of the rules.
fn made(rule: LabelRule, row: &RowDraft, seat: &SeatDraft) -> CompactString {
    let number = seat.number.as_str();
    let label = match (rule, &row.zone) {
        (LabelRule::ZoneRowNumber, Some(zone)) => format_compact!("{zone}-{}-{number}", row.name),
        (LabelRule::ZoneRowNumber | LabelRule::RowDashNumber, _) => format_compact!("{}-{number}", row.name),
        (LabelRule::Given | LabelRule::RowNumber, _) if names_its_row(number, &row.name) => number.into(),
        (LabelRule::Given | LabelRule::RowNumber, _) => format_compact!("{}{number}", row.name),
    };
    // Sources write "Ground floor" and "Box 3"; a label has no spaces.
    let closed: CompactString = label.chars().filter(|c| !c.is_whitespace()).collect();
    text::nfc(&closed)
}

/// Whether a number such as `A18` already begins with the letters of its row.
fn names_its_row(number: &str, row: &str) -> bool {
    !row.is_empty()
        && row.chars().all(char::is_alphabetic)
        && number.strip_prefix(row).is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphabetic()))
}

/// Pairs (later, first) of equal texts.
pub(super) fn duplicates<T: AsRef<str>>(texts: &[T]) -> Vec<(usize, usize)> {
    let mut seen: HashTable<usize> = HashTable::with_capacity(texts.len());
    let mut pairs = Vec::new();
    for (no, text) in texts.iter().enumerate() {
        let text = text.as_ref();
        let same = |&other: &usize| texts[other].as_ref() == text;
        match seen.entry(hash(text), same, |&other| hash(texts[other].as_ref())) {
            Entry::Occupied(first) => pairs.push((no, *first.get())),
            Entry::Vacant(place) => {
                place.insert(no);
            }
        }
    }
    pairs
}

fn report(
    draft: &PlanDraft,
    labels: &[CompactString],
    collisions: &[(usize, usize)],
    faults: &mut Vec<PlanFault>,
) {
    let seats: Vec<_> =
        draft.rows.iter().flat_map(|row| row.seats.iter().map(move |seat| (row, seat))).collect();
    for (label, (_, seat)) in labels.iter().zip(&seats) {
        if let Some(why) = text::label_fault(label) {
            let problem = Problem::BadLabel { label: text::cut(label), why };
            faults.push(PlanFault::new(Origin::Seat(seat.origin), problem));
        }
    }
    for &(later, first) in collisions {
        let ((row, seat), (other_row, other)) = (seats[later], seats[first]);
        let problem = Problem::DuplicateLabel {
            label: text::cut(&labels[later]),
            seat: spoken(row, seat),
            other: spoken(other_row, other),
        };
        faults.push(PlanFault::between(Origin::Seat(seat.origin), Origin::Seat(other.origin), problem));
    }
}

/// How a person would point at a seat that has no sound label (yet).
pub(super) fn spoken(row: &RowDraft, seat: &SeatDraft) -> CompactString {
    let (name, number) = (text::cut(&row.name), text::cut(&seat.number));
    match &row.zone {
        Some(zone) => format_compact!("row `{name}` number `{number}` in `{}`", text::cut(zone)),
        None => format_compact!("row `{name}` number `{number}`"),
    }
}
