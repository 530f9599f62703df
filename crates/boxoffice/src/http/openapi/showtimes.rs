//! Showtimes in the description of the API.

use serde_json::{Value, json};

use super::super::problem::Code;
use super::Description;
use super::operation::Access::{Key, PublicOrKey};
use super::operation::Operation;
use super::schema::{
    Object, answer, body, count, flag, given_text, given_time, integer, of, one_of, or_null, plain_text,
    said, text, time,
};
use super::shared::{euros, external_id, page, page_of, sample, with_format};
use crate::config::Scope;

const TAG: &str = "Showtimes";
const STATUSES: [&str; 4] = ["upcoming", "on_sale", "closed", "cancelled"];

/// Adds their operations and schemas.
pub(super) fn add(description: &mut Description) {
    description.schema("SaleStatus", said(one_of(STATUSES), "Whether seats are sold now."));
    description
        .schema("ShowtimeSummary", settings(answer("A showtime as lists have it.")).like(summary_sample()));
    description.schema("Showtime", showtime().like(showtime_sample()));
    description.schema("ShowtimeSummaryPage", page("ShowtimeSummary"));
    description.schema("NewShowtime", new_showtime().schema());
    description.schema("ShowtimeChange", changes(body("What shall be different.")).schema());
    add_reading(description);
    let create = Operation::new("createShowtime", TAG, "Add a showtime", Key(Scope::Admin))
        .text("Prices name exactly the categories of the room's plan. Seats that the plan blocks are blocked from the start.")
        .change()
        .body("NewShowtime", new_sample())
        .created("The showtime was added.", "Showtime", showtime_sample())
        .leads_to("201", &["readShowtime", "readSeats", "holdSeats", "readEvents"])
        .refuses(&[Code::MovieNotFound, Code::AuditoriumNotFound, Code::MissingPrice, Code::UnknownCategory])
        .refuses(&[Code::ExternalIdTaken]);
    description.add("post", "/v1/showtimes", create);
    let change = Operation::new("changeShowtime", TAG, "Change a showtime", Key(Scope::Admin))
        .text("Holds keep their prices. Movie and currency can be changed only before the first hold, the room never.")
        .path("id", "ShowtimeId", Code::ShowtimeNotFound)
        .change()
        .body("ShowtimeChange", json!({"starts_at": "2026-11-22T20:15:00Z", "max_seats_per_hold": 6}))
        .changed("The showtime as it is now.", "Showtime", showtime_sample())
        .refuses(&[Code::MovieNotFound, Code::MissingPrice, Code::UnknownCategory, Code::ShowtimeCancelled])
        .refuses(&[Code::ShowtimeInUse]);
    description.add("patch", "/v1/showtimes/{id}", change);
    let delete = Operation::new("deleteShowtime", TAG, "Delete a showtime", Key(Scope::Admin))
        .text("Only where nothing was ever held; else call it off.")
        .path("id", "ShowtimeId", Code::ShowtimeNotFound)
        .change()
        .optional_body(of("Nothing"), json!({}))
        .answers_with(204, "It is gone.", None, &["Idempotent-Replayed"])
        .refuses(&[Code::ShowtimeInUse]);
    description.add("delete", "/v1/showtimes/{id}", delete);
    let cancel = Operation::new("cancelShowtime", TAG, "Call a showtime off", Key(Scope::Admin))
        .text("For good: its holds are released and its bookings cancelled. Calling off what was called off is no error.")
        .path("id", "ShowtimeId", Code::ShowtimeNotFound)
        .change()
        .optional_body(of("Nothing"), json!({}))
        .changed("The showtime, called off.", "Showtime", {
            let mut cancelled = showtime_sample();
            cancelled["status"] = "cancelled".into();
            cancelled
        });
    description.add("post", "/v1/showtimes/{id}/cancel", cancel);
}

fn add_reading(description: &mut Description) {
    let moment = json!({"anyOf": [time(), with_format(text(), "date")]});
    let list = Operation::new("listShowtimes", TAG, "List showtimes by start", PublicOrKey(Scope::Read))
        .text("Unpublished ones are listed only for keys.")
        .query("cinema", of("CinemaId"), "Only those in this cinema.", sample::CINEMA.into())
        .query("movie", of("MovieId"), "Only those of this movie.", sample::MOVIE.into())
        .query("auditorium", of("AuditoriumId"), "Only those in this room.", sample::AUDITORIUM.into())
        .query("status", of("SaleStatus"), "Only those that are so now.", "on_sale".into())
        .query(
            "from",
            moment.clone(),
            "Only those that start then or later; left out: now. A bare date is the cinema's day.",
            "2026-11-22".into(),
        )
        .query("to", moment, "Only those that start before.", "2026-11-23T00:00:00Z".into())
        .query(
            "external_id",
            plain_text(),
            "Only the one with this id of your own, also if it has begun.",
            "42".into(),
        )
        .paged()
        .answers(200, "A page.", "ShowtimeSummaryPage", page_of(summary_sample()));
    description.add("get", "/v1/showtimes", list);
    let read = Operation::new("readShowtime", TAG, "Read a showtime", PublicOrKey(Scope::Read))
        .text("An unpublished one is there only for keys.")
        .path("id", "ShowtimeId", Code::ShowtimeNotFound)
        .answers(200, "The showtime, with counts of its seats.", "Showtime", showtime_sample());
    description.add("get", "/v1/showtimes/{id}", read);
}

