//! Letting go: releasing and expiring holds, and winding up a showtime that was called off.

use super::{Decision, Draft, Scene, WIND_UP_SEATS, booking};
use crate::change::EventKind;
use crate::hold::HoldStatus;
use crate::id::Serial;
use crate::refusal::Refusal;
use crate::seat::SeatStatus;

/// Decides [`Command::Release`](crate::command::Command::Release): also of a hold whose time is over, which then
/// ends as expired.
pub(super) fn release(scene: &Scene<'_>, serial: Serial) -> Result<Decision, Refusal> {
    let hold = scene.record(serial).ok_or(Refusal::HoldNotFound)?;
    match hold.status {
        HoldStatus::Booked => Err(Refusal::HoldNotActive(HoldStatus::Booked)),
        HoldStatus::Released | HoldStatus::Expired => Ok(Decision::Unchanged(Some(hold.clone()))),
        HoldStatus::Active => {
            let (kind, status) = if hold.is_live(scene.context.now) {
                (EventKind::RELEASED, HoldStatus::Released)
            } else {
                (EventKind::EXPIRED, HoldStatus::Expired)
            };
            // From here it must succeed.
            let mut draft = Draft::new(scene, kind);
            draft.end(hold, status);
            Ok(draft.finish())
        }
    }
}

/// Decides [`Command::Expire`](crate::command::Command::Expire): nothing happens to a hold that is not due, or of
/// which another decision is in flight.
pub(super) fn expire(scene: &Scene<'_>, serial: Serial) -> Result<Decision, Refusal> {
    let Some(hold) = scene.showtime.hold(serial) else { return Ok(Decision::Unchanged(None)) };
    let due = scene.free_from(hold) <= scene.context.now;
    if !due || hold.seats.iter().any(|seat| (scene.claimed)(seat.no)) {
        return Ok(Decision::Unchanged(Some(hold.clone())));
    }
    // From here it must succeed.
    let mut draft = Draft::new(scene, EventKind::EXPIRED);
    draft.end(hold, HoldStatus::Expired);
    Ok(draft.finish())
}

/// Decides [`Command::WindUp`](crate::command::Command::WindUp): ends the holds and cancels the bookings among the
/// records that were fetched, up to [`WIND_UP_SEATS`] seats, leaving those that are claimed for the next time.
pub(super) fn wind_up(scene: &Scene<'_>) -> Result<Decision, Refusal> {
    if !scene.showtime.settings().cancelled {
        return Ok(Decision::Unchanged(None));
    }
    let mut draft = Draft::new(scene, EventKind::WOUND_UP);
    let mut seats = 0;
    for record in scene.records {
        let record = scene.record(record.serial).unwrap_or(record);
        let owned = |no| scene.showtime.seat(no).owner == record.serial;
        let in_flight = record.seats.iter().any(|seat| owned(seat.no) && (scene.claimed)(seat.no));
        if in_flight || (seats > 0 && seats + record.seats.len() > WIND_UP_SEATS) {
            continue;
        }
        let before = draft.seats.len();
        match record.status {
            HoldStatus::Active => draft.end(record, HoldStatus::Released),
            HoldStatus::Booked => {
                let standing = |no| owned(no) && scene.showtime.seat(no).status == SeatStatus::Booked;
                if record.seats.iter().any(|seat| standing(seat.no)) {
                    booking::cancel_seats(&mut draft, record, standing);
                }
            }
            HoldStatus::Released | HoldStatus::Expired => {}
        }
        seats += draft.seats.len() - before;
    }
    if draft.seats.is_empty() { Ok(Decision::Unchanged(None)) } else { Ok(draft.finish()) }
}
