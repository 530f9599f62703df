//! The boards in memory: loaded once on first use however many ask, and evicted when there are too many.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use boxoffice_core::id::ShowtimeId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::OnceCell;

use crate::board::Board;
use crate::store::StoreError;

/// A place for a board, also while it is being loaded.
#[derive(Default)]
struct Place {
    board: OnceCell<Arc<Board>>,
    failed: Mutex<Failed>,
}

/// How many loads have failed, and why the last one did: `None` if there is no such showtime.
#[derive(Default, Clone)]
struct Failed {
    count: u64,
    last: Option<StoreError>,
}

type Slot = Arc<Place>;

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
        let board = self.slots.read().get(&id)?.board.get().filter(|board| !board.is_broken()).cloned()?;
        board.last_used.store(self.sweep.load(Ordering::Relaxed), Ordering::Relaxed);
        Some(board)
    }

    /// The board if it is loaded, without counting as a use of it.
    pub(crate) fn peek(&self, id: ShowtimeId) -> Option<Arc<Board>> {
        self.slots.read().get(&id)?.board.get().filter(|board| !board.is_broken()).cloned()
    }

    /// The boards that are loaded now and their revisions, by id, without counting as a use of them.
    pub(crate) fn heads(&self) -> Vec<(ShowtimeId, u64)> {
        let slots = self.slots.read();
        let boards = slots.iter().filter_map(|(id, slot)| Some((*id, slot.board.get()?.revision())));
        let mut heads: Vec<_> = boards.collect();
        drop(slots);
        heads.sort_unstable();
        heads
    }

    /// The board, loaded if need be: one `load` at a time, whose result serves all who wait, also if it fails. `load`
    /// gives `None` for a showtime that does not exist.
    pub(crate) async fn get<F>(
        &self,
        id: ShowtimeId,
        load: impl FnOnce() -> F,
    ) -> Result<Result<Option<Arc<Board>>, StoreError>, NoRoom>
    where
        F: Future<Output = Result<Option<Board>, StoreError>>,
    {
        if let Some(board) = self.loaded(id) {
            return Ok(Ok(Some(board)));
        }
        let slot = self.slot(id)?;
        let known = slot.failed.lock().count;
        let loaded = slot.board.get_or_try_init(|| async {
            let Failed { count, last } = slot.failed.lock().clone();
            if count > known {
                // While this one waited for it.
                return Err(last);
            }
            let failure = match load().await {
                Ok(Some(board)) => return Ok(Arc::new(board)),
                Ok(None) => None,
                Err(why) => Some(why),
            };
            *slot.failed.lock() = Failed { count: count + 1, last: failure.clone() };
            Err(failure)
        });
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
        if slots.get(&id).and_then(|slot| slot.board.get()).is_some_and(|board| board.is_broken()) {
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

    /// Removes the board of a showtime that is no more. Whoever has it in hand is told by the board itself.
    pub(crate) fn forget(&self, id: ShowtimeId) {
        if let Some(board) = self.slots.write().remove(&id).and_then(|slot| slot.board.get().cloned()) {
            board.note_gone();
        }
    }

    /// Removes a place that nobody loads a board into any more.
    fn forget_empty(&self, id: ShowtimeId) {
        let mut slots = self.slots.write();
        if slots.get(&id).is_some_and(|slot| slot.board.get().is_none() && Arc::strong_count(slot) == 1) {
            slots.remove(&id);
        }
    }

    /// The boards that are loaded now, by id; called by each sweep. Only one of them is in hand at a time, so that
    /// all the others can be evicted meanwhile.
    pub(crate) fn sweep(&self) -> impl Iterator<Item = Arc<Board>> {
        self.sweep.fetch_add(1, Ordering::Relaxed);
        let slots = self.slots.read();
        let mut ids: Vec<_> =
            slots.iter().filter(|(_, slot)| slot.board.initialized()).map(|(id, _)| *id).collect();
        drop(slots);
        ids.sort_unstable();
        // A broken one has nothing to sweep: it waits for whoever asks for it next, or to be evicted.
        ids.into_iter().filter_map(|id| self.peek(id))
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
    slots.retain(|_, slot| slot.board.get().is_some() || Arc::strong_count(slot) > 1);
    if slots.len() < before {
        return before - slots.len();
    }
    let idle = |slot: &Slot| {
        let board = slot.board.get().filter(|board| Arc::strong_count(board) == 1)?;
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use boxoffice_core::showtime::Snapshot;

    use super::*;
    use crate::store::Loaded;
    use crate::store::conformance::room::{NOW, plan, settings};

    async fn load(boards: &Boards, number: u64) -> Result<Arc<Board>, NoRoom> {
        let id = ShowtimeId::from_number(number);
        let snapshot = Snapshot {
            settings: Arc::new(settings(1, 24)),
            revision: 0,
            seats: Vec::new(),
            holds: Vec::new(),
            ever_held: false,
        };
        let loaded = Loaded { plan: plan(2, None), snapshot, keys: Vec::new() };
        let board = async || Ok(Board::new(id, loaded, "history".into(), 0, NOW).ok());
        boards.get(id, board).await.map(|board| board.ok().flatten().unwrap())
    }

    #[tokio::test]
    async fn there_is_room_for_another_board_in_the_middle_of_a_sweep() {
        let boards = Boards::new(4);
        for number in 1..=4 {
            load(&boards, number).await.unwrap();
        }
        let mut seen = Vec::new();
        for (number, board) in (11..).zip(boards.sweep()) {
            seen.push(board.id().number());
            assert!(load(&boards, number).await.is_ok(), "every other board is idle");
        }
        assert!(seen.contains(&1) && seen.is_sorted(), "{seen:?}");
        let all: Vec<_> = boards.sweep().collect();
        assert!(all.len() == 4 && load(&boards, 99).await.is_err(), "all are in hand");
    }

    #[tokio::test]
    async fn a_load_that_fails_has_failed_for_all_who_waited_for_it() {
        let boards = Boards::new(4);
        let id = ShowtimeId::from_number(1);
        let loads = Cell::new(0);
        let ask = || {
            boards.get(id, async || {
                loads.set(loads.get() + 1);
                tokio::task::yield_now().await;
                Err(StoreError::Unavailable("away".into()))
            })
        };
        for round in 1..=2 {
            let (one, two, three) = tokio::join!(ask(), ask(), ask());
            for answer in [one, two, three] {
                assert!(answer.unwrap().is_err());
            }
            assert_eq!(loads.get(), round, "one after the other would be waited for");
        }
        assert_eq!(boards.len(), 0);
    }
}
