//! Metrics: counted as documented, and every one that documents, alerts and the dashboard name is there.

#[path = "server/support.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use server::{House, Server, delete, get, post};

/// What only nodes on PostgreSQL have.
const ON_POSTGRES: [&str; 3] = [
    "boxoffice_commit_doubts_total",
    "boxoffice_commit_rewrites_total",
    "boxoffice_clock_error_milliseconds",
];

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rendered(server: &Server) -> String {
    let answer = server.send(&get("/metrics"));
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.text()
}

/// The type of every metric.
fn types(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The value of a sample.
#[track_caller]
fn value(text: &str, sample: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().expect("a number")
}

/// The words of a text that look like names of metrics, without the endings of a histogram's samples.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let ours = words.filter(|word| word.starts_with("boxoffice_") || word.starts_with("process_"));
    ours.map(|word| {
        ["_bucket", "_sum"].iter().fold(word, |word, end| word.strip_suffix(end).unwrap_or(word)).to_owned()
    })
    .collect()
}

#[test]
fn every_metric_is_documented_with_its_type_and_every_documented_one_exists() {
    let server = Server::start();
    let text = rendered(&server);
    let types = types(&text);
    let document = document("metrics.md");
    let rows = document.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.to_owned()))
    });
    let mut documented: BTreeMap<String, String> = rows.collect();
    for name in ON_POSTGRES {
        assert!(documented.remove(name).is_some(), "{name} is not documented");
    }
    assert_eq!(documented, types, "docs/metrics.md and /metrics differ");
    let mut seen: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, number) = line.rsplit_once(' ').expect("a value");
        assert!(number.parse::<f64>().is_ok(), "{line}");
        let name = sample.split('{').next().unwrap_or_default();
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|base| types.contains_key(*base)));
        let base = base.unwrap_or(name);
        assert!(types.contains_key(base), "{name} has no type");
        if seen.last() != Some(&base) {
            assert!(!seen.contains(&base), "the samples of {base} do not stand together");
            seen.push(base);
        }
    }
}

#[test]
fn alerts_and_dashboard_name_only_metrics_that_exist() {
    let server = Server::start();
    let known: BTreeSet<String> = types(&rendered(&server)).into_keys().collect();
    let alerts = document("alerts.yml");
    let expressions: Vec<&str> = alerts.lines().filter(|line| line.trim().starts_with("expr:")).collect();
    assert!(expressions.len() >= 5);
    let rules = alerts.matches("- alert: ").count();
    assert_eq!(rules, expressions.len());
    assert_eq!(rules, alerts.matches("summary: ").count());
    for expression in &expressions {
        assert!(!metrics_in(expression).is_empty() || expression.contains("up{"), "{expression}");
    }
    let dashboard: Value = serde_json::from_str(&document("grafana-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let shown: String =
        targets.map(|target| target["expr"].as_str().expect("an expression")).collect::<Vec<_>>().join(" ");
    assert!(panels.len() >= 8);
    for (name, text) in [("alerts.yml", &alerts), ("grafana-dashboard.json", &shown)] {
        let unknown: Vec<_> = metrics_in(text).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "docs/{name} names what does not exist: {unknown:?}");
    }
    let shown = metrics_in(&shown);
    let unseen: Vec<_> = known.difference(&shown).filter(|name| *name != "boxoffice_build_info").collect();
    assert!(unseen.is_empty(), "the dashboard leaves out {unseen:?}");
}

#[test]
fn what_happens_is_counted() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let before = rendered(&server);
    let hold = showtime.hold(&["A1", "A2"]);
    showtime.refuses_seats(&["A1"], &[("A1", "held")]);
    server.send(&post(showtime.path("/holds"), &json!({"seats": ["A1"]}))).refusal(409, "seat_unavailable");
    hold.try_book().expect(201);
    server.send(&showtime.hold(&["B1"]).ask_release()).expect_status(204);
    server.send(&get(showtime.path("/seats"))).expect_status(200);
    server.send(&get("/v1/nothing")).refusal(404, "route_not_found");
    server.send(&delete("/v1/movies")).refusal(405, "method_not_allowed");
    let after = rendered(&server);
    let grown = |sample: &str| value(&after, sample) - value(&before, sample);
    let problems = |code: &str| grown(&format!("boxoffice_problems_total{{code=\"{code}\"}}"));
    let events = |kind: &str| grown(&format!("boxoffice_events_total{{kind=\"{kind}\"}}"));
    let answers =
        |kind: &str| grown(&format!("boxoffice_http_request_duration_seconds_count{{kind=\"{kind}\"}}"));
    assert_eq!(
        (events("held"), events("booked"), events("released"), events("expired")),
        (2.0, 1.0, 1.0, 0.0)
    );
    assert_eq!(grown("boxoffice_commits_total"), 4.0);
    assert!((1.0..=4.0).contains(&grown("boxoffice_commit_batches_total")));
    assert!(grown("boxoffice_commit_microseconds_total") > 0.0);
    assert_eq!(
        (problems("seat_unavailable"), problems("route_not_found"), problems("method_not_allowed")),
        (2.0, 1.0, 1.0)
    );
    assert_eq!((answers("hold"), answers("seats"), answers("change"), answers("read")), (4.0, 1.0, 3.0, 1.0));
    assert_eq!(grown("boxoffice_http_requests_total{status=\"4xx\"}"), 4.0);
    let bucket = |le: &str| {
        value(&after, &format!("boxoffice_http_request_duration_seconds_bucket{{kind=\"hold\",le=\"{le}\"}}"))
    };
    assert_eq!(bucket("+Inf"), value(&after, "boxoffice_http_request_duration_seconds_count{kind=\"hold\"}"));
    assert!(bucket("0.00005") <= bucket("0.001") && bucket("0.001") <= bucket("5"));
    assert_eq!((value(&after, "boxoffice_ready"), value(&after, "boxoffice_store_available")), (1.0, 1.0));
    assert!(value(&after, "boxoffice_http_connections") >= 1.0);
    assert!(value(&after, "process_resident_memory_bytes") > 1e6);
    assert_eq!(value(&after, "boxoffice_boards_loaded"), 1.0);
}
