//! What is logged of requests: changes, faults and slow ones always, a sample of the rest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::response::Response;
use boxoffice_core::change::Actor;
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::Done;
use http::Method;
use tracing::field::display;

use crate::config::Log;

/// Noted on the answer to a request that changed something.
#[derive(Debug, Clone)]
struct Changed {
    showtime: Option<ShowtimeId>,
    actor: Actor,
}

/// Notes on an answer that the catalogue was added to, for its line in the log.
pub fn note_change(response: &mut Response, showtime: Option<ShowtimeId>, actor: &Actor) {
    // Who does not want the line does not pay for the note.
    if tracing::enabled!(tracing::Level::INFO) {
        response.extensions_mut().insert(Changed { showtime, actor: actor.clone() });
    }
}

/// Notes on an answer what was changed by a command, if anything was.
pub fn note_done(response: &mut Response, done: &Done) {
    if let Some(event) = done.event.as_ref().filter(|_| !done.replayed) {
        note_change(response, Some(done.board.id()), &event.change.actor);
    }
}

/// Decides which requests are worth a line, and writes it. Never tokens, keys, contacts or query strings.
#[derive(Debug)]
pub struct AccessLog {
    slow: Duration,
    sample: u64,
    seen: AtomicU64,
}

impl AccessLog {
    /// By the config.
    pub fn new(config: &Log) -> Self {
        Self { slow: Duration::from_millis(config.slow_ms), sample: config.sample, seen: AtomicU64::new(0) }
    }

    /// A request was answered.
    pub fn answered(
        &self,
        line: &(Method, Box<str>),
        response: &Response,
        code: Option<&str>,
        took: Duration,
    ) {
        let (method, path) = (&line.0, &*line.1);
        let changed = response.extensions().get::<Changed>();
        let sampled =
            || self.sample > 0 && self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.sample);
        // A probe that is told of the draining is told what it asks for.
        let expected = code == Some("draining") && path == "/readyz";
        let fault = response.status().is_server_error() && !expected;
        let slow = took >= self.slow;
        if !(fault || slow || changed.is_some() || sampled()) {
            return;
        }
        let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        let status = response.status().as_u16();
        let ms = took.as_secs_f64() * 1000.0;
        let showtime = changed.and_then(|changed| changed.showtime).map(display);
        let actor = changed.map(|changed| display(&changed.actor));
        if fault {
            tracing::warn!(request_id, %method, path, status, code, ms, "request failed");
        } else if slow {
            tracing::warn!(request_id, %method, path, status, code, ms, showtime, actor, "request was slow");
        } else if changed.is_some() {
            tracing::info!(request_id, %method, path, status, ms, showtime, actor, "change");
        } else {
            tracing::info!(request_id, %method, path, status, code, ms, sample = self.sample, "request");
        }
    }
}
