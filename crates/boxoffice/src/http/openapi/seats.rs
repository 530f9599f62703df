//! Seat maps and the house's own changes of them in the description of the API.

use serde_json::{Value, json};

use super::super::problem::Code;
use super::Description;
use super::operation::Access::{Key, PublicOrKey};
use super::operation::Operation;
use super::schema::{
    Object, answer, body, count, flag, given_text, integer, list, of, one_of, or_null, pattern, said,
    short_list, text, time,
};
use super::shared::{euros, sample};
use crate::config::Scope;

/// Everything that the event log can tell of.
const KINDS: [&str; 11] = [
    "held",
    "hold_changed",
    "released",
    "expired",
    "booked",
    "cancelled",
    "blocked",
    "unblocked",
    "showtime_changed",
    "showtime_cancelled",
    "wound_up",
];

/// Adds the operations and schemas.
pub(super) fn add(description: &mut Description) {
    add_schemas(description);
    let content = json!({"application/json": {
        "schema": {"oneOf": [of("SeatMap"), of("SeatChanges")]},
        "examples": {
            "whole": {"summary": "Without `since`", "value": map_sample()},
            "changes": {"summary": "With `since`", "value": changes_sample()},
        },
    }});
    let headers = ["ETag", "Content-Encoding"];
    let read = Operation::new("readSeats", "Seats", "Read the seat map, or what changed in it", PublicOrKey(Scope::Read))
        .text("Without `since` the whole map in the plan's order, with an ETag. With `since` the seats that changed after \
            that revision; after 0 those that ever changed: seats that are not listed are available at version 0. If the \
            answer says `reset`, drop your own map first.")
        .path("id", "ShowtimeId", Code::ShowtimeNotFound)
        .query("since", pattern("^([^&#]+-)?[0-9]{1,18}$"), "A revision, or an epoch, a hyphen and a revision.", "2db43b1d-41".into())
        .header("If-None-Match", text(), "The ETag of the map that you have.", "W/\"2db43b1d-41\"")
        .answers_with(200, "The map. ETag and Content-Encoding stand with the whole map alone.", Some(content), &headers)
        .answers_with(304, "The map that you have is the newest.", None, &["ETag"])
        .refuses(&[Code::InvalidField]);
    description.add("get", "/v1/showtimes/{id}/seats", read);
    for (id, verb, purpose) in [
        ("blockSeats", "block", "Take seats off sale"),
        ("unblockSeats", "unblock", "Put seats back on sale"),
    ] {
        let turn = Operation::new(id, "Staff", purpose, Key(Scope::Sell))
            .path("id", "ShowtimeId", Code::ShowtimeNotFound)
            .change()
            .body("SeatsToTurn", json!({"seats": ["B4"], "reason": "broken"}))
            .changed("The seats as they are now.", "TurnedSeats", turned_sample(verb))
            .refuses(&[Code::UnknownSeat, Code::DuplicateSeat, Code::NoSeats, Code::SeatUnavailable])
            .refuses(&[Code::ShowtimeCancelled]);
        description.add("post", &format!("/v1/showtimes/{{id}}/{verb}"), turn);
    }
    add_events(description);
}

fn add_schemas(description: &mut Description) {
    let seat = answer("A seat of the whole map.")
        .must("seat", of("Label"))
        .must("row", text())
        .must("category", text())
        .must("kind", of("SeatKind"))
        .with(state)
        .must("price", said(or_null(of("Money")), "Of the default ticket."));
    description.schema("Seat", seat.schema());
    description
        .schema("ChangedSeat", answer("A seat that changed.").must("seat", of("Label")).with(state).schema());
    let map = answer("Every seat of a showtime.")
        .must("showtime", of("ShowtimeId"))
        .with(revision)
        .must("seats", list(of("Seat")));
    description.schema("SeatMap", map.like(map_sample()));
    let changes = answer("What changed after a revision.")
        .must("from", count())
        .may("reset", said(flag(), "True: your revision is of another history; drop your own map first."))
        .with(revision)
        .must("seats", list(of("ChangedSeat")));
    description.schema("SeatChanges", changes.like(changes_sample()));
    let turn = body("Seats to take off sale, or to put back.")
        .must("seats", short_list(of("Label"), 100_000))
        .may("reason", said(given_text(200), "Stands in the event log."));
    description.schema("SeatsToTurn", turn.schema());
    let turned =
        answer("Seats after the change.").must("revision", count()).must("seats", list(of("ChangedSeat")));
    description.schema("TurnedSeats", turned.schema());
}

