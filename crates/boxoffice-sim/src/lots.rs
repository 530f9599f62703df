//! Lots that a seed decides: streams of their own for each purpose, so that one does not shift another.

use boxoffice_engine::random::{Randomness as _, Seeded};

/// A stream of lots.
#[derive(Debug)]
pub struct Lots(Seeded);

impl Lots {
    /// The stream of a seed for one purpose.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mixed = Seeded::new(seed).next() ^ Seeded::new(purpose).next().rotate_left(17);
        Self(Seeded::new(mixed))
    }

    /// 64 bits.
    pub fn draw(&self) -> u64 {
        self.0.next()
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in so many of a thousand cases.
    pub fn permille(&self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of these.
    pub fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}
