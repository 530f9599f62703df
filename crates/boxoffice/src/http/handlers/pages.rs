//! What people read in a browser: the description of the API, and the page behind each problem's type.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header;

use super::super::Shared;
use super::super::openapi::Described;
use super::super::problem::{Code, Problem};
use super::super::request::Plain;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;\
    color:#1c1c22;background:#fff}code{background:#f2f2f5;padding:.1em .3em;border-radius:3px}\
    @media(prefers-color-scheme:dark){body{color:#e8e8ee;background:#16161a}code{background:#26262c}a{color:#8ab4ff}}";

/// `GET /problems/{code}`: what an error code means.
pub async fn problem(name: Result<Path<String>, PathRejection>, _: Plain) -> Result<Response, Problem> {
    let code = name.ok().and_then(|Path(name)| Code::from_name(&name));
    let code = code.ok_or_else(|| Problem::new(Code::RouteNotFound, "There is no such code."))?;
    let info = code.info();
    let body = format!(
        "<h1>{title}</h1><p><code>{code}</code>, status {status}<p>{help}",
        title = info.title,
        code = info.code,
        status = info.status,
        help = with_code(info.help),
    );
    Ok(page(info.title, &body))
}

/// `GET /openapi.json`: the API described for programs.
pub async fn description(State(app): State<Shared>, _: Plain) -> Response {
    let described = app.description.get_or_init(|| Described::of(&app.public_url));
    ([(header::CONTENT_TYPE, "application/json")], Body::from(described.json.clone())).into_response()
}

/// `GET /docs`: the same for people.
pub async fn docs(State(app): State<Shared>, _: Plain) -> Response {
    let described = app.description.get_or_init(|| Described::of(&app.public_url));
    html(described.page.clone())
}

fn page(title: &str, body: &str) -> Response {
    let html_text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    );
    html(html_text)
}

/// An HTML page that loads nothing from anywhere.
fn html(text: impl Into<Body>) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    let headers =
        [(header::CONTENT_SECURITY_POLICY, policy), (header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (headers, text.into()).into_response()
}

/// What stands between backticks is code.
fn with_code(text: &str) -> String {
    let parts = text.split('`').map(escape).enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part }).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
