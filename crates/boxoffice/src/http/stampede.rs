//! The door for the stampede: strangers who ask to hold seats, which is nearly every request there is when a sale
//! opens.
//!
//! It reads the usual body without a value tree and answers without the router. Whatever is not plain (a key, a
//! token, a body with a fault) goes on to the router untouched, whose handler finds and names every fault; so the
//! answers are the same through either door, only the price differs.

use axum::body::Body;
use axum::response::Response;
use boxoffice_core::change::Actor;
use boxoffice_core::command::{HoldSeats, SeatRequest, SeatRequests};
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::Caller;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use serde::Deserialize;
use smallvec::SmallVec;

use super::App;
use super::auth::Credential;
use super::handlers::holds::hold_on;
use super::handlers::{may_be_label, visible_board};
use super::log::Changed;
use super::names::IDEMPOTENCY_KEY;
use super::problem::Problem;
use super::request::{RequestBody, collect_in_time};

/// The body of nearly every hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainHold<'a> {
    #[serde(borrow)]
    seats: SmallVec<[&'a str; 4]>,
}

/// Answers a plain hold, and tells what it changed; anything else comes back for the router.
pub(super) async fn answer<B: RequestBody>(
    app: &App,
    request: Request<B>,
) -> Result<Result<(Response, Option<Changed>), Problem>, Request<Body>> {
    let Some(id) = plain_target(&request) else { return Err(request.map(Body::new)) };
    let (parts, body) = request.into_parts();
    let bytes = match collect_in_time(app, body, app.config.http.max_body_bytes).await {
        Ok(bytes) => bytes,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some(hold) = plain_hold(&bytes) else { return Err(Request::from_parts(parts, Body::from(bytes))) };
    // Slices of the connection's buffer: once they are gone, it is used again.
    drop((parts, bytes));
    let board = match visible_board(app, id, &Credential::None).await {
        Ok(board) => board,
        Err(problem) => return Ok(Err(problem)),
    };
    let caller = Caller { actor: Actor::Patron, request: None };
    Ok(hold_on(app, board, hold, &caller).await)
}

/// The showtime of `POST /v1/showtimes/{id}/holds`, if the request has neither credentials nor an idempotency key.
fn plain_target<B>(request: &Request<B>) -> Option<ShowtimeId> {
    let path = request.uri().path().strip_prefix("/v1/showtimes/")?.strip_suffix("/holds")?;
    let headers = request.headers();
    let plain = request.method() == Method::POST
        && request.uri().query().is_none()
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
fn plain_hold(body: &Bytes) -> Option<HoldSeats> {
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
    Some(HoldSeats { seats, ..HoldSeats::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_without_a_fault_is_plain() {
        let plain = |body: &'static str| plain_hold(&Bytes::from_static(body.as_bytes()));
        let hold = plain(r#" {"seats": ["A1", "A2"]} "#).unwrap();
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
