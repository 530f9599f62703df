//! Everybody who watches one showtime on this node, and what they are told, written once for all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use boxoffice_engine::board::Board;
use boxoffice_engine::feed::{Ended, Told, Watch};
use parking_lot::Mutex;

use super::broadcast::Block;
use super::message::{self, Message, PART_BYTES};
use super::watcher::Watcher;
use super::{Live, SPREAD_MS};
use crate::http::Shared;

/// How many updates are kept: those who keep up all need the same one, those who are late a few others.
const KEPT: usize = 8;

/// The watchers of a showtime. It lives as long as any of them.
pub(super) struct Audience {
    app: Shared,
    watch: Watch,
    kept: Mutex<VecDeque<Arc<Written>>>,
    blocks: Mutex<Vec<Arc<Block>>>,
}

/// An update as messages.
pub(super) struct Written {
    /// After which revision; `None` for a snapshot.
    from: Option<u64>,
    /// Up to which one.
    pub(super) to: u64,
    /// In their order.
    pub(super) messages: Vec<Message>,
    /// Whether those without a key may not see the showtime.
    hidden: bool,
    /// Whether there is nothing to be told after it.
    ended: Option<Ended>,
}

impl Audience {
    pub(super) fn new(app: &Shared, board: Arc<Board>) -> Self {
        let watch = app.office.watch(board);
        Self { app: Arc::clone(app), watch, kept: Mutex::default(), blocks: Mutex::default() }
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        self.watch.board()
    }

    pub(super) fn app(&self) -> &Shared {
        &self.app
    }

    pub(super) fn live(&self) -> &Live {
        &self.app.live
    }

    /// The feed, for one more who waits.
    pub(super) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// What everybody was told last.
    pub(super) fn last_told(&self) -> Told {
        self.watch.last_told()
    }

    /// What somebody has to be told who knows the seats up to this revision.
    pub(super) fn since(&self, from: Option<u64>) -> Arc<Written> {
        let board = self.board();
        let sound = !board.is_gone() && !board.is_broken();
        // One writes while the others wait for it: there may be ten thousand of them.
        let mut kept = self.kept.lock();
        let head = board.revision();
        let known = kept.iter().find(|kept| kept.from == from && kept.to == head);
        if let Some(known) = known.filter(|_| sound) {
            return Arc::clone(known);
        }
        let written = Arc::new(self.write(from));
        if sound {
            kept.truncate(KEPT - 1);
            kept.push_front(Arc::clone(&written));
        }
        written
    }

    fn write(&self, from: Option<u64>) -> Written {
        let (app, board) = (&self.app, self.board());
        let update = board.update_since(from, app.office.now());
        let mut messages = message::seats((board.id(), board.plan()), board.epoch(), &update, PART_BYTES);
        if update.settings_changed {
            messages.push(message::changed(board.id(), update.revision));
        }
        if let Some(from) = from {
            let conflated = (update.revision - from).saturating_sub(1);
            self.live().counters.conflated.fetch_add(conflated, Ordering::Relaxed);
        }
        Written { from, to: update.revision, messages, hidden: !update.published, ended: update.ended }
    }

    /// The last message for somebody who was told this, if there is nothing to come after it.
    pub(super) fn last_words(&self, written: &Written, sees_hidden: bool) -> Option<Message> {
        let id = self.board().id();
        match written.ended {
            Some(Ended::Cancelled) => Some(message::closed(id, "cancelled")),
            Some(Ended::Deleted) => Some(message::closed(id, "deleted")),
            Some(Ended::Reloading) => Some(self.bye("overloaded")),
            None => (written.hidden && !sees_hidden).then(|| message::closed(id, "deleted")),
        }
    }

    /// Good-bye, until a moment that is another one for each.
    pub(super) fn bye(&self, reason: &str) -> Message {
        message::bye(self.board().id(), reason, reconnect_after_ms(&self.app))
    }

    pub(super) fn heartbeat(&self) -> Message {
        message::heartbeat(self.board().id(), self.board().epoch(), self.board().revision())
    }

    /// Has a watcher told of what happens from now on.
    pub(super) fn admit(self: &Arc<Self>, watcher: &Arc<Watcher>) {
        let mut blocks = self.blocks.lock();
        blocks.retain(|block| !block.is_over());
        if blocks.iter().any(|block| block.admit(watcher)) {
            return;
        }
        let block = Arc::new(Block::default());
        block.admit(watcher);
        blocks.push(Arc::clone(&block));
        self.live().workers.spawn(block.run(Arc::clone(self)));
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.app.live.forget(self.watch.board().id());
    }
}

/// When somebody who has to go may come back, in milliseconds: not all at once.
pub(super) fn reconnect_after_ms(app: &Shared) -> u64 {
    200 + app.office.ports().random.next() % SPREAD_MS
}
