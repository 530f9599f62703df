//! What people read in a browser: the plain list of showtimes, the description of the API, and the page behind each
//! problem's type.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use boxoffice_engine::catalogue::ShowtimeFilter;
use http::header;

use super::super::Shared;
use super::super::openapi::Described;
use super::super::problem::{Code, Problem};
use super::super::request::Asked;
use super::super::wire::{local_time, time};
use super::store_problem;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;\
    color:#1c1c22;background:#fff}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem \
    .4rem 0;border-bottom:1px solid #ddd}code{background:#f2f2f5;padding:.1em .3em;border-radius:3px}\
    @media(prefers-color-scheme:dark){body{color:#e8e8ee;background:#16161a}th,td{border-color:#333}\
    code{background:#26262c}a{color:#8ab4ff}}";

/// `GET /`: showtimes and links.
pub async fn index(State(app): State<Shared>, asked: Asked) -> Result<Response, Problem> {
    asked.no_more_parameters()?;
    if app.config.main.page == "off" {
        return Err(Problem::new(Code::RouteNotFound, "There is no page here."));
    }
    let now = app.office.now();
    let filter = ShowtimeFilter {
        from: Some(now),
        published_only: true,
        now,
        limit: 100,
        ..ShowtimeFilter::default()
    };
    let found = app.office.ports().store.catalogue().showtimes(filter).await;
    let mut rows = String::new();
    for entry in found.map_err(|error| store_problem(&app, error))? {
        let settings = &entry.settings;
        let around = super::showtimes::surroundings_of(&app, &entry).await?;
        let movie = around.movie.as_ref().map_or("", |movie| movie.title.as_str());
        let room = around.auditorium.as_ref().map_or("", |room| room.name.as_str());
        let cinema = around.cinema.as_ref();
        let zone = cinema.map(|cinema| cinema.time_zone.as_str());
        let local = zone.and_then(|zone| local_time(settings.starts_at, zone));
        let starts_at = local.unwrap_or_else(|| time(settings.starts_at));
        let shown = starts_at.get(..16).unwrap_or(&starts_at).replace('T', " ");
        rows.push_str(&format!(
            "<tr><td><time datetime=\"{starts_at}\">{shown}</time><td>{movie}<td>{cinema} {room}<td>{status}\
             <td><a href=\"/v1/showtimes/{id}\">showtime</a> <a href=\"/v1/showtimes/{id}/seats\">seats</a>",
            movie = escape(movie),
            cinema = escape(cinema.map_or("", |cinema| cinema.name.as_str())),
            room = escape(room),
            status = settings.sale_status(now).as_str().replace('_', " "),
            id = entry.id,
        ));
    }
    let list = if rows.is_empty() {
        "<p>No showtimes yet.".to_owned()
    } else {
        format!("<table><thead><tr><th>Starts<th>Movie<th>Room<th>Sale<th>API<tbody>{rows}</table>")
    };
    let body = format!(
        "<h1>Showtimes</h1>{list}<p>The API: <a href=\"/v1/showtimes\">showtimes</a>, \
         <a href=\"/v1/cinemas\">cinemas</a>, <a href=\"/v1/movies\">movies</a>, \
         <a href=\"/v1/auditoriums\">auditoriums</a>. Operations: <a href=\"/readyz\">readiness</a>, \
         <a href=\"/metrics\">metrics</a>. <a href=\"/docs\">All of the API</a>."
    );
    Ok(page("Boxoffice", &body))
}

/// `GET /problems/{code}`: what an error code means.
pub async fn problem(name: Result<Path<String>, PathRejection>) -> Result<Response, Problem> {
    let code = name.ok().and_then(|Path(name)| Code::from_name(&name));
    let code = code.ok_or_else(|| Problem::new(Code::RouteNotFound, "There is no such code."))?;
    let info = code.info();
    let body = format!(
        "<h1>{title}</h1><p><code>{code}</code>, status {status}<p>{help}",
        title = info.title,
        code = info.code,
        status = info.status,
        help = escape(info.help),
    );
    Ok(page(info.title, &body))
}

/// `GET /openapi.json`: the API described for programs.
pub async fn description(State(app): State<Shared>) -> Response {
    let described = app.description.get_or_init(|| Described::of(&app.public_url));
    ([(header::CONTENT_TYPE, "application/json")], Body::from(described.json.clone())).into_response()
}

/// `GET /docs`: the same for people.
pub async fn docs(State(app): State<Shared>) -> Response {
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
