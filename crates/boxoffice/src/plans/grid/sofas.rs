//! Sofas: each seat of one lists the positions of all its seats, and these lists must agree.

use std::collections::HashMap;

use boxoffice_core::plan::Origin;

use super::{GridPosition, GridRow, Key, key};
use crate::plans::faults::{Fault, Places};

/// The sofas met so far; each is known by its smallest position.
#[derive(Default)]
pub(super) struct Sofas {
    by_first: HashMap<Key, u32>,
    sofas: Vec<Sofa>,
    faulty: Vec<(u32, &'static str)>,
}

struct Sofa {
    /// All its positions in order, as its first listed seat has them.
    members: Vec<Key>,
    /// How many seats have listed it.
    seen: usize,
    /// The first of these.
    origin: u32,
}

impl Sofas {
    /// Notes a seat with its list, and gives the number of its sofa.
    pub(super) fn note(
        &mut self,
        own: Key,
        origin: u32,
        listed: &[GridPosition<'_>],
        at: &GridRow,
    ) -> Option<u32> {
        let members: Option<Vec<Key>> = listed.iter().map(|position| key(position, at)).collect();
        let Some(mut members) = members else {
            self.faulty.push((origin, "the positions of its group must be integers"));
            return None;
        };
        members.sort_unstable();
        members.dedup();
        // Some services list every seat as a group of itself.
        if members.is_empty() || members == [own] {
            return None;
        }
        if members.binary_search(&own).is_err() {
            self.faulty.push((origin, "the group of the seat does not list the seat itself"));
        } else if members.iter().any(|member| member.0 != own.0) {
            self.faulty.push((origin, "the group of the seat reaches into another area"));
        }
        let next = self.sofas.len() as u32;
        let number = *self.by_first.entry(members[0]).or_insert(next);
        if number == next {
            self.sofas.push(Sofa { members, seen: 1, origin });
        } else {
            let sofa = &mut self.sofas[number as usize];
            sofa.seen += 1;
            if sofa.members != members {
                self.faulty.push((origin, "the seats of its group do not all list the same seats"));
            }
        }
        Some(number)
    }

    /// Lists that do not agree.
    pub(super) fn faults(&self, places: &Places) -> Vec<Fault> {
        let incomplete = self.sofas.iter().filter(|sofa| sofa.seen != sofa.members.len()).map(|sofa| {
            (sofa.origin, "the group of the seat lists seats that are not there or not of the group")
        });
        let faulty = self.faulty.iter().copied().chain(incomplete);
        faulty.map(|(origin, detail)| Fault::new(places.pointer(Origin::Seat(origin)), detail)).collect()
    }
}
