//! Requests to a whole server in memory: bodies of each kind, headers, queries and paths.

use std::cell::RefCell;

use boxoffice::http::problem::CODES;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde_json::Value;

use crate::words::ADMIN_KEY;
use crate::world::{Answer, Names, State, World};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What is served as it was written or generated.
const DOCUMENTS: [&str; 2] = ["/openapi.json", "/docs"];
const KEY: HeaderValue = HeaderValue::from_static("a-key-of-the-fuzzer-1");

thread_local! {
    /// A world that is as it was when it was made, with the state that it is in.
    static UNTOUCHED: RefCell<Option<(World, State)>> = const { RefCell::new(None) };
}

/// Lets `visit` loose on an untouched world, which is kept only if it stays so.
fn with_world(visit: impl FnOnce(&World, &State)) {
    let (world, state) = UNTOUCHED.take().unwrap_or_else(|| {
        let world = World::default();
        let state = world.state();
        (world, state)
    });
    visit(&world, &state);
    if world.state() == state {
        UNTOUCHED.set(Some((world, state)));
    }
}

/// The letter that an input begins with, as a number below `most`, and the rest.
fn letter(input: &[u8], most: usize) -> Option<(usize, &[u8])> {
    let (first, rest) = input.split_first()?;
    Some((usize::from(first.wrapping_sub(b'a')) % most, rest))
}

/// Sends a request and checks what holds for every answer. A refusal has changed nothing.
fn ask(world: &World, before: &State, request: Request<Bytes>) -> Answer {
    let told = format!("{} {}", request.method(), request.uri());
    // A document is as long as it is, whatever is asked along with it.
    let grows = !DOCUMENTS.contains(&request.uri().path());
    let (safe, asked) = (request.method().is_safe(), request.body().len() + told.len());
    let answer = world.send(request);
    let shown = || format!("{told}\n{} {}", answer.status, String::from_utf8_lossy(&answer.body));
    assert!(!answer.status.is_server_error(), "{}", shown());
    assert!(
        !grows || answer.body.len() <= 64 * 1024 + 64 * asked,
        "{} bytes: {}",
        answer.body.len(),
        shown()
    );
    if answer.status.is_client_error() {
        check_problem(&answer, &shown());
    }
    if safe || !answer.status.is_success() {
        assert_eq!(&world.state(), before, "{}", shown());
    } else {
        world.check_owners();
    }
    answer
}

/// A refusal is a problem document of a known code, whose faults have places.
fn check_problem(answer: &Answer, shown: &str) {
    // The answer to HEAD has no body.
    if answer.body.is_empty() {
        return;
    }
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{shown}");
    let problem: Value = serde_json::from_slice(&answer.body).expect(shown);
    let info = CODES.iter().map(|code| code.info()).find(|info| problem["code"] == info.code).expect(shown);
    assert_eq!((&problem["status"], info.status), (&answer.status.as_u16().into(), answer.status), "{shown}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        assert!(error["pointer"].is_string() || error["parameter"].is_string(), "{shown}");
        assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{shown}");
    }
}

fn bearer(secret: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {secret}")).expect("plain text")
}

/// Every route that takes a body: the method, the path, and who asks.
pub(crate) fn routes(names: &Names) -> [(Method, String, Option<&str>); 13] {
    let Names { showtime, hold, hold_token, booking, booking_token, .. } = names;
    let admin = Some(ADMIN_KEY);
    [
        (Method::POST, format!("/v1/showtimes/{showtime}/holds"), None),
        (Method::PATCH, format!("/v1/holds/{hold}"), Some(hold_token)),
        (Method::DELETE, format!("/v1/holds/{hold}"), Some(hold_token)),
        (Method::POST, "/v1/bookings".to_owned(), Some(hold_token)),
        (Method::POST, format!("/v1/bookings/{booking}/cancel"), Some(booking_token)),
        (Method::POST, format!("/v1/showtimes/{showtime}/block"), admin),
        (Method::POST, format!("/v1/showtimes/{showtime}/unblock"), admin),
        (Method::POST, "/v1/cinemas".to_owned(), admin),
        (Method::POST, "/v1/movies".to_owned(), admin),
        (Method::POST, "/v1/auditoriums".to_owned(), admin),
        (Method::POST, "/v1/showtimes".to_owned(), admin),
        (Method::PATCH, format!("/v1/showtimes/{showtime}"), admin),
        (Method::POST, format!("/v1/showtimes/{showtime}/cancel"), admin),
    ]
}

/// The first letter names the route (a to m), the rest is the body. It is sent twice under one key: the second time
/// changes nothing more and is answered as the first. Now and then all free seats are taken afterwards.
pub(super) fn bodies(input: &[u8]) {
    let Some((at, body)) = letter(input, 13) else { return };
    with_world(|world, before| {
        let (method, path, secret) = routes(&world.names)[at].clone();
        let request = || {
            let mut request = Request::new(Bytes::copy_from_slice(body));
            *request.method_mut() = method.clone();
            *request.uri_mut() = path.parse().expect("a path");
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_TYPE, JSON);
            headers.insert("idempotency-key", KEY);
            if let Some(secret) = secret {
                headers.insert(header::AUTHORIZATION, bearer(secret));
            }
            request
        };
        let first = ask(world, before, request());
        let after = world.state();
        let second = ask(world, &after, request());
        assert_eq!(world.state(), after, "the same key changed something again");
        assert_eq!(second.status, first.status, "{}", String::from_utf8_lossy(&second.body));
        assert_eq!(second.body, first.body, "another answer under the same key");
        if after != *before {
            assert!(second.headers.contains_key("idempotent-replayed"), "a repeated answer is marked");
        }
        if input.len().is_multiple_of(16) && at < 7 {
            world.take_all_free_seats();
        }
    });
}

