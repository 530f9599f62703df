//! What is logged of requests: changes, faults and slow ones always, a sample of the rest.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::response::Response;
use boxoffice_core::change::Actor;
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::Done;
use http::Method;
use tracing::Level;

use super::names::REQUEST_ID;
use super::origin::{Passed, watches};
use crate::config::Log;
use crate::live::hub;
use crate::logging;

/// What a request changed, for its line in the log.
#[derive(Debug, Clone)]
pub struct Changed {
    showtime: Option<ShowtimeId>,
    actor: Actor,
}

impl Changed {
    /// Who does not want the line does not pay for it.
    fn new(showtime: Option<ShowtimeId>, actor: &Actor) -> Option<Self> {
        tracing::enabled!(Level::INFO).then(|| Self { showtime, actor: actor.clone() })
    }

    /// What was changed by a command, if anything was.
    pub fn by(done: &Done) -> Option<Self> {
        let event = done.event.as_ref().filter(|_| !done.replayed)?;
        Self::new(Some(done.board.id()), &event.change.actor)
    }

    /// What was noted on an answer on its way through the router.
    pub fn noted_on(response: &mut Response) -> Option<Self> {
        response.extensions_mut().remove()
    }
}

/// Notes on an answer what was changed, for its way through the router.
pub fn note(response: &mut Response, changed: Option<Changed>) {
    if let Some(changed) = changed {
        response.extensions_mut().insert(changed);
    }
}

/// Notes on an answer that the catalogue was added to.
pub fn note_change(response: &mut Response, showtime: Option<ShowtimeId>, actor: &Actor) {
    note(response, Changed::new(showtime, actor));
}

/// Notes on an answer what was changed by a command, if anything was.
pub fn note_done(response: &mut Response, done: &Done) {
    note(response, Changed::by(done));
}

/// The route that a path belongs to, as the router has it; also of those that were answered without the router.
fn route_of(path: &str) -> Option<&'static str> {
    static ROUTES: LazyLock<matchit::Router<&str>> = LazyLock::new(|| {
        let mut routes = matchit::Router::new();
        for (route, _) in super::ROUTES {
            // What the real router takes, this one does: it is of the same make.
            let _ = routes.insert(*route, *route);
        }
        routes
    });
    if path.starts_with(hub::PATH) {
        return Some(hub::PATH);
    }
    ROUTES.at(path).ok().map(|found| *found.value)
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

    /// A request was answered, and `changed` something or not.
    pub fn answered(
        &self,
        line: &(Method, Box<str>),
        (response, changed): (&Response, Option<Changed>),
        code: Option<&str>,
        took: Duration,
        passed: &Passed,
    ) {
        let (method, path) = (&line.0, &*line.1);
        let sampled =
            || self.sample > 0 && self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.sample);
        // A probe that is told of the draining is told what it asks for.
        let expected = code == Some("draining") && path == "/readyz";
        let fault = response.status().is_server_error() && !expected;
        // Who watches waits for what happens: a poll that is held is not slow.
        let slow = took >= self.slow && !watches(path);
        if !(fault || slow || changed.is_some() || sampled()) {
            return;
        }
        let (level, message) = match (fault, slow, changed.is_some()) {
            (true, ..) => (Level::WARN, "request failed"),
            (false, true, _) => (Level::WARN, "request was slow"),
            (false, false, true) => (Level::INFO, "change"),
            (false, false, false) => (Level::INFO, "request"),
        };
        let Some(line) = logging::line(level, message) else { return };
        let request_id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let mut line = line
            .some("request_id", request_id)
            .text("method", method.as_str())
            .some("route", route_of(path))
            .text("path", path)
            .number("status", response.status().as_u16().into())
            .some("code", code)
            .ms("ms", took);
        if let Some(changed) = changed {
            let showtime = changed.showtime.map(ShowtimeId::text);
            line = line.some("showtime", showtime.as_deref()).text("actor", changed.actor.as_str());
        } else if level == Level::INFO {
            line = line.number("sample", self.sample);
        }
        line = line.some("trace", passed.trace.as_ref().and_then(|trace| trace.to_str().ok()));
        if let Some(address) = passed.address {
            line = line.text("address", &address.to_string());
        }
        logging::write(level, line);
    }
}

#[cfg(test)]
mod tests {
    use super::route_of;

    #[test]
    fn a_path_belongs_to_its_route() {
        for (path, route) in [
            ("/", Some("/")),
            ("/v1/showtimes", Some("/v1/showtimes")),
            ("/v1/showtimes/sho_1", Some("/v1/showtimes/{id}")),
            ("/v1/showtimes/sho_1/holds", Some("/v1/showtimes/{id}/holds")),
            ("/v1/holds/hld_1", Some("/v1/holds/{id}")),
            ("/hubs/seats/negotiate", Some("/hubs/seats")),
            ("/v1/showtimes/sho_1/holds/1", None),
            ("/v2", None),
        ] {
            assert_eq!(route_of(path), route, "{path}");
        }
    }
}
