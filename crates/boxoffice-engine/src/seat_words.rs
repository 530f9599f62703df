//! One word per seat that anybody may look at without a lock: status, deadline and claim.

use std::sync::atomic::{AtomicU64, Ordering};

use boxoffice_core::plan::SeatNo;
use boxoffice_core::refusal::Unavailable;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::time::Timestamp;

const STATUS: u64 = 0b011;
const CLAIMED: u64 = 0b100;
const DEADLINE_SHIFT: u32 = 3;

/// The words of a room. Reading takes no lock and never waits; writing is for whoever has the board's lock.
#[derive(Debug)]
pub struct SeatWords(Box<[AtomicU64]>);

impl SeatWords {
    /// All seats available and unclaimed.
    pub fn new(seats: u32) -> Self {
        Self((0..seats).map(|_| AtomicU64::new(0)).collect())
    }

    /// Why a stranger cannot have the seat at `now`, as far as its word tells; a held seat past its deadline is
    /// for the full decision to judge.
    pub fn look(&self, no: SeatNo, now: Timestamp) -> Option<Unavailable> {
        let word = self.0[no as usize].load(Ordering::Acquire);
        if word & CLAIMED != 0 {
            return Some(Unavailable::Claimed);
        }
        match SeatStatus::ALL[(word & STATUS) as usize] {
            SeatStatus::Available => None,
            SeatStatus::Booked => Some(Unavailable::Booked),
            SeatStatus::Blocked => Some(Unavailable::Blocked),
            SeatStatus::Held => ((word >> DEADLINE_SHIFT) as i64 > now.as_ms()).then_some(Unavailable::Held),
        }
    }

    /// Whether a transition in flight is about to change the seat.
    pub fn is_claimed(&self, no: SeatNo) -> bool {
        self.0[no as usize].load(Ordering::Acquire) & CLAIMED != 0
    }

    /// Claims seats. For whoever has the board's lock.
    pub fn claim(&self, seats: &[SeatNo]) {
        self.update(seats, |word| word | CLAIMED);
    }

    /// Lets go of claimed seats. For whoever has the board's lock.
    pub fn unclaim(&self, seats: &[SeatNo]) {
        self.update(seats, |word| word & !CLAIMED);
    }

    /// Notes a seat's status, and from when others may take it if it is held. For whoever has the board's lock.
    pub fn set(&self, no: SeatNo, status: SeatStatus, free_from: Option<Timestamp>) {
        let deadline = free_from.map_or(0, |time| time.as_ms().clamp(0, i64::MAX >> DEADLINE_SHIFT) as u64);
        self.update(&[no], |word| word & CLAIMED | deadline << DEADLINE_SHIFT | status as u64);
    }

    /// A plain load and store: there is one writer at a time.
    fn update(&self, seats: &[SeatNo], change: impl Fn(u64) -> u64) {
        for no in seats {
            let word = &self.0[*no as usize];
            word.store(change(word.load(Ordering::Relaxed)), Ordering::Release);
        }
    }
}
