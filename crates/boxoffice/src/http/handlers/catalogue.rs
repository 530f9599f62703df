//! Cinemas, movies and auditoriums: read, list, create.

pub mod change;

use axum::extract::State;
use axum::response::Response;
use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId};
use boxoffice_engine::catalogue::{Cinema, Created, Entry, EntryFilter, Kind, Movie, New};
use compact_str::CompactString;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::super::json::{Faults, Fields, integer, text};
use super::super::log::note_change;
use super::super::problem::Problem;
use super::super::request::{Asked, AskedWithBody, Id, PathId};
use super::super::server::PUBLIC;
use super::super::wire::{self, Page};
use super::super::{App, Shared};
use super::{external_id, not_created, store_problem};
use crate::config::Scope;

/// `GET /v1/cinemas`
pub async fn list_cinemas(State(app): State<Shared>, asked: Asked) -> Result<Response, Problem> {
    list(&app, asked, Kind::Cinema).await
}

/// `GET /v1/movies`
pub async fn list_movies(State(app): State<Shared>, asked: Asked) -> Result<Response, Problem> {
    list(&app, asked, Kind::Movie).await
}

/// `GET /v1/auditoriums`
pub async fn list_auditoriums(State(app): State<Shared>, asked: Asked) -> Result<Response, Problem> {
    list(&app, asked, Kind::Auditorium).await
}

/// `GET /v1/cinemas/{id}`
pub async fn read_cinema(
    State(app): State<Shared>,
    Id(id): Id<CinemaId>,
    asked: Asked,
) -> Result<Response, Problem> {
    read(&app, asked, Kind::Cinema, id.number()).await
}

/// `GET /v1/movies/{id}`
pub async fn read_movie(
    State(app): State<Shared>,
    Id(id): Id<MovieId>,
    asked: Asked,
) -> Result<Response, Problem> {
    read(&app, asked, Kind::Movie, id.number()).await
}

/// `GET /v1/auditoriums/{id}`
pub async fn read_auditorium(
    State(app): State<Shared>,
    Id(id): Id<AuditoriumId>,
    asked: Asked,
) -> Result<Response, Problem> {
    read(&app, asked, Kind::Auditorium, id.number()).await
}

/// `POST /v1/cinemas`
pub async fn create_cinema(State(app): State<Shared>, asked: AskedWithBody) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    let mut faults = Faults::default();
    let mut fields = Fields::new(body.clone(), String::new(), &mut faults);
    let cinema = Cinema {
        id: CinemaId::from_number(app.office.draw_number()),
        name: fields.required("name", text(200)),
        time_zone: fields.required("time_zone", time_zone),
        address: fields.optional("address", text(500)),
        external_id: external_id(&mut fields),
    };
    fields.finish();
    faults.check()?;
    create(&app, &asked, &body, Entry::Cinema(cinema)).await
}

/// `POST /v1/movies`
pub async fn create_movie(State(app): State<Shared>, asked: AskedWithBody) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    let mut faults = Faults::default();
    let mut fields = Fields::new(body.clone(), String::new(), &mut faults);
    let movie = Movie {
        id: MovieId::from_number(app.office.draw_number()),
        title: fields.required("title", text(300)),
        runtime_min: fields.optional("runtime_min", integer(1..=10_000)).map(|minutes| minutes as u32),
        rating: fields.optional("rating", text(40)),
        synopsis: fields.optional("synopsis", text(10_000)),
        external_id: external_id(&mut fields),
    };
    fields.finish();
    faults.check()?;
    create(&app, &asked, &body, Entry::Movie(movie)).await
}

/// Adds an entry and shows it.
async fn create(app: &App, asked: &Asked, body: &Value, entry: Entry) -> Result<Response, Problem> {
    let kind = entry.kind();
    let answer = wire::bytes(&show(&entry));
    add(app, asked, body, New::Entry(entry), kind, answer).await
}

