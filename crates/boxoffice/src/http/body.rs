//! The body of a request: whole, in time, and within its limit.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;

use super::App;
use super::metrics::count;
use super::problem::{Code, Problem};

/// What a body may come as: from a connection, or whole from memory.
pub trait RequestBody:
    hyper::body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static
{
}

impl<B> RequestBody for B where
    B: hyper::body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + Unpin + 'static
{
}

/// The whole body, if it comes in time.
pub(super) async fn collect_in_time<B>(app: &App, body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let patience_ms = app.config.http.body_timeout_ms;
    let slow = |_| {
        count(&app.metrics.bodies_slow);
        Problem::fault(Code::MalformedBody, ("pointer", ""), "The body took too long to come.")
    };
    let mut collected = pin!(collect(body, limit));
    // It is there already, nearly always, and no clock is needed.
    if let Some(bytes) = collected.as_mut().now_or_never() {
        return bytes;
    }
    tokio::time::timeout(Duration::from_millis(patience_ms), collected).await.map_err(slow)?
}

/// What is said of a body that is larger than its limit.
pub(super) fn too_large(limit: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("The body may have at most {limit} bytes.")).with("limit", limit)
}

/// The whole body. One that is too large is read on for a little, so that the client hears the answer instead of a
/// connection reset.
async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    const DRAIN: usize = 1024 * 1024;
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let cut_off = |_| Problem::fault(Code::MalformedBody, ("pointer", ""), "The body was cut off.");
        let Ok(data) = frame.map_err(cut_off)?.into_data() else { continue };
        length += data.len();
        if length > limit {
            if length > limit + DRAIN {
                break;
            }
            continue;
        }
        match first {
            None => first = Some(data),
            Some(ref first) => {
                if more.is_empty() {
                    more.extend_from_slice(first);
                }
                more.extend_from_slice(&data);
            }
        }
    }
    if length > limit {
        return Err(too_large(limit));
    }
    Ok(if more.is_empty() { first.unwrap_or_default() } else { more.freeze() })
}
