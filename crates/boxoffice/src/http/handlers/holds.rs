//! Holds: make, read, change, let go.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use boxoffice_core::command::{Command, ExpectedVersion, HoldEdit, HoldSeats, SeatRequest, SeatRequests};
use boxoffice_core::id::{HoldId, ShowtimeId};
use boxoffice_engine::board::Board;
use boxoffice_engine::box_office::{Caller, Done, Refused};
use http::StatusCode;
use serde_json::Value;

use super::super::json::{Faults, Fields, boolean, integer};
use super::super::log::{Changed, note, note_done};
use super::super::problem::{Code, Problem};
use super::super::request::{Asked, AskedWithBody, AskedWithOptionalBody, Id};
use super::super::wire;
use super::super::wire::hold::{self, HoldAnswer};
use super::super::{App, Shared};
use super::{execute, label, labels, metadata, visible_board};
use crate::config::Scope;

/// How many seats a body may name to be removed, or with a version.
const MOST_SEATS: usize = 1000;
/// The largest time that is understood, in seconds: what is too long is for the rules to say.
const MAX_TTL_S: i64 = 1 << 43;

/// `POST /v1/showtimes/{id}/holds`
pub async fn create(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    asked: AskedWithBody,
) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    let caller = asked.caller(&body);
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, String::new(), &mut faults);
    let seats = seat_requests(&mut fields, "seats");
    if seats.is_none() {
        fields.missing("seats");
    }
    let request = HoldSeats {
        seats: seats.unwrap_or_default(),
        versions: versions(&mut fields),
        ttl_ms: fields.optional("ttl_s", integer(1..=MAX_TTL_S)).map(|seconds| seconds * 1000),
        metadata: metadata(&mut fields),
    };
    fields.finish();
    faults.check()?;
    let board = match visible_board(&app, id, &asked.credential).await {
        Err(hidden) if hidden.code() == Code::ShowtimeNotFound && caller.request.is_some() => {
            // What was answered before is answered again, though the showtime is not shown any more.
            let board = app.office.board(id).await.map_err(|refused| app.problem(&refused, None))?;
            let first = app.office.first_answer(&board, &caller).await;
            let first = first.map_err(|refused| app.problem(&refused, None))?.ok_or(hidden)?;
            return Ok(made(&app, &first)?.0);
        }
        board => board?,
    };
    let (mut response, changed) = hold_on(&app, board, &Command::Hold(request), &caller).await?;
    note(&mut response, changed);
    Ok(response)
}

/// Holds seats in a showtime that whoever asks may see; tells also what was changed.
pub async fn hold_on(
    app: &App,
    board: Arc<Board>,
    hold: &Command,
    caller: &Caller,
) -> Result<(Response, Option<Changed>), Problem> {
    let plan = Arc::clone(board.plan());
    let done = app.office.execute_on(board, hold, caller).await;
    made(app, &done.map_err(|refused| app.problem(&refused, Some(&plan)))?)
}

/// The answer to a hold that was made, now or before.
fn made(app: &App, done: &Done) -> Result<(Response, Option<Changed>), Problem> {
    let answer = left_by(app, done)?;
    let mut body = Vec::with_capacity(wire::USUAL_BODY);
    answer.write(&mut body);
    let response = wire::encoded(StatusCode::CREATED, body);
    let location = ["/v1/holds/", &answer.id].concat();
    Ok((wire::located(location, response, done.replayed), Changed::by(done)))
}

/// `GET /v1/holds/{id}`
pub async fn read(
    State(app): State<Shared>,
    Id(id): Id<HoldId>,
    mut asked: Asked,
) -> Result<Response, Problem> {
    asked.no_more_parameters()?;
    // Its answer has the token, with which more can be done than read.
    asked.credential.require_token(&app.tokens, &id.to_string(), Scope::Sell)?;
    let view = app.office.hold(id).await.map_err(|refused| app.problem(&refused, None))?;
    let view = view
        .ok_or_else(|| app.problem(&Refused::Rule(boxoffice_core::refusal::Refusal::HoldNotFound), None))?;
    let now = app.office.now();
    Ok(wire::answer(StatusCode::OK, &hold::hold(&app, &view.board, &view.hold, now, now)))
}