/// Adds an entry and gives the answer, or the one that was given before.
pub(super) async fn add(
    app: &App,
    asked: &Asked,
    body: &Value,
    new: New,
    kind: Kind,
    answer: Vec<u8>,
) -> Result<Response, Problem> {
    let key = asked.catalogue_key(app, body, answer.clone());
    let created = app.office.ports().store.catalogue().create(new, key).await;
    let created = created.map_err(|error| not_created(app, error, |number| id_text(kind, number)))?;
    if created.replayed {
        return answered_again(app, kind, created).await;
    }
    let location = format!("/v1/{}/{}", segment(kind), id_text(kind, created.number));
    let mut response = wire::located(location, wire::encoded(StatusCode::CREATED, answer), false);
    note_change(&mut response, None, &asked.credential.actor());
    Ok(response)
}

/// What was answered when an entry was made. A database of an older version did not keep it.
pub(super) async fn answered_again(app: &App, kind: Kind, created: Created) -> Result<Response, Problem> {
    let answer = match created.answer {
        Some(answer) => answer,
        None => {
            let entry = app.entries.get(&app.office, kind, created.number).await;
            let entry = entry.map_err(|error| store_problem(app, error))?;
            wire::bytes(&show(&*entry.ok_or_else(|| absent(kind))?))
        }
    };
    let location = format!("/v1/{}/{}", segment(kind), id_text(kind, created.number));
    Ok(wire::located(location, wire::encoded(StatusCode::CREATED, answer), true))
}

async fn list(app: &App, mut asked: Asked, kind: Kind) -> Result<Response, Problem> {
    let limit = asked.limit();
    let after = asked.cursor(|text| number_of(kind, text));
    let external_id = asked.text_parameter("external_id").map(CompactString::from);
    asked.no_more_parameters()?;
    let filter = EntryFilter { after, external_id, limit: limit + 1 };
    let entries = app.office.ports().store.catalogue().entries(kind, filter).await;
    let entries = entries.map_err(|error| store_problem(app, error))?;
    let page = Page::new(entries, limit, |entry| id_text(kind, entry.number()), |entry| show(&entry));
    Ok(public(wire::answer(StatusCode::OK, &page)))
}

async fn read(app: &App, mut asked: Asked, kind: Kind, number: u64) -> Result<Response, Problem> {
    asked.no_more_parameters()?;
    let entry =
        app.entries.get(&app.office, kind, number).await.map_err(|error| store_problem(app, error))?;
    let entry = entry.ok_or_else(|| absent(kind))?;
    Ok(public(wire::answer(StatusCode::OK, &show(&entry))))
}

/// Marks an answer that caches may keep for a moment.
pub(super) fn public(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(PUBLIC));
    response
}

/// There is nothing of this kind and id.
fn absent(kind: Kind) -> Problem {
    let code = match kind {
        Kind::Cinema => CinemaId::ABSENT,
        Kind::Movie => MovieId::ABSENT,
        Kind::Auditorium => AuditoriumId::ABSENT,
    };
    Problem::new(code, "There is nothing of this id.")
}

fn show(entry: &Entry) -> Value {
    match entry {
        Entry::Cinema(cinema) => wire::catalogue::cinema(cinema),
        Entry::Movie(movie) => wire::catalogue::movie(movie),
        Entry::Auditorium(auditorium) => wire::catalogue::auditorium(auditorium),
    }
}

fn segment(kind: Kind) -> &'static str {
    match kind {
        Kind::Cinema => "cinemas",
        Kind::Movie => "movies",
        Kind::Auditorium => "auditoriums",
    }
}

fn id_text(kind: Kind, number: u64) -> String {
    match kind {
        Kind::Cinema => CinemaId::from_number(number).to_string(),
        Kind::Movie => MovieId::from_number(number).to_string(),
        Kind::Auditorium => AuditoriumId::from_number(number).to_string(),
    }
}

fn number_of(kind: Kind, text: &str) -> Option<u64> {
    match kind {
        Kind::Cinema => text.parse().ok().map(CinemaId::number),
        Kind::Movie => text.parse().ok().map(MovieId::number),
        Kind::Auditorium => text.parse().ok().map(AuditoriumId::number),
    }
}

/// The name of an IANA time zone.
fn time_zone(value: Value) -> Result<CompactString, String> {
    let name = text(64)(value)?;
    match jiff::tz::TimeZone::get(&name) {
        Ok(_) => Ok(name),
        Err(_) => Err("It must be an IANA time zone, such as Europe/Berlin.".to_owned()),
    }
}
