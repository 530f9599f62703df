//! What waits to be committed: bounded, with a share kept for those who already have seats.

use std::collections::VecDeque;
use std::sync::Arc;

use boxoffice_core::change::Transition;
use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;
use tokio::sync::Notify;

/// What became of a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable, as this revision of its showtime.
    Committed {
        /// The revision.
        revision: u64,
    },
    /// Something that it relied on had changed; nothing of it was done.
    Conflict,
    /// The store could not do it; nothing of it was done and nothing of it ever will be.
    Unavailable,
}

/// Whoever is to hear of the outcome: the showtime's board, not the request.
pub trait Ticket: Send {
    /// The outcome cannot be told for now: whoever waits may be sent away, but the seats stay claimed.
    fn in_doubt(&mut self);

    /// The outcome.
    fn settle(self: Box<Self>, outcome: Outcome);
}

/// A transition with the encodings that a store keeps, made before it takes up the writer's time.
#[derive(Debug)]
pub struct Sealed {
    /// The transition.
    pub transition: Transition,
    /// Its change, encoded.
    pub event: Vec<u8>,
    /// Each of its holds, encoded.
    pub holds: SmallVec<[Vec<u8>; 1]>,
    /// The history whose versions it names. A store that may go on with another one (after a failover) must find a
    /// conflict in it then. `None` for what relies on nothing that was read before.
    pub epoch: Option<Arc<str>>,
}

impl Sealed {
    /// Seals a transition that was decided in this history.
    pub fn in_history(transition: Transition, epoch: &Arc<str>) -> Self {
        Self { epoch: Some(Arc::clone(epoch)), ..Self::from(transition) }
    }
}

impl From<Transition> for Sealed {
    fn from(transition: Transition) -> Self {
        let change = &transition.change;
        let (event, holds) = (change.encode(), change.holds.iter().map(|hold| hold.encode()).collect());
        Self { transition, event, holds, epoch: None }
    }
}

/// A transition on its way to the store, and who is to hear of it.
pub struct Commit {
    /// What is to be done.
    pub sealed: Sealed,
    /// Who hears of it.
    pub ticket: Box<dyn Ticket>,
}

/// Why the queue did not take a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Too much waits already.
    Full,
    /// The store takes no writes for now.
    Unavailable,
    /// The node is going down.
    Closed,
}

/// Transitions that wait for the store's writer. Urgent ones (confirm, extend, release, cancel) go first, and a
/// quarter of the room is theirs alone.
pub struct CommitQueue {
    waiting: Mutex<Waiting>,
    capacity: usize,
    arrived: Condvar,
    notify: Notify,
}

#[derive(Default)]
struct Waiting {
    urgent: VecDeque<Commit>,
    others: VecDeque<Commit>,
    refusing: Option<Rejected>,
    woken: bool,
}

impl Waiting {
    fn len(&self) -> usize {
        self.urgent.len() + self.others.len()
    }

    fn take(&mut self, most: usize) -> Vec<Commit> {
        if self.urgent.is_empty() && self.others.len() <= most {
            // The usual case: nothing is moved while those who push wait for the lock.
            let next = VecDeque::with_capacity(self.others.len());
            return std::mem::replace(&mut self.others, next).into();
        }
        let urgent = self.urgent.len().min(most);
        let others = self.others.len().min(most - urgent);
        self.urgent.drain(..urgent).chain(self.others.drain(..others)).collect()
    }
}

impl CommitQueue {
    /// A queue with room for `capacity` transitions.
    pub fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            capacity: capacity.max(4),
            arrived: Condvar::new(),
            notify: Notify::new(),
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a commit, or drops it and says why: its ticket then lets go of everything.
    pub fn push(&self, commit: Commit, urgent: bool) -> Result<(), Rejected> {
        let mut waiting = self.waiting.lock();
        let room = if urgent { self.capacity } else { self.capacity - self.capacity / 4 };
        let rejected = waiting.refusing.or((waiting.len() >= room).then_some(Rejected::Full));
        if let Some(rejected) = rejected {
            // The ticket's drop takes other locks.
            drop(waiting);
            return Err(rejected);
        }
        let lane = if urgent { &mut waiting.urgent } else { &mut waiting.others };
        lane.push_back(commit);
        drop(waiting);
        self.arrived.notify_one();
        self.notify.notify_one();
        Ok(())
    }

