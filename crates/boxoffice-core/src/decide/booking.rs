//! Confirming a hold, and cancelling what was booked.

use std::sync::Arc;

use super::{Decision, Draft, Scene, editing};
use crate::change::{Actor, EventKind};
use crate::hold::{Booking, Contact, Hold, HoldStatus, MAX_METADATA, Metadata};
use crate::id::Serial;
use crate::plan::SeatNo;
use crate::refusal::Refusal;
use crate::seat::SeatStatus;

/// Decides [`Command::Confirm`](crate::command::Command::Confirm): a hold that is booked already stays as it is.
pub(super) fn confirm(
    scene: &Scene<'_>,
    serial: Serial,
    contact: &Contact,
    metadata: &Metadata,
) -> Result<Decision, Refusal> {
    let context = scene.context;
    if let Some(booked) = scene.record(serial).filter(|hold| hold.status == HoldStatus::Booked) {
        return Ok(Decision::Unchanged(Some(Arc::clone(booked))));
    }
    scene.refuse_cancelled_showtime()?;
    let hold = scene.live_hold(serial)?;
    let merged = merge(&hold.metadata, metadata);
    if merged.len() > MAX_METADATA {
        return Err(Refusal::InvalidField {
            field: "metadata",
            detail: "with the hold's it has more than 20 pairs",
        });
    }
    // From here it must succeed.
    let mut draft = Draft::new(scene, EventKind::BOOKED);
    draft.relies_on_settings = true;
    draft.contact = Some(contact.clone());
    let mut after = Hold::clone(hold);
    after.status = HoldStatus::Booked;
    after.ended_at = Some(context.now);
    after.booking = Some(Booking { reference: context.reference, created_at: context.now });
    after.metadata = merged;
    for seat in &mut after.seats {
        seat.version = draft.seat(seat.no, SeatStatus::Booked, serial);
    }
    draft.hold(Some(hold), after);
    Ok(draft.finish())
}

/// A hold's pairs with a booking's own, which go before them.
fn merge(held: &Metadata, given: &Metadata) -> Metadata {
    let mut merged = held.clone();
    for (name, value) in given {
        match merged.iter_mut().find(|(known, _)| known == name) {
            Some(pair) => pair.1.clone_from(value),
            None => merged.push((name.clone(), value.clone())),
        }
    }
    merged
}

/// Decides [`Command::Cancel`](crate::command::Command::Cancel): seats that are cancelled already stay so.
pub(super) fn cancel(
    scene: &Scene<'_>,
    serial: Serial,
    labels: Option<&[compact_str::CompactString]>,
) -> Result<Decision, Refusal> {
    let found = scene.record(serial).filter(|hold| hold.status == HoldStatus::Booked);
    let booking = found.ok_or(Refusal::BookingNotFound)?;
    let named = match labels {
        Some([]) => return Err(Refusal::NoSeats),
        Some(labels) => Some(editing::find_own(scene.showtime.plan(), booking, labels.iter())?),
        None => None,
    };
    let chosen = |no: SeatNo| named.as_ref().is_none_or(|named| named.contains(&no));
    if !booking.seats.iter().any(|seat| !seat.cancelled && chosen(seat.no)) {
        return Ok(Decision::Unchanged(Some(Arc::clone(booking))));
    }
    let begun = scene.context.now >= scene.showtime.settings().starts_at;
    if begun && scene.context.actor == Actor::Patron {
        return Err(Refusal::TooLate);
    }
    // From here it must succeed.
    let mut draft = Draft::new(scene, EventKind::CANCELLED);
    cancel_seats(&mut draft, booking, chosen);
    Ok(draft.finish())
}

/// Cancels the chosen seats of a booking: they become available.
pub(super) fn cancel_seats(draft: &mut Draft<'_>, booking: &Hold, chosen: impl Fn(SeatNo) -> bool) {
    let mut after = booking.clone();
    for seat in after.seats.iter_mut().filter(|seat| !seat.cancelled && chosen(seat.no)) {
        seat.cancelled = true;
        seat.version = draft.seat(seat.no, SeatStatus::Available, 0);
    }
    draft.hold(Some(booking), after);
}
