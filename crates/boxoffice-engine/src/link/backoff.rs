//! How long to wait before trying again: longer each time up to a limit, and never as long as others do.

use std::time::Duration;

const FIRST_MS: u64 = 50;
const MOST_MS: u64 = 2_000;

/// The pauses between tries.
#[derive(Debug, Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The pause before the next try: half of it is by chance, so that nodes do not come back all at once. `lot` is any
    /// number, drawn for this pause; without one the pause is the whole one.
    pub fn next(&mut self, lot: Option<u32>) -> Duration {
        let full = (FIRST_MS << self.tries.min(16)).min(MOST_MS);
        self.tries = self.tries.saturating_add(1);
        let chance = lot.map_or(1.0, |lot| f64::from(lot) / f64::from(u32::MAX));
        Duration::from_micros((full as f64 * 500.0 * (1.0 + chance)) as u64)
    }

    /// It worked.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(Some(0)).as_millis(), 25);
        assert_eq!(backoff.next(Some(u32::MAX)).as_millis(), 100);
        for lot in 0..100 {
            assert!(backoff.next(Some(lot << 24)).as_millis() <= 2_000);
        }
        assert_eq!(backoff.next(Some(0)).as_millis(), 1_000);
        assert_eq!(backoff.next(None).as_millis(), 2_000);
        backoff.reset();
        assert_eq!(backoff.next(None).as_millis(), 50);
    }
}
