//! Following other nodes by what they tell: changes in order at once, early ones when those before them have come or
//! have been read.

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::id::ShowtimeId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;

use super::BoxOffice;
use crate::board::Board;
use crate::bus::Message;
use crate::counters::count;

/// How long a change waits for those before it, in milliseconds: two nodes that sell the same showtime tell of it on
/// ways of their own, and a word that is overtaken is not lost.
const PATIENCE_MS: u64 = 20;
/// How many changes of one showtime wait. Beyond that the log has to be read anyway.
const MOST_EARLY: usize = 256;

/// Changes that came before those that go before them.
#[derive(Default)]
pub(super) struct Following(Mutex<HashMap<ShowtimeId, BTreeMap<u64, Arc<Event>>, FixedState>>);

impl BoxOffice {
    /// Applies what other nodes tell.
    pub(super) fn follow_bus(&self) {
        let engine = Arc::downgrade(&self.0);
        let subscriber = move |messages: &[Message]| {
            let Some(engine) = engine.upgrade().map(BoxOffice) else { return };
            for (id, event) in messages {
                let Some(board) = engine.0.boards.loaded(*id) else { continue };
                if board.follow([&**event]) {
                    engine.follow_early(&board);
                } else {
                    engine.wait_for_missing(board, event);
                }
            }
        };
        self.0.ports.bus.subscribe(self.0.node, Box::new(subscriber));
    }

    /// Applies what waited for the change that has just come.
    fn follow_early(&self, board: &Arc<Board>) {
        // Not under the lock: what a board applies may be told to other nodes, and they may answer.
        let early = self.0.following.0.lock().get_mut(&board.id()).map(std::mem::take).unwrap_or_default();
        if !board.follow(early.values().map(|event| &**event)) {
            for event in early.values().filter(|event| event.revision > board.revision()) {
                self.wait_for_missing(Arc::clone(board), event);
            }
        }
    }

    /// Keeps a change that came early. If those before it do not come soon, the log is read.
    fn wait_for_missing(&self, board: Arc<Board>, event: &Arc<Event>) {
        let mut following = self.0.following.0.lock();
        match following.entry(board.id()) {
            Entry::Occupied(mut early) => {
                if early.get().len() < MOST_EARLY {
                    early.get_mut().insert(event.revision, Arc::clone(event));
                }
                return;
            }
            Entry::Vacant(none) => drop(none.insert(BTreeMap::from([(event.revision, Arc::clone(event))]))),
        }
        drop(following);
        let engine = self.clone();
        self.0.ports.runtime.spawn(Box::pin(async move {
            engine.0.ports.runtime.sleep(PATIENCE_MS).await;
            let early = engine.0.following.0.lock().remove(&board.id()).unwrap_or_default();
            let is_level = board.follow(early.values().map(|event| &**event));
            if !is_level || early.len() == MOST_EARLY {
                count(&engine.0.counters.bus_gaps);
                engine.catch_up_later(board);
            }
        }));
    }
}
