//! Finding the seats that a command names, and saying which cannot be had.

use compact_str::CompactString;
use smallvec::SmallVec;

use super::Scene;
use crate::command::ExpectedVersion;
use crate::plan::{Plan, SeatNo};
use crate::refusal::{Refusal, Unavailable, VersionFault};
use crate::seat::SeatStatus;
use crate::showtime::Showtime;

/// The numbers of the labelled seats, each named once.
pub(super) fn find<'a>(
    plan: &Plan,
    labels: impl Iterator<Item = &'a CompactString>,
) -> Result<SmallVec<[SeatNo; 4]>, Refusal> {
    let mut numbers = SmallVec::<[SeatNo; 4]>::new();
    let mut unknown = Vec::new();
    for label in labels {
        match plan.find(label) {
            Some(no) => numbers.push(no),
            None => unknown.push(label.clone()),
        }
    }
    if !unknown.is_empty() {
        return Err(Refusal::UnknownSeat(unknown));
    }
    let repeated = repeated(&numbers);
    if repeated.is_empty() {
        return Ok(numbers);
    }
    Err(Refusal::DuplicateSeat(repeated.iter().map(|no| plan.seat(*no).label.clone()).collect()))
}

/// The numbers that stand in `numbers` more than once, each once.
fn repeated(numbers: &[SeatNo]) -> Vec<SeatNo> {
    if numbers.len() <= 16 {
        let mut found = Vec::new();
        for (at, no) in numbers.iter().enumerate() {
            if numbers[..at].contains(no) && !found.contains(no) {
                found.push(*no);
            }
        }
        return found;
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let mut found: Vec<SeatNo> =
        sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    found.dedup();
    found
}

/// Refuses when a seat is not at the version that the asker believed.
pub(super) fn check_versions(showtime: &Showtime, versions: &[ExpectedVersion]) -> Result<(), Refusal> {
    if versions.is_empty() {
        return Ok(());
    }
    let numbers = find(showtime.plan(), versions.iter().map(|expected| &expected.seat))?;
    let faults: Vec<VersionFault> = numbers
        .iter()
        .zip(versions)
        .map(|(no, expected)| VersionFault {
            no: *no,
            expected: expected.version,
            actual: showtime.seat(*no).version,
        })
        .filter(|fault| fault.expected != fault.actual)
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::VersionMismatch(faults)) }
}

impl Scene<'_> {
    /// Why a stranger cannot have this seat now, if so. An expired hold does not count, unless one of its other
    /// seats is claimed: then a decision about that hold is in flight.
    pub(super) fn unavailable(&self, no: SeatNo) -> Option<Unavailable> {
        if (self.claimed)(no) {
            return Some(Unavailable::Claimed);
        }
        let seat = self.showtime.seat(no);
        match seat.status {
            SeatStatus::Available => None,
            SeatStatus::Booked => Some(Unavailable::Booked),
            SeatStatus::Blocked => Some(Unavailable::Blocked),
            SeatStatus::Held => match self.showtime.hold(seat.owner) {
                Some(hold) if self.free_from(hold) <= self.context.now => {
                    let in_flight = hold.seats.iter().any(|held| (self.claimed)(held.no));
                    in_flight.then_some(Unavailable::Claimed)
                }
                _ => Some(Unavailable::Held),
            },
        }
    }

    /// Refuses with every one of `seats` that a stranger cannot have.
    pub(super) fn check_available(&self, seats: impl Iterator<Item = SeatNo>) -> Result<(), Refusal> {
        let conflicts: SmallVec<[_; 4]> =
            seats.filter_map(|no| self.unavailable(no).map(|reason| (no, reason))).collect();
        if conflicts.is_empty() { Ok(()) } else { Err(Refusal::SeatUnavailable(conflicts)) }
    }
}
