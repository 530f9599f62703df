//! When a chore of the writer has its turn: after each failure later, so that what cannot be done keeps nobody from buying.

use std::time::{Duration, Instant};

/// How long is waited after a failure; after each further one twice as long,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// but so many times at most.
const MOST_DOUBLINGS: u32 = 9;

/// When the next step is due, if there is one.
#[derive(Debug)]
pub(crate) struct Turn {
    at: Option<Instant>,
    /// How often in a row it failed.
    failures: u32,
}

impl Turn {
    /// The first step is due now.
    pub(crate) fn now() -> Self {
        Self { at: Some(Instant::now()), failures: 0 }
    }

    /// When the next step is due.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now >= at)
    }

    /// A step was done; the next one, if there is one, is due then.
    pub(crate) fn done(&mut self, next: Option<Instant>) {
        *self = Self { at: next, failures: 0 };
    }

    /// There is something to do, as soon as a failure allows it.
    pub(crate) fn bring_on(&mut self, now: Instant) {
        if self.failures == 0 {
            self.at = Some(now);
        }
    }

    /// A step failed. Says how long is waited before it is tried again.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let pause = FIRST_PAUSE * (1 << self.failures.min(MOST_DOUBLINGS));
        self.failures += 1;
        self.at = Some(now + pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_step_is_done() {
        let mut turn = Turn::now();
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512] {
            assert!(turn.is_due(now));
            assert_eq!(turn.failed(now), Duration::from_secs(seconds));
            turn.bring_on(now);
            now += Duration::from_secs(seconds);
            assert!(!turn.is_due(now - Duration::from_millis(1)), "more to do does not make it sooner");
        }
        turn.done(None);
        assert!(!turn.is_due(now + Duration::from_secs(1000)), "there is nothing to do");
        turn.bring_on(now);
        assert!(turn.is_due(now));
        assert_eq!(turn.failed(now), FIRST_PAUSE);
    }
}
