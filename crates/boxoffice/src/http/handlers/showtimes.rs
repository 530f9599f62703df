//! Showtimes: list, read, create, change, call off, delete.

mod draft;
mod list;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use boxoffice_core::command::Command;
use boxoffice_core::decide::first_transition;
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_engine::box_office::Done;
use boxoffice_engine::catalogue::{Created, New, NotCreated, ShowtimeEntry};
use http::StatusCode;
use serde_json::Value;

use super::super::log::{note_change, note_done};
use super::super::problem::{Code, Problem, check_settings};
use super::super::request::{Asked, AskedWithBody, AskedWithOptionalBody, Id};
use super::super::wire::{self, catalogue::Surroundings};
use super::super::{App, Shared};
use super::catalogue::change::{deleted, first_answer, not_removed};
use super::{execute, not_created, store_problem, visible_board};
use crate::config::Scope;
pub use list::list;
pub(super) use list::{read_moment, zone_of_days};

/// How often a showtime's id is drawn anew when another node drew the same.
const DRAWS: usize = 5;

/// `GET /v1/showtimes/{id}`
pub async fn read(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    mut asked: Asked,
) -> Result<Response, Problem> {
    asked.no_more_parameters()?;
    visible_board(&app, id, &asked.credential).await?;
    Ok(wire::answer(StatusCode::OK, &show(&app, id).await?))
}

/// `POST /v1/showtimes`
pub async fn create(State(app): State<Shared>, asked: AskedWithBody) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    if let Some(first) = first_answer(&app, &asked, &body).await? {
        return made_before(&app, first).await;
    }
    let draft = draft::read_new(&app, body.clone())?;
    let store = |error| store_problem(&app, error);
    let _what_it_names_stays = app.references.read().await;
    let movie = app.entries.movie(&app.office, draft.movie).await.map_err(store)?;
    let movie = movie.ok_or_else(|| Problem::new(Code::MovieNotFound, "There is no movie of this id."))?;
    let auditorium = app.entries.auditorium(&app.office, draft.auditorium).await.map_err(store)?;
    let auditorium = auditorium
        .ok_or_else(|| Problem::new(Code::AuditoriumNotFound, "There is no auditorium of this id."))?;
    let cinema = match auditorium.cinema {
        Some(id) => app.entries.cinema(&app.office, id).await.map_err(store)?,
        None => None,
    };
    let (hash, cinema_id) = (auditorium.plan, auditorium.cinema);
    let plan = plan(&app, hash).await?;
    let settings = Arc::new(draft.settings(&plan)?);
    check_settings(&settings)?;
    let around =
        Surroundings { cinema, movie: Some(movie), auditorium: Some(auditorium), plan: Arc::clone(&plan) };
    let mut draws = 0;
    loop {
        let now = app.office.now();
        let entry = ShowtimeEntry {
            id: app.office.draw_showtime(),
            plan: hash,
            cinema: cinema_id,
            settings: Arc::clone(&settings),
            external_id: draft.external_id.clone(),
        };
        let id = entry.id;
        let first = first_transition(id, &plan, &settings, now);
        let mut members = wire::catalogue::showtime(&entry, &settings, &around, now);
        let blocked = plan.seats().iter().filter(|seat| seat.blocked).count() as u32;
        let counts = [plan.seat_count() - blocked, 0, 0, blocked];
        wire::catalogue::add_state(
            &mut members,
            counts,
            &app.office.ports().store.epoch(),
            u64::from(first.is_some()),
        );
        let answer = wire::bytes(&members);
        let key = asked.catalogue_key(&app, &body, answer.clone());
        draws += 1;
        match app.office.ports().store.catalogue().create(New::Showtime(entry, first), key).await {
            Err(NotCreated::IdTaken) if draws < DRAWS => {}
            Ok(created) if created.replayed => return made_before(&app, created).await,
            Ok(_) => {
                let response = wire::encoded(StatusCode::CREATED, answer);
                let mut response = wire::located(format!("/v1/showtimes/{id}"), response, false);
                note_change(&mut response, Some(id), &asked.credential.actor());
                return Ok(response);
            }
            Err(error) => {
                let id_text = |number| ShowtimeId::from_number(number).to_string();
                return Err(not_created(&app, error, id_text));
            }
        }
    }
}

/// What was answered when a showtime was made. A database of an older version did not keep it.
async fn made_before(app: &App, created: Created) -> Result<Response, Problem> {
    let id = ShowtimeId::from_number(created.number);
    let answer = match created.answer {
        Some(answer) => answer,
        None => wire::bytes(&show(app, id).await?),
    };
    Ok(wire::located(format!("/v1/showtimes/{id}"), wire::encoded(StatusCode::CREATED, answer), true))
}

/// `DELETE /v1/showtimes/{id}`: only where nothing was ever held.
pub async fn delete(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    let AskedWithOptionalBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    let mut faults = super::super::json::Faults::default();
    super::super::json::Fields::new(body.clone(), String::new(), &mut faults).finish();
    faults.check()?;
    let key = asked.catalogue_key(&app, &body, Vec::new());
    let removed = app.office.remove_showtime(id, key).await.map_err(|error| not_removed(&app, error))?;
    Ok(deleted(&asked, Some(id), removed))
}

