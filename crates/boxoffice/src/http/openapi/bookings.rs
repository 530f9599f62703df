//! Bookings in the description of the API.

use serde_json::{Value, json};

use super::super::problem::Code;
use super::Description;
use super::holds::{ENDED, held_seat};
use super::operation::Access::{Key, Token};
use super::operation::Operation;
use super::schema::{
    Object, answer, body, given_text, list, of, one_of, or_null, pattern, plain_text, said, short_list, text,
    time,
};
use super::shared::{euros, page, page_of, sample, with_format};
use crate::config::Scope;

const TAG: &str = "Bookings";

/// Adds their operations and schemas.
pub(super) fn add(description: &mut Description) {
    let statuses = one_of(["confirmed", "partly_cancelled", "cancelled"]);
    description.schema("BookingStatus", statuses);
    let seat = held_seat(answer("A seat of a booking.")).must("status", one_of(["confirmed", "cancelled"]));
    description.schema("BookedSeat", seat.schema());
    description.schema("Booking", booking().like(booking_sample("confirmed")));
    description.schema("NewBooking", new_booking().schema());
    let cancellation = body("Which seats to cancel.")
        .may("seats", said(short_list(of("Label"), 1000), "Left out: all of them."));
    description.schema("Cancellation", cancellation.schema());
    let create = Operation::new("confirmHold", TAG, "Confirm a hold", Token(Scope::Sell))
        .text(
            "The hold becomes a booking, which has a token of its own. Where the shop takes the money first \
            (`bookings.confirm_by = \"key\"`), only a key may confirm.",
        )
        .change()
        .body(
            "NewBooking",
            json!({
                "hold": sample::HOLD, "contact": {"name": "Ada", "email": "ada@example.org"},
            }),
        )
        .created("The seats are booked.", "Booking", booking_sample("confirmed"))
        .leads_to("201", &["readBooking", "cancelBooking"])
        .answers(
            200,
            "The hold was booked already: the same booking.",
            "Booking",
            booking_sample("confirmed"),
        )
        .refuses(&ENDED)
        .refuses(&[Code::HoldNotFound, Code::ShowtimeCancelled, Code::ConfirmNotAllowed]);
    description.add("post", "/v1/bookings", create);
    let read = Operation::new("readBooking", TAG, "Read a booking", Token(Scope::Read))
        .path("id", "BookingId", Code::BookingNotFound)
        .answers(200, "The booking.", "Booking", booking_sample("confirmed"));
    description.add("get", "/v1/bookings/{id}", read);
    add_staff(description);
    let cancel =
        Operation::new("cancelBooking", TAG, "Cancel all or some of a booking's seats", Token(Scope::Sell))
            .text("Cancelling what is cancelled is no error. After the start only a key may cancel.")
            .path("id", "BookingId", Code::BookingNotFound)
            .change()
            .optional_body(of("Cancellation"), json!({"seats": ["C13"]}))
            .changed("The booking as it is now.", "Booking", booking_sample("partly_cancelled"))
            .refuses(&[
                Code::TooLate,
                Code::UnknownSeat,
                Code::SeatNotInHold,
                Code::DuplicateSeat,
                Code::NoSeats,
            ])
            .refuses(&[Code::ShowtimeCancelled, Code::ConfirmNotAllowed]);
    description.add("post", "/v1/bookings/{id}/cancel", cancel);
}

/// What only keys may: search, and forget the buyer.
fn add_staff(description: &mut Description) {
    description.schema("BookingPage", page("Booking"));
    let moment = json!({"anyOf": [time(), with_format(text(), "date")]});
    let search = Operation::new("listBookings", TAG, "Search bookings, newest first", Key(Scope::Read))
        .query(
            "reference",
            pattern("^-*([0-9A-TV-Za-tv-z]-*){10}$"),
            "Only the one of this reference; case and hyphens do not matter.",
            "7kq2mx9d4t".into(),
        )
        .query("email", plain_text(), "Only those of this buyer.", "ada@example.org".into())
        .query("showtime", of("ShowtimeId"), "Only those of this showtime.", sample::SHOWTIME.into())
        .query("cinema", of("CinemaId"), "Only those in this cinema.", sample::CINEMA.into())
        .query("status", of("BookingStatus"), "Only those that are so now.", "confirmed".into())
        .query("from", moment.clone(), "Only those made then or later.", "2026-11-22".into())
        .query("to", moment, "Only those made before.", "2026-11-23T00:00:00Z".into())
        .paged()
        .answers(200, "A page.", "BookingPage", page_of(booking_sample("confirmed")));
    description.add("get", "/v1/bookings", search);
    let mut erased = booking_sample("confirmed");
    erased["contact"] = Value::Null;
    let erase = Operation::new("eraseContact", TAG, "Forget a booking's buyer", Key(Scope::Admin))
        .text("It also happens by itself some days after the start (`retention.contacts_days`).")
        .path("id", "BookingId", Code::BookingNotFound)
        .change()
        .optional_body(of("Nothing"), json!({}))
        .changed("The booking, without its buyer.", "Booking", erased);
    description.add("post", "/v1/bookings/{id}/erase", erase);
}

fn booking() -> Object {
    let contact = answer("The buyer; null if nothing is known, or no longer.")
        .must("name", or_null(text()))
        .must("email", or_null(text()));
    answer("Sold seats.")
        .must("id", of("BookingId"))
        .must(
            "reference",
            said(
                pattern("^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$"),
                "For people; case and hyphens do not matter.",
            ),
        )
        .may("token", said(of("TokenText"), "Left out for a key that may only read."))
        .must("hold", of("HoldId"))
        .must("showtime", of("ShowtimeId"))
        .must("status", of("BookingStatus"))
        .must("seats", list(of("BookedSeat")))
        .must("total", said(of("Money"), "As sold."))
        .must("cancelled_total", said(of("Money"), "Of the cancelled seats."))
        .must("contact", or_null(contact.schema()))
        .must("metadata", of("Metadata"))
        .must("created_at", time())
}

fn new_booking() -> Object {
    let mut email = pattern("^[^@\\s\\u0000-\\u001f\\u007f-\\u009f]+@[^\\s\\u0000-\\u001f\\u007f-\\u009f]+$");
    email["maxLength"] = 254.into();
    let contact = body("The buyer.").may("name", given_text(200)).may("email", email);
    body("A hold to confirm.")
        .must("hold", of("HoldId"))
        .may("contact", contact.schema())
        .may("metadata", said(of("Metadata"), "Added to the hold's."))
}

fn booking_sample(status: &str) -> Value {
    let (child, cancelled) = if status == "confirmed" { ("confirmed", 0) } else { ("cancelled", 900) };
    let seat = |seat: &str, ticket: &str, amount: i64, status: &str| {
        json!({
            "seat": seat, "version": 2, "category": "standard", "ticket": ticket, "price": euros(amount),
            "status": status,
        })
    };
    json!({
        "id": sample::BOOKING, "reference": "7KQ2M-X9D4T", "token": sample::TOKEN, "hold": sample::HOLD,
        "showtime": sample::SHOWTIME, "status": status,
        "seats": [seat("C12", "adult", 1250, "confirmed"), seat("C13", "child", 900, child)],
        "total": euros(2150), "cancelled_total": euros(cancelled),
        "contact": {"name": "Ada", "email": "ada@example.org"}, "metadata": {}, "created_at": "2026-11-22T18:01:00Z",
    })
}
