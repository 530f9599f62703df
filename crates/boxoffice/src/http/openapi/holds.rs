//! Holds in the description of the API.

use serde_json::{Value, json};

use super::super::problem::Code;
use super::Description;
use super::operation::Access::{PublicOrKey, Token};
use super::operation::Operation;
use super::schema::{
    Object, answer, body, count, flag, given_text, integer, list, of, one_of, said, short_list, text, time,
};
use super::shared::{euros, sample};
use crate::config::Scope;

const TAG: &str = "Holds";

/// Adds their operations and schemas.
pub(super) fn add(description: &mut Description) {
    description.schema("HoldStatus", one_of(["active", "booked", "released", "expired"]));
    description.schema("HeldSeat", held_seat(answer("A seat of a hold.")).schema());
    description.schema("Hold", hold().like(hold_sample()));
    description.schema("SeatWish", seat_wish());
    description.schema("NewHold", new_hold().schema());
    description.schema("HoldChange", hold_change().schema());
    description.schema("Nothing", said(body("No members.").schema(), "Nothing needs to be said: `{}`."));
    let hold = Operation::new("holdSeats", TAG, "Hold seats", PublicOrKey(Scope::Read))
        .text("All of them or none. The `token` of the answer is all that opens the hold.")
        .path("id", "ShowtimeId", Code::ShowtimeNotFound)
        .change()
        .body("NewHold", json!({"seats": ["C12", {"seat": "C13", "ticket": "child"}]}))
        .created("The seats are held.", "Hold", hold_sample())
        .leads_to("201", &["readHold", "changeHold", "releaseHold"])
        .refuses(&CHECKS)
        .refuses(&[Code::NoSeats, Code::TtlTooLong]);
    description.add("post", "/v1/showtimes/{id}/holds", hold);
    let read = Operation::new("readHold", TAG, "Read a hold", Token(Scope::Sell))
        .text("It can be read for 24 hours after its end, with its booking where there is one.")
        .path("id", "HoldId", Code::HoldNotFound)
        .answers(200, "The hold.", "Hold", hold_sample());
    description.add("get", "/v1/holds/{id}", read);
    let change = Operation::new("changeHold", TAG, "Change a hold", Token(Scope::Sell))
        .text("All of it or nothing: swapping A for B never loses A when B is gone. `extend` starts the time anew, at \
            most to `extendable_until`.")
        .path("id", "HoldId", Code::HoldNotFound)
        .change()
        .body("HoldChange", json!({"add": ["C14"], "remove": ["C12"], "extend": true}))
        .changed("The hold as it is now.", "Hold", hold_sample())
        .refuses(&CHECKS)
        .refuses(&ENDED)
        .refuses(&[Code::NoSeats, Code::SeatNotInHold, Code::HoldLimitReached]);
    description.add("patch", "/v1/holds/{id}", change);
    let release = Operation::new("releaseHold", TAG, "Give a hold's seats back", Token(Scope::Sell))
        .text("Also when it was released or has expired already.")
        .path("id", "HoldId", Code::HoldNotFound)
        .change()
        .optional_body(of("Nothing"), json!({}))
        .answers_with(204, "The seats are free.", None, &["Idempotent-Replayed"])
        .refuses(&[Code::HoldNotActive]);
    description.add("delete", "/v1/holds/{id}", release);
}

/// What seats are checked for.
const CHECKS: [Code; 9] = [
    Code::NotOnSale,
    Code::ShowtimeCancelled,
    Code::UnknownSeat,
    Code::DuplicateSeat,
    Code::TooManySeats,
    Code::UnknownTicket,
    Code::MissingPrice,
    Code::VersionMismatch,
    Code::SeatUnavailable,
];

/// Why a hold cannot be used any more.
pub(super) const ENDED: [Code; 2] = [Code::HoldExpired, Code::HoldNotActive];

/// The members that a seat of a hold or booking has.
pub(super) fn held_seat(seat: Object) -> Object {
    seat.must("seat", of("Label"))
        .must("version", count())
        .must("category", text())
        .must("ticket", text())
        .must("price", of("Money"))
}

fn hold() -> Object {
    answer("A timed claim of seats.")
        .must("id", of("HoldId"))
        .must("token", of("TokenText"))
        .must("showtime", of("ShowtimeId"))
        .must("epoch", text())
        .must("status", of("HoldStatus"))
        .must("seats", list(of("HeldSeat")))
        .must("total", of("Money"))
        .must("metadata", of("Metadata"))
        .must("created_at", time())
        .must("expires_at", time())
        .must("expires_in_ms", said(count(), "The time left when the answer was made."))
        .must("extendable_until", time())
        .may("booking", of("BookingId"))
}

fn seat_wish() -> Value {
    let with_ticket = body("A seat and its ticket; left out: the category's default.")
        .must("seat", of("Label"))
        .may("ticket", given_text(40));
    json!({"anyOf": [of("Label"), with_ticket.schema()]})
}

fn versions() -> Value {
    let versions = json!({
        "type": "object", "maxProperties": 1000, "propertyNames": of("Label"),
        "additionalProperties": integer(0, i64::from(u32::MAX)),
    });
    said(versions, "Versions that seats must still have, by label.")
}

fn new_hold() -> Object {
    body("Seats to hold.")
        .must("seats", list(of("SeatWish")))
        .may("versions", versions())
        .may("ttl_s", said(integer(1, 1 << 43), "Shorter than the showtime's `hold_ttl_s`."))
        .may("metadata", of("Metadata"))
}

fn hold_change() -> Object {
    body("What shall be different.")
        .may("add", list(of("SeatWish")))
        .may("remove", short_list(of("Label"), 1000))
        .may("extend", flag())
        .may("versions", versions())
}

fn hold_sample() -> Value {
    json!({
        "id": sample::HOLD, "token": sample::TOKEN, "showtime": sample::SHOWTIME, "epoch": sample::EPOCH,
        "status": "active",
        "seats": [
            {"seat": "C12", "version": 1, "category": "standard", "ticket": "adult", "price": euros(1250)},
            {"seat": "C13", "version": 1, "category": "standard", "ticket": "child", "price": euros(900)},
        ],
        "total": euros(2150), "metadata": {}, "created_at": sample::NOW, "expires_at": "2026-11-22T18:08:00Z",
        "expires_in_ms": 480_000, "extendable_until": "2026-11-22T18:24:00Z",
    })
}
