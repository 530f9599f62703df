//! Negotiation: what a client is offered, and the ids under which it may come back.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::config::Config;
use crate::query;
use crate::registry::{Registry, random_id};

/// The newest version of negotiation. In version 0 the public id is also the secret one.
const NEWEST_VERSION: u64 = 1;

/// Answers a negotiation. Its body is never read, and neither is a stale `id` in the query.
pub(crate) fn answer(config: &Config, registry: &Registry, query: Option<&str>) -> Response {
    let version = match query::find(query, "negotiateVersion").map(|version| version.parse::<u64>()) {
        None => 0,
        Some(Ok(version)) => version.min(NEWEST_VERSION),
        Some(Err(_)) => {
            return say(&json!({"error": "The client requested a non-integer protocol version."}));
        }
    };
    let (Ok(id), Ok(secret)) = (random_id(), random_id()) else {
        tracing::error!("the system gives no random bytes");
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let token = if version == 0 { &id } else { &secret };
    if !registry.negotiate(token, &id, config.negotiation_lifetime, config.max_pending_negotiations) {
        return busy("Too many negotiations wait for their connections");
    }
    let transports: Vec<Value> = config
        .transports
        .iter()
        .map(|transport| json!({"transport": transport.name(), "transferFormats": transport.formats()}))
        .collect();
    let mut offer = json!({"negotiateVersion": version, "connectionId": id});
    if version > 0 {
        offer["connectionToken"] = secret.into();
    }
    offer["availableTransports"] = transports.into();
    say(&offer)
}

/// Refuses for now.
pub(crate) fn busy(text: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], text).into_response()
}

fn say(value: &Value) -> Response {
    let mut response = value.to_string().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
