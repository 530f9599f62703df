//! The first answer again: requests under a key that was used before.

use std::sync::Arc;

use super::{BoxOffice, Caller, Done, Refused};
use crate::board::Board;

impl BoxOffice {
    /// The answer to an earlier request under the caller's key, if there was one. The change is read from the log,
    /// the buyer (never in the log) from the booking.
    pub(super) async fn replay(&self, board: &Arc<Board>, caller: &Caller) -> Result<Option<Done>, Refused> {
        let Some(request) = caller.request else { return Ok(None) };
        let since = self.now().plus_ms(-self.0.limits.keep_keys_ms);
        let Some(used) = board.used_key(&request.key, since) else { return Ok(None) };
        let events = self.0.ports.store.events(board.id(), used.revision - 1, 1).await?;
        let event = events.into_iter().next().ok_or(Refused::Damaged)?;
        if event.change.request.is_none_or(|first| first.fingerprint != request.fingerprint) {
            return Err(Refused::IdempotencyKeyReused);
        }
        let hold = event.change.holds.last().cloned();
        let contact = self.contact(board, hold.as_ref(), None).await?;
        Ok(Some(Done {
            board: Arc::clone(board),
            revision: event.revision,
            event: Some(Arc::new(event)),
            hold,
            contact,
            replayed: true,
        }))
    }
}
