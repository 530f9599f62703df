//! The first answer again: requests under a key that was used before.

use std::sync::Arc;

use boxoffice_core::hold::Hold;
use boxoffice_core::refusal::Refusal;

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
    /// The answer to a request that changes nothing, or that the rules refuse; but what is so already, or in the way, may
    /// be the doing of this very request: on another node, after it was looked for here.
    pub(super) async fn unmoved(
        &self,
        board: Arc<Board>,
        caller: &Caller,
        unmoved: Result<(Option<Arc<Hold>>, u64), Refusal>,
    ) -> Result<Done, Refused> {
        if let Some(done) = self.replay(&board, caller).await? {
            return Ok(done);
        }
        let (hold, revision) = unmoved?;
        let contact = self.contact(&board, hold.as_ref(), None).await?;
        Ok(Done { board, event: None, hold, contact, replayed: false, revision })
    }
}
