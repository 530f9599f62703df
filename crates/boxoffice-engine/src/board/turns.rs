//! One at a time: commands about the same hold wait for each other, and so do requests under the same key.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use boxoffice_core::id::Serial;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Board;

/// How many commands may wait for one hold.
const WAITING_PER_HOLD: usize = 8;

/// Who is at it, and who waits.
#[derive(Default)]
pub(super) struct Turns {
    holds: Mutex<HashMap<Serial, VecDeque<oneshot::Sender<TurnGuard>>, FixedState>>,
    keys: Mutex<HashMap<[u8; 16], Vec<oneshot::Sender<()>>, FixedState>>,
}

/// The right to decide about one hold or booking, until it is dropped: kept with a transition in flight, so that
/// the next command is decided after the one before has settled.
pub(crate) struct TurnGuard {
    board: Option<Arc<Board>>,
    serial: Serial,
}

impl Drop for TurnGuard {
    fn drop(&mut self) {
        let Some(board) = self.board.take() else { return };
        loop {
            let next = {
                let mut holds = board.turns.holds.lock();
                let Entry::Occupied(mut waiting) = holds.entry(self.serial) else { return };
                let Some(next) = waiting.get_mut().pop_front() else {
                    waiting.remove();
                    return;
                };
                next
            };
            // Whoever waited may have gone: then the turn comes back unsent and goes to the one after.
            match next.send(TurnGuard { board: Some(Arc::clone(&board)), serial: self.serial }) {
                Ok(()) => return,
                Err(mut unsent) => unsent.board = None,
            }
        }
    }
}

/// The turn, at once or when the one before is done; `None` at once if too many wait.
pub(super) fn enter_turn(
    board: &Arc<Board>,
    serial: Serial,
) -> Option<impl Future<Output = Option<TurnGuard>> + use<>> {
    let receiver = match board.turns.holds.lock().entry(serial) {
        Entry::Vacant(free) => {
            free.insert(VecDeque::new());
            Err(TurnGuard { board: Some(Arc::clone(board)), serial })
        }
        Entry::Occupied(mut waiting) => {
            if waiting.get().len() >= WAITING_PER_HOLD {
                // Those who have gone wait no more.
                waiting.get_mut().retain(|sender| !sender.is_closed());
                if waiting.get().len() >= WAITING_PER_HOLD {
                    return None;
                }
            }
            let (sender, receiver) = oneshot::channel();
            waiting.get_mut().push_back(sender);
            Ok(receiver)
        }
    };
    Some(async move {
        match receiver {
            Err(guard) => Some(guard),
            Ok(receiver) => receiver.await.ok(),
        }
    })
}

/// The turn if nobody has it.
pub(super) fn try_turn(board: &Arc<Board>, serial: Serial) -> Option<TurnGuard> {
    match board.turns.holds.lock().entry(serial) {
        Entry::Occupied(_) => None,
        Entry::Vacant(free) => {
            free.insert(VecDeque::new());
            Some(TurnGuard { board: Some(Arc::clone(board)), serial })
        }
    }
}

/// Keeps other requests under the same key waiting until it is dropped.
pub(crate) struct KeyGuard {
    board: Arc<Board>,
    key: [u8; 16],
}

impl Drop for KeyGuard {
    fn drop(&mut self) {
        let waiting = self.board.turns.keys.lock().remove(&self.key);
        for sender in waiting.into_iter().flatten() {
            // A waiter that has gone needs no word.
            let _ = sender.send(());
        }
    }
}

/// What a request under a key finds.
pub(crate) enum KeyEntry {
    /// Nobody else is at it.
    Free(KeyGuard),
    /// Another request is in flight; tells when it has ended.
    InFlight(oneshot::Receiver<()>),
}

/// Enters a request under its key.
pub(super) fn enter_key(board: &Arc<Board>, key: [u8; 16]) -> KeyEntry {
    match board.turns.keys.lock().entry(key) {
        Entry::Vacant(free) => {
            free.insert(Vec::new());
            KeyEntry::Free(KeyGuard { board: Arc::clone(board), key })
        }
        Entry::Occupied(mut waiting) => {
            let (sender, receiver) = oneshot::channel();
            let waiting = waiting.get_mut();
            if waiting.len() == waiting.capacity() {
                // Those who have gone need no place: there may be many while an outcome is in doubt.
                waiting.retain(|sender| !sender.is_closed());
            }
            waiting.push(sender);
            KeyEntry::InFlight(receiver)
        }
    }
}
