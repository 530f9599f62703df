//! Changing cinemas, movies and auditoriums, and deleting what nothing uses any more.

use axum::extract::State;
use axum::response::Response;
use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId, ShowtimeId};
use boxoffice_engine::box_office::Refused;
use boxoffice_engine::catalogue::{Alteration, Created, Entry, Kind, NotAltered, Users};
use http::StatusCode;
use serde_json::Value;

use super::super::super::json::{Faults, Fields, integer, text};
use super::super::super::log::note_change;
use super::super::super::problem::{Code, Problem};
use super::super::super::request::{Asked, AskedWithBody, AskedWithOptionalBody, Id};
use super::super::super::{App, Shared, wire};
use super::super::{not_created, store_problem};
use super::{absent, id_text, show, time_zone};
use crate::config::Scope;

/// How often a change is tried again because another one came between.
const TRIES: usize = 5;

/// `PATCH /v1/cinemas/{id}`
pub async fn cinema(
    State(app): State<Shared>,
    Id(id): Id<CinemaId>,
    asked: AskedWithBody,
) -> Result<Response, Problem> {
    patch(&app, asked, Kind::Cinema, id.number()).await
}

/// `PATCH /v1/movies/{id}`
pub async fn movie(
    State(app): State<Shared>,
    Id(id): Id<MovieId>,
    asked: AskedWithBody,
) -> Result<Response, Problem> {
    patch(&app, asked, Kind::Movie, id.number()).await
}

/// `DELETE /v1/cinemas/{id}`
pub async fn delete_cinema(
    State(app): State<Shared>,
    Id(id): Id<CinemaId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    delete(&app, asked, Kind::Cinema, id.number()).await
}

/// `DELETE /v1/movies/{id}`
pub async fn delete_movie(
    State(app): State<Shared>,
    Id(id): Id<MovieId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    delete(&app, asked, Kind::Movie, id.number()).await
}

/// `DELETE /v1/auditoriums/{id}`
pub async fn delete_auditorium(
    State(app): State<Shared>,
    Id(id): Id<AuditoriumId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    delete(&app, asked, Kind::Auditorium, id.number()).await
}

async fn patch(app: &App, asked: AskedWithBody, kind: Kind, number: u64) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    if let Some(first) = first_answer(app, &asked, &body).await? {
        return Ok(again(StatusCode::OK, first));
    }
    change(app, &asked, &body, kind, number, |entry| {
        let mut faults = Faults::default();
        let mut fields = Fields::new(body.clone(), String::new(), &mut faults);
        edit(entry, &mut fields);
        fields.finish();
        faults.check()?;
        Ok(Edited::default())
    })
    .await
}

/// Writes what a change says into an entry.
fn edit(entry: &mut Entry, fields: &mut Fields<'_>) {
    let external_id = fields.change("external_id", text(128));
    let put = |place: &mut Option<_>, change| {
        if let Some(change) = change {
            *place = change;
        }
    };
    match entry {
        Entry::Cinema(cinema) => {
            cinema.name = fields.replace("name", text(200)).unwrap_or_else(|| cinema.name.clone());
            let zone = fields.replace("time_zone", time_zone);
            cinema.time_zone = zone.unwrap_or_else(|| cinema.time_zone.clone());
            put(&mut cinema.address, fields.change("address", text(500)));
            put(&mut cinema.external_id, external_id);
        }
        Entry::Movie(movie) => {
            movie.title = fields.replace("title", text(300)).unwrap_or_else(|| movie.title.clone());
            if let Some(minutes) = fields.change("runtime_min", integer(1..=10_000)) {
                movie.runtime_min = minutes.map(|minutes| minutes as u32);
            }
            put(&mut movie.rating, fields.change("rating", text(40)));
            put(&mut movie.synopsis, fields.change("synopsis", text(10_000)));
            put(&mut movie.external_id, external_id);
        }
        Entry::Auditorium(auditorium) => put(&mut auditorium.external_id, external_id),
    }
}

