//! Holds and bookings.

use std::collections::BTreeMap;

use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::id::{BookingId, HoldId, ShowtimeId};
use boxoffice_core::plan::Plan;
use boxoffice_core::time::Timestamp;
use serde::Serialize;

use super::{Amount, as_text, as_time};
use crate::http::App;

/// A seat of a hold or booking.
#[derive(Debug, Serialize)]
pub struct HeldSeat<'a> {
    seat: &'a str,
    version: u32,
    category: &'a str,
    ticket: &'a str,
    price: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

/// A hold.
#[derive(Debug, Serialize)]
pub struct HoldAnswer<'a> {
    /// Its id.
    pub id: String,
    token: String,
    #[serde(serialize_with = "as_text")]
    showtime: ShowtimeId,
    epoch: &'a str,
    status: &'static str,
    seats: Vec<HeldSeat<'a>>,
    total: Amount,
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(serialize_with = "as_time")]
    created_at: Timestamp,
    #[serde(serialize_with = "as_time")]
    expires_at: Timestamp,
    expires_in_ms: i64,
    #[serde(serialize_with = "as_time")]
    extendable_until: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    booking: Option<String>,
}

/// A buyer.
#[derive(Debug, Serialize)]
pub struct ContactAnswer<'a> {
    name: Option<&'a str>,
    email: Option<&'a str>,
}

/// A booking.
#[derive(Debug, Serialize)]
pub struct BookingAnswer<'a> {
    id: String,
    reference: String,
    token: String,
    #[serde(serialize_with = "as_text")]
    hold: HoldId,
    #[serde(serialize_with = "as_text")]
    showtime: ShowtimeId,
    status: &'static str,
    seats: Vec<HeldSeat<'a>>,
    total: Amount,
    cancelled_total: Amount,
    contact: Option<ContactAnswer<'a>>,
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(serialize_with = "as_time")]
    created_at: Timestamp,
}

/// A hold as the API shows it at `now`.
pub fn hold<'a>(
    app: &'a App,
    showtime: ShowtimeId,
    plan: &'a Plan,
    hold: &'a Hold,
    now: Timestamp,
) -> HoldAnswer<'a> {
    let id = HoldId { showtime, serial: hold.serial }.to_string();
    let live = hold.is_live(now);
    let expired = hold.status == HoldStatus::Active && !live;
    HoldAnswer {
        token: app.tokens.of(&id, hold.key_id),
        id,
        showtime,
        epoch: &app.epoch,
        status: if expired { HoldStatus::Expired } else { hold.status }.as_str(),
        seats: seats(plan, hold, false),
        total: Amount { amount: hold.total(), currency: hold.currency },
        metadata: metadata(hold),
        created_at: hold.created_at,
        expires_at: hold.expires_at,
        expires_in_ms: if live { hold.expires_at.since_ms(now) } else { 0 },
        extendable_until: hold.extendable_until,
        booking: hold.booking.as_ref().map(|_| BookingId { showtime, serial: hold.serial }.to_string()),
    }
}

/// A booking as the API shows it.
pub fn booking<'a>(
    app: &App,
    showtime: ShowtimeId,
    plan: &'a Plan,
    hold: &'a Hold,
    contact: Option<&'a Contact>,
) -> Option<BookingAnswer<'a>> {
    let booking = hold.booking.as_ref()?;
    let id = BookingId { showtime, serial: hold.serial }.to_string();
    let contact = contact.filter(|contact| contact.name.is_some() || contact.email.is_some());
    Some(BookingAnswer {
        reference: booking.reference.to_string(),
        token: app.tokens.of(&id, hold.key_id),
        id,
        hold: HoldId { showtime, serial: hold.serial },
        showtime,
        status: hold.booking_status().as_str(),
        seats: seats(plan, hold, true),
        total: Amount { amount: hold.total(), currency: hold.currency },
        cancelled_total: Amount { amount: hold.cancelled_total(), currency: hold.currency },
        contact: contact
            .map(|contact| ContactAnswer { name: contact.name.as_deref(), email: contact.email.as_deref() }),
        metadata: metadata(hold),
        created_at: booking.created_at,
    })
}

fn seats<'a>(plan: &'a Plan, hold: &'a Hold, booked: bool) -> Vec<HeldSeat<'a>> {
    let show = |seat: &'a boxoffice_core::hold::HeldSeat| HeldSeat {
        seat: &plan.seat(seat.no).label,
        version: seat.version,
        category: &plan.categories()[usize::from(seat.category)].key,
        ticket: &seat.ticket,
        price: Amount { amount: seat.price, currency: hold.currency },
        status: booked.then_some(if seat.cancelled { "cancelled" } else { "confirmed" }),
    };
    hold.seats.iter().map(show).collect()
}

fn metadata(hold: &Hold) -> BTreeMap<&str, &str> {
    hold.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
