//! What the API's JSON looks like.

pub mod catalogue;
pub mod hold;
pub mod seats;

use axum::body::Body;
use axum::response::Response;
use boxoffice_core::money::Currency;
use boxoffice_core::time::Timestamp;
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};

use super::names::IDEMPOTENT_REPLAYED;
use crate::time_text::TimeText;

/// A time as RFC 3339 in UTC.
pub fn time(at: Timestamp) -> String {
    TimeText::of_ms(at.as_ms()).as_str().to_owned()
}

/// A time as it is where people read it, with the zone's offset. RFC 3339 has offsets of whole minutes; those from
/// before there were time zones are rounded.
pub fn local_time(at: Timestamp, zone: &str) -> Option<String> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let at = jiff::Timestamp::from_millisecond(at.as_ms()).ok()?;
    let offset = zone.to_offset(at).round(jiff::Unit::Minute).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::fixed(offset));
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

/// Reads RFC 3339, with `Z` or an offset.
pub fn read_time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_ms(at.as_millisecond()))
}

pub(super) fn as_time<S: Serializer>(at: &Timestamp, output: S) -> Result<S::Ok, S::Error> {
    output.serialize_str(TimeText::of_ms(at.as_ms()).as_str())
}

pub(super) fn as_optional_time<S: Serializer>(at: &Option<Timestamp>, output: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => output.serialize_some(TimeText::of_ms(at.as_ms()).as_str()),
        None => output.serialize_none(),
    }
}

pub(super) fn as_text<T: std::fmt::Display, S: Serializer>(value: &T, output: S) -> Result<S::Ok, S::Error> {
    output.collect_str(value)
}

/// An amount of money.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Amount {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    #[serde(serialize_with = "as_text")]
    pub currency: Currency,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items.
    pub data: Vec<T>,
    /// Where the list goes on, if it does.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of `items`, of which one more than that was read to see whether the list goes on.
    pub fn new<I>(
        mut items: Vec<I>,
        limit: usize,
        cursor: impl Fn(&I) -> String,
        show: impl FnMut(I) -> T,
    ) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { data: items.into_iter().map(show).collect(), next }
    }
}

/// Room for the answer to a hold of a few seats.
pub const USUAL_BODY: usize = 1024;

/// A JSON answer.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    encoded(status, bytes(value))
}

/// An answer's bytes.
pub fn bytes(value: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::with_capacity(USUAL_BODY);
    // What is serialised here has text keys and no maps that could fail.
    let _ = serde_json::to_writer(&mut body, value);
    body
}

/// A JSON answer of bytes that were made before; without a body if there are none.
pub fn encoded(status: StatusCode, body: Vec<u8>) -> Response {
    if body.is_empty() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        return response;
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A 201 with its Location, marked if it is the answer to an earlier request.
pub fn created(location: String, value: &impl Serialize, replayed: bool) -> Response {
    located(location, answer(StatusCode::CREATED, value), replayed)
}

/// Adds to a 201 where the new thing is.
pub fn located(location: String, mut response: Response, replayed: bool) -> Response {
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    mark_replayed(&mut response, replayed);
    response
}

/// Marks the answer to an earlier request under the same key.
pub fn mark_replayed(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_have_offsets_of_whole_minutes() {
        let local =
            |text: &str| read_time(text).and_then(|at| local_time(at, "Europe/Berlin")).unwrap_or_default();
        assert_eq!(local("2026-11-22T20:00:00Z"), "2026-11-22T21:00:00+01:00");
        assert_eq!(local("2026-07-22T20:00:00.250Z"), "2026-07-22T22:00:00+02:00");
        assert_eq!(local("0283-06-25T08:21:13Z"), "0283-06-25T09:14:13+00:53");
    }
}
