//! A feed as an event stream: Server-Sent Events, as browsers' EventSource reads them
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::{HeaderName, HeaderValue, header};
use std::convert::Infallible;

use super::admission::Place;
use super::follower::Follower;
use super::message::Message;

/// The answer that goes on as long as the client listens.
pub(super) fn answer(follower: Follower, place: Place) -> Response {
    let messages = stream::unfold((follower, place), |(mut follower, place)| async {
        let message = follower.next().await?;
        let bytes = message.sse().clone();
        follower.note_bytes(bytes.len());
        Some((Ok(bytes), (follower, place)))
    });
    response(messages)
}

/// An answer of these messages and no more. `held` is dropped when they were written, or the client is gone.
pub(super) fn short(messages: &[Message], held: impl Send + 'static) -> Response {
    let bytes: Vec<Bytes> = messages.iter().map(|message| message.sse().clone()).collect();
    let messages = stream::unfold((bytes.into_iter(), held), |(mut rest, held)| async {
        rest.next().map(|bytes| (Ok(bytes), (rest, held)))
    });
    response(messages)
}

fn response(messages: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(messages));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies, nginx at least, would gather messages otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
