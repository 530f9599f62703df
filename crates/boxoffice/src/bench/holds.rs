//! Holds of distinct pairs of seats: what the server can do when nobody is in anybody's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::load::Visitor;
use super::shop::{Said, Shop};

/// One connection's part of the work.
pub(super) struct Holder {
    shop: Shop<'static>,
    next: Arc<AtomicUsize>,
}

impl Holder {
    /// All holders share `next`, the number of the next pair.
    pub(super) fn new(shop: Shop<'static>, next: Arc<AtomicUsize>) -> Self {
        Self { shop, next }
    }
}

impl Visitor for Holder {
    async fn visit(&mut self, due: Instant) -> bool {
        let run = self.shop.run;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Round and round all showtimes, so that load is spread like that of many small sales.
        let (showtime, pair) = (number % run.showtimes.len(), number / run.showtimes.len());
        let first = pair as u32 * 2;
        if first as usize + 1 >= run.room.len() {
            return false;
        }
        let outcome = match self.shop.hold(showtime, &[first, first + 1]).await {
            Said::Yes(_) => "held",
            Said::No(refusal) if refusal.retry_after.is_some() => "turned_away",
            Said::No(_) => "refused",
            Said::Nothing => "no_answer",
        };
        run.recorder.finished(outcome, due.elapsed());
        true
    }
}
