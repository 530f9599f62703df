//! A showtime in that room, and all that can be seen of it.

use std::sync::Arc;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Showtime;

use super::room;

/// The showtime's id.
pub(crate) const SHOWTIME: ShowtimeId = ShowtimeId::from_number(7);

pub(crate) fn showtime(settings: Settings) -> Showtime {
    Showtime::new(SHOWTIME, room::plan(), Arc::new(settings))
}

/// Everything that can be seen of a showtime, comparable.
pub(crate) fn picture(showtime: &Showtime) -> String {
    let mut holds: Vec<_> = showtime.holds().collect();
    holds.sort_by_key(|hold| hold.serial);
    let mut changed: Vec<_> = showtime.changed_since(0).map(|(no, seat)| (seat.changed, no)).collect();
    assert!(changed.is_sorted_by(|a, b| a.0 >= b.0), "changed_since gives the latest first: {changed:?}");
    changed.sort_unstable();
    let (settings, seats, used) = (showtime.settings(), showtime.seats(), showtime.ever_held());
    format!("{:#?}", (showtime.revision(), settings, seats, holds, changed, used))
}
