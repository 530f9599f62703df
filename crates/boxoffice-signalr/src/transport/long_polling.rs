//! Long Polling: requests that wait until there is something to fetch.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::sleep;

use super::link::Link;

/// Answers one poll. The first is answered at once: the client waits for it before it says anything.
pub(crate) async fn poll(link: Arc<Link>, is_first: bool, headers: &HeaderMap) -> Response {
    if is_first {
        return answer(StatusCode::OK, Bytes::new());
    }
    // signalrcore, which can be told by this, overlooks all records of an answer but the first.
    let joins = headers.get(header::ACCEPT).is_none_or(|accept| accept != "Text");
    let poll = link.begin_poll();
    let next = async {
        let mut pump = link.pump.lock().await;
        pump.set_joins(joins);
        pump.next().await
    };
    tokio::select! {
        biased;
        () = poll.superseded() => answer(StatusCode::NO_CONTENT, Bytes::new()),
        batch = next => if let Some(batch) = batch {
            answer(StatusCode::OK, batch.bytes)
        } else {
            link.set_drained();
            answer(StatusCode::NO_CONTENT, Bytes::new())
        },
        () = sleep(link.connection.0.server.config.poll_timeout) => answer(StatusCode::OK, Bytes::new()),
    }
}

fn answer(status: StatusCode, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
    if status == StatusCode::OK {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    response
}
