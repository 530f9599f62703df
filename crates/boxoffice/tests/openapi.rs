//! The description of the API: complete, true to itself, and served as a document and as a page that need no network.

#[path = "server/support.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};

use boxoffice::http::problem::CODES;
use boxoffice::http::{ROUTES, openapi};
use serde_json::{Value, json};
use server::{Server, fits, get, text};

fn document() -> Value {
    openapi::document("http://boxoffice.test")
}

/// All operations: JSON Pointer, method, path, and what is described.
fn operations(document: &Value) -> Vec<(String, &str, &str, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            if method != "parameters" {
                let pointer = format!("/paths/{}/{method}", path.replace('/', "~1"));
                all.push((pointer, method.as_str(), path.as_str(), operation));
            }
        }
    }
    all
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let described: BTreeSet<String> =
        operations(&document).iter().map(|(_, method, path, _)| format!("{method} {path}")).collect();
    let routes: BTreeSet<String> = ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(routes.difference(&described).collect::<Vec<_>>(), Vec::<&String>::new(), "not described");
    assert_eq!(described.difference(&routes).collect::<Vec<_>>(), Vec::<&String>::new(), "no route");
}

#[test]
fn every_code_is_described_at_its_status() {
    let document = document();
    let mut used = BTreeMap::<&str, bool>::new();
    for info in CODES.iter().map(|code| code.info()) {
        let shared = format!("/components/responses/Problem{}", info.status.as_u16());
        let codes = document.pointer(&format!(
            "{shared}/content/application~1problem+json/schema/allOf/1/properties/code/enum"
        ));
        let codes = codes.and_then(Value::as_array).unwrap_or_else(|| panic!("{shared} has no codes"));
        assert!(codes.contains(&info.code.into()), "{} is not in {shared}", info.code);
        let sample = &document["components"]["examples"][info.code]["value"];
        assert_eq!(sample["status"], info.status.as_u16());
        fits("/components/schemas/Problem", sample, info.code);
        let used_here = |(_, _, _, operation): &(String, &str, &str, &Value)| {
            let problem =
                &operation["responses"][info.status.as_str()]["content"]["application/problem+json"];
            !problem["examples"][info.code].is_null()
        };
        used.insert(info.code, operations(&document).iter().any(used_here));
    }
    // These belong to no operation: a head that is too large to be read, and a method that is not there.
    let unused: Vec<&str> = used.into_iter().filter(|(_, used)| !used).map(|(code, _)| code).collect();
    assert_eq!(unused, ["head_too_large", "method_not_allowed"]);
}

#[test]
fn operations_are_named_for_good() {
    let document = document();
    let mut ids: Vec<String> =
        operations(&document).iter().map(|(_, _, _, operation)| text(&operation["operationId"])).collect();
    let stable = [
        "blockSeats",
        "cancelBooking",
        "cancelShowtime",
        "changeAuditorium",
        "changeCinema",
        "changeHold",
        "changeMovie",
        "changeShowtime",
        "checkAlive",
        "checkReady",
        "confirmHold",
        "createAuditorium",
        "createCinema",
        "createMovie",
        "createShowtime",
        "deleteAuditorium",
        "deleteCinema",
        "deleteMovie",
        "deleteShowtime",
        "eraseContact",
        "holdSeats",
        "listAuditoriums",
        "listBookings",
        "listCinemas",
        "listMovies",
        "listShowtimes",
        "readAuditorium",
        "readBooking",
        "readCinema",
        "readDescription",
        "readDocs",
        "readEvents",
        "readHold",
        "readIndex",
        "readMetrics",
        "readMovie",
        "readPageFile",
        "readPlan",
        "readProblem",
        "readSeats",
        "readShowtime",
        "readShowtimePage",
        "releaseHold",
        "unblockSeats",
        "watchSeats",
    ];
    ids.sort();
    assert_eq!(
        ids, stable,
        "generated clients name their functions so: add to this list, change nothing in it"
    );
    let tags: Vec<&Value> =
        document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    for (pointer, _, _, operation) in operations(&document) {
        assert!(tags.contains(&&operation["tags"][0]), "{pointer}");
        assert!(!text(&operation["summary"]).is_empty(), "{pointer}");
    }
}

#[test]
fn every_example_is_as_its_schema_says() {
    let document = document();
    let mut checked = 0;
    let mut check = |pointer: &str, value: &Value| {
        fits(pointer, value, pointer);
        checked += 1;
    };
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        for sample in schema["examples"].as_array().into_iter().flatten() {
            check(&format!("/components/schemas/{name}"), sample);
        }
    }
    for (pointer, _, _, operation) in operations(&document) {
        for (at, parameter) in operation["parameters"].as_array().into_iter().flatten().enumerate() {
            if let Some(sample) = parameter.get("example") {
                check(&format!("{pointer}/parameters/{at}/schema"), sample);
            }
        }
        if let Some(content) = operation.pointer("/requestBody/content/application~1json") {
            check(&format!("{pointer}/requestBody/content/application~1json/schema"), &content["example"]);
        }
        for (status, answer) in operation["responses"].as_object().expect("answers") {
            for (kind, content) in answer["content"].as_object().into_iter().flatten() {
                let place =
                    format!("{pointer}/responses/{status}/content/{}/schema", kind.replace('/', "~1"));
                for sample in content.get("example").into_iter().chain(plain_examples(content)) {
                    check(&place, sample);
                }
            }
        }
    }
    assert!(checked > 60, "only {checked} examples");
}

fn plain_examples(content: &Value) -> impl Iterator<Item = &Value> {
    content["examples"].as_object().into_iter().flatten().filter_map(|(_, sample)| sample.get("value"))
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Value, value: &Value, found: &mut usize) {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let pointer =
                target.strip_prefix('#').unwrap_or_else(|| panic!("{target} leads out of the document"));
            assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
            *found += 1;
        }
        match value {
            Value::Object(members) => members.values().for_each(|member| walk(document, member, found)),
            Value::Array(items) => items.iter().for_each(|item| walk(document, item, found)),
            _ => {}
        }
    }
    let (document, mut found) = (document(), 0);
    walk(&document, &document, &mut found);
    assert!(found > 500, "only {found} references");
}

#[test]
fn the_server_serves_its_description() {
    let server = Server::start_with(&["--public-url", "https://tickets.example/"]);
    let answer = server.send(&get("/openapi.json"));
    let served = answer.expect(200);
    assert_eq!(served, openapi::document("https://tickets.example"));
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(served["servers"], json!([{"url": "https://tickets.example"}]));
}

#[test]
fn the_page_tells_everything_and_loads_nothing() {
    let server = Server::start();
    let answer = server.send(&get("/docs"));
    answer.expect_status(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = answer.text();
    for loads in ["<script", "<link", "<img", "<iframe", "src=", "@import", "url("] {
        assert!(!page.contains(loads), "{loads}");
    }
    let document = document();
    for (_, _, path, operation) in operations(&document) {
        let id = text(&operation["operationId"]);
        assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
        assert!(page.contains(&format!("href=\"#{id}\"")), "{id} is not in the contents");
        assert!(page.contains(path), "{path}");
    }
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(target.is_empty() || page.contains(&format!("id=\"{target}\"")), "#{target} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
    }
    for code in CODES {
        assert!(page.contains(code.info().code), "{}", code.info().code);
    }
}

#[test]
fn a_problem_page_that_cannot_be_is_a_problem() {
    let server = Server::start();
    for path in ["/problems/nothing", "/problems/%FF%FE"] {
        server.send(&get(path)).refusal(404, "route_not_found");
    }
}
