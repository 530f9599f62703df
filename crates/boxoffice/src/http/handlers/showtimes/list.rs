//! `GET /v1/showtimes`: by start, filtered.

use axum::extract::State;
use axum::response::Response;
use boxoffice_core::id::{CinemaId, ShowtimeId};
use boxoffice_core::settings::SaleStatus;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::catalogue::{Entry, EntryFilter, Kind, ShowtimeEntry, ShowtimeFilter};
use compact_str::CompactString;
use http::StatusCode;
use serde_json::Value;

use super::super::super::problem::Problem;
use super::super::super::request::{Asked, read_date};
use super::super::super::wire::{self, Page, read_time};
use super::super::super::{App, Shared};
use super::super::{catalogue, store_problem};
use super::surroundings_of;
use crate::config::Scope;

/// `GET /v1/showtimes`
pub async fn list(State(app): State<Shared>, mut asked: Asked) -> Result<Response, Problem> {
    let now = app.office.now();
    let limit = asked.limit();
    let after = asked.cursor(read_cursor);
    let cinema = asked.read_parameter("cinema", |text| text.parse().ok(), "the id of a cinema");
    let movie = asked.read_parameter("movie", |text| text.parse().ok(), "the id of a movie");
    let auditorium = asked.read_parameter("auditorium", |text| text.parse().ok(), "the id of an auditorium");
    let status = asked.read_parameter("status", read_status, "upcoming, on_sale, closed or cancelled");
    let external_id = asked.text_parameter("external_id").map(Into::into);
    let its_cinema = match (cinema, auditorium) {
        (None, Some(id)) => {
            let auditorium = app.entries.auditorium(&app.office, id).await;
            auditorium.map_err(|error| store_problem(&app, error))?.and_then(|auditorium| auditorium.cinema)
        }
        (cinema, _) => cinema,
    };
    let zone = zone_of_days(&app, &asked, its_cinema).await?;
    let moment = |text: &str| read_moment(text, zone.as_deref());
    const EXPECTED: &str = "a time such as 2026-11-22T20:00:00Z, or a date";
    let from = asked.read_parameter("from", moment, EXPECTED);
    let to = asked.read_parameter("to", moment, EXPECTED);
    asked.no_more_parameters()?;
    let filter = ShowtimeFilter {
        after,
        cinema,
        movie,
        auditorium,
        status,
        from: from.or(external_id.is_none().then_some(now)),
        external_id,
        to,
        published_only: !asked.credential.has(Scope::Read),
        now,
        limit: limit + 1,
    };
    let found = app.office.ports().store.catalogue().showtimes(filter).await;
    let page = Page::new(found.map_err(|error| store_problem(&app, error))?, limit, cursor, |entry| entry);
    let mut data = Vec::with_capacity(page.data.len());
    for entry in &page.data {
        let around = surroundings_of(&app, entry).await?;
        data.push(Value::Object(wire::catalogue::showtime(entry, &entry.settings, &around, now)));
    }
    let page = Page { data, next: page.next };
    Ok(catalogue::public(wire::answer(StatusCode::OK, &page)))
}

fn cursor(entry: &ShowtimeEntry) -> String {
    format!("{}-{}", entry.settings.starts_at.as_ms(), entry.id)
}

fn read_cursor(text: &str) -> Option<(Timestamp, ShowtimeId)> {
    let (starts_at, id) = text.rsplit_once('-')?;
    Some((Timestamp::from_ms(starts_at.parse().ok()?), id.parse().ok()?))
}

fn read_status(text: &str) -> Option<SaleStatus> {
    let all = [SaleStatus::Upcoming, SaleStatus::OnSale, SaleStatus::Closed, SaleStatus::Cancelled];
    all.into_iter().find(|status| status.as_str() == text)
}

/// The time zone that bare dates of a query are of: that of the cinema that is asked for, or of all cinemas if they are
/// in one; else dates are UTC's.
pub(in super::super) async fn zone_of_days(
    app: &App,
    asked: &Asked,
    cinema: Option<CinemaId>,
) -> Result<Option<CompactString>, Problem> {
    const MANY: usize = 200;
    if !asked.has_date(&["from", "to"]) {
        return Ok(None);
    }
    let store = |error| store_problem(app, error);
    if let Some(id) = cinema {
        let cinema = app.entries.cinema(&app.office, id).await.map_err(store)?;
        return Ok(cinema.map(|cinema| cinema.time_zone));
    }
    let filter = EntryFilter { limit: MANY, ..EntryFilter::default() };
    let entries = app.office.ports().store.catalogue().entries(Kind::Cinema, filter).await.map_err(store)?;
    let zone = |entry: &Entry| match entry {
        Entry::Cinema(cinema) => Some(cinema.time_zone.clone()),
        _ => None,
    };
    let first = entries.first().and_then(zone);
    Ok(first.filter(|first| entries.len() < MANY && entries.iter().all(|e| zone(e).as_ref() == Some(first))))
}

/// A time, or the beginning of a date in a zone (UTC if there is none).
pub(in super::super) fn read_moment(text: &str, zone: Option<&str>) -> Option<Timestamp> {
    if let Some(at) = read_time(text) {
        return Some(at);
    }
    let zone = jiff::tz::TimeZone::get(zone.unwrap_or("UTC")).ok()?;
    let day = read_date(text)?.to_zoned(zone).ok()?;
    Some(Timestamp::from_ms(day.timestamp().as_millisecond()))
}