fn state(seat: Object) -> Object {
    seat.must("status", of("SeatStatus"))
        .must("version", said(count(), "How often it has changed."))
        .may("expires_at", said(time(), "When its hold ends, if nothing else happens."))
}

fn revision(map: Object) -> Object {
    map.must("epoch", said(text(), "The history that the revision belongs to."))
        .must("revision", said(count(), "How many changes the showtime has had."))
}

fn add_events(description: &mut Description) {
    let change = answer("The change of a seat.")
        .must("seat", of("Label"))
        .must("from", of("SeatStatus"))
        .must("to", of("SeatStatus"))
        .must("version", count());
    let event = answer("A change of a showtime. It never has names or addresses of buyers.")
        .must("revision", count())
        .must("at", time())
        .must("kind", said(one_of(KINDS), "Ignore one that you do not know."))
        .must("actor", said(text(), "A key's name, `patron` or `system`."))
        .must("seats", list(change.schema()))
        .may("hold", of("HoldId"))
        .may("booking", of("BookingId"))
        .may("also_ended", said(list(of("HoldId")), "Expired holds whose seats this change took over."))
        .may("reason", text());
    description.schema("Event", event.like(event_sample()));
    let page = answer("A part of the log.")
        .must("data", list(of("Event")))
        .must("next", said(count(), "Always a revision to go on from: more may happen."));
    description.schema("EventPage", page.schema());
    let after = json!({"type": "integer", "minimum": 0, "maximum": i64::MAX});
    let events = Operation::new("readEvents", "Staff", "Read the event log", Key(Scope::Read))
        .text("Every change of the showtime, in order and without a gap.")
        .path("id", "ShowtimeId", Code::ShowtimeNotFound)
        .query("after", after, "The revision after which to begin; left out: from the first.", 40.into())
        .query("limit", integer(1, 200), "How many at most; left out: 50.", 100.into())
        .answers(200, "The next events.", "EventPage", json!({"data": [event_sample()], "next": 41}))
        .refuses(&[Code::InvalidField, Code::InvalidCursor]);
    description.add("get", "/v1/showtimes/{id}/events", events);
}

fn map_sample() -> Value {
    json!({
        "showtime": sample::SHOWTIME, "epoch": sample::EPOCH, "revision": 41,
        "seats": [{
            "seat": "A1", "row": "A", "category": "standard", "kind": "standard", "status": "held", "version": 3,
            "price": euros(1250), "expires_at": "2026-11-22T18:08:00Z",
        }, {
            "seat": "A2", "row": "A", "category": "standard", "kind": "standard", "status": "available", "version": 0,
            "price": euros(1250),
        }],
    })
}

fn changes_sample() -> Value {
    json!({
        "from": 40, "epoch": sample::EPOCH, "revision": 41,
        "seats": [{"seat": "A1", "status": "held", "version": 3, "expires_at": "2026-11-22T18:08:00Z"}],
    })
}

fn turned_sample(verb: &str) -> Value {
    let status = if verb == "block" { "blocked" } else { "available" };
    json!({"revision": 42, "seats": [{"seat": "B4", "status": status, "version": 1}]})
}

fn event_sample() -> Value {
    json!({
        "revision": 41, "at": sample::NOW, "kind": "held", "actor": "patron",
        "seats": [{"seat": "A1", "from": "available", "to": "held", "version": 3}], "hold": sample::HOLD,
    })
}
