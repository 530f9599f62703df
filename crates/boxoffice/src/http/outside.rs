//! Answers that the router never sees: whole, as bytes, for connections that are turned away and for requests whose head
//! is no HTTP.

use axum::body::Body;
use futures_util::FutureExt as _;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Collected};

use super::App;
use super::problem::{Code, Problem};
use super::server::{MAX_HEAD_BYTES, add_common_headers};

/// A problem as it goes over the wire, after which the connection is closed.
pub(super) fn last_answer(app: &App, problem: Problem) -> Vec<u8> {
    let response: Response<Body> = problem.render(&app.public_url);
    let status = response.status();
    let (mut parts, body) = response.into_parts();
    add_common_headers(&mut parts.headers, app.next_request_id());
    // The body is in memory already.
    let body =
        body.collect().now_or_never().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default();
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len()
    )
    .into_bytes();
    for (name, value) in &parts.headers {
        answer.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&body);
    answer
}

/// What to say instead of hyper's own word to a head that it cannot read, which is a status and no body. `bytes` is what
/// it is about to write; nothing if that is an answer of ours, which have a request id.
pub(super) fn instead_of(app: &App, bytes: &[u8]) -> Option<Vec<u8>> {
    let status: [u8; 3] = bytes.strip_prefix(b"HTTP/1.1 ")?.first_chunk().copied()?;
    let status = StatusCode::from_bytes(&status).ok()?;
    let problem = match status {
        StatusCode::BAD_REQUEST => Problem::fault(
            Code::InvalidHeader,
            ("parameter", "head"),
            "The head of the request is not HTTP/1.1: a line or a header of it cannot be read.",
        ),
        StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            let detail =
                format!("The head of a request may have at most {MAX_HEAD_BYTES} bytes and 100 headers.");
            Problem::new(Code::HeadTooLarge, detail).with("limit", MAX_HEAD_BYTES)
        }
        _ => return None,
    };
    let text = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    let is_hypers = text.contains("\r\ncontent-length: 0\r\n") && !text.contains("\r\nx-request-id:");
    is_hypers.then(|| last_answer(app, problem))
}
