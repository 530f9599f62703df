//! Sofas: the members of a group sit beside each other in one row, and groups are numbered in the plan's order.

use compact_str::CompactString;
use hashbrown::HashMap;

use super::draft::{Origin, PlanDraft};
use super::fault::{PlanFault, Problem};

/// A seat in the plan's order, as far as groups are concerned.
pub(super) struct Member<'a> {
    /// The importer's number of its group.
    pub group: Option<u32>,
    /// Index of its row in the plan.
    pub row: usize,
    /// Its label.
    pub label: &'a CompactString,
    /// The importer's number of the seat.
    pub origin: u32,
    /// Whether it is beside the seat before it.
    pub joins_left: bool,
}

/// What is known of a group so far.
struct Seen {
    number: u32,
    first: usize,
    last: usize,
}

/// The groups' numbers in the plan, seat by seat.
pub(super) fn numbered(members: &[Member<'_>], faults: &mut Vec<PlanFault>) -> Vec<Option<u32>> {
    let mut groups: HashMap<u32, Seen, _> = HashMap::with_hasher(foldhash::fast::FixedState::with_seed(0));
    let mut numbers = vec![None; members.len()];
    for (no, member) in members.iter().enumerate() {
        let Some(group) = member.group else { continue };
        let number = groups.len() as u32;
        let seen = groups.entry(group).or_insert(Seen { number, first: no, last: no });
        numbers[no] = Some(seen.number);
        if seen.last != no && !(seen.last + 1 == no && member.joins_left) {
            faults.push(apart(&members[seen.last], member));
        }
        seen.last = no;
    }
    let mut alone: Vec<usize> =
        groups.values().filter(|seen| seen.first == seen.last).map(|seen| seen.first).collect();
    alone.sort_unstable();
    faults.extend(alone.into_iter().map(|no| {
        let problem = Problem::GroupOfOne { seat: members[no].label.clone() };
        PlanFault::new(Origin::Seat(members[no].origin), problem)
    }));
    numbers
}

/// Two seats that follow each other in a group, but not in the room.
fn apart(left: &Member<'_>, right: &Member<'_>) -> PlanFault {
    let (seat, other) = (right.label.clone(), left.label.clone());
    let problem = if left.row == right.row {
        Problem::GroupNotContiguous { seat, other }
    } else {
        Problem::GroupAcrossRows { seat, other }
    };
    PlanFault::between(Origin::Seat(right.origin), Origin::Seat(left.origin), problem)
}

/// Whether a draft has any groups at all; most have none.
pub(super) fn any(draft: &PlanDraft) -> bool {
    draft.rows.iter().flat_map(|row| &row.seats).any(|seat| seat.group.is_some())
}
