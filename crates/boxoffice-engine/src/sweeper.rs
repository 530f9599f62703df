//! Lets expired holds go, winds up showtimes that were called off, forgets old keys: for loaded boards, ten times
//! a second.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use boxoffice_core::change::Actor;
use boxoffice_core::command::Command;
use boxoffice_core::id::Serial;

use crate::board::{Board, Step};
use crate::box_office::{BoxOffice, Caller, InFlight, Inner};

/// How often it looks, in milliseconds.
const TICK_MS: u64 = 100;
/// By how much the nodes of a cluster sweep one after another at most, in milliseconds, plus one: by then the later one has
/// mostly heard that there is nothing left to do.
pub(crate) const STAGGER_MS: u64 = 151;
/// How many holds of one board it lets go at once.
const HOLDS_PER_TICK: usize = 256;
/// Every how many ticks old keys are forgotten: once an hour.
const TICKS_PER_KEY_SWEEP: u64 = 36_000;

fn system() -> Caller {
    Caller { actor: Actor::System, request: None }
}

/// Sweeps until the engine is gone.
pub(crate) async fn run(engine: Weak<Inner>) {
    for tick in 1u64.. {
        let Some(inner) = engine.upgrade() else { return };
        let pause = inner.ports.runtime.sleep(TICK_MS);
        drop(inner);
        pause.await;
        let Some(box_office) = engine.upgrade().map(BoxOffice) else { return };
        sweep(&box_office, tick.is_multiple_of(TICKS_PER_KEY_SWEEP));
    }
}

fn sweep(box_office: &BoxOffice, forget_keys: bool) {
    let inner = &box_office.0;
    inner.ports.clock.adjust();
    let now = box_office.now();
    let late = now.plus_ms(-inner.stagger_ms);
    for board in inner.boards.sweep() {
        if board.is_due(late) {
            for serial in board.due(late, HOLDS_PER_TICK) {
                expire(box_office, &board, serial);
            }
        }
        if board.settings().cancelled {
            wind_up(box_office, &board);
        }
        if forget_keys {
            board.forget_keys(now.plus_ms(-inner.limits.keep_keys_ms));
        }
    }
}

/// Queues the end of a hold whose time is over. A hold that somebody is at is left for the next tick, and so is
/// everything that the queue has no room for.
fn expire(box_office: &BoxOffice, board: &Arc<Board>, serial: Serial) {
    let Some(turn) = board.try_turn(serial) else { return };
    let command = Command::Expire(serial);
    let context = box_office.context(&system());
    if let Ok(Step::Commit(decided)) = board.decide(&command, &[], &context) {
        let in_flight = Box::new(InFlight::new(&box_office.0, board, &decided, turn.into(), None));
        let _ = box_office.enqueue(decided, &command, in_flight);
    }
}

/// Lets go of all that a cancelled showtime still has, in transitions of limited size; once at a time.
pub(crate) fn wind_up(box_office: &BoxOffice, board: &Arc<Board>) {
    if board.winding_up.load(Ordering::Acquire) || !board.has_owners() {
        return;
    }
    if board.winding_up.swap(true, Ordering::AcqRel) {
        return;
    }
    let (engine, board) = (box_office.clone(), Arc::clone(board));
    box_office.0.ports.runtime.spawn(Box::pin(async move {
        // Whatever stops it (a full queue, a store that is away) is met again by the next sweep.
        while let Ok(done) = engine.execute(board.id(), &Command::WindUp, &system()).await {
            if done.event.is_none() {
                break;
            }
        }
        board.winding_up.store(false, Ordering::Release);
    }));
}
