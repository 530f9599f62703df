//! Errors as RFC 9457 problems, and the one place where a refusal becomes a status and a code.

mod codes;

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use boxoffice_core::plan::{Plan, SeatNo};
use boxoffice_core::refusal::Refusal;
use boxoffice_core::settings::Settings;
use boxoffice_engine::box_office::Refused;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

pub use codes::{CODES, Code};

use super::wire::time;

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    /// Members of the code, as `,"name":value` text.
    members: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this code, with one helpful sentence.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), members: String::new(), headers: Vec::new() }
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Its helpful sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether it may go away by itself.
    pub fn is_passing(&self) -> bool {
        self.code.info().status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value: Value = value.into();
        // Writing to a String cannot fail.
        let _ = write!(self.members, ",\"{name}\":{value}");
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A 400 with one fault at a place: ("pointer", a JSON Pointer) or ("parameter", a name).
    pub fn fault(code: Code, place: (&str, &str), detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        let errors = json!([{place.0: place.1, "detail": detail}]);
        Self::new(code, detail).with("errors", errors)
    }

    /// Takes over the Allow header that the router gave with a 405.
    #[must_use]
    pub fn with_headers_of(self, response: &Response) -> Self {
        match response.headers().get(header::ALLOW) {
            Some(allow) => self.header(header::ALLOW, allow.clone()),
            None => self,
        }
    }

    /// Something that may go away by itself: says when to try again, spread so that not all come back at once.
    pub(super) fn passing(code: Code, detail: impl Into<Cow<'static, str>>, spread: u64) -> Self {
        let retry_after_ms = 200 + spread % 800;
        Self::new(code, detail)
            .with("retry_after_ms", retry_after_ms)
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// What the engine said, in the words of the API. `plan` names seats.
    pub fn refused(refused: &Refused, plan: Option<&Plan>, spread: u64) -> Self {
        match refused {
            Refused::Rule(refusal) => Self::refusal(refusal, plan),
            Refused::ShowtimeNotFound => Self::new(Code::ShowtimeNotFound, "There is no such showtime."),
            Refused::Overloaded => {
                Self::passing(Code::Overloaded, "Too many requests wait already; try again shortly.", spread)
            }
            Refused::StoreUnavailable => Self::passing(
                Code::StoreUnavailable,
                "The store cannot be reached or written for now; nothing was done.",
                spread,
            ),
            Refused::OutcomeUnknown => Self::passing(
                Code::OutcomeUnknown,
                "It is not known yet whether this was done; repeat the request with the same Idempotency-Key.",
                spread,
            ),
            Refused::Draining => Self::passing(Code::Draining, "This node is going down; try again.", spread),
            Refused::IdempotencyInProgress => Self::new(
                Code::IdempotencyInProgress,
                "The first request with this Idempotency-Key has not ended yet.",
            ),
            Refused::IdempotencyKeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was used for another request; use a new one.",
            ),
            Refused::Damaged => Self::new(Code::Internal, "Something is wrong with the stored data."),
        }
    }

    /// A business "no" in the words of the API: exhaustive, so that a new refusal does not compile until it is here.
    fn refusal(refusal: &Refusal, plan: Option<&Plan>) -> Self {
        let label = |no: &SeatNo| plan.map_or("", |plan| plan.seat(*no).label.as_str());
        match refusal {
            Refusal::NotOnSale { opens_at: Some(at) } => {
                Self::new(Code::NotOnSale, "The sale has not opened yet.").with("on_sale_at", time(*at))
            }
            Refusal::NotOnSale { opens_at: None } => Self::new(Code::NotOnSale, "The sale is over."),
            Refusal::ShowtimeCancelled => Self::new(Code::ShowtimeCancelled, "The showtime was cancelled."),
            Refusal::UnknownSeat(seats) => {
                Self::new(Code::UnknownSeat, "The room does not have these seats.")
                    .with("seats", json!(seats))
            }
            Refusal::DuplicateSeat(seats) => {
                Self::new(Code::DuplicateSeat, "These seats are named twice, or are in the hold already.")
                    .with("seats", json!(seats))
            }
            Refusal::NoSeats => Self::new(Code::NoSeats, "At least one seat is needed."),
            Refusal::TooManySeats { limit } => {
                Self::new(Code::TooManySeats, format!("A hold may have at most {limit} seats."))
                    .with("limit", *limit)
            }
            Refusal::UnknownTicket(seats) => {
                Self::new(Code::UnknownTicket, "The category of these seats has no such ticket.")
                    .with("seats", json!(seats))
            }
            Refusal::MissingPrice(seats) => {
                Self::new(Code::MissingPrice, "The category of these seats has no price.")
                    .with("seats", json!(seats))
            }
            Refusal::TtlTooLong { limit_ms } => {
                Self::new(Code::TtlTooLong, "ttl_s may only shorten the time of a hold.")
                    .with("limit", limit_ms / 1000)
            }
            Refusal::VersionMismatch(faults) => {
                let conflicts: Vec<Value> = faults
                    .iter()
                    .map(|fault| json!({"seat": label(&fault.no), "expected": fault.expected, "actual": fault.actual}))
                    .collect();
                Self::new(Code::VersionMismatch, "Seats have changed since you looked.")
                    .with("conflicts", conflicts)
            }
            Refusal::SeatUnavailable(conflicts) => {
                let mut problem = Self::new(Code::SeatUnavailable, "Not all of these seats are available.");
                // The hot refusal.
                problem.members.reserve(16 + conflicts.len() * 40);
                problem.members.push_str(",\"conflicts\":[");
                for (at, (no, reason)) in conflicts.iter().enumerate() {
                    let start = if at == 0 { "{\"seat\":\"" } else { ",{\"seat\":\"" };
                    for part in [start, &escaped(label(no)), "\",\"reason\":\"", reason.as_str(), "\"}"] {
                        problem.members.push_str(part);
                    }
                }
                problem.members.push(']');
                problem
            }
            Refusal::HoldNotFound => Self::new(Code::HoldNotFound, "There is no such hold."),
            Refusal::BookingNotFound => Self::new(Code::BookingNotFound, "There is no such booking."),
            Refusal::HoldExpired => {
                Self::new(Code::HoldExpired, "The hold's time is over; its seats are free again.")
            }
            Refusal::HoldNotActive(status) => {
                Self::new(Code::HoldNotActive, format!("The hold is {}.", status.as_str()))
                    .with("hold_status", status.as_str())
            }
            Refusal::HoldLimitReached => {
                Self::new(Code::HoldLimitReached, "The hold cannot be extended any further.")
            }
            Refusal::SeatNotInHold(seats) => {
                Self::new(Code::SeatNotInHold, "The hold or booking does not have these seats.")
                    .with("seats", json!(seats))
            }
            Refusal::TooLate => Self::new(Code::TooLate, "The show has begun; only staff can cancel now."),
            Refusal::ShowtimeInUse => Self::new(
                Code::ShowtimeInUse,
                "Seats were held already, so movie and currency stay as they are.",
            ),
            Refusal::InvalidField { field, detail } => {
                Self::new(Code::InvalidField, "A value cannot be; see errors.")
                    .with("errors", json!([{"pointer": format!("/{field}"), "detail": detail}]))
            }
        }
    }
}

