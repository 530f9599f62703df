//! The port that tells the time, and the clock of a node. No other file reads wall time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use boxoffice_core::time::Timestamp;

/// Tells the time. It never goes back.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Makes sure that the time is not below one that was seen in the log.
    fn not_below(&self, seen: Timestamp);

    /// Called every now and then: a chance to follow an outside clock.
    fn adjust(&self) {}
}

/// How fast the clock may run at most to meet wall time again: 5 ‰, so that a second's error is gone in 200 s.
const MAX_SLEW: f64 = 0.005;
/// Over which time an error is spread.
const SLEW_OVER_MS: f64 = 10_000.0;

/// Wall time at the start, advanced by the monotonic clock, slewed towards wall time, never back.
#[derive(Debug)]
pub struct SystemClock {
    line: ArcSwap<Line>,
    /// The clock that all nodes follow, less this machine's, in milliseconds.
    offset_ms: Arc<AtomicI64>,
}

/// Time as a straight line from a point, at nearly one millisecond each millisecond.
#[derive(Debug)]
struct Line {
    start: Instant,
    start_ms: f64,
    rate: f64,
}

impl Line {
    fn at(&self, instant: Instant) -> f64 {
        self.start_ms + instant.saturating_duration_since(self.start).as_secs_f64() * 1000.0 * self.rate
    }
}

/// The machine's time in microseconds since 1970, jumps and all: for the log and for measuring how far another clock is
/// apart, never for a decision.
pub fn wall_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

fn wall_ms() -> f64 {
    wall_us() as f64 / 1000.0
}

impl SystemClock {
    /// A clock that starts at wall time.
    pub fn start() -> Self {
        Self::following(Arc::default())
    }

    /// A clock that starts and stays so many milliseconds apart from wall time, as whoever measures another clock says.
    pub fn following(offset_ms: Arc<AtomicI64>) -> Self {
        let start_ms = wall_ms() + offset_ms.load(Ordering::Relaxed) as f64;
        Self { line: ArcSwap::from_pointee(Line { start: Instant::now(), start_ms, rate: 1.0 }), offset_ms }
    }

    fn bend(&self, next: impl Fn(Instant, f64) -> Line) {
        self.line.rcu(|line| {
            let instant = Instant::now();
            next(instant, line.at(instant))
        });
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.line.load().at(Instant::now()) as i64)
    }

    fn not_below(&self, seen: Timestamp) {
        if self.now() < seen {
            let floor = seen.as_ms() as f64;
            self.bend(|start, now| Line { start, start_ms: now.max(floor), rate: 1.0 });
        }
    }

    fn adjust(&self) {
        let wall = wall_ms() + self.offset_ms.load(Ordering::Relaxed) as f64;
        self.bend(|start, now| {
            let slew = ((wall - now) / SLEW_OVER_MS).clamp(-MAX_SLEW, MAX_SLEW);
            Line { start, start_ms: now, rate: 1.0 + slew }
        });
    }
}

/// A clock that stands still until it is moved: for tests.
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock that shows `time`.
    pub fn at(time: Timestamp) -> Self {
        Self(time.as_ms().into())
    }

    /// Moves it on.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn not_below(&self, seen: Timestamp) {
        self.0.fetch_max(seen.as_ms(), std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_another_at_its_distance() {
        let offset_ms = Arc::new(AtomicI64::new(3_600_000));
        let (here, there) = (SystemClock::start(), SystemClock::following(Arc::clone(&offset_ms)));
        let apart = there.now().since_ms(here.now());
        assert!((3_599_000..3_601_000).contains(&apart), "{apart}");
        offset_ms.store(0, Ordering::Relaxed);
        there.adjust();
        assert!(there.now().since_ms(here.now()) > 3_598_000, "it is slewed, not set");
    }

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = SystemClock::start();
        let ahead = clock.now().plus_ms(60_000);
        clock.not_below(ahead);
        let mut last = clock.now();
        assert!(last >= ahead);
        for _ in 0..1000 {
            clock.adjust();
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }
}
