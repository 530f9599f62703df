//! Web pages of other origins: those of the config may use the API and read its answers, also with credentials.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use crate::config::{List, Origin};

const METHODS: &str = "GET, HEAD, POST, PATCH, DELETE, OPTIONS";
/// What a page may send: the API's own headers, and those of the SignalR client.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id, \
                               traceparent, X-Requested-With, X-SignalR-User-Agent";
/// What a page may read beyond what it always may.
const ANSWER_HEADERS: &str = "ETag, Location, Retry-After, Idempotent-Replayed, X-Request-Id";
/// How long a browser may rely on the answer to a preflight, in seconds; none relies on it longer.
const MAX_AGE_S: &str = "7200";

/// The origins that may.
#[derive(Debug, Default)]
pub struct Cors(Vec<HeaderValue>);

impl Cors {
    /// The origins of the config.
    pub fn new(origins: &List<Origin>) -> Self {
        Self(origins.0.iter().filter_map(|origin| origin.as_str().parse().ok()).collect())
    }

    /// The origin of a request, if it may read the answer.
    pub fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let origin = headers.get(header::ORIGIN)?;
        self.0.iter().find(|allowed| *allowed == origin).cloned()
    }
}

/// The answer to a browser that asks, before the request itself, whether a page may send it. Such a question comes
/// without credentials, so it is answered before anybody asks for them; the headers of [`mark`] are the answer.
pub fn preflight<B>(request: &Request<B>) -> Option<Response> {
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    })
}

/// Lets pages of this origin read an answer.
pub fn mark(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(ANSWER_HEADERS));
}
