//! The boards in memory: loaded once on first use however many ask, and evicted when there are too many.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use boxoffice_core::id::ShowtimeId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::RwLock;
use tokio::sync::OnceCell;

use crate::board::Board;

/// A place for a board, also while it is being loaded.
type Slot = Arc<OnceCell<Arc<Board>>>;

/// All boards of this node.
pub(crate) struct Boards {
    slots: RwLock<HashMap<ShowtimeId, Slot, FixedState>>,
    capacity: usize,
    sweep: AtomicU64,
}

/// Every board is in use, and there are as many as there may be.
#[derive(Debug)]
pub(crate) struct NoRoom;

impl Boards {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { slots: RwLock::default(), capacity: capacity.max(1), sweep: AtomicU64::new(0) }
    }

    /// The board if it is loaded.
    pub(crate) fn loaded(&self, id: ShowtimeId) -> Option<Arc<Board>> {
        let board = self.slots.read().get(&id)?.get().filter(|board| !board.is_broken()).cloned()?;
        board.last_used.store(self.sweep.load(Ordering::Relaxed), Ordering::Relaxed);
        Some(board)
    }

    /// The board, loaded if need be: one `load` at a time, whose result serves all who wait. `load` gives `None`
    /// for a showtime that does not exist.
    pub(crate) async fn get<E, F>(
        &self,
        id: ShowtimeId,
        load: impl FnOnce() -> F,
    ) -> Result<Result<Option<Arc<Board>>, E>, NoRoom>
    where
        F: Future<Output = Result<Option<Board>, E>>,
    {
        if let Some(board) = self.loaded(id) {
            return Ok(Ok(Some(board)));
        }
        let slot = self.slot(id)?;
        let absent = || None;
        let loaded =
            slot.get_or_try_init(|| async { load().await.map_err(Some)?.map(Arc::new).ok_or_else(absent) });
        match loaded.await {
            Ok(board) => {
                board.last_used.store(self.sweep.load(Ordering::Relaxed), Ordering::Relaxed);
                Ok(Ok(Some(Arc::clone(board))))
            }
            Err(failure) => {
                drop(slot);
                self.forget_empty(id);
                Ok(failure.map_or(Ok(None), Err))
            }
        }
    }

    fn slot(&self, id: ShowtimeId) -> Result<Slot, NoRoom> {
        let mut slots = self.slots.write();
        if slots.get(&id).and_then(|slot| slot.get()).is_some_and(|board| board.is_broken()) {
            slots.remove(&id);
        }
        if let Some(slot) = slots.get(&id) {
            return Ok(Arc::clone(slot));
        }
        if slots.len() >= self.capacity && evict(&mut slots, self.capacity) == 0 {
            return Err(NoRoom);
        }
        Ok(Arc::clone(slots.entry(id).or_default()))
    }

    /// Removes a place that nobody loads a board into any more.
    fn forget_empty(&self, id: ShowtimeId) {
        let mut slots = self.slots.write();
        if slots.get(&id).is_some_and(|slot| slot.get().is_none() && Arc::strong_count(slot) == 1) {
            slots.remove(&id);
        }
    }

    /// All loaded boards, by id; called by each sweep.
    pub(crate) fn all(&self) -> Vec<Arc<Board>> {
        self.sweep.fetch_add(1, Ordering::Relaxed);
        let mut boards: Vec<_> = self.slots.read().values().filter_map(|slot| slot.get().cloned()).collect();
        boards.sort_unstable_by_key(|board| board.id());
        boards
    }

    /// How many places are taken.
    pub(crate) fn len(&self) -> usize {
        self.slots.read().len()
    }
}

/// Removes those used longest ago among the boards that nobody has in hand, a sixteenth of all at once. A board
/// with a claim or a watcher is in somebody's hand. Says how many places became free.
fn evict(slots: &mut HashMap<ShowtimeId, Slot, FixedState>, capacity: usize) -> usize {
    // Places whose loading was given up: whoever asked has gone.
    let before = slots.len();
    slots.retain(|_, slot| slot.get().is_some() || Arc::strong_count(slot) > 1);
    if slots.len() < before {
        return before - slots.len();
    }
    let idle = |slot: &Slot| {
        let board = slot.get().filter(|board| Arc::strong_count(board) == 1)?;
        (Arc::strong_count(slot) == 1).then(|| (board.last_used.load(Ordering::Relaxed), board.id()))
    };
    let mut idle: Vec<_> = slots.values().filter_map(idle).collect();
    idle.sort_unstable();
    idle.truncate((capacity / 16).max(1));
    for (_, id) in &idle {
        slots.remove(id);
    }
    idle.len()
}
