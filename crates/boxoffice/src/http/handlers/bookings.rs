//! Bookings: confirm a hold, read, cancel.

pub mod desk;

use axum::extract::State;
use axum::response::Response;
use boxoffice_core::command::Command;
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::{BookingId, HoldId};
use boxoffice_core::refusal::Refusal;
use boxoffice_engine::board::Board;
use http::StatusCode;
use serde_json::Value;

use super::super::auth::Credential;
use super::super::json::{Faults, Fields, text};
use super::super::log::note_done;
use super::super::problem::{Code, Problem};
use super::super::request::{Asked, AskedWithBody, AskedWithOptionalBody, Id};
use super::super::wire::{self, hold};
use super::super::{App, Shared};
use super::holds::execute_on_hold;
use super::{labels, metadata};
use crate::config::Scope;

/// `POST /v1/bookings`
pub async fn create(State(app): State<Shared>, asked: AskedWithBody) -> Result<Response, Problem> {
    let AskedWithBody(asked, body) = asked;
    if asked.credential == Credential::None {
        return Err(Problem::new(
            Code::CredentialsMissing,
            "This needs the token of the hold, or an API key.",
        ));
    }
    let caller = asked.caller(&body);
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, String::new(), &mut faults);
    let id = fields.required("hold", |value| hold_id(value).map(Some));
    let contact = contact(&mut fields);
    let metadata = metadata(&mut fields);
    fields.finish();
    faults.check()?;
    let id = id.ok_or_else(|| Problem::new(Code::HoldNotFound, "There is no such hold."))?;
    asked.credential.require_token(&app.tokens, &id.to_string(), Scope::Sell)?;
    require_key_where_needed(&app, &asked.credential)?;
    let command = Command::Confirm { hold: id.serial, contact, metadata };
    let done = execute_on_hold(&app, id, &command, &caller).await?;
    let record =
        done.hold.as_ref().ok_or_else(|| Problem::new(Code::Internal, "A booking has no record."))?;
    let booking = show(&app, &asked.credential, &done.board, record, done.contact.as_ref())?;
    if done.event.is_none() {
        return Ok(wire::answer(StatusCode::OK, &booking));
    }
    let location = format!("/v1/bookings/{}", BookingId { showtime: id.showtime, serial: id.serial });
    let mut response = wire::created(location, &booking, done.replayed);
    note_done(&mut response, &done);
    Ok(response)
}

/// `GET /v1/bookings/{id}`
pub async fn read(
    State(app): State<Shared>,
    Id(id): Id<BookingId>,
    mut asked: Asked,
) -> Result<Response, Problem> {
    asked.no_more_parameters()?;
    asked.credential.require_token(&app.tokens, &id.to_string(), Scope::Read)?;
    let view =
        app.office.booking(id.showtime, id.serial).await.map_err(|refused| app.problem(&refused, None))?;
    let view = view.ok_or_else(|| app.problem(&Refusal::BookingNotFound.into(), None))?;
    Ok(wire::answer(
        StatusCode::OK,
        &show(&app, &asked.credential, &view.board, &view.hold, view.contact.as_ref())?,
    ))
}

/// `POST /v1/bookings/{id}/cancel`
pub async fn cancel(
    State(app): State<Shared>,
    Id(id): Id<BookingId>,
    asked: AskedWithOptionalBody,
) -> Result<Response, Problem> {
    let AskedWithOptionalBody(asked, body) = asked;
    asked.credential.require_token(&app.tokens, &id.to_string(), Scope::Sell)?;
    require_key_where_needed(&app, &asked.credential)?;
    let caller = asked.caller(&body);
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, String::new(), &mut faults);
    let seats = labels(&mut fields, "seats", 1000);
    fields.finish();
    faults.check()?;
    let command = Command::Cancel { booking: id.serial, seats };
    let hold = HoldId { showtime: id.showtime, serial: id.serial };
    let done =
        execute_on_hold(&app, hold, &command, &caller).await.map_err(|problem| match problem.code() {
            Code::HoldNotFound => app.problem(&Refusal::BookingNotFound.into(), None),
            _ => problem,
        })?;
    let record =
        done.hold.as_ref().ok_or_else(|| Problem::new(Code::Internal, "A booking has no record."))?;
    let mut response = wire::answer(
        StatusCode::OK,
        &show(&app, &asked.credential, &done.board, record, done.contact.as_ref())?,
    );
    wire::mark_replayed(&mut response, done.replayed);
    note_done(&mut response, &done);
    Ok(response)
}

/// Where the shop takes the money first, a token alone neither confirms nor cancels.
fn require_key_where_needed(app: &App, credential: &Credential) -> Result<(), Problem> {
    if app.config.bookings.confirm_by == "key" && !credential.has(Scope::Sell) {
        let detail = "Here only a sell or admin key may confirm and cancel.";
        return Err(Problem::new(Code::ConfirmNotAllowed, detail));
    }
    Ok(())
}

fn show<'a>(
    app: &App,
    asks: &Credential,
    board: &'a Board,
    record: &'a Hold,
    contact: Option<&'a Contact>,
) -> Result<hold::BookingAnswer<'a>, Problem> {
    let booking = hold::booking(app, asks, board.id(), board.plan(), record, contact);
    booking.ok_or_else(|| app.problem(&Refusal::BookingNotFound.into(), None))
}

fn contact(fields: &mut Fields<'_>) -> Contact {
    let Some(value) = fields.take("contact") else { return Contact::default() };
    fields.nested("contact", value, |fields| Contact {
        name: fields.optional("name", text(200)),
        email: fields.optional("email", email),
    })
}

fn email(value: Value) -> Result<compact_str::CompactString, String> {
    let email = text(254)(value)?;
    let plausible = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if plausible && !email.contains(char::is_whitespace) {
        return Ok(email);
    }
    Err("It must be an e-mail address.".to_owned())
}

fn hold_id(value: Value) -> Result<HoldId, String> {
    let id = value.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| "It must be the id of a hold.".to_owned())
}
