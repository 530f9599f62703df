//! What everybody may see of a board: seats as of a time, how many of which kind, what changed.

use boxoffice_core::plan::SeatNo;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::showtime::{Counts, Showtime};
use boxoffice_core::time::Timestamp;

use super::Board;
use crate::feed::{Ended, Update};

/// A seat as everybody may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatView {
    /// Which seat of the plan.
    pub no: SeatNo,
    /// What it is.
    pub status: SeatStatus,
    /// How often it has changed.
    pub version: u32,
    /// Until when it is held, if it is.
    pub expires_at: Option<Timestamp>,
}

impl Board {
    /// How many seats are in each status at `now`, and the revision.
    pub fn counts(&self, now: Timestamp) -> (Counts, u64) {
        let state = self.state.lock();
        (state.showtime.counts(now), state.showtime.revision())
    }

    /// Every seat in the plan's order as of `now`, and the revision.
    pub fn seats(&self, now: Timestamp) -> (Vec<SeatView>, u64) {
        let state = self.state.lock();
        let seats = (0..self.plan.seat_count()).map(|no| view(&state.showtime, no, now)).collect();
        (seats, state.showtime.revision())
    }

    /// The seats changed after `revision`, latest first, and the revision that they are of. Costs as much as
    /// there are such seats.
    pub fn changed_since(&self, revision: u64, now: Timestamp) -> (Vec<SeatView>, u64) {
        let state = self.state.lock();
        let seats =
            state.showtime.changed_since(revision).map(|(no, _)| view(&state.showtime, no, now)).collect();
        (seats, state.showtime.revision())
    }

    /// Seats by number, as they are now, and the revision.
    pub fn some_seats(&self, numbers: &[SeatNo], now: Timestamp) -> (Vec<SeatView>, u64) {
        let state = self.state.lock();
        let seats = numbers.iter().map(|no| view(&state.showtime, *no, now)).collect();
        (seats, state.showtime.revision())
    }

    /// What a watcher has to be given who knows the seats up to a revision; `None`: who knows nothing. Costs as much as
    /// there are such seats.
    pub fn update_since(&self, from: Option<u64>, now: Timestamp) -> Update {
        let state = self.state.lock();
        let (showtime, since) = (&state.showtime, from.unwrap_or(0));
        let mut seats: Vec<_> =
            showtime.changed_since(since).map(|(no, _)| view(showtime, no, now)).collect();
        seats.sort_unstable_by_key(|seat| seat.no);
        let settings = showtime.settings();
        let let_go = || settings.cancelled && showtime.seats().iter().all(|seat| seat.owner == 0);
        let ended = match () {
            () if self.is_gone() => Some(Ended::Deleted),
            () if self.is_broken() => Some(Ended::Reloading),
            () => let_go().then_some(Ended::Cancelled),
        };
        Update {
            from,
            revision: showtime.revision(),
            seats,
            settings_changed: from.is_some_and(|from| state.settings_revision > from),
            published: settings.published,
            ended,
        }
    }
}

/// A seat as of `now`: one held past its deadline is available, swept or not.
fn view(showtime: &Showtime, no: SeatNo, now: Timestamp) -> SeatView {
    let seat = showtime.seat(no);
    let expires_at = showtime.held_until(no);
    if expires_at.is_some_and(|deadline| deadline <= now) {
        return SeatView { no, status: SeatStatus::Available, version: seat.version, expires_at: None };
    }
    SeatView { no, status: seat.status, version: seat.version, expires_at }
}