/// The input is the body of a hold, which is sent to a world through either door: the answers are the same, bit for
/// bit, but for the request's id.
pub(super) fn doors(input: &[u8]) {
    let answer = |kind: &'static str| {
        let mut answer = None;
        with_world(|world, before| {
            let mut request = Request::new(Bytes::copy_from_slice(input));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = routes(&world.names)[0].1.parse().expect("a path");
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            answer = Some((ask(world, before, request), world.state()));
        });
        answer.expect("an answer")
    };
    let (plain, after_plain) = answer("application/json");
    let (routed, after_routed) = answer("application/json; charset=utf-8");
    assert_eq!(plain.status, routed.status);
    if plain.status.is_success() {
        // The ids are drawn anew; everything else is the same.
        let seats = |answer: &Answer| {
            let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
            (body["seats"].clone(), body["total"].clone(), body["expires_at"].clone())
        };
        assert_eq!(seats(&plain), seats(&routed));
    } else {
        assert_eq!(plain.body, routed.body);
        assert_eq!(after_plain, after_routed);
    }
}

/// The first letter names a header and a request to which it matters, the rest is its value. A map is not modified
/// only for whoever names it.
pub(super) fn headers(input: &[u8]) {
    let Some((at, value)) = letter(input, 7) else { return };
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    with_world(|world, before| {
        let routes = routes(&world.names);
        let seats = format!("/v1/showtimes/{}/seats", world.names.showtime);
        let (name, method, path): (_, _, &str) = match at {
            0 => ("if-none-match", Method::GET, &seats),
            1 => ("accept-encoding", Method::GET, &seats),
            2 => ("authorization", Method::GET, &routes[1].1),
            3 => ("idempotency-key", Method::POST, &routes[0].1),
            4 => ("content-type", Method::POST, &routes[0].1),
            5 => ("authorization", Method::POST, &routes[7].1),
            _ => ("x-request-id", Method::GET, "/livez"),
        };
        let mut request = Request::new(Bytes::new());
        if method == Method::POST {
            *request.body_mut() = Bytes::from_static(br#"{"seats":["A3","A4"]}"#);
            request.headers_mut().insert(header::CONTENT_TYPE, JSON);
        }
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        request.headers_mut().insert(HeaderName::from_static(name), value.clone());
        let answer = ask(world, before, request);
        if answer.status == StatusCode::NOT_MODIFIED {
            let (value, etag) = (value.to_str().unwrap_or_default(), &answer.headers[header::ETAG]);
            let named = etag.to_str().is_ok_and(|etag| value.contains(etag.trim_start_matches("W/")));
            assert!(named || value.trim() == "*", "{value} is not {etag:?}");
        }
        assert!(answer.headers.contains_key("x-request-id"), "every answer has an id");
    });
}

/// The first letter names something to read, the rest is its query, or the end of its path.
pub(super) fn queries(input: &[u8]) {
    let Some((at, rest)) = letter(input, 13) else { return };
    with_world(|world, before| {
        let Names { showtime, hold, .. } = &world.names;
        let beginning = match at {
            0 => "/v1/showtimes?".to_owned(),
            1 => "/v1/cinemas?".to_owned(),
            2 => "/v1/movies?".to_owned(),
            3 => "/v1/auditoriums?".to_owned(),
            4 => format!("/v1/showtimes/{showtime}/events?"),
            5 => format!("/v1/showtimes/{showtime}/seats?"),
            6 => format!("/v1/holds/{hold}?"),
            7 => "/v1/showtimes/".to_owned(),
            8 => "/v1/holds/".to_owned(),
            9 => "/v1/plans/".to_owned(),
            10 => "/problems/".to_owned(),
            11 => "/v1/cinemas/".to_owned(),
            _ => "/".to_owned(),
        };
        let Ok(uri) = Uri::try_from([beginning.as_bytes(), rest].concat()) else { return };
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        request.headers_mut().insert(header::AUTHORIZATION, bearer(ADMIN_KEY));
        ask(world, before, request);
    });
}

/// A whole request as people write it: `METHOD PATH`, lines of headers, an empty line, the body.
pub(super) fn requests(input: &[u8]) {
    let Some((head, body)) = split(input, b"\n\n") else { return };
    let mut lines = head.split(|byte| *byte == b'\n');
    let Some((method, path)) = lines.next().and_then(|line| split(line, b" ")) else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method), Uri::try_from(path)) else { return };
    let mut request = Request::new(Bytes::copy_from_slice(body));
    for line in lines {
        let Some((name, value)) = split(line, b": ") else { return };
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else {
            return;
        };
        request.headers_mut().append(name, value);
    }
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    with_world(|world, before| {
        ask(world, before, request);
    });
}

fn split<'a>(bytes: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(by.len()).position(|window| window == by)?;
    Some((&bytes[..at], &bytes[at + by.len()..]))
}
