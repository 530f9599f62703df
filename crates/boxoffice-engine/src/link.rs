//! What gate and bus tell of themselves: whether their servers can be reached, and what was counted.

pub mod backoff;

/// How the servers are that a gate or a bus works with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkHealth {
    /// What is wrong, if something is, in words for operators.
    pub trouble: Option<String>,
}

/// Upper bounds of the buckets of [`GateFigures::durations`], in microseconds.
pub const GATE_BOUNDS_US: [u64; 10] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];

/// What a gate counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateFigures {
    /// Claims that were admitted by the servers.
    pub admitted: u64,
    /// Claims that were turned away, because somebody else had a seat.
    pub refused: u64,
    /// Claims that the servers did not answer in time, and that were let through.
    pub opened: u64,
    /// Claims that the servers did not answer in time, and that were turned away.
    pub shut: u64,
    /// Deletions of claims that could not be sent: what was claimed ends by itself.
    pub left: u64,
    /// Calls that took at most so long as [`GATE_BOUNDS_US`] says; the last has all above.
    pub durations: [u64; GATE_BOUNDS_US.len() + 1],
    /// How long all calls took together, in microseconds.
    pub total_us: u64,
}

/// What a bus counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BusFigures {
    /// Changes that were sent.
    pub published: u64,
    /// Changes of other nodes that arrived.
    pub received: u64,
    /// Changes that could not be sent, or not be taken when they arrived.
    pub dropped: u64,
}
