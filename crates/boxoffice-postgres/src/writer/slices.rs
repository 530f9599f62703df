//! What waits for each writer: its slice of the showtimes. Together they are bounded; what finds no room stays in the
//! engine's queue, which is the limit that people meet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::queue::{Commit, CommitQueue};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// All slices.
pub(crate) struct Slices {
    slices: Vec<Slice>,
    waiting: AtomicUsize,
    most: usize,
    room: Notify,
    closed: AtomicBool,
}

#[derive(Default)]
struct Slice {
    waiting: Mutex<VecDeque<Commit>>,
    arrived: Notify,
}

impl Slices {
    /// So many slices, which hold `most` commits together.
    pub(crate) fn new(count: usize, most: usize) -> Self {
        Self {
            slices: (0..count.max(1)).map(|_| Slice::default()).collect(),
            waiting: AtomicUsize::new(0),
            most,
            room: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    fn of(&self, id: ShowtimeId) -> &Slice {
        let mixed = id.number().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        &self.slices[mixed as usize % self.slices.len()]
    }

    /// Moves what comes into the queue to the slices, until it is closed.
    pub(crate) async fn fill(&self, queue: &CommitQueue) {
        loop {
            let room = self.room.notified();
            let free = self.most.saturating_sub(self.waiting.load(Ordering::Acquire));
            if free == 0 {
                room.await;
                continue;
            }
            let Some(commits) = queue.take(free).await else { break };
            self.waiting.fetch_add(commits.len(), Ordering::AcqRel);
            for commit in commits {
                let slice = self.of(commit.sealed.transition.showtime);
                slice.waiting.lock().push_back(commit);
                slice.arrived.notify_one();
            }
        }
        self.closed.store(true, Ordering::Release);
        self.slices.iter().for_each(|slice| slice.arrived.notify_one());
    }

    /// Whether nothing comes any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// What waits in a slice, at most so much, of one showtime alone if that is wanted; waits for the first. `None`
    /// when nothing comes any more.
    pub(crate) async fn take(&self, number: usize, most: usize, one_showtime: bool) -> Option<Vec<Commit>> {
        loop {
            let arrived = self.slices[number].arrived.notified();
            let closed = self.is_closed();
            let taken = self.take_now(number, most, one_showtime);
            if !taken.is_empty() {
                return Some(taken);
            }
            if closed {
                return None;
            }
            arrived.await;
        }
    }

    /// As [`take`](Self::take), but waits for the first only so long.
    pub(crate) async fn take_within(&self, number: usize, limit: Duration) -> Vec<Commit> {
        if self.is_closed() {
            tokio::time::sleep(limit).await;
        }
        let taken = tokio::time::timeout(limit, self.take(number, usize::MAX, false)).await;
        taken.ok().flatten().unwrap_or_default()
    }

    /// How many wait in a slice.
    pub(crate) fn waiting(&self, number: usize) -> usize {
        self.slices[number].waiting.lock().len()
    }

    fn take_now(&self, number: usize, most: usize, one_showtime: bool) -> Vec<Commit> {
        let mut waiting = self.slices[number].waiting.lock();
        let count = waiting.len().min(most);
        let taken: Vec<_> = if one_showtime {
            let first = waiting.front().map(|commit| commit.sealed.transition.showtime);
            let (mut taken, mut left) = (Vec::new(), VecDeque::with_capacity(waiting.len()));
            for commit in waiting.drain(..) {
                if Some(commit.sealed.transition.showtime) == first && taken.len() < most {
                    taken.push(commit);
                } else {
                    left.push_back(commit);
                }
            }
            *waiting = left;
            taken
        } else {
            waiting.drain(..count).collect()
        };
        drop(waiting);
        if !taken.is_empty() {
            self.waiting.fetch_sub(taken.len(), Ordering::AcqRel);
            self.room.notify_one();
        }
        taken
    }
}