/// What goes with a changed entry.
#[derive(Default)]
pub(in super::super) struct Edited {
    /// An auditorium's new plan.
    pub(in super::super) plan: Option<std::sync::Arc<boxoffice_core::plan::Plan>>,
    /// Members of the answer that the entry does not have.
    pub(in super::super) more: Vec<(&'static str, Value)>,
}

/// Changes an entry from what it is now; if another change comes between, from what that made of it.
pub(in super::super) async fn change(
    app: &App,
    asked: &Asked,
    body: &Value,
    kind: Kind,
    number: u64,
    edit: impl Fn(&mut Entry) -> Result<Edited, Problem>,
) -> Result<Response, Problem> {
    let catalogue = app.office.ports().store.catalogue();
    for _ in 0..TRIES {
        let before = catalogue.entry(kind, number).await.map_err(|error| store_problem(app, error))?;
        let before = Box::new(before.ok_or_else(|| absent(kind))?);
        let mut after = before.clone();
        let Edited { plan, more } = edit(&mut after)?;
        let mut answer = show(&after);
        for (name, value) in more {
            answer[name] = value;
        }
        let answer = wire::bytes(&answer);
        let key = asked.catalogue_key(app, body, answer.clone());
        let done = catalogue.alter(Alteration::Replace { before, after, plan }, key).await;
        if done == Err(NotAltered::Changed) {
            continue;
        }
        // Also when nobody knows whether it was done.
        app.entries.forget(kind, number);
        let done = done.map_err(|error| not_altered(app, kind, error))?;
        if done.replayed {
            return Ok(again(StatusCode::OK, done));
        }
        let mut response = wire::encoded(StatusCode::OK, answer);
        note_change(&mut response, None, &asked.credential.actor());
        return Ok(response);
    }
    Err(app.problem(&Refused::Overloaded, None))
}

async fn delete(
    app: &App,
    asked: AskedWithOptionalBody,
    kind: Kind,
    number: u64,
) -> Result<Response, Problem> {
    let AskedWithOptionalBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    let mut faults = Faults::default();
    Fields::new(body.clone(), String::new(), &mut faults).finish();
    faults.check()?;
    let _nothing_new_refers_to_it = app.references.write().await;
    let key = asked.catalogue_key(app, &body, Vec::new());
    let done = app.office.ports().store.catalogue().alter(Alteration::Remove(kind, number), key).await;
    app.entries.forget(kind, number);
    let done = done.map_err(|error| not_altered(app, kind, error))?;
    Ok(deleted(&asked, None, done))
}

/// Nothing is there any more.
pub(in super::super) fn deleted(asked: &Asked, showtime: Option<ShowtimeId>, done: Created) -> Response {
    let mut response = wire::encoded(StatusCode::NO_CONTENT, Vec::new());
    wire::mark_replayed(&mut response, done.replayed);
    if !done.replayed {
        note_change(&mut response, showtime, &asked.credential.actor());
    }
    response
}

/// The answer that was given under the request's key before, if any was.
pub(in super::super) async fn first_answer(
    app: &App,
    asked: &Asked,
    body: &Value,
) -> Result<Option<Created>, Problem> {
    let Some(key) = asked.catalogue_key(app, body, Vec::new()) else { return Ok(None) };
    let first = app.office.ports().store.catalogue().answered(key).await;
    first.map_err(|error| not_created(app, error, |number| number.to_string()))
}

/// The same answer again.
pub(in super::super) fn again(status: StatusCode, first: Created) -> Response {
    let mut response = wire::encoded(status, first.answer.unwrap_or_default());
    wire::mark_replayed(&mut response, true);
    response
}

/// Why something of a kind was not changed.
fn not_altered(app: &App, kind: Kind, error: NotAltered) -> Problem {
    match error {
        NotAltered::Absent => absent(kind),
        NotAltered::Changed => app.problem(&Refused::Overloaded, None),
        NotAltered::InUse(users) => in_use(&users),
        NotAltered::EverHeld => Problem::new(Code::ShowtimeInUse, "Seats of it were held."),
        NotAltered::ExternalIdTaken { number } => {
            Problem::new(Code::ExternalIdTaken, "Another one has this external_id.")
                .with("id", id_text(kind, number))
        }
        NotAltered::KeyReused => app.problem(&Refused::IdempotencyKeyReused, None),
        NotAltered::Store(error) => store_problem(app, error),
        NotAltered::InDoubt => app.problem(&Refused::OutcomeUnknown, None),
    }
}

/// Why a showtime was not taken away.
pub(in super::super) fn not_removed(app: &App, error: NotAltered) -> Problem {
    match error {
        NotAltered::Absent => app.problem(&Refused::ShowtimeNotFound, None),
        NotAltered::EverHeld => Problem::new(
            Code::ShowtimeInUse,
            "Seats of it were held once, so it cannot be deleted; it can be cancelled.",
        ),
        other => not_altered(app, Kind::Cinema, other),
    }
}

fn in_use(users: &Users) -> Problem {
    let counted = |count: u64, what: &str| match count {
        1 => format!("1 {what} still uses it"),
        _ => format!("{count} {what}s still use it"),
    };
    let (showtime, auditorium) = (users.showtime, users.auditorium);
    let detail = match (showtime, auditorium) {
        (Some(id), _) => format!("{}, such as {id}.", counted(users.showtimes, "showtime")),
        (None, Some(id)) => format!("{}, such as {id}.", counted(users.auditoriums, "auditorium")),
        (None, None) => "Something still uses it.".to_owned(),
    };
    let mut problem = Problem::new(Code::InUse, detail).with("showtimes", users.showtimes);
    if let Some(id) = showtime {
        problem = problem.with("showtime", id.to_string());
    }
    if let Some(id) = auditorium {
        problem = problem.with("auditoriums", users.auditoriums).with("auditorium", id.to_string());
    }
    problem
}
