//! The description of the API as a judge: every answer that a test sees must be one that the description knows.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use boxoffice::http::openapi;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::client::Answer;

/// The description, with objects of answers closed: a member that it does not know is a fault in one of both.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = openapi::document("http://boxoffice.test");
    for (_, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        close(schema);
    }
    document
});

/// Validators by JSON Pointer, made when they are first needed.
static VALIDATORS: Mutex<BTreeMap<String, Validator>> = Mutex::new(BTreeMap::new());

/// Headers of the transport, which the description leaves out.
const TRANSPORT: [&str; 5] = ["content-type", "content-length", "transfer-encoding", "connection", "date"];

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Fails unless the answer to a request is one that the description knows for its operation.
#[track_caller]
pub(crate) fn conforms(method: &str, target: &str, answer: &Answer) {
    let path = target.split('?').next().unwrap_or_default();
    let method = if method == "HEAD" { "GET" } else { method };
    if method == "OPTIONS" && answer.header("access-control-allow-methods").is_some() {
        // A browser's question before a request; no operation of the API.
        return;
    }
    let Some(template) = template_of(path) else {
        answer.refusal(404, "route_not_found");
        return;
    };
    let item = &DOCUMENT["paths"][template];
    let operation = &item[method.to_ascii_lowercase()];
    if operation.is_null() {
        return allows(item, answer);
    }
    let pointer = format!(
        "/paths/{}/{}/responses/{}",
        template.replace('/', "~1"),
        method.to_ascii_lowercase(),
        answer.status
    );
    let known = DOCUMENT.pointer(&pointer);
    let known =
        known.unwrap_or_else(|| panic!("the description does not know this status\n{}", answer.told()));
    check_headers(known, answer);
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let content = &known["content"];
    if content.is_null() {
        assert!(answer.body.is_empty(), "the description knows no body\n{}", answer.told());
    } else {
        assert!(!content[kind].is_null(), "the description does not know {kind}\n{}", answer.told());
    }
    let is_json = kind.ends_with("json") && answer.header("content-encoding").is_none();
    if is_json && !answer.body.is_empty() {
        let schema = format!("{pointer}/content/{}/schema", kind.replace('/', "~1"));
        fits(&schema, &answer.json(), &answer.told());
    }
}

/// Fails unless a value is as the schema at this JSON Pointer says.
#[track_caller]
pub(crate) fn fits(pointer: &str, value: &Value, told: &str) {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(pointer.to_owned()).or_insert_with(|| {
        let schema = DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("no schema at {pointer}"));
        let mut whole = schema.clone();
        whole["components"] = DOCUMENT["components"].clone();
        jsonschema::options().should_validate_formats(true).build(&whole).expect("a valid schema")
    });
    let faults: Vec<String> =
        validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    drop(validators);
    assert!(faults.is_empty(), "not as the description says:\n{}\n{told}", faults.join("\n"));
}

/// The path of the description that a path of a request belongs to.
fn template_of(path: &str) -> Option<&'static str> {
    let matches = |template: &str| {
        let (known, given) = (template.split('/'), path.split('/'));
        template.split('/').count() == path.split('/').count()
            && known
                .zip(given)
                .all(|(known, given)| known.starts_with('{') && !given.is_empty() || known == given)
    };
    let paths = DOCUMENT["paths"].as_object()?;
    paths.keys().map(String::as_str).find(|template| matches(template))
}

/// A method that the path does not have: the answer names those that it has.
#[track_caller]
fn allows(item: &Value, answer: &Answer) {
    answer.refusal(405, "method_not_allowed");
    let mut allowed: Vec<String> = answer.header("allow").unwrap_or_default().split(',').map(lower).collect();
    let mut known: Vec<String> =
        item.as_object().into_iter().flatten().map(|(name, _)| lower(name)).collect();
    known.retain(|name| name != "parameters");
    if known.iter().any(|name| name == "get") {
        known.push("head".to_owned());
    }
    allowed.sort();
    known.sort();
    assert_eq!(allowed, known, "{}", answer.told());
}

fn lower(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

#[track_caller]
fn check_headers(known: &Value, answer: &Answer) {
    let headers = known["headers"].as_object().expect("headers");
    let names: Vec<String> = headers.keys().map(|name| lower(name)).collect();
    for (name, _) in answer.headers() {
        let told = names.contains(name) || TRANSPORT.contains(&name.as_str());
        assert!(told, "the description does not know the header {name}\n{}", answer.told());
    }
    for name in headers.keys() {
        let header = &DOCUMENT["components"]["headers"][name];
        match answer.header(name) {
            None => assert_ne!(header["required"], true, "{name} is missing\n{}", answer.told()),
            Some(value) => {
                let number = value.parse::<i64>().ok().filter(|_| header["schema"]["type"] == "integer");
                let value = number.map_or_else(|| value.into(), Value::from);
                fits(&format!("/components/headers/{name}/schema"), &value, &answer.told());
            }
        }
    }
}
