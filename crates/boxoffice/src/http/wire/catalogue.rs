//! Cinemas, movies, auditoriums and showtimes.

use boxoffice_core::plan::Plan;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Counts;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::catalogue::{Auditorium, Cinema, Movie, ShowtimeEntry};
use serde_json::{Map, Value, json};

use super::{Amount, local_time, time};

/// A cinema.
pub fn cinema(cinema: &Cinema) -> Value {
    json!({
        "id": cinema.id.to_string(),
        "name": cinema.name,
        "time_zone": cinema.time_zone,
        "address": cinema.address,
        "external_id": cinema.external_id,
    })
}

/// A movie.
pub fn movie(movie: &Movie) -> Value {
    json!({
        "id": movie.id.to_string(),
        "title": movie.title,
        "runtime_min": movie.runtime_min,
        "rating": movie.rating,
        "synopsis": movie.synopsis,
        "external_id": movie.external_id,
    })
}

/// An auditorium.
pub fn auditorium(auditorium: &Auditorium) -> Value {
    json!({
        "id": auditorium.id.to_string(),
        "name": auditorium.name,
        "cinema": auditorium.cinema.map(|id| id.to_string()),
        "plan": auditorium.plan.to_string(),
        "screen": auditorium.screen,
        "external_id": auditorium.external_id,
    })
}

/// What a showtime's answer draws on besides its settings.
pub struct Surroundings {
    /// Where.
    pub cinema: Option<Cinema>,
    /// What.
    pub movie: Option<Movie>,
    /// In which room.
    pub auditorium: Option<Auditorium>,
    /// The room's geometry, for the names of categories.
    pub plan: std::sync::Arc<Plan>,
}

/// A showtime as lists have it.
pub fn showtime(
    entry: &ShowtimeEntry,
    settings: &Settings,
    around: &Surroundings,
    now: Timestamp,
) -> Map<String, Value> {
    let zone = around.cinema.as_ref().map(|cinema| cinema.time_zone.as_str());
    let cinema = around.cinema.as_ref();
    let movie = around.movie.as_ref();
    let auditorium = around.auditorium.as_ref();
    let value = json!({
        "id": entry.id.to_string(),
        "status": settings.sale_status(now).as_str(),
        "starts_at": time(settings.starts_at),
        "starts_at_local": zone.and_then(|zone| local_time(settings.starts_at, zone)),
        "on_sale_at": time(settings.on_sale_at),
        "off_sale_at": time(settings.off_sale_at),
        "currency": settings.currency.as_str(),
        "prices": prices(settings, &around.plan),
        "hold_ttl_s": settings.hold_ttl_ms / 1000,
        "max_hold_ttl_s": settings.max_hold_ttl_ms / 1000,
        "max_seats_per_hold": settings.max_seats_per_hold,
        "published": settings.published,
        "plan": entry.plan.to_string(),
        "external_id": entry.external_id,
        "cinema": cinema.map(|c| json!({"id": c.id.to_string(), "name": c.name, "time_zone": c.time_zone})),
        "movie": movie.map(|m| json!({
            "id": m.id.to_string(), "title": m.title, "runtime_min": m.runtime_min, "rating": m.rating
        })),
        "auditorium": auditorium.map(|a| json!({"id": a.id.to_string(), "name": a.name})),
    });
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The members that one showtime's answer has over those in lists.
pub fn add_state(members: &mut Map<String, Value>, counts: Counts, epoch: &str, revision: u64) {
    let [available, held, booked, blocked] = counts;
    let counts = json!({"available": available, "held": held, "booked": booked, "blocked": blocked});
    members.insert("counts".to_owned(), counts);
    members.insert("epoch".to_owned(), epoch.into());
    members.insert("revision".to_owned(), revision.into());
}

fn prices(settings: &Settings, plan: &Plan) -> Value {
    let categories = plan.categories().iter().zip(&settings.prices.0).map(|(category, tickets)| {
        let amount = |amount| json!(Amount { amount, currency: settings.currency });
        let tickets: Map<String, Value> =
            tickets.iter().map(|price| (price.ticket.to_string(), amount(price.amount))).collect();
        (category.key.to_string(), Value::Object(tickets))
    });
    Value::Object(categories.collect())
}
