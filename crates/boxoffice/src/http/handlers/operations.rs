//! Probes, metrics, and what is not there.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use boxoffice_engine::box_office::Refused;
use http::{StatusCode, header};
use serde_json::json;

use super::super::Shared;
use super::super::problem::{Code, Problem};
use super::super::request::Plain;
use super::super::wire::answer;

/// `GET /livez`: the process answers.
pub async fn live(_: Plain) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], "{\"status\":\"ok\"}").into_response()
}

/// `GET /readyz`: whether to send requests here. A store that is away degrades, but maps still work; without gate or
/// bus everything works, if with more conflicts and later maps. Only a node that cannot tell the time of its store, which
/// it reaches, is of no use.
pub async fn ready(State(app): State<Shared>, _: Plain) -> Result<Response, Problem> {
    if app.draining.load(Ordering::Acquire) {
        return Err(app.problem(&Refused::Draining, None));
    }
    let ports = app.office.ports();
    let health = ports.store.health();
    if let Some(why) = health.unfit {
        return Err(Problem::passing(Code::StoreUnavailable, why, ports.random.next()));
    }
    let links = [("gate", ports.gate.health()), ("bus", ports.bus.health())];
    let links = links.into_iter().filter_map(|(name, health)| Some((name, health?.trouble)));
    let mut status = "ok";
    let mut checks = serde_json::Map::new();
    for (name, trouble) in [("store", health.trouble)].into_iter().chain(links) {
        let check = match trouble {
            None => json!({"status": "ok"}),
            Some(why) => {
                status = "degraded";
                json!({"status": "unavailable", "detail": why})
            }
        };
        checks.insert(name.to_owned(), check);
    }
    Ok(answer(StatusCode::OK, &json!({"status": status, "checks": checks})))
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<Shared>, _: Plain) -> Response {
    let text = app.metrics.render(&app);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// `GET /metrics` where buyers ask, too: not there if operations have an address of their own.
pub async fn public_metrics(app: State<Shared>, plain: Plain) -> Result<Response, Problem> {
    if app.config.main.ops_listen.is_empty() { Ok(metrics(app, plain).await) } else { Err(no_route().await) }
}

/// There is nothing at this path.
pub async fn no_route() -> Problem {
    Problem::new(Code::RouteNotFound, "There is nothing at this path.")
}

/// The path exists, but not with this method.
pub async fn no_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "The path exists, but not with this method; see Allow.")
}
