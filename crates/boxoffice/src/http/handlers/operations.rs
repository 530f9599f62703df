//! Probes, metrics, and what is not there.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use boxoffice_engine::box_office::Refused;
use http::{StatusCode, header};
use serde_json::json;

use super::super::Shared;
use super::super::problem::{Code, Problem};
use super::super::wire::answer;

/// `GET /livez`: the process answers.
pub async fn live() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], "{\"status\":\"ok\"}").into_response()
}

/// `GET /readyz`: whether to send requests here. A store that is away degrades, but maps still work.
pub async fn ready(State(app): State<Shared>) -> Result<Response, Problem> {
    if app.draining.load(Ordering::Acquire) {
        return Err(app.problem(&Refused::Draining, None));
    }
    let health = app.office.ports().store.health();
    let (status, store) = match &health.trouble {
        None => ("ok", json!({"status": "ok"})),
        Some(why) => ("degraded", json!({"status": "unavailable", "detail": why})),
    };
    Ok(answer(StatusCode::OK, &json!({"status": status, "checks": {"store": store}})))
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<Shared>) -> Response {
    let text = app.metrics.render(&app);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// `GET /metrics` where buyers ask, too: not there if operations have an address of their own.
pub async fn public_metrics(app: State<Shared>) -> Result<Response, Problem> {
    if app.config.main.ops_listen.is_empty() { Ok(metrics(app).await) } else { Err(no_route().await) }
}

/// There is nothing at this path.
pub async fn no_route() -> Problem {
    Problem::new(Code::RouteNotFound, "There is nothing at this path.")
}

/// The path exists, but not with this method.
pub async fn no_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "The path exists, but not with this method; see Allow.")
}