fn settings(object: Object) -> Object {
    let cinema = answer("Where; null if the room belongs to no cinema.")
        .must("id", of("CinemaId"))
        .must("name", text())
        .must("time_zone", text());
    let movie = answer("What is shown.")
        .must("id", of("MovieId"))
        .must("title", text())
        .must("runtime_min", or_null(integer(1, 10_000)))
        .must("rating", or_null(text()));
    let room = answer("In which room.").must("id", of("AuditoriumId")).must("name", text());
    object
        .must("id", of("ShowtimeId"))
        .must("status", of("SaleStatus"))
        .must("starts_at", time())
        .must("starts_at_local", said(or_null(time()), "With the cinema's offset; null without a cinema."))
        .must("on_sale_at", time())
        .must("off_sale_at", time())
        .must("currency", of("Currency"))
        .must("prices", of("Prices"))
        .must("hold_ttl_s", count())
        .must("max_hold_ttl_s", said(count(), "The cap under extension."))
        .must("max_seats_per_hold", count())
        .must("published", flag())
        .must("plan", of("PlanHash"))
        .with(external_id)
        .must("cinema", or_null(cinema.schema()))
        .must("movie", or_null(movie.schema()))
        .must("auditorium", or_null(room.schema()))
}

fn showtime() -> Object {
    let counts = answer("How many seats are so now.")
        .must("available", count())
        .must("held", count())
        .must("booked", count())
        .must("blocked", count());
    settings(answer("A showtime."))
        .must("counts", counts.schema())
        .must("epoch", said(text(), "The history that revisions belong to."))
        .must("revision", said(count(), "How many changes it has had."))
}

/// What both a new showtime and a change may say.
fn limits(object: Object) -> Object {
    object
        .may("on_sale_at", said(given_time(), "Left out of a new one: now."))
        .may("off_sale_at", said(given_time(), "Left out of a new one: the start."))
        .may("hold_ttl_s", integer(1, 86_400))
        .may("max_hold_ttl_s", said(integer(1, 86_400), "The cap under extension."))
        .may("max_seats_per_hold", integer(1, 500))
        .may(
            "published",
            said(flag(), "Left out of a new one: true. False hides it from those without a key."),
        )
}

fn given_prices() -> Value {
    let amount = integer(0, 1_000_000_000_000);
    let tickets = json!({
        "type": "object", "minProperties": 1, "maxProperties": 50, "additionalProperties": amount,
        "propertyNames": given_text(40),
    });
    let category = json!({"anyOf": [said(amount, "One ticket, `standard`."), said(tickets, "The first is the default.")]});
    said(
        json!({"type": "object", "maxProperties": 1000, "additionalProperties": category}),
        "By category of the plan, in minor units.",
    )
}

fn new_showtime() -> Object {
    body("A showtime to be added.")
        .must("movie", of("MovieId"))
        .must("auditorium", of("AuditoriumId"))
        .must("starts_at", given_time())
        .must("currency", of("Currency"))
        .must("prices", given_prices())
        .with(limits)
        .may("external_id", given_text(128))
}

fn changes(object: Object) -> Object {
    object
        .may("movie", of("MovieId"))
        .may("starts_at", said(given_time(), "A sale that ended with the start goes on doing so."))
        .may("currency", of("Currency"))
        .may("prices", given_prices())
        .with(limits)
}

fn new_sample() -> Value {
    json!({
        "movie": sample::MOVIE, "auditorium": sample::AUDITORIUM, "starts_at": "2026-11-22T20:00:00Z",
        "currency": "EUR", "prices": {"standard": {"adult": 1250, "child": 900}, "premium": 1500},
    })
}

fn summary_sample() -> Value {
    json!({
        "id": sample::SHOWTIME, "status": "on_sale", "starts_at": "2026-11-22T20:00:00Z",
        "starts_at_local": "2026-11-22T21:00:00+01:00", "on_sale_at": "2026-11-01T09:00:00Z",
        "off_sale_at": "2026-11-22T20:00:00Z", "currency": "EUR",
        "prices": {"standard": {"adult": euros(1250), "child": euros(900)}, "premium": {"standard": euros(1500)}},
        "hold_ttl_s": 480, "max_hold_ttl_s": 1440, "max_seats_per_hold": 10, "published": true, "plan": sample::PLAN,
        "external_id": null,
        "cinema": {"id": sample::CINEMA, "name": "Orpheum", "time_zone": "Europe/Berlin"},
        "movie": {"id": sample::MOVIE, "title": "Orbit of Two", "runtime_min": 142, "rating": "12"},
        "auditorium": {"id": sample::AUDITORIUM, "name": "Studio"},
    })
}

fn showtime_sample() -> Value {
    let mut showtime = summary_sample();
    showtime["counts"] = json!({"available": 210, "held": 6, "booked": 24, "blocked": 0});
    showtime["epoch"] = sample::EPOCH.into();
    showtime["revision"] = 41.into();
    showtime
}
