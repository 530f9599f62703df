//! Server-Sent Events: a response that does not end, one event for each batch of whole records.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, header};

use super::link::Link;
use crate::pump::Pump;

/// Answers with the stream of events.
pub(crate) fn answer(link: Arc<Link>) -> Response {
    let pump = Pump::new(link.connection.clone(), true);
    let mut response = Response::new(Body::from_stream(Events { link, pump, is_open: false }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache,no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    // Whoever compresses answers leaves those alone that say so, and proxies that gather them, too.
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Events {
    link: Arc<Link>,
    pump: Pump,
    is_open: bool,
}

impl Stream for Events {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.is_open {
            self.is_open = true;
            // A comment, so that the client sees at once that the stream is there: it waits for that.
            return Poll::Ready(Some(Ok(Bytes::from_static(b":\r\n"))));
        }
        let Some(batch) = ready!(self.pump.poll_next(context)) else { return Poll::Ready(None) };
        // Records have no line breaks of their own.
        let event = [b"data: ", &batch.bytes[..], b"\r\n\r\n"].concat();
        Poll::Ready(Some(Ok(event.into())))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.link.connection.0.outbox.lose();
        self.link.set_drained();
    }
}
