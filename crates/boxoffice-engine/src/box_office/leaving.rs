//! Taking a showtime away: decided by the store's one writer, then no board serves it any more.

use std::sync::Arc;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::time::Timestamp;

use super::{BoxOffice, Refused};
use crate::board::Board;
use crate::catalogue::{Alteration, CatalogueKey, Created, NotAltered};

impl BoxOffice {
    /// Takes a showtime away that nobody ever held a seat of. A hold that is on its way to the store at this moment
    /// is committed before, and keeps the showtime, or finds it gone.
    pub async fn remove_showtime(
        &self,
        id: ShowtimeId,
        key: Option<CatalogueKey>,
    ) -> Result<Created, NotAltered> {
        let removed = self.0.ports.store.catalogue().alter(Alteration::RemoveShowtime(id), key).await?;
        if !removed.replayed {
            self.0.boards.forget(id);
        }
        Ok(removed)
    }

    /// Why a command lost every time: others were faster each time, or there is nothing to win any more.
    pub(super) async fn why_no_progress(&self, board: &Arc<Board>) -> Refused {
        if board.is_gone() {
            return Refused::ShowtimeNotFound;
        }
        match self.0.ports.store.load(board.id(), Timestamp::MAX).await {
            Ok(None) => {
                self.0.boards.forget(board.id());
                board.note_gone();
                Refused::ShowtimeNotFound
            }
            _ => Refused::Overloaded,
        }
    }
}