/// `PATCH /v1/showtimes/{id}`
pub async fn change(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    asked: AskedWithBody,
) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    let board = visible_board(&app, id, &asked.credential).await?;
    // What was right when it was done may be wrong by now.
    let first = app.office.first_answer(&board, &asked.caller(&body)).await;
    if let Some(done) = first.map_err(|refused| app.problem(&refused, None))? {
        return show_right_after(&app, id, &done).await;
    }
    let patch = draft::read_patch(body.clone(), board.plan(), &board.settings())?;
    let _its_movie_stays = app.references.read().await;
    if let Some(movie) = patch.movie {
        let found =
            app.entries.movie(&app.office, movie).await.map_err(|error| store_problem(&app, error))?;
        found.ok_or_else(|| Problem::new(Code::MovieNotFound, "There is no movie of this id."))?;
    }
    drop(board);
    answer_command(&app, id, &Command::ChangeShowtime(patch), &asked, &body).await
}

/// `POST /v1/showtimes/{id}/cancel`
pub async fn cancel(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    let AskedWithOptionalBody(asked, body) = asked;
    asked.credential.require(Scope::Admin)?;
    let mut faults = super::super::json::Faults::default();
    super::super::json::Fields::new(body.clone(), String::new(), &mut faults).finish();
    faults.check()?;
    answer_command(&app, id, &Command::CancelShowtime, &asked, &body).await
}

async fn answer_command(
    app: &App,
    id: ShowtimeId,
    command: &Command,
    asked: &Asked,
    body: &Value,
) -> Result<Response, Problem> {
    let done = execute(app, id, command, &asked.caller(body)).await?;
    let mut response = show_right_after(app, id, &done).await?;
    note_done(&mut response, &done);
    Ok(response)
}

/// A showtime as a change left it: the same answer whenever it is asked for again, but for the names of what it is shown
/// with.
async fn show_right_after(app: &App, id: ShowtimeId, done: &Done) -> Result<Response, Problem> {
    let moment = app.office.right_after(done).await.map_err(|refused| app.problem(&refused, None))?;
    let mut entry = entry(app, id).await?;
    entry.settings = Arc::clone(&moment.settings);
    let around = surroundings(app, &entry, Arc::clone(done.board.plan())).await?;
    let mut members = wire::catalogue::showtime(&entry, &moment.settings, &around, moment.at);
    wire::catalogue::add_state(&mut members, moment.counts, done.board.epoch(), moment.revision);
    let mut response = wire::answer(StatusCode::OK, &Value::Object(members));
    wire::mark_replayed(&mut response, done.replayed);
    Ok(response)
}

async fn plan(app: &App, hash: PlanHash) -> Result<Arc<Plan>, Problem> {
    let plan = app.office.ports().store.plan(hash).await.map_err(|error| store_problem(app, error))?;
    plan.ok_or_else(|| Problem::new(Code::Internal, "The auditorium's plan is missing."))
}

/// A showtime with its state.
async fn show(app: &App, id: ShowtimeId) -> Result<Value, Problem> {
    let board = app.office.board(id).await.map_err(|refused| app.problem(&refused, None))?;
    let entry = entry(app, id).await?;
    let around = surroundings(app, &entry, Arc::clone(board.plan())).await?;
    let now = app.office.now();
    let mut members = wire::catalogue::showtime(&entry, &board.settings(), &around, now);
    let (counts, revision) = board.counts(now);
    wire::catalogue::add_state(&mut members, counts, board.epoch(), revision);
    Ok(Value::Object(members))
}

/// A showtime as the catalogue has it.
async fn entry(app: &App, id: ShowtimeId) -> Result<ShowtimeEntry, Problem> {
    let entry =
        app.office.ports().store.catalogue().showtime(id).await.map_err(|error| store_problem(app, error))?;
    entry.ok_or_else(|| Problem::new(Code::ShowtimeNotFound, "There is no showtime of this id."))
}

/// What the list of showtimes shows besides an entry itself.
pub(super) async fn surroundings_of(app: &App, entry: &ShowtimeEntry) -> Result<Surroundings, Problem> {
    let plan = plan(app, entry.plan).await?;
    surroundings(app, entry, plan).await
}

/// What a showtime's answer draws on besides its settings.
async fn surroundings(app: &App, entry: &ShowtimeEntry, plan: Arc<Plan>) -> Result<Surroundings, Problem> {
    let store = |error| store_problem(app, error);
    let cinema = match entry.cinema {
        Some(id) => app.entries.cinema(&app.office, id).await.map_err(store)?,
        None => None,
    };
    Ok(Surroundings {
        cinema,
        movie: app.entries.movie(&app.office, entry.settings.movie).await.map_err(store)?,
        auditorium: app.entries.auditorium(&app.office, entry.settings.auditorium).await.map_err(store)?,
        plan,
    })
}
