//! Names of headers that the library has no constants for. A name given as text is parsed anew for each request.

use http::HeaderName;

/// Under which key a request is carried out once.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks the answer to an earlier request under the same key.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What a request is called in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The trace that a request belongs to.
pub const TRACE: HeaderName = HeaderName::from_static("traceparent");
/// Whom a proxy asks for.
pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How whoever a proxy asks for came to it.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// What the reader of an event stream has seen.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
