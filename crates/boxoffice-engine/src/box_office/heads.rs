//! Comparing boards with the store's heads, where there are several nodes: a lost message is noticed without the next,
//! and so is a store that goes on with another history.

use std::sync::Weak;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::time::Timestamp;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{BoxOffice, Inner};
use crate::counters::count;

/// How often boards are compared, in milliseconds: often enough that a board of which nobody tells anything is known
/// to be level for all of the second within which strangers may be refused from it.
const EVERY_MS: u64 = 700;
/// How long a change may be on its way into its board, in milliseconds: most of what is not there yet is no more than
/// late.
const GRACE_MS: u64 = 100;
/// How many showtimes are asked for at once.
const AT_ONCE: usize = 1_000;

/// A board that was not where the store was.
struct Behind {
    showtime: ShowtimeId,
    head: u64,
    asked_at: Timestamp,
}

/// Compares until the engine is gone.
pub(super) async fn run(engine: Weak<Inner>) {
    loop {
        let Some(inner) = engine.upgrade() else { return };
        let pause = inner.ports.runtime.sleep(EVERY_MS);
        drop(inner);
        pause.await;
        let Some(box_office) = engine.upgrade().map(BoxOffice) else { return };
        box_office.drop_other_histories();
        let mut behind = Vec::new();
        for boards in box_office.0.boards.heads().chunks(AT_ONCE) {
            box_office.compare(boards, &mut behind).await;
        }
        if !behind.is_empty() {
            box_office.0.ports.runtime.sleep(GRACE_MS).await;
            box_office.bring_level(&behind);
        }
    }
}

impl BoxOffice {
    /// Compares boards, at least at these revisions, with where the store is, and adds those that are behind.
    async fn compare(&self, boards: &[(ShowtimeId, u64)], behind: &mut Vec<Behind>) {
        let asked_at = self.now();
        let mut lost = None;
        let ids: Vec<_> = boards.iter().map(|(id, _)| *id).collect();
        let heads: HashMap<_, _, FixedState> = match self.0.ports.store.heads(&ids).await {
            Ok(heads) => heads.into_iter().collect(),
            Err(why) => {
                tracing::debug!(%why, "the heads cannot be read");
                return;
            }
        };
        for (id, seen) in boards {
            let Some(board) = self.0.boards.peek(*id) else { continue };
            match heads.get(id) {
                // Another node took it away.
                None => self.0.boards.forget(*id),
                Some(head) if head < seen => {
                    tracing::error!(showtime = %id, seen, head, "the store has lost changes");
                    lost = Some(board);
                }
                Some(head) if *head > board.revision() => {
                    behind.push(Behind { showtime: *id, head: *head, asked_at });
                }
                Some(_) => board.note_level(asked_at),
            }
        }
        if let Some(board) = lost {
            self.begin_anew(board.epoch()).await;
        }
    }

    /// The same revisions mean other things from now on: every client and every board has to start over.
    async fn begin_anew(&self, known: &str) {
        match self.0.ports.store.renew_epoch(known).await {
            Ok(()) => self.drop_other_histories(),
            // The next comparison finds the same.
            Err(why) => tracing::error!(%why, "the epoch could not be renewed"),
        }
    }

    /// Has boards loaded anew whose revisions belong to another history than the store goes on with.
    fn drop_other_histories(&self) {
        let epoch = self.0.ports.store.epoch();
        let boards = self.0.boards.heads().into_iter().filter_map(|(id, _)| self.0.boards.peek(id));
        let others = boards.filter(|board| **board.epoch() != *epoch);
        let dropped = others.inspect(|board| board.give_up()).count();
        if dropped > 0 {
            tracing::warn!(%epoch, dropped, "the store goes on with another history; showtimes are loaded anew");
        }
    }

    /// Reads the log of boards that still are not where the store was.
    fn bring_level(&self, behind: &[Behind]) {
        for Behind { showtime, head, asked_at } in behind {
            match self.0.boards.peek(*showtime) {
                Some(board) if board.revision() < *head => {
                    count(&self.0.counters.boards_behind);
                    self.catch_up_later(board);
                }
                Some(board) => board.note_level(*asked_at),
                None => {}
            }
        }
    }
}
