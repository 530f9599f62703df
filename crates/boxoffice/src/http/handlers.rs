//! What each route does: take the request apart, ask the engine or the store, show the answer.

pub mod bookings;
pub mod catalogue;
pub mod holds;
pub mod operations;
pub mod pages;
pub mod plans;
pub mod seat_page;
pub mod seats;
pub mod showtimes;
pub mod staff;

use std::sync::Arc;

use boxoffice_core::command::Command;
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::Plan;
use boxoffice_engine::board::Board;
use boxoffice_engine::box_office::{Caller, Done, Refused};
use boxoffice_engine::catalogue::NotCreated;
use boxoffice_engine::store::StoreError;
use compact_str::CompactString;
use serde_json::Value;

use super::App;
use super::auth::Credential;
use super::json::{Faults, Fields, text};
use super::problem::{Code, Problem};
use crate::config::Scope;

/// Carries out a command; what the engine refuses is said in the words of the API.
async fn execute(
    app: &App,
    showtime: ShowtimeId,
    command: &Command,
    caller: &Caller,
) -> Result<Done, Problem> {
    match app.office.execute(showtime, command, caller).await {
        Ok(done) => Ok(done),
        Err(refused) => {
            let plan = plan_for(app, showtime, &refused).await;
            Err(app.problem(&refused, plan.as_deref()))
        }
    }
}

/// The plan that names the seats of a refusal.
async fn plan_for(app: &App, showtime: ShowtimeId, refused: &Refused) -> Option<Arc<Plan>> {
    match refused {
        Refused::Rule(_) => app.office.board(showtime).await.ok().map(|board| Arc::clone(board.plan())),
        _ => None,
    }
}

/// The board of a showtime that whoever asks may see.
pub async fn visible_board(
    app: &App,
    showtime: ShowtimeId,
    credential: &Credential,
) -> Result<Arc<Board>, Problem> {
    let board = app.office.board(showtime).await.map_err(|refused| app.problem(&refused, None))?;
    if board.is_published() || credential.has(Scope::Read) {
        return Ok(board);
    }
    Err(app.problem(&Refused::ShowtimeNotFound, None))
}

/// What the store said, as a problem.
fn store_problem(app: &App, error: StoreError) -> Problem {
    app.problem(&Refused::from(error), None)
}

/// Why something was not added to the catalogue; `id` shows the id of the one that has the external id.
fn not_created(app: &App, error: NotCreated, id: impl FnOnce(u64) -> String) -> Problem {
    match error {
        NotCreated::ExternalIdTaken { number } => {
            Problem::new(Code::ExternalIdTaken, "Another one has this external_id.").with("id", id(number))
        }
        NotCreated::KeyReused => app.problem(&Refused::IdempotencyKeyReused, None),
        NotCreated::IdTaken => app.problem(&Refused::Overloaded, None),
        NotCreated::Store(error) => store_problem(app, error),
        NotCreated::InDoubt => app.problem(&Refused::OutcomeUnknown, None),
    }
}

/// Whether a text is not too long, nor too short, to be looked for among the labels.
pub(super) fn may_be_label(text: &str) -> bool {
    (1..=128).contains(&text.len())
}

/// A label as text of a request: whether a seat has it is for the rules to say.
fn label(value: Value) -> Result<CompactString, String> {
    match value {
        Value::String(label) if may_be_label(&label) => Ok(label.into()),
        _ => Err("It must be the label of a seat.".to_owned()),
    }
}

/// A list of labels.
fn labels(fields: &mut Fields<'_>, name: &str, most: usize) -> Option<Vec<CompactString>> {
    fields.list(name, most, |value, pointer, faults: &mut Faults| match label(value) {
        Ok(label) => Some(label),
        Err(detail) => {
            faults.invalid(&pointer, detail);
            None
        }
    })
}

/// Pairs of text: at most 20, of 40 and 500 characters.
fn metadata(fields: &mut Fields<'_>) -> boxoffice_core::hold::Metadata {
    let pairs = fields.map("metadata", boxoffice_core::hold::MAX_METADATA, |name, value, pointer, faults| {
        if name.is_empty() || name.chars().count() > 40 {
            faults.invalid(&pointer, "A name of metadata has 1 to 40 characters.");
            return None;
        }
        match value {
            Value::String(value) if value.chars().count() <= 500 => Some((name.into(), value.into())),
            _ => {
                faults.invalid(&pointer, "It must be a text of at most 500 characters.");
                None
            }
        }
    });
    pairs.unwrap_or_default()
}

/// The integrator's own id.
fn external_id(fields: &mut Fields<'_>) -> Option<CompactString> {
    fields.optional("external_id", text(128))
}
