//! Drawing new ids: time first, so that what is made later sorts later and lands at the end of a table.

use std::sync::atomic::{AtomicU64, Ordering};

use boxoffice_core::time::Timestamp;

use crate::random::Randomness;

/// 2020-01-01T00:00:00Z, where the time in ids starts.
const ORIGIN_MS: i64 = 1_577_836_800_000;
/// How far apart two showtimes' numbers may be that are drawn in the same second.
const MOST_STEP: u64 = 64;

/// Draws numbers that grow: unique within this process for certain, and among processes nearly always (a store
/// refuses what was drawn twice, and the caller draws again).
#[derive(Debug, Default)]
pub struct IdSource {
    serials: AtomicU64,
    showtimes: AtomicU64,
}

impl IdSource {
    /// A 63-bit number: 41 bits of milliseconds, 22 random ones.
    pub fn serial(&self, now: Timestamp, random: &dyn Randomness) -> u64 {
        let ms = now.since_ms(Timestamp::from_ms(ORIGIN_MS)).clamp(1, (1 << 41) - 1) as u64;
        next(&self.serials, ms << 22 | random.next() >> 42, 1)
    }

    /// A 46-bit number: 31 bits of seconds, 15 random ones. Many in one second go on in steps of their own: after a number
    /// that another process has drawn, the following ones are not its numbers, too.
    pub fn showtime(&self, now: Timestamp, random: &dyn Randomness) -> u64 {
        let seconds = now.since_ms(Timestamp::from_ms(ORIGIN_MS)).clamp(1000, (1 << 41) - 1) as u64 / 1000;
        let step = 1 + random.next() % MOST_STEP;
        next(&self.showtimes, (seconds & ((1 << 31) - 1)) << 15 | random.next() >> 49, step)
    }
}

/// The larger of `drawn` and the number that is a step after the last one.
fn next(last: &AtomicU64, drawn: u64, step: u64) -> u64 {
    let mut seen = last.load(Ordering::Relaxed);
    loop {
        let new = drawn.max(seen + step);
        match last.compare_exchange_weak(seen, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return new,
            Err(now) => seen = now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seeded;

    #[test]
    fn numbers_grow_and_fit() {
        let (ids, random) = (IdSource::default(), Seeded::new(1));
        let now = Timestamp::from_ms(1_800_000_000_000);
        let mut last = (0, 0);
        for _ in 0..10_000 {
            let drawn = (ids.serial(now, &random), ids.showtime(now, &random));
            assert!(drawn.0 > last.0 && drawn.1 > last.1);
            assert!(drawn.0 < 1 << 63 && drawn.1 < 1 << 46);
            last = drawn;
        }
    }

    #[test]
    fn whoever_draws_a_number_that_is_taken_has_another_one_soon() {
        let now = Timestamp::from_ms(1_800_000_000_000);
        let mut taken = std::collections::BTreeSet::new();
        let (mut collisions, mut longest) = (0, 0);
        for process in 0..4 {
            let (ids, random) = (IdSource::default(), Seeded::new(process));
            for _ in 0..1000 {
                let draws = (1..).find(|_| taken.insert(ids.showtime(now, &random))).unwrap_or_default();
                collisions += draws - 1;
                longest = longest.max(draws);
            }
        }
        assert!(collisions > 0 && longest <= 4, "{collisions} collisions, {longest} draws for one");
    }
}