/// Text as the inside of a JSON text.
fn escaped(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        return text.into();
    }
    let quoted = Value::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned().into()
}

/// The problem of settings that contradict themselves.
pub fn check_settings(settings: &Settings) -> Result<(), Problem> {
    boxoffice_core::decide::check_settings(settings).map_err(|refusal| Problem::refusal(&refusal, None))
}

impl IntoResponse for Problem {
    /// The problem travels with the response and is rendered where the public URL is known.
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = self.code.info().status;
        response.extensions_mut().insert(self);
        response
    }
}

impl Problem {
    /// The response, with links below `public_url`.
    pub fn render(self, public_url: &str) -> Response {
        let info = self.code.info();
        let mut body = String::with_capacity(192 + public_url.len() + self.detail.len() + self.members.len());
        // Titles, codes and the URL have nothing that JSON would escape.
        for part in ["{\"type\":\"", public_url, "/problems/", info.code, "\",\"title\":\"", info.title] {
            body.push_str(part);
        }
        for part in ["\",\"status\":", info.status.as_str(), ",\"detail\":\"", &escaped(&self.detail)] {
            body.push_str(part);
        }
        for part in ["\",\"code\":\"", info.code, "\"", &self.members, "}"] {
            body.push_str(part);
        }
        let mut response = Response::new(axum::body::Body::from(body));
        *response.status_mut() = info.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if info.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"boxoffice\""));
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
