//! Reading the log to its head: after a conflict, a gap, or whenever a board is behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use boxoffice_core::id::ShowtimeId;

use super::{BoxOffice, Refused, STALENESS_MS};
use crate::board::Board;
use crate::counters::count;
use crate::store::StoreError;

/// How many events are read at once.
pub(super) const PAGE: usize = 500;

impl BoxOffice {
    /// The board of a showtime, loaded if need be.
    pub async fn board(&self, id: ShowtimeId) -> Result<Arc<Board>, Refused> {
        if let Some(board) = self.0.boards.loaded(id) {
            return Ok(board);
        }
        let loaded = self.0.boards.get(id, || self.load(id)).await.map_err(|_| {
            count(&self.0.counters.boards_full);
            Refused::Overloaded
        })?;
        loaded?.ok_or(Refused::ShowtimeNotFound)
    }

    async fn load(&self, id: ShowtimeId) -> Result<Option<Board>, StoreError> {
        let now = self.now();
        let since = now.plus_ms(-self.0.limits.keep_keys_ms);
        // Before what belongs to it: should it change meanwhile, the board is soon loaded anew.
        let epoch = self.0.ports.store.epoch();
        let Some(loaded) = self.0.ports.store.load(id, since).await? else { return Ok(None) };
        let board = Board::new(id, loaded, epoch, self.0.limits.takeover_margin_ms, now);
        board.map(Some).map_err(|misapplied| StoreError::Damaged(format!("{id}: {misapplied}")))
    }

    /// Brings a board level with the store's head. One read serves all who wait. If it fails, it serves also those who
    /// came while it was going on: else each of them would wait for the failures of all before it.
    pub(crate) async fn catch_up(&self, board: &Arc<Board>) -> Result<(), Refused> {
        let wanted = board.reads.started.load(Ordering::Acquire) + 1;
        let (mut finished, waited) = match board.reads.finished.try_lock() {
            Ok(finished) => (finished, false),
            Err(_) => (board.reads.finished.lock().await, true),
        };
        let failed_meanwhile = waited && finished.1.is_some();
        if finished.0 < wanted && !failed_meanwhile {
            let this = board.reads.started.fetch_add(1, Ordering::AcqRel) + 1;
            *finished = (this, self.read_log(board).await.err());
        }
        finished.1.clone().map_or(Ok(()), |why| Err(why.into()))
    }

    async fn read_log(&self, board: &Board) -> Result<(), StoreError> {
        let asked_at = self.now();
        if **board.epoch() != *self.0.ports.store.epoch() {
            // Its revisions mean other things by now.
            board.give_up();
            return Ok(());
        }
        loop {
            let events = self.0.ports.store.events(board.id(), board.revision(), PAGE).await?;
            if let Some(last) = events.last() {
                self.0.ports.clock.not_below(last.change.at);
            }
            board.follow(&events);
            if events.len() < PAGE || board.is_broken() {
                break;
            }
        }
        board.note_level(asked_at);
        Ok(())
    }

    /// Brings a board level beside everything else. However often it is asked for, few do so at a time.
    pub(crate) fn catch_up_later(&self, board: Arc<Board>) {
        let waits = |board: &Board| board.reads.later.swap(true, Ordering::AcqRel);
        if waits(&board) {
            return;
        }
        let engine = self.clone();
        self.0.ports.runtime.spawn(Box::pin(async move {
            loop {
                // Who asks from now on may know of more than what is read now.
                board.reads.later.store(false, Ordering::Release);
                if engine.catch_up(&board).await.is_ok() || board.is_broken() || waits(&board) {
                    return;
                }
                engine.0.ports.runtime.sleep(200).await;
            }
        }));
    }

    /// A stranger may be refused from a board that was level a moment ago, not from an older one.
    pub(super) fn is_too_old_for_strangers(&self, board: &Board) -> bool {
        !self.0.exclusive && self.now().since_ms(board.level_at()) > STALENESS_MS
    }
}
