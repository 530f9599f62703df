//! What a showtime was right after a change: for answers that show it whole, the first time as well as again.

use std::sync::Arc;

use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::{Counts, Showtime};
use boxoffice_core::time::Timestamp;

use super::catching_up::PAGE;
use super::{BoxOffice, Caller, Done, Refused};
use crate::board::Board;

/// A showtime at some revision.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Its settings.
    pub settings: Arc<Settings>,
    /// How many seats were in each status.
    pub counts: Counts,
    /// The revision.
    pub revision: u64,
    /// The time.
    pub at: Timestamp,
}

impl BoxOffice {
    /// The answer to an earlier request under the caller's key, if there was one: for whoever would check the request
    /// against what the showtime is now. One that is in flight is found by [`execute`](Self::execute).
    pub async fn first_answer(&self, board: &Arc<Board>, caller: &Caller) -> Result<Option<Done>, Refused> {
        if caller.request.is_some() && !self.0.exclusive {
            self.catch_up(board).await?;
        }
        self.replay(board, caller).await
    }

    /// The showtime right after a change of its settings, whatever was done since; as it is now, if nothing was changed.
    pub async fn right_after(&self, done: &Done) -> Result<Moment, Refused> {
        let board = &done.board;
        let Some(event) = &done.event else {
            let at = self.now();
            let (counts, revision) = board.counts(at);
            return Ok(Moment { settings: board.settings(), counts, revision, at });
        };
        let (revision, at) = (event.revision, event.change.at);
        let settings = event.change.settings.clone().unwrap_or_else(|| board.settings());
        let counts = match board.counts(at) {
            (counts, now) if now == revision => counts,
            _ => self.counts_at(board, &settings, revision, at).await?,
        };
        Ok(Moment { settings, counts, revision, at })
    }

    /// Counts seats as the log says that they were: costs as much as the log is long.
    async fn counts_at(
        &self,
        board: &Board,
        settings: &Settings,
        revision: u64,
        at: Timestamp,
    ) -> Result<Counts, Refused> {
        // The first settings are not in the log. Seats do not depend on them; that changes follow each other does.
        let first = Arc::new(Settings { version: 1, ..settings.clone() });
        let mut showtime = Showtime::new(board.id(), Arc::clone(board.plan()), first);
        while showtime.revision() < revision {
            let events = self.0.ports.store.events(board.id(), showtime.revision(), PAGE).await?;
            if events.is_empty() {
                return Err(Refused::Damaged);
            }
            for event in events.iter().take_while(|event| event.revision <= revision) {
                showtime.apply(event).map_err(|misapplied| {
                    tracing::error!(showtime = %board.id(), %misapplied, "the log contradicts itself");
                    Refused::Damaged
                })?;
            }
        }
        Ok(showtime.counts(at))
    }
}