/// `PATCH /v1/holds/{id}`
pub async fn change(
    State(app): State<Shared>,
    Id(id): Id<HoldId>,
    asked: AskedWithBody,
) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    asked.credential.require_token(&app.tokens, &id.to_string(), Scope::Sell)?;
    let caller = asked.caller(&body);
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, String::new(), &mut faults);
    let edit = HoldEdit {
        add: seat_requests(&mut fields, "add").unwrap_or_default(),
        remove: labels(&mut fields, "remove", MOST_SEATS).unwrap_or_default(),
        extend: fields.optional("extend", boolean).unwrap_or_default(),
        versions: versions(&mut fields),
    };
    fields.finish();
    faults.check()?;
    let done = execute_on_hold(&app, id, &Command::Edit(id.serial, edit), &caller).await?;
    let mut response = wire::answer(StatusCode::OK, &left_by(&app, &done)?);
    wire::mark_replayed(&mut response, done.replayed);
    note_done(&mut response, &done);
    Ok(response)
}

/// `DELETE /v1/holds/{id}`
pub async fn release(
    State(app): State<Shared>,
    Id(id): Id<HoldId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    let AskedWithOptionalBody(asked, body) = asked;
    asked.credential.require_token(&app.tokens, &id.to_string(), Scope::Sell)?;
    let caller = asked.caller(&body);
    let mut faults = Faults::default();
    Fields::new(body, String::new(), &mut faults).finish();
    faults.check()?;
    let done = execute_on_hold(&app, id, &Command::Release(id.serial), &caller).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    wire::mark_replayed(&mut response, done.replayed);
    note_done(&mut response, &done);
    Ok(response)
}

/// Carries out a command about a hold; one in a showtime that does not exist does not exist either.
pub(super) async fn execute_on_hold(
    app: &App,
    id: HoldId,
    command: &Command,
    caller: &Caller,
) -> Result<Done, Problem> {
    match execute(app, id.showtime, command, caller).await {
        Err(problem) if problem.code() == Code::ShowtimeNotFound => {
            Err(app.problem(&boxoffice_core::refusal::Refusal::HoldNotFound.into(), None))
        }
        result => result,
    }
}

/// A hold as a command left it, also when that is told again; only the time left is then as of now.
fn left_by<'a>(app: &App, done: &'a Done) -> Result<HoldAnswer<'a>, Problem> {
    let record = done.hold.as_ref().ok_or_else(|| Problem::new(Code::Internal, "A hold has no record."))?;
    let (at, now) = match &done.event {
        Some(event) if done.replayed => (event.change.at, app.office.now()),
        Some(event) => (event.change.at, event.change.at),
        None => (app.office.now(), app.office.now()),
    };
    Ok(hold::hold(app, &done.board, record, at, now))
}

/// Seats as labels, or as objects with a label and a ticket. How many are too many is for the rules to say, as it is
/// at the door for the stampede; the body's size is limited.
fn seat_requests(fields: &mut Fields<'_>, name: &str) -> Option<SeatRequests> {
    let seats = fields.list(name, usize::MAX, |value, pointer, faults: &mut Faults| match value {
        Value::Object(_) => {
            let mut fields = Fields::new(value, pointer, faults);
            let seat = fields.required("seat", label);
            let ticket = fields.optional("ticket", super::super::json::text(40));
            fields.finish();
            Some(SeatRequest { seat, ticket })
        }
        value => match label(value) {
            Ok(seat) => Some(SeatRequest { seat, ticket: None }),
            Err(detail) => {
                faults.invalid(&pointer, detail);
                None
            }
        },
    });
    seats.map(SeatRequests::from_vec)
}

/// Versions that must still be right, by label.
fn versions(fields: &mut Fields<'_>) -> Vec<ExpectedVersion> {
    let versions = fields.map("versions", MOST_SEATS, |seat, value, pointer, faults| {
        match integer(0..=i64::from(u32::MAX))(value) {
            Ok(version) => Some(ExpectedVersion { seat: seat.into(), version: version as u32 }),
            Err(detail) => {
                faults.invalid(&pointer, detail);
                None
            }
        }
    });
    versions.unwrap_or_default()
}
