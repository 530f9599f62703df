//! Probes, metrics, pages and this description itself in the description of the API.

use serde_json::{Value, json};

use super::super::problem::Code;
use super::Description;
use super::operation::Access::Open;
use super::operation::Operation;
use super::schema::{answer, one_of, said, text};

const TAG: &str = "Operations";

/// Adds their operations and schemas.
pub(super) fn add(description: &mut Description) {
    let alive = answer("The process answers.").must("status", one_of(["ok"]));
    description.schema("Alive", alive.schema());
    let check = answer("One thing that the server needs.")
        .must("status", one_of(["ok", "unavailable"]))
        .may("detail", text())
        .schema();
    let checks = answer("What was looked at: gate and bus where there are several nodes.")
        .must("store", check.clone())
        .may("gate", check.clone())
        .may("bus", check);
    let ready = answer("Whether to send requests here.")
        .must(
            "status",
            said(
                one_of(["ok", "degraded"]),
                "`degraded`: maps still work; changes are refused only if it is the store.",
            ),
        )
        .must("checks", checks.schema());
    description.schema("Readiness", ready.schema());
    let live = Operation::new("checkAlive", TAG, "Whether the process answers", Open).answers(
        200,
        "It does.",
        "Alive",
        json!({"status": "ok"}),
    );
    description.add("get", "/livez", live);
    let ready = json!({"status": "ok", "checks": {"store": {"status": "ok"}}});
    let ready = Operation::new("checkReady", TAG, "Whether to send requests here", Open)
        .answers(200, "Send them.", "Readiness", ready)
        .refuses(&[Code::Draining, Code::StoreUnavailable]);
    description.add("get", "/readyz", ready);
    let sample = "# TYPE boxoffice_boards_loaded gauge\nboxoffice_boards_loaded 3\n";
    let metrics = Operation::new("readMetrics", TAG, "Metrics for Prometheus", Open).answers_with(
        200,
        "Its text format.",
        Some(plain("text/plain", sample)),
        &[],
    );
    // Not there where operations have an address of their own.
    let metrics = metrics.refuses(&[Code::RouteNotFound]);
    description.add("get", "/metrics", metrics);
    let described = Operation::new("readDescription", TAG, "This description", Open).answers_with(
        200,
        "OpenAPI 3.1.",
        Some(json!({"application/json": {"schema": {"type": "object"}}})),
        &[],
    );
    description.add("get", "/openapi.json", described);
    for (path, id, purpose) in [
        ("/docs", "readDocs", "This description as a page"),
        ("/problems/{code}", "readProblem", "The page that explains a code"),
    ] {
        let mut page = Operation::new(id, TAG, purpose, Open);
        if path.ends_with("{code}") {
            page = page.path("code", "ProblemCode", Code::RouteNotFound);
        }
        description.add("get", path, page.answers_with(200, "A page.", Some(html()), &[POLICY]));
    }
    seat_page(description);
}

const POLICY: &str = "Content-Security-Policy";
/// What every answer of the seat page has.
const OF_THE_PAGE: [&str; 6] = [
    POLICY,
    "ETag",
    "Content-Encoding",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
];

/// The seat page is for people; programs only need to know that it is there.
fn seat_page(description: &mut Description) {
    let absent = "Not there if `page = \"off\"`.";
    let programme = Operation::new("readIndex", TAG, "The seat page: the programme", Open).text(absent);
    let showtime = Operation::new("readShowtimePage", TAG, "The seat page: one showtime's live map", Open)
        .text(absent)
        .path("id", "ShowtimeId", Code::RouteNotFound);
    for (path, page) in [("/", programme), ("/showtimes/{id}", showtime)] {
        let page = page
            .refuses(&[Code::RouteNotFound])
            .answers_with(200, "A page.", Some(html()), &OF_THE_PAGE)
            .answers_with(304, "It is as it was.", None, &OF_THE_PAGE);
        description.add("get", path, page);
    }
    let file = json!({"schema": {"type": "string"}});
    let kinds = json!({"text/javascript": file, "text/css": file, "image/svg+xml": file});
    let asset = Operation::new("readPageFile", TAG, "A file that the seat page loads", Open)
        .text(absent)
        .path("version", "PageVersion", Code::RouteNotFound)
        .path("file", "PageFile", Code::RouteNotFound)
        .answers_with(200, "The file.", Some(kinds), &OF_THE_PAGE)
        .answers_with(304, "It is as it was.", None, &OF_THE_PAGE);
    description.add("get", "/assets/{version}/{file}", asset);
    description.schema("PageVersion", said(text(), "The hash of the page's files."));
    description.schema("PageFile", one_of(["page.js", "page.css", "icon.svg"]));
}

fn html() -> Value {
    plain("text/html", "<!doctype html><title>Boxoffice</title>")
}

fn plain(kind: &str, example: &str) -> Value {
    json!({kind: {"schema": {"type": "string"}, "example": example}})
}
