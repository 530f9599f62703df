//! Holds and bookings.

use std::collections::BTreeMap;

use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::id::{BookingId, HoldId, IdText, ShowtimeId};
use boxoffice_core::plan::Plan;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::board::Board;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use super::{Amount, as_text, as_time};
use crate::http::App;
use crate::http::auth::Credential;
use crate::json_text::{put_number, put_plain, put_text};
use crate::time_text::TimeText;

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
    #[serde(serialize_with = "as_id")]
    pub id: IdText,
    token: String,
    #[serde(serialize_with = "as_id")]
    showtime: IdText,
    epoch: &'a str,
    status: &'static str,
    seats: SmallVec<[HeldSeat<'a>; 2]>,
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

fn as_id<S: Serializer>(id: &IdText, output: S) -> Result<S::Ok, S::Error> {
    output.serialize_str(id)
}

impl HoldAnswer<'_> {
    /// Writes what serialising gives, in a tenth of the instructions: this is the answer that everybody wants in a
    /// stampede.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut member = |name: &str, value: &str| {
            out.extend_from_slice(name.as_bytes());
            put_plain(out, value);
        };
        member("{\"id\":", &self.id);
        member(",\"token\":", &self.token);
        member(",\"showtime\":", &self.showtime);
        member(",\"epoch\":", self.epoch);
        member(",\"status\":", self.status);
        out.extend_from_slice(b",\"seats\":[");
        for (place, seat) in self.seats.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            seat.write(out);
        }
        out.extend_from_slice(b"],\"total\":");
        self.total.write(out);
        out.extend_from_slice(b",\"metadata\":{");
        for (place, (name, value)) in self.metadata.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            put_text(out, name);
            out.push(b':');
            put_text(out, value);
        }
        out.push(b'}');
        let mut member = |name: &str, at: Timestamp| {
            out.extend_from_slice(name.as_bytes());
            put_plain(out, TimeText::of_ms(at.as_ms()).as_str());
        };
        member(",\"created_at\":", self.created_at);
        member(",\"expires_at\":", self.expires_at);
        out.extend_from_slice(b",\"expires_in_ms\":");
        put_number(out, self.expires_in_ms);
        out.extend_from_slice(b",\"extendable_until\":");
        put_plain(out, TimeText::of_ms(self.extendable_until.as_ms()).as_str());
        if let Some(booking) = &self.booking {
            out.extend_from_slice(b",\"booking\":");
            put_plain(out, booking);
        }
        out.push(b'}');
    }
}

impl HeldSeat<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"seat\":");
        put_text(out, self.seat);
        out.extend_from_slice(b",\"version\":");
        put_number(out, self.version);
        out.extend_from_slice(b",\"category\":");
        put_text(out, self.category);
        out.extend_from_slice(b",\"ticket\":");
        put_text(out, self.ticket);
        out.extend_from_slice(b",\"price\":");
        self.price.write(out);
        if let Some(status) = self.status {
            out.extend_from_slice(b",\"status\":");
            put_plain(out, status);
        }
        out.push(b'}');
    }
}

impl Amount {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"amount\":");
        put_number(out, self.amount);
        out.extend_from_slice(b",\"currency\":");
        put_plain(out, self.currency.as_str());
        out.push(b'}');
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
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

/// A hold as the API shows it: as it was at one time, with what is left of it at another.
pub fn hold<'a>(
    app: &App,
    board: &'a Board,
    hold: &'a Hold,
    at: Timestamp,
    now: Timestamp,
) -> HoldAnswer<'a> {
    let (showtime, plan) = (board.id(), board.plan());
    let id = HoldId { showtime, serial: hold.serial }.text();
    let expired = hold.status == HoldStatus::Active && !hold.is_live(at);
    HoldAnswer {
        token: app.tokens.of(&id, hold.key_id),
        id,
        showtime: showtime.text(),
        epoch: board.epoch(),
        status: if expired { HoldStatus::Expired } else { hold.status }.as_str(),
        seats: seats(plan, hold, false).collect(),
        total: Amount { amount: hold.total(), currency: hold.currency },
        metadata: metadata(hold),
        created_at: hold.created_at,
        expires_at: hold.expires_at,
        expires_in_ms: if hold.is_live(now) { hold.expires_at.since_ms(now) } else { 0 },
        extendable_until: hold.extendable_until,
        booking: hold.booking.as_ref().map(|_| BookingId { showtime, serial: hold.serial }.to_string()),
    }
}

/// A booking as the API shows it, with its token if whoever asks may use it.
pub fn booking<'a>(
    app: &App,
    asks: &Credential,
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
        token: asks.may_use_tokens().then(|| app.tokens.of(&id, hold.key_id)),
        id,
        hold: HoldId { showtime, serial: hold.serial },
        showtime,
        status: hold.booking_status().as_str(),
        seats: seats(plan, hold, true).collect(),
        total: Amount { amount: hold.total(), currency: hold.currency },
        cancelled_total: Amount { amount: hold.cancelled_total(), currency: hold.currency },
        contact: contact
            .map(|contact| ContactAnswer { name: contact.name.as_deref(), email: contact.email.as_deref() }),
        metadata: metadata(hold),
        created_at: booking.created_at,
    })
}

fn seats<'a>(plan: &'a Plan, hold: &'a Hold, booked: bool) -> impl Iterator<Item = HeldSeat<'a>> {
    let show = move |seat: &'a boxoffice_core::hold::HeldSeat| HeldSeat {
        seat: &plan.seat(seat.no).label,
        version: seat.version,
        category: &plan.categories()[usize::from(seat.category)].key,
        ticket: &seat.ticket,
        price: Amount { amount: seat.price, currency: hold.currency },
        status: booked.then_some(if seat.cancelled { "cancelled" } else { "confirmed" }),
    };
    hold.seats.iter().map(show)
}

fn metadata(hold: &Hold) -> BTreeMap<&str, &str> {
    hold.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use boxoffice_core::money::Currency;

    use super::*;

    #[test]
    fn what_is_written_is_what_serialising_gives() {
        let currency = Currency::new("EUR").expect("a currency");
        let price = Amount { amount: -1250, currency };
        let seat = |seat, status| HeldSeat {
            seat,
            version: 3,
            category: "stan\"dard",
            ticket: "adult",
            price,
            status,
        };
        let at = Timestamp::from_ms(1_800_000_000_042);
        let mut hold = HoldAnswer {
            id: HoldId { showtime: ShowtimeId::from_number(7), serial: 8 }.text(),
            token: "tok_1".into(),
            showtime: ShowtimeId::from_number(7).text(),
            epoch: "e1",
            status: "active",
            seats: [seat("C12", None), seat("C\u{e9}13", Some("confirmed"))].into_iter().collect(),
            total: price,
            metadata: BTreeMap::new(),
            created_at: at,
            expires_at: at,
            expires_in_ms: 480_000,
            extendable_until: at,
            booking: None,
        };
        for _ in 0..2 {
            let mut written = Vec::new();
            hold.write(&mut written);
            assert_eq!(String::from_utf8_lossy(&written), serde_json::to_string(&hold).expect("JSON"));
            hold.metadata = [("a", "b\n"), ("c", "")].into();
            hold.booking = Some("bkg_1".into());
        }
    }
}
