//! What the box office itself does: blocks and unblocks seats, reads the event log.

use axum::extract::State;
use axum::response::Response;
use boxoffice_core::change::{Change, Event};
use boxoffice_core::command::Command;
use boxoffice_core::hold::HoldStatus;
use boxoffice_core::id::{BookingId, HoldId, ShowtimeId};
use boxoffice_core::plan::SeatNo;
use boxoffice_engine::board::{Board, SeatView};
use compact_str::CompactString;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::Shared;
use super::super::json::{Faults, Fields, text};
use super::super::log::note_done;
use super::super::problem::Problem;
use super::super::request::{Asked, AskedWithBody, Id, number};
use super::super::wire::{self, seats, time};
use super::{execute, labels, store_problem, visible_board};
use crate::config::Scope;

/// `POST /v1/showtimes/{id}/block`
pub async fn block(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    asked: AskedWithBody,
) -> Result<Response, Problem> {
    turn(&app, id, asked, |seats, reason| Command::Block { seats, reason }).await
}

/// `POST /v1/showtimes/{id}/unblock`
pub async fn unblock(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    asked: AskedWithBody,
) -> Result<Response, Problem> {
    turn(&app, id, asked, |seats, reason| Command::Unblock { seats, reason }).await
}

async fn turn(
    app: &Shared,
    id: ShowtimeId,
    asked: AskedWithBody,
    command: impl FnOnce(Vec<CompactString>, Option<CompactString>) -> Command,
) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    asked.credential.require(Scope::Sell)?;
    let caller = asked.caller(&body);
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, String::new(), &mut faults);
    let named = labels(&mut fields, "seats", 100_000);
    if named.is_none() {
        fields.missing("seats");
    }
    let reason = fields.optional("reason", text(200));
    fields.finish();
    faults.check()?;
    let named = named.unwrap_or_default();
    let done = execute(app, id, &command(named.clone(), reason), &caller).await?;
    let plan = done.board.plan();
    let numbers: Vec<_> = named.iter().filter_map(|label| plan.find(label)).collect();
    let views = match &done.event {
        // As the change left them, whatever was done since.
        Some(event) => numbers.iter().filter_map(|no| left_by(&event.change, *no)).collect(),
        None => done.board.some_seats(&numbers, app.office.now()).0,
    };
    let shown: Vec<_> = views.iter().map(|view| seats::sparse(plan, view)).collect();
    let answer = json!({"revision": done.revision, "seats": shown});
    let mut response = wire::answer(StatusCode::OK, &answer);
    wire::mark_replayed(&mut response, done.replayed);
    note_done(&mut response, &done);
    Ok(response)
}

/// A seat as a change left it; a block names every seat that it is about.
fn left_by(change: &Change, no: SeatNo) -> Option<SeatView> {
    let seat = change.seats.iter().find(|seat| seat.no == no)?;
    Some(SeatView { no, status: seat.to, version: seat.version, expires_at: None })
}

/// `GET /v1/showtimes/{id}/events`
pub async fn events(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    mut asked: Asked,
) -> Result<Response, Problem> {
    asked.credential.require(Scope::Read)?;
    let limit = asked.limit();
    let after = asked.cursor(number).unwrap_or(0);
    asked.no_more_parameters()?;
    let board = visible_board(&app, id, &asked.credential).await?;
    let events = app.office.ports().store.events(id, after, limit).await;
    let events = events.map_err(|error| store_problem(&app, error))?;
    // There is always a place to go on from: more may happen.
    let next = events.last().map_or(after, |event| event.revision);
    let data: Vec<Value> = events.iter().map(|event| show(&board, event)).collect();
    Ok(wire::answer(StatusCode::OK, &json!({"data": data, "next": next})))
}

fn show(board: &Board, event: &Event) -> Value {
    let (change, plan) = (&event.change, board.plan());
    let seats: Vec<Value> = change
        .seats
        .iter()
        .map(|seat| {
            let label = plan.seat(seat.no).label.as_str();
            json!({"seat": label, "from": seat.from.as_str(), "to": seat.to.as_str(), "version": seat.version})
        })
        .collect();
    let mut shown = Map::new();
    shown.insert("revision".to_owned(), event.revision.into());
    shown.insert("at".to_owned(), time(change.at).into());
    shown.insert("kind".to_owned(), change.kind.0.as_str().into());
    shown.insert("actor".to_owned(), change.actor.to_string().into());
    shown.insert("seats".to_owned(), seats.into());
    if let Some(hold) = change.holds.last() {
        let id = HoldId { showtime: board.id(), serial: hold.serial };
        shown.insert("hold".to_owned(), id.to_string().into());
        if hold.status == HoldStatus::Booked {
            let id = BookingId { showtime: board.id(), serial: hold.serial };
            shown.insert("booking".to_owned(), id.to_string().into());
        }
    }
    if let Some((_, ended)) = change.holds.split_last().filter(|(_, ended)| !ended.is_empty()) {
        let ids = ended.iter().map(|hold| match hold.status {
            HoldStatus::Booked => BookingId { showtime: board.id(), serial: hold.serial }.to_string(),
            _ => HoldId { showtime: board.id(), serial: hold.serial }.to_string(),
        });
        shown.insert("also_ended".to_owned(), ids.collect::<Vec<_>>().into());
    }
    if let Some(reason) = &change.reason {
        shown.insert("reason".to_owned(), reason.as_str().into());
    }
    Value::Object(shown)
}
