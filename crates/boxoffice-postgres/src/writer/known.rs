//! What a writer knows of its showtimes from one batch to the next: their states, which nobody but the database may say are
//! still so.

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::queue::{Outcome, Sealed};

use super::rows::Rows;
use crate::state::{Map, State};

/// How many bytes the states may take that the last batches did not need.
const MOST: usize = 32 * 1024 * 1024;
/// How many batches it is between two looks at that.
const LOOK_EVERY: u64 = 64;

/// A showtime as it was after its last commit that is known of.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) state: State,
    /// The id of the last batch: the same revision with another one belongs to another history.
    pub(crate) tip: Vec<u8>,
    /// What its clock says, once that was read: the version of its settings, and whether there ever was a hold.
    pub(crate) clock: Option<(u32, bool)>,
    /// The batch that it was needed for last.
    used: u64,
}

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The history that it belongs to: after a failover the same revisions may mean other things.
    epoch: String,
    showtimes: Map<ShowtimeId, Stored>,
    batches: u64,
}

impl Known {
    pub(crate) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Goes on with a history; says whether it is another one, of which nothing is known.
    pub(crate) fn enter_epoch(&mut self, epoch: &str) -> bool {
        let is_new = self.epoch != epoch;
        if is_new {
            self.showtimes.clear();
            epoch.clone_into(&mut self.epoch);
        }
        is_new
    }

    /// Begins with a batch; whether all of its showtimes are known, with their clocks, in this history.
    pub(super) fn begin(&mut self, batch: &[Sealed], epoch: &str) -> bool {
        self.enter_epoch(epoch);
        self.batches += 1;
        if self.batches.is_multiple_of(LOOK_EVERY) {
            self.keep_small(MOST);
        }
        let mut all = true;
        for sealed in batch {
            match self.showtimes.get_mut(&sealed.transition.showtime) {
                Some(stored) => {
                    stored.used = self.batches;
                    all &= stored.clock.is_some();
                }
                None => all = false,
            }
        }
        all
    }

    pub(super) fn get(&self, showtime: ShowtimeId) -> Option<&Stored> {
        self.showtimes.get(&showtime)
    }

    /// A showtime to be changed by what was read of it; as one of which nothing has happened if it is not known.
    pub(super) fn entry(&mut self, showtime: ShowtimeId) -> &mut Stored {
        let stored = self.showtimes.entry(showtime).or_default();
        stored.used = self.batches;
        stored
    }

    pub(super) fn forget(&mut self, showtime: ShowtimeId) {
        self.showtimes.remove(&showtime);
    }

    /// Forgets the showtimes of a batch of which it is not known whether it was committed.
    pub(super) fn forget_all_of(&mut self, batch: &[Sealed]) {
        batch.iter().for_each(|sealed| self.forget(sealed.transition.showtime));
    }

    /// Moves on by a batch that was committed, under this id.
    pub(super) fn follow(&mut self, batch: &[Sealed], outcomes: &[Outcome], rows: &Rows<'_>, tip: [u8; 16]) {
        for (showtime, bytes) in rows.snapshots() {
            self.entry(showtime).state.note_snapshot(bytes);
        }
        for (sealed, outcome) in batch.iter().zip(outcomes) {
            let change = &sealed.transition.change;
            if let Outcome::Committed { revision } = outcome
                && let Some(stored) = self.showtimes.get_mut(&sealed.transition.showtime)
            {
                stored.state.apply(*revision, change, sealed.event.len());
                if stored.tip != tip {
                    stored.tip = tip.to_vec();
                }
                if let Some((settings_version, ever_held)) = &mut stored.clock {
                    *ever_held |= !change.holds.is_empty();
                    *settings_version = change.settings.as_ref().map_or(*settings_version, |new| new.version);
                }
            }
        }
    }

    /// Forgets those that were not needed for longest, to the half, if it is too much.
    fn keep_small(&mut self, most: usize) {
        let weight = |stored: &Stored| stored.state.weight() + size_of::<Stored>();
        let mut sum: usize = self.showtimes.values().map(weight).sum();
        if sum <= most {
            return;
        }
        let mut oldest: Vec<_> = self.showtimes.iter().map(|(id, stored)| (stored.used, *id)).collect();
        oldest.sort_unstable();
        for (used, id) in oldest {
            if sum <= most / 2 || used + LOOK_EVERY > self.batches {
                break;
            }
            sum -= self.showtimes.remove(&id).map_or(0, |stored| weight(&stored));
        }
    }
}

#[cfg(test)]
mod tests {
    use boxoffice_core::seat::SeatState;

    use super::*;

    #[test]
    fn what_was_not_needed_for_longest_is_forgotten_when_it_is_too_much() {
        let mut known = Known::default();
        let id = ShowtimeId::from_number;
        for number in 0..10 {
            let stored = known.entry(id(number));
            stored.used = 100 + number;
            stored.state.seats.extend((0..100).map(|no| (no, SeatState::default())));
        }
        let each = 100 * 48 + size_of::<Stored>();
        known.batches = 109 + LOOK_EVERY;
        known.keep_small(10 * each);
        assert_eq!(known.showtimes.len(), 10, "it is just enough");
        known.keep_small(10 * each - 1);
        let mut left: Vec<_> = known.showtimes.keys().copied().collect();
        left.sort_unstable();
        assert_eq!(left, [6, 7, 8, 9].map(id));
        known.batches = 107 + LOOK_EVERY;
        known.keep_small(0);
        assert_eq!(known.showtimes.len(), 2, "those that the last batches needed stay");
        assert!(known.enter_epoch("another") && known.showtimes.is_empty());
        assert!(!known.enter_epoch("another"));
    }
}
