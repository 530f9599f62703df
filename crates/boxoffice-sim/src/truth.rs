//! The database that all nodes share: what was sent to it is applied sooner or later, or never; a fence decides.

use std::collections::BTreeMap;

use boxoffice_engine::queue::{Outcome, Sealed};
use parking_lot::Mutex;

use crate::executor::Owner;
use crate::rows::{Mutation, Rows, Stamp};

/// What became of a batch.
enum Batch {
    /// On its way. Whose it is.
    Sent(Owner, Vec<Sealed>),
    /// Applied.
    Applied(Vec<Outcome>),
    /// It never will be.
    Void,
}

struct State {
    rows: Rows,
    batches: BTreeMap<u64, Batch>,
}

/// The database.
pub struct Truth {
    state: Mutex<State>,
    mutation: Option<Mutation>,
}

fn commit(rows: &mut Rows, batch: &[Sealed], mutation: Option<Mutation>, stamp: &Stamp) -> Vec<Outcome> {
    let commit = |sealed: &Sealed| match rows.get_mut(&sealed.transition.showtime) {
        Some(showtime) => showtime.commit(sealed, mutation, stamp),
        None => Outcome::Conflict,
    };
    batch.iter().map(commit).collect()
}

impl Truth {
    /// A database with these rows.
    pub fn new(rows: Rows, mutation: Option<Mutation>) -> Self {
        Self { state: Mutex::new(State { rows, batches: BTreeMap::new() }), mutation }
    }

    /// Sends a batch, which is not yet applied. Its number.
    pub fn send(&self, owner: Owner, batch: Vec<Sealed>) -> u64 {
        let mut state = self.state.lock();
        let id = state.batches.len() as u64;
        state.batches.insert(id, Batch::Sent(owner, batch));
        id
    }

    /// Applies a batch as one transaction, unless it was fenced off.
    pub fn apply(&self, id: u64, stamp: &Stamp) -> Option<Vec<Outcome>> {
        let mut state = self.state.lock();
        let State { rows, batches } = &mut *state;
        let slot = batches.get_mut(&id)?;
        if let Batch::Sent(_, batch) = slot {
            *slot = Batch::Applied(commit(rows, batch, self.mutation, stamp));
        }
        match slot {
            Batch::Applied(outcomes) => Some(outcomes.clone()),
            Batch::Sent(..) | Batch::Void => None,
        }
    }

    /// What applying a batch would lead to now: for the mutation that replies too early.
    pub fn foresee(&self, id: u64, stamp: &Stamp) -> Vec<Outcome> {
        let state = self.state.lock();
        match state.batches.get(&id) {
            Some(Batch::Sent(_, batch)) => commit(&mut state.rows.clone(), batch, self.mutation, stamp),
            _ => Vec::new(),
        }
    }

    /// Settles what became of a batch: its outcomes if it was applied; otherwise it never will be.
    pub fn fence(&self, id: u64) -> Option<Vec<Outcome>> {
        let mut state = self.state.lock();
        let slot = state.batches.get_mut(&id)?;
        if let Batch::Applied(outcomes) = slot {
            // What lost left no trace to find.
            let found = |outcome: &Outcome| match outcome {
                Outcome::Committed { .. } => outcome.clone(),
                Outcome::Conflict | Outcome::Unavailable => Outcome::Unavailable,
            };
            return Some(outcomes.iter().map(found).collect());
        }
        *slot = Batch::Void;
        None
    }

    /// The batches of an owner that are still on their way.
    pub fn on_their_way(&self, owner: Owner) -> Vec<u64> {
        let state = self.state.lock();
        let sent = |batch: &Batch| matches!(batch, Batch::Sent(sender, _) if *sender == owner);
        state.batches.iter().filter(|(_, batch)| sent(batch)).map(|(id, _)| *id).collect()
    }

    /// Looks at the rows.
    pub fn look<T>(&self, look: impl FnOnce(&Rows) -> T) -> T {
        look(&self.state.lock().rows)
    }
}
