//! The ledger: every hold and booking that the server acknowledged in this run, to be found again afterwards.

use compact_str::CompactString;
use parking_lot::Mutex;
use smallvec::SmallVec;

/// Numbers of seats.
pub(super) type Seats = SmallVec<[u32; 4]>;

/// Where a sale stands, by what the server acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Held.
    Held,
    /// Booked: the booking's id and token.
    Booked(CompactString, CompactString),
    /// Given back.
    Released,
    /// The last request about it had no answer: it may stand as before or as asked.
    InDoubt,
}

/// A hold that was acknowledged, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    /// Which showtime of the run.
    pub(super) showtime: usize,
    /// The hold's id.
    pub(super) hold: CompactString,
    /// Its token.
    pub(super) token: CompactString,
    /// Its seats.
    pub(super) seats: Seats,
    /// Where it stands.
    pub(super) state: State,
}

/// All sales.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sales: Vec<Sale>,
    unanswered: Vec<usize>,
}

/// What the ledger has in the end.
#[derive(Debug, Default, Clone)]
pub(super) struct Sales {
    /// Every sale.
    pub(super) sales: Vec<Sale>,
    /// The showtimes of requests to hold that had no answer: each may have left one hold that nobody knows of.
    pub(super) unanswered: Vec<usize>,
}

impl Ledger {
    /// A hold was acknowledged; its place in the ledger.
    pub(super) fn add(&self, sale: Sale) -> usize {
        let mut inner = self.0.lock();
        inner.sales.push(sale);
        inner.sales.len() - 1
    }

    /// A request to hold had no answer.
    pub(super) fn unanswered(&self, showtime: usize) {
        self.0.lock().unanswered.push(showtime);
    }

    /// Reads or changes a sale.
    pub(super) fn with<T>(&self, place: usize, change: impl FnOnce(&mut Sale) -> T) -> T {
        change(&mut self.0.lock().sales[place])
    }

    /// Everything so far.
    pub(super) fn sales(&self) -> Sales {
        let inner = self.0.lock();
        Sales { sales: inner.sales.clone(), unanswered: inner.unanswered.clone() }
    }
}
