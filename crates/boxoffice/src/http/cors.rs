//! Web pages of other origins: those of the config may use the API and read its answers, also with credentials.

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::config::{List, Origin};

const METHODS: &str = "GET, HEAD, POST, PATCH, DELETE, OPTIONS";
/// What a page may send: the API's own headers, and those of the SignalR client.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-Id, \
                               traceparent, X-Requested-With, X-SignalR-User-Agent";
/// What a page may read beyond what it always may.
const ANSWER_HEADERS: &str = "ETag, Location, Retry-After, Idempotent-Replayed, X-Request-Id";
/// How long a browser may rely on the answer to a preflight, in seconds; none relies on it longer.
const MAX_AGE_S: &str = "7200";

/// What pages are told that may not open a WebSocket.
pub const FOREIGN: &str =
    "Pages of this origin may not open a WebSocket here; cors.origins lists those that may.";

/// The origins that may.
#[derive(Debug, Default)]
pub struct Cors(Vec<HeaderValue>);

impl Cors {
    /// The origins of the config.
    pub fn new(origins: &List<Origin>) -> Self {
        Self(origins.0.iter().filter_map(|origin| origin.as_str().parse().ok()).collect())
    }

    /// Whether a page that is neither ours nor in the list asks. Browsers let any page open a WebSocket anywhere and
    /// leave it to the server to look at who asks; `public_url` is where our own pages are said to be.
    pub fn is_foreign(&self, public_url: &str, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return false };
        if self.0.contains(origin) {
            return false;
        }
        let Ok(origin) = origin.to_str() else { return true };
        let theirs = authority(origin);
        // The scheme is not compared: a proxy that ends TLS need not say that it did.
        let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let ours = [asked, authority(public_url)];
        theirs.is_none_or(|theirs| !ours.into_iter().flatten().any(|ours| ours.eq_ignore_ascii_case(theirs)))
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

/// Host and port of an http or https URL.
fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    rest.split('/').next().filter(|authority| !authority.is_empty())
}

/// The answer to a browser that asks, before the request itself, whether a page may send it. Such a question comes
/// without credentials, so it is answered before anybody asks for them; the headers of [`mark`] are the answer.
pub fn preflight(request: &Parts) -> Option<Response> {
    let asks = request.method == Method::OPTIONS
        && request.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_foreign_unless_it_is_ours_or_in_the_list() {
        let cors = Cors::new(&"https://shop.example,http://localhost:3000".parse().expect("origins"));
        let foreign = |public_url: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("tickets.example:8443"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a value"));
            }
            cors.is_foreign(public_url, &headers)
        };
        assert!(!foreign("", None), "what is no page says no origin");
        for ours in ["https://tickets.example:8443", "http://Tickets.example:8443", "https://shop.example"] {
            assert!(!foreign("", Some(ours)), "{ours}");
        }
        assert!(!foreign("https://cinema.example/sale", Some("https://cinema.example")));
        for theirs in [
            "https://tickets.example",
            "https://tickets.example:8443.evil.example",
            "https://shop.example:444",
            "https://cinema.example",
            "ftp://tickets.example:8443",
            "tickets.example:8443",
            "https://",
            "null",
            "",
        ] {
            assert!(foreign("", Some(theirs)), "{theirs}");
        }
    }
}
