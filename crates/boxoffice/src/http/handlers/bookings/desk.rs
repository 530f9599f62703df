//! Bookings as the house looks at them: found by what a caller can tell, and their buyers blanked.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use boxoffice_core::hold::BookingStatus;
use boxoffice_core::id::{BookingId, CinemaId, Reference, Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::refusal::Refusal;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::archive::{BookingFilter, FoundBooking, folded_email};
use boxoffice_engine::catalogue::NotAltered;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::super::json::{Faults, Fields};
use super::super::super::log::note_change;
use super::super::super::problem::{Code, Problem};
use super::super::super::request::{Asked, AskedWithOptionalBody, Id};
use super::super::super::wire::{self, Page, hold};
use super::super::super::{App, Shared};
use super::super::catalogue::change::{first_answer, not_removed};
use super::super::showtimes::{read_moment, zone_of_days};
use super::super::store_problem;
use super::show;
use crate::config::Scope;

/// `GET /v1/bookings`
pub async fn list(State(app): State<Shared>, mut asked: Asked) -> Result<Response, Problem> {
    asked.credential.require(Scope::Read)?;
    let limit = asked.limit();
    let after = asked.cursor(read_cursor);
    let reference =
        asked.read_parameter("reference", |text| text.parse::<Reference>().ok(), "a reference: XXXXX-XXXXX");
    let email = asked.text_parameter("email").map(|email| folded_email(&email));
    let showtime = asked.read_parameter("showtime", |text| text.parse().ok(), "the id of a showtime");
    let cinema: Option<CinemaId> =
        asked.read_parameter("cinema", |text| text.parse().ok(), "the id of a cinema");
    let status = asked.read_parameter("status", read_status, "confirmed, partly_cancelled or cancelled");
    let its_cinema = match (cinema, showtime) {
        (None, Some(showtime)) => cinema_of(&app, showtime).await?,
        (cinema, _) => cinema,
    };
    let zone = zone_of_days(&app, &asked, its_cinema).await?;
    let moment = |text: &str| read_moment(text, zone.as_deref());
    const EXPECTED: &str = "a time such as 2026-11-22T20:00:00Z, or a date";
    let from = asked.read_parameter("from", moment, EXPECTED);
    let to = asked.read_parameter("to", moment, EXPECTED);
    asked.no_more_parameters()?;
    let filter =
        BookingFilter { after, reference, email, showtime, cinema, status, from, to, limit: limit + 1 };
    let store = &app.office.ports().store;
    let found = store.archive().bookings(filter).await.map_err(|error| store_problem(&app, error))?;
    let mut plans: BTreeMap<PlanHash, Arc<Plan>> = BTreeMap::new();
    for found in &found {
        if let Entry::Vacant(place) = plans.entry(found.plan) {
            let plan = store.plan(found.plan).await.map_err(|error| store_problem(&app, error))?;
            let missing = || Problem::new(Code::Internal, "A showtime's plan is missing.");
            place.insert(plan.ok_or_else(missing)?);
        }
    }
    let shown = |found: FoundBooking| {
        let plan = plans.get(&found.plan)?;
        let booking = hold::booking(
            &app,
            &asked.credential,
            found.showtime,
            plan,
            &found.stored.hold,
            found.stored.contact.as_ref(),
        );
        booking.map(|booking| json!(booking))
    };
    let page: Page<Option<Value>> = Page::new(found, limit, cursor, shown);
    Ok(wire::answer(StatusCode::OK, &page))
}

/// The cinema of a showtime.
async fn cinema_of(app: &App, showtime: ShowtimeId) -> Result<Option<CinemaId>, Problem> {
    let entry = app.office.ports().store.catalogue().showtime(showtime).await;
    Ok(entry.map_err(|error| store_problem(app, error))?.and_then(|entry| entry.cinema))
}

fn read_status(text: &str) -> Option<BookingStatus> {
    let all = [BookingStatus::Confirmed, BookingStatus::PartlyCancelled, BookingStatus::Cancelled];
    all.into_iter().find(|status| status.as_str() == text)
}

fn cursor(found: &FoundBooking) -> String {
    let at = found.stored.hold.booking.as_ref().map_or(0, |booking| booking.created_at.as_ms());
    format!("{at}-{}", found.stored.hold.serial)
}

fn read_cursor(text: &str) -> Option<(Timestamp, Serial)> {
    let (at, serial) = text.rsplit_once('-')?;
    let serial: Serial = serial.parse().ok()?;
    Some((Timestamp::from_ms(at.parse().ok()?), serial)).filter(|(_, serial)| serial >> 63 == 0)
}

/// `POST /v1/bookings/{id}/erase`: blanks the buyer; once more is no error.
pub async fn erase(
    State(app): State<Shared>,
    Id(id): Id<BookingId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    let AskedWithOptionalBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    let mut faults = Faults::default();
    Fields::new(body.clone(), String::new(), &mut faults).finish();
    faults.check()?;
    let not_found = || app.problem(&Refusal::BookingNotFound.into(), None);
    let mut replayed = first_answer(&app, &asked, &body).await?.is_some();
    if !replayed {
        // The answer has the booking's token, so it is not kept but made again.
        let key = asked.catalogue_key(&app, &body, Vec::new());
        let done = app.office.ports().store.archive().erase_contact(id.showtime, id.serial, key).await;
        let done = done.map_err(|error| match error {
            NotAltered::Absent => not_found(),
            error => not_removed(&app, error),
        })?;
        replayed = done.replayed;
    }
    let view =
        app.office.booking(id.showtime, id.serial).await.map_err(|refused| app.problem(&refused, None))?;
    let view = view.ok_or_else(not_found)?;
    let booking = show(&app, &asked.credential, &view.board, &view.hold, view.contact.as_ref())?;
    let mut response = wire::answer(StatusCode::OK, &booking);
    wire::mark_replayed(&mut response, replayed);
    if !replayed {
        note_change(&mut response, Some(id.showtime), &asked.credential.actor());
    }
    Ok(response)
}
