//! Whether a change is what a command asked for, and whether a state is already as a command wants it.

use boxoffice_core::change::{Event, EventKind};
use boxoffice_core::command::{Command, SettingsPatch};
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::plan::SeatNo;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::Settings;
use compact_str::CompactString;

use super::replay::State;

/// The number of a label: the rooms of the simulation have one row, `A1` and so on.
pub(crate) fn number(label: &str) -> Option<SeatNo> {
    label.strip_prefix('A')?.parse::<u32>().ok()?.checked_sub(1)
}

fn numbers<'a>(labels: impl Iterator<Item = &'a str>) -> Vec<SeatNo> {
    let mut numbers: Vec<_> = labels.filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn seats_of(hold: &Hold) -> Vec<SeatNo> {
    let mut seats: Vec<_> = hold.seats.iter().map(|seat| seat.no).collect();
    seats.sort_unstable();
    seats
}

/// Settings after a patch.
pub(crate) fn patched(before: &Settings, patch: &SettingsPatch) -> Settings {
    let mut after = before.clone();
    after.movie = patch.movie.unwrap_or(after.movie);
    after.starts_at = patch.starts_at.unwrap_or(after.starts_at);
    after.on_sale_at = patch.on_sale_at.unwrap_or(after.on_sale_at);
    after.off_sale_at = patch.off_sale_at.unwrap_or(after.off_sale_at);
    after.hold_ttl_ms = patch.hold_ttl_ms.unwrap_or(after.hold_ttl_ms);
    after.max_seats_per_hold = patch.max_seats_per_hold.unwrap_or(after.max_seats_per_hold);
    after.prices = patch.prices.clone().unwrap_or(after.prices);
    after
}

/// Whether the event does to the state before it what was asked, whole, and to nothing else but expired holds.
pub(crate) fn does(command: &Command, event: &Event, before: &State) -> bool {
    let change = &event.change;
    let record = |serial| change.holds.iter().find(|hold| hold.serial == serial);
    let known = |serial| before.holds.get(&serial);
    let becomes = |to: SeatStatus| {
        let mut seats: Vec<_> =
            change.seats.iter().filter(|seat| seat.to == to).map(|seat| seat.no).collect();
        seats.sort_unstable();
        seats
    };
    match command {
        Command::Hold(request) => {
            let wanted = numbers(request.seats.iter().map(|seat| seat.seat.as_str()));
            let seen = request.versions.iter().all(|expected| {
                let seat = number(&expected.seat).and_then(|no| before.seats.get(no as usize));
                seat.is_some_and(|seat| seat.version == expected.version)
            });
            let made = change.holds.last().filter(|hold| hold.version == 1);
            let lasts = request.ttl_ms.unwrap_or(before.settings.hold_ttl_ms);
            change.kind == EventKind::HELD
                && seen
                && made.is_some_and(|hold| {
                    seats_of(hold) == wanted && hold.expires_at.since_ms(change.at) == lasts
                })
                && becomes(SeatStatus::Held) == wanted
        }
        Command::Edit(serial, edit) => {
            let (Some(before), Some(after)) = (known(*serial), record(*serial)) else { return false };
            let mut wanted = seats_of(before);
            let removed = numbers(edit.remove.iter().map(CompactString::as_str));
            wanted.retain(|no| !removed.contains(no));
            wanted.extend(numbers(edit.add.iter().map(|seat| seat.seat.as_str())));
            wanted.sort_unstable();
            change.kind == EventKind::HOLD_CHANGED
                && seats_of(after) == wanted
                && (edit.extend || after.expires_at == before.expires_at)
        }
        Command::Release(serial) => {
            let ended = [HoldStatus::Released, HoldStatus::Expired];
            change.holds.len() == 1 && record(*serial).is_some_and(|hold| ended.contains(&hold.status))
        }
        Command::Confirm { hold, .. } => {
            let (Some(before), Some(after)) = (known(*hold), record(*hold)) else { return false };
            change.kind == EventKind::BOOKED
                && after.status == HoldStatus::Booked
                && seats_of(before) == seats_of(after)
                && becomes(SeatStatus::Booked) == seats_of(after)
        }
        Command::Cancel { booking, seats } => {
            let chosen = seats.as_ref().map(|seats| numbers(seats.iter().map(CompactString::as_str)));
            let (Some(before), Some(after)) = (known(*booking), record(*booking)) else { return false };
            let right = before.seats.iter().zip(&after.seats).all(|(was, is)| {
                let named = chosen.as_ref().is_none_or(|chosen| chosen.contains(&was.no));
                was.no == is.no && is.cancelled == (was.cancelled || named)
            });
            change.kind == EventKind::CANCELLED && right
        }
        Command::Block { seats, .. } => {
            let wanted = numbers(seats.iter().map(CompactString::as_str));
            let blocked = becomes(SeatStatus::Blocked);
            change.kind == EventKind::BLOCKED
                && wanted.iter().all(|no| {
                    blocked.contains(no) || before.seats[*no as usize].status == SeatStatus::Blocked
                })
                && blocked.iter().all(|no| wanted.contains(no))
        }
        Command::Unblock { seats, .. } => {
            let wanted = numbers(seats.iter().map(CompactString::as_str));
            change.kind == EventKind::UNBLOCKED
                && change.seats.iter().all(|seat| {
                    seat.to == SeatStatus::Available
                        && (wanted.contains(&seat.no) || seat.from == SeatStatus::Held)
                })
        }
        Command::ChangeShowtime(patch) => change.settings.as_ref().is_some_and(|after| {
            let wanted = patched(&before.settings, patch);
            **after == Settings { version: after.version, ..wanted }
        }),
        Command::CancelShowtime => change.settings.as_ref().is_some_and(|after| after.cancelled),
        Command::WindUp | Command::Expire(_) => false,
    }
}

/// Whether the state is as the command wants it, so that there was nothing to do.
pub(crate) fn is_done(command: &Command, state: &State) -> bool {
    let status = |serial: &u64| state.holds.get(serial).map(|hold| hold.status);
    let all_are = |labels: &[CompactString], wanted: SeatStatus| {
        numbers(labels.iter().map(CompactString::as_str))
            .iter()
            .all(|no| state.seats.get(*no as usize).is_some_and(|seat| seat.status == wanted))
    };
    match command {
        Command::Release(serial) => {
            matches!(status(serial), Some(HoldStatus::Released | HoldStatus::Expired))
        }
        Command::Confirm { hold, .. } => status(hold) == Some(HoldStatus::Booked),
        Command::Cancel { booking, seats } => {
            let chosen = seats.as_ref().map(|seats| numbers(seats.iter().map(CompactString::as_str)));
            state.holds.get(booking).is_some_and(|hold| {
                let named = |no: &SeatNo| chosen.as_ref().is_none_or(|chosen: &Vec<_>| chosen.contains(no));
                hold.seats.iter().filter(|seat| named(&seat.no)).all(|seat| seat.cancelled)
            })
        }
        // Extending to the deadline that it has already.
        Command::Edit(serial, edit) => {
            edit.add.is_empty() && edit.remove.is_empty() && status(serial) == Some(HoldStatus::Active)
        }
        Command::Block { seats, .. } => all_are(seats, SeatStatus::Blocked),
        Command::Unblock { seats, .. } => all_are(seats, SeatStatus::Available),
        Command::ChangeShowtime(patch) => patched(&state.settings, patch) == *state.settings,
        Command::CancelShowtime => state.settings.cancelled,
        Command::Hold(_) | Command::WindUp | Command::Expire(_) => false,
    }
}
