//! Checks of a draft that need neither order nor scale.

use compact_str::{CompactString, format_compact};
use hashbrown::HashMap;

use super::draft::{Origin, PlanDraft, RowDraft, SeatDraft};
use super::fault::{PlanFault, Problem};
use super::{MAX_CATEGORIES, MAX_SEATS, label, text};

/// Beyond this no source's unit makes sense, and squares would lose their digits.
const FAR: f64 = 1e9;

/// A draft's seats, each with its row.
pub(super) fn seats(draft: &PlanDraft) -> impl Iterator<Item = (&RowDraft, &SeatDraft)> {
    draft.rows.iter().flat_map(|row| row.seats.iter().map(move |seat| (row, seat)))
}

/// How many there are of everything; only a draft that passes is looked at further.
pub(super) fn counts(draft: &PlanDraft) -> Result<(), PlanFault> {
    let count = draft.rows.iter().map(|row| row.seats.len()).sum();
    let categories = draft.categories.len();
    let problem = match count {
        0 => Problem::NoSeats,
        count if count > MAX_SEATS => Problem::TooManySeats { count },
        _ if categories > MAX_CATEGORIES => Problem::TooManyCategories { count: categories },
        _ => return Ok(()),
    };
    Err(PlanFault::new(Origin::Plan, problem))
}

/// The rows' names.
pub(super) fn rows(draft: &PlanDraft, faults: &mut Vec<PlanFault>) {
    let full_name = |row: &RowDraft| match &row.zone {
        // A control character cannot be part of a sound name, so no two rows are confused.
        Some(zone) => format_compact!("{zone}\u{1f}{}", row.name),
        None => row.name.clone(),
    };
    for row in &draft.rows {
        let at = Origin::Row(row.origin);
        named(at, "row", &row.name, faults);
        named(at, "zone", row.zone.as_deref().unwrap_or_default(), faults);
        if row.seats.is_empty() {
            faults.push(PlanFault::new(at, Problem::EmptyRow { name: text::cut(&row.name) }));
        }
    }
    let names: Vec<CompactString> = draft.rows.iter().map(full_name).collect();
    for (later, first) in label::duplicates(&names) {
        let (at, other) = (Origin::Row(draft.rows[later].origin), Origin::Row(draft.rows[first].origin));
        let name = text::cut(&names[later].replace('\u{1f}', " / "));
        faults.push(PlanFault::between(at, other, Problem::DuplicateRow { name }));
    }
}

/// The categories' keys and names.
pub(super) fn categories(draft: &PlanDraft, faults: &mut Vec<PlanFault>) {
    for category in &draft.categories {
        let at = Origin::Category(category.origin);
        if category.key.trim().is_empty() {
            faults.push(PlanFault::new(at, Problem::EmptyCategoryKey));
        }
        named(at, "category", &category.key, faults);
        named(at, "category name", &category.name, faults);
        named(at, "color", category.color.as_deref().unwrap_or_default(), faults);
    }
    let keys: Vec<&str> = draft.categories.iter().map(|category| category.key.as_str()).collect();
    for (later, first) in label::duplicates(&keys) {
        let [at, other] = [later, first].map(|no| Origin::Category(draft.categories[no].origin));
        faults.push(PlanFault::between(
            at,
            other,
            Problem::DuplicateCategory { key: text::cut(keys[later]) },
        ));
    }
}

/// The category of every seat, as an index into the draft's categories (0 where there is a fault).
pub(super) fn categories_of_seats(
    draft: &PlanDraft,
    labels: &[CompactString],
    faults: &mut Vec<PlanFault>,
) -> Vec<usize> {
    let state = foldhash::fast::FixedState::with_seed(0);
    let mut by_key = HashMap::with_capacity_and_hasher(draft.categories.len(), state);
    by_key.extend(draft.categories.iter().enumerate().map(|(no, category)| (category.key.as_str(), no)));
    let of_seat = |((_, seat), label): ((&RowDraft, &SeatDraft), &CompactString)| {
        by_key.get(seat.category.as_str()).copied().unwrap_or_else(|| {
            let problem = Problem::UnknownCategory { seat: text::cut(label), key: text::cut(&seat.category) };
            faults.push(PlanFault::new(Origin::Seat(seat.origin), problem));
            0
        })
    };
    seats(draft).zip(labels).map(of_seat).collect()
}

/// The seats' numbers, and their identities in the source: unique where there are any.
pub(super) fn identities(draft: &PlanDraft, faults: &mut Vec<PlanFault>) {
    let mut with_id = Vec::new();
    let mut ids = Vec::new();
    for (row, seat) in seats(draft) {
        let at = Origin::Seat(seat.origin);
        named(at, "seat number", &seat.number, faults);
        if let Some(id) = &seat.source_id {
            named(at, "source id", id, faults);
            with_id.push((row, seat));
            ids.push(id.as_str());
        }
    }
    for (later, first) in label::duplicates(&ids) {
        let ((row, seat), (other_row, other)) = (with_id[later], with_id[first]);
        let problem = Problem::DuplicateSourceId {
            id: text::cut(ids[later]),
            seat: label::spoken(row, seat),
            other: label::spoken(other_row, other),
        };
        faults.push(PlanFault::between(Origin::Seat(seat.origin), Origin::Seat(other.origin), problem));
    }
}

/// Whether every position can be calculated with.
pub(super) fn positions(draft: &PlanDraft, faults: &mut Vec<PlanFault>) -> bool {
    let before = faults.len();
    let sound = |value: f64| value.abs() <= FAR;
    for (row, seat) in seats(draft) {
        if !(sound(seat.x) && sound(seat.y)) {
            let problem = Problem::BadPosition { what: format_compact!("seat {}", label::spoken(row, seat)) };
            faults.push(PlanFault::new(Origin::Seat(seat.origin), problem));
        }
    }
    if let Some(screen) = draft.screen {
        if !(sound(screen.x) && sound(screen.y) && sound(screen.width)) {
            let problem = Problem::BadPosition { what: "the screen".into() };
            faults.push(PlanFault::new(Origin::Screen, problem));
        } else if screen.width <= 0.0 {
            faults.push(PlanFault::new(Origin::Screen, Problem::BadScreen { why: "has no width" }));
        }
    }
    faults.len() == before
}

fn named(at: Origin, what: &'static str, name: &str, faults: &mut Vec<PlanFault>) {
    if let Some(why) = text::name_fault(name) {
        faults.push(PlanFault::new(at, Problem::BadText { what, text: text::cut(name), why }));
    }
}