    /// Up to `most` commits, waiting for the first; `None` when the queue is closed and empty. Blocks the thread.
    pub fn take_blocking(&self, most: usize) -> Option<Vec<Commit>> {
        self.take_blocking_until(most, None)
    }

    /// As [`take_blocking`](Self::take_blocking), but gives up with an empty list at `deadline`.
    pub fn take_blocking_until(
        &self,
        most: usize,
        deadline: Option<std::time::Instant>,
    ) -> Option<Vec<Commit>> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.len() > 0 || std::mem::take(&mut waiting.woken) {
                return Some(waiting.take(most));
            }
            if waiting.refusing == Some(Rejected::Closed) {
                return None;
            }
            match deadline {
                None => self.arrived.wait(&mut waiting),
                Some(deadline) => {
                    if self.arrived.wait_until(&mut waiting, deadline).timed_out() {
                        return Some(waiting.take(most));
                    }
                }
            }
        }
    }

    /// Makes a blocked taker return, if with an empty list: there is other work for it.
    pub fn wake(&self) {
        self.waiting.lock().woken = true;
        self.arrived.notify_one();
    }

    /// As [`take_blocking`](Self::take_blocking), for a writer that is a task.
    pub async fn take(&self, most: usize) -> Option<Vec<Commit>> {
        loop {
            let arrived = self.notify.notified();
            {
                let mut waiting = self.waiting.lock();
                if waiting.len() > 0 {
                    return Some(waiting.take(most));
                }
                if waiting.refusing == Some(Rejected::Closed) {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// Refuses new commits for now (`Some`), or takes them again (`None`). A closed queue stays closed.
    pub fn refuse(&self, why: Option<Rejected>) {
        let mut waiting = self.waiting.lock();
        if waiting.refusing != Some(Rejected::Closed) {
            waiting.refusing = why;
        }
        drop(waiting);
        self.arrived.notify_all();
        self.notify.notify_waiters();
        self.notify.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use boxoffice_core::change::{Actor, Change, EventKind};
    use boxoffice_core::id::ShowtimeId;
    use boxoffice_core::time::Timestamp;

    use super::*;

    struct Nobody;

    impl Ticket for Nobody {
        fn in_doubt(&mut self) {}
        fn settle(self: Box<Self>, _: Outcome) {}
    }

    fn commit(at: i64) -> Commit {
        let change = Change {
            at: Timestamp::from_ms(at),
            kind: EventKind::HELD,
            actor: Actor::Patron,
            seats: SmallVec::new(),
            holds: SmallVec::new(),
            settings: None,
            request: None,
            reason: None,
        };
        let transition = Transition {
            showtime: ShowtimeId::from_number(1),
            change: Arc::new(change),
            settings_version: None,
            never_held: false,
            keys_since: Timestamp::from_ms(at),
            contact: None,
        };
        Commit { sealed: transition.into(), ticket: Box::new(Nobody) }
    }

    fn times(commits: &[Commit]) -> Vec<i64> {
        commits.iter().map(|commit| commit.sealed.transition.change.at.as_ms()).collect()
    }

    #[test]
    fn buyers_have_a_share_of_their_own_and_go_first() {
        let queue = CommitQueue::new(8);
        for at in 0..6 {
            assert!(queue.push(commit(at), false).is_ok());
        }
        assert!(queue.push(commit(6), false).is_err_and(|why| why == Rejected::Full));
        assert!(queue.push(commit(10), true).is_ok());
        assert!(queue.push(commit(11), true).is_ok());
        assert!(queue.push(commit(12), true).is_err());
        assert_eq!(times(&queue.take_blocking(4).unwrap()), [10, 11, 0, 1]);
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_then_ends() {
        let queue = CommitQueue::new(8);
        assert!(queue.push(commit(1), false).is_ok());
        queue.refuse(Some(Rejected::Closed));
        queue.refuse(None);
        assert!(queue.push(commit(2), true).is_err_and(|why| why == Rejected::Closed));
        assert_eq!(times(&queue.take_blocking(4).unwrap()), [1]);
        assert!(queue.take_blocking(4).is_none());
    }
}
