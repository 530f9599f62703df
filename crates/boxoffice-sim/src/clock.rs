//! The clock of one machine: it differs from the others, jumps ahead, and stands still when it should go back.

use std::sync::Arc;

use boxoffice_core::time::Timestamp;
use boxoffice_engine::clock::Clock;
use parking_lot::Mutex;

use crate::executor::Executor;

/// What every clock would show at virtual time 0 if it were right.
pub const START: Timestamp = Timestamp::from_ms(1_800_000_000_000);

struct State {
    offset_ms: i64,
    shown: Timestamp,
}

/// A machine's clock, which outlives the node that runs on it.
pub struct MachineClock {
    executor: Arc<Executor>,
    state: Mutex<State>,
}

impl MachineClock {
    /// A clock with this error.
    pub fn new(executor: Arc<Executor>, offset_ms: i64) -> Self {
        Self { executor, state: Mutex::new(State { offset_ms, shown: START }) }
    }

    /// Jumps; back means that it stands still for as long.
    pub fn jump(&self, ms: i64) {
        self.now();
        self.state.lock().offset_ms += ms;
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let mut state = self.state.lock();
        let time = START.plus_ms(self.executor.now_ms() as i64 + state.offset_ms);
        state.shown = state.shown.max(time);
        state.shown
    }

    fn not_below(&self, seen: Timestamp) {
        let behind = seen.since_ms(self.now());
        if behind > 0 {
            let mut state = self.state.lock();
            state.shown = seen;
            // It goes on from there, unless it stands still already.
            let time = START.plus_ms(self.executor.now_ms() as i64 + state.offset_ms);
            state.offset_ms += seen.since_ms(time);
        }
    }
}
