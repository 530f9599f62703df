//! The door for the stampede: strangers who ask to hold seats, which is nearly every request there is when a sale
//! opens.
//!
//! The usual body is read without a value tree, and answered without the router. Whatever is not plain (a key, a
//! token, a body with a fault) goes on to the router untouched, whose handler finds and names every fault; so the
//! answers are the same through either door, only the price differs.

use axum::response::Response;
use boxoffice_core::change::Actor;
use boxoffice_core::command::{Command, HoldSeats, SeatRequest, SeatRequests};
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::Caller;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use serde::Deserialize;
use smallvec::SmallVec;

use super::App;
use super::auth::Credential;
use super::handlers::holds::hold_on;
use super::handlers::{may_be_label, visible_board};
use super::log::Changed;
use super::names::IDEMPOTENCY_KEY;
use super::problem::Problem;

/// The body of nearly every hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainHold<'a> {
    #[serde(borrow)]
    seats: SmallVec<[&'a str; 4]>,
}

/// Answers a plain hold, and tells what it changed.
pub(super) async fn answer(
    app: &App,
    id: ShowtimeId,
    hold: &Command,
) -> Result<(Response, Option<Changed>), Problem> {
    let board = visible_board(app, id, &Credential::None).await?;
    hold_on(app, board, hold, &Caller { actor: Actor::Patron, request: None }).await
}

/// The showtime of `POST /v1/showtimes/{id}/holds`, if the request has neither credentials nor an idempotency key.
pub(super) fn plain_target(request: &Parts) -> Option<ShowtimeId> {
    let path = request.uri.path().strip_prefix("/v1/showtimes/")?.strip_suffix("/holds")?;
    let headers = &request.headers;
    let plain = request.method == Method::POST
        && request.uri.query().is_none()
        && !headers.contains_key(header::AUTHORIZATION)
        && !headers.contains_key(IDEMPOTENCY_KEY)
        && !headers.contains_key(header::EXPECT)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && is_json(headers);
    if plain { path.parse().ok() } else { None }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"application/json")
}

/// The hold that the body asks for, if it is a plain one without a fault.
pub(super) fn plain_hold(body: &[u8]) -> Option<Command> {
    // A list of one list would be read as the object's members in their order, which nobody means.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let PlainHold { seats } = serde_json::from_slice(body).ok()?;
    if !seats.iter().all(|seat| may_be_label(seat)) {
        return None;
    }
    let seats: SeatRequests =
        seats.into_iter().map(|seat| SeatRequest { seat: seat.into(), ticket: None }).collect();
    Some(Command::Hold(HoldSeats { seats, ..HoldSeats::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_without_a_fault_is_plain() {
        let plain = |body: &str| plain_hold(body.as_bytes());
        let Some(Command::Hold(hold)) = plain(r#" {"seats": ["A1", "A2"]} "#) else { panic!("not plain") };
        assert_eq!(hold.seats.iter().map(|seat| seat.seat.as_str()).collect::<Vec<_>>(), ["A1", "A2"]);
        for body in [
            "",
            "{}",
            r#"[["A1"]]"#,
            r#"{"seats":"A1"}"#,
            r#"{"seats":["A1"],"seats":["A2"]}"#,
            r#"{"seats":[""]}"#,
            r#"{"seats":["A1"],"ttl_s":5}"#,
            r#"{"seats":[{"seat":"A1"}]}"#,
            r#"{"seats":["A1"]} x"#,
        ] {
            assert!(plain(body).is_none(), "{body}");
        }
    }
}
