//! The description of the API as a page for people: plain HTML that loads nothing and needs no script.

mod parts;

use std::fmt::Write as _;

use serde_json::Value;

use parts::{escape, example, kind, members, text};

const STYLE: &str = include_str!("page/style.css");
const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

/// The page of a [`document`](super::document).
pub(super) fn page(document: &Value) -> String {
    let title = &document["info"]["title"];
    let mut html = String::with_capacity(256 * 1024);
    html.push_str("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width\">");
    // Writing to a String cannot fail, here and below.
    let _ = write!(html, "<title>{} API</title><style>{STYLE}</style></head><body>", escape(title));
    contents(&mut html, document);
    let version = escape(&document["info"]["version"]);
    let _ = write!(html, "<main><h1>{} API <small class=\"soft\">{version}</small></h1>", escape(title));
    let _ = write!(html, "{}", text(&document["info"]["description"]));
    html.push_str("<p>For programs: <a href=\"openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>");
    for tag in list(&document["tags"]) {
        let _ = write!(html, "<h2 id=\"{0}\">{0}</h2>{1}", escape(&tag["name"]), text(&tag["description"]));
        for (method, path, operation) in
            operations(document).filter(|found| found.2["tags"][0] == tag["name"])
        {
            show_operation(&mut html, document, (method, path), operation);
        }
    }
    credentials(&mut html, document);
    html.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let _ = write!(html, "<section id=\"schema-{name}\"><h3>{name}</h3>{}", text(&schema["description"]));
        members(&mut html, schema);
        for sample in list(&schema["examples"]) {
            example(&mut html, sample);
        }
        html.push_str("</section>");
    }
    html.push_str("</main></body></html>");
    html
}

/// All operations with method and path, in the document's order.
fn operations(document: &Value) -> impl Iterator<Item = (&'static str, &String, &Value)> {
    entries(&document["paths"]).flat_map(|(path, item)| {
        METHODS
            .into_iter()
            .filter_map(move |method| item.get(method).map(|operation| (method, path, operation)))
    })
}

fn contents(html: &mut String, document: &Value) {
    html.push_str("<nav aria-label=\"Contents\"><a href=\"#\"><strong>Boxoffice API</strong></a>");
    for tag in list(&document["tags"]) {
        let _ = write!(html, "<h2>{}</h2><ul>", escape(&tag["name"]));
        for (_, _, operation) in operations(document).filter(|found| found.2["tags"][0] == tag["name"]) {
            let (id, summary) = (escape(&operation["operationId"]), escape(&operation["summary"]));
            let _ = write!(html, "<li><a href=\"#{id}\">{summary}</a>");
        }
        html.push_str("</ul>");
    }
    html.push_str("<h2>More</h2><ul><li><a href=\"#credentials\">Credentials</a>");
    html.push_str("<li><a href=\"#schemas\">Schemas</a></ul></nav>");
}

fn show_operation(html: &mut String, document: &Value, (method, path): (&str, &str), operation: &Value) {
    let (id, summary) = (escape(&operation["operationId"]), escape(&operation["summary"]));
    let _ = write!(html, "<section id=\"{id}\"><h3>{summary}</h3>");
    let _ =
        write!(html, "<p class=\"route\"><span class=\"method {method}\">{}</span>", method.to_uppercase());
    let _ = write!(html, "{}</p>{}", escape(&path.into()), text(&operation["description"]));
    let _ = write!(html, "<p class=\"soft\">{} <code>{id}</code></p>", who(&operation["security"]));
    let parameters = list(&document["paths"][path]["parameters"]).chain(list(&operation["parameters"]));
    show_parameters(html, parameters.map(|parameter| resolve(document, parameter)));
    let content = &operation["requestBody"]["content"]["application/json"];
    if !content.is_null() {
        let optional = if operation["requestBody"]["required"] == false { " (may be left out)" } else { "" };
        let _ = write!(html, "<h4>Body{optional}</h4><p>{}</p>", kind(&content["schema"]));
        example(html, &content["example"]);
    }
    html.push_str("<h4>Answers</h4>");
    for (status, answer) in entries(&operation["responses"]) {
        show_answer(html, document, status, answer);
    }
    html.push_str("</section>");
}

/// Who may use an operation.
fn who(security: &Value) -> String {
    let ways = list(security).map(|way| match (way.get("Token"), &way["ApiKey"][0]) {
        (Some(_), _) => "the token".to_owned(),
        (None, Value::String(scope)) => format!("an API key of scope <code>{scope}</code>"),
        _ => "nobody in particular".to_owned(),
    });
    let ways: Vec<String> = ways.collect();
    match ways.as_slice() {
        [] => "For everybody.".to_owned(),
        [first, key] if first.starts_with("nobody") => format!("For everybody; {key} may see more."),
        ways => format!("Needs {}.", ways.join(", or ")),
    }
}

fn show_parameters<'a>(html: &mut String, parameters: impl Iterator<Item = &'a Value>) {
    html.push_str("<h4>Parameters</h4><table>");
    for parameter in parameters {
        let (name, place) = (escape(&parameter["name"]), escape(&parameter["in"]));
        let schema = kind(&parameter["schema"]);
        let said = text(&parameter["description"]);
        let _ = write!(
            html,
            "<tr><th scope=\"row\"><code>{name}</code><td class=\"soft\">{place}<td>{schema}<td>{said}"
        );
    }
    html.push_str("</table>");
}

fn show_answer(html: &mut String, document: &Value, status: &str, answer: &Value) {
    let problem = &answer["content"]["application/problem+json"];
    let summary = if problem.is_null() {
        answer["description"].clone()
    } else {
        let codes: Vec<&str> = entries(&problem["examples"]).map(|(code, _)| code.as_str()).collect();
        Value::String(format!("`{}`", codes.join("` `")))
    };
    let said = text(&summary).replace("<p>", "").replace("</p>", "");
    let _ = write!(html, "<details><summary><span class=\"status\">{status}</span>{said}</summary>");
    if !problem.is_null() {
        html.push_str(&text(&answer["description"]));
    }
    for (media, content) in entries(&answer["content"]) {
        let _ = write!(html, "<p><code>{media}</code> {}</p>", kind(&content["schema"]));
        example(html, &content["example"]);
        for (_, sample) in entries(&content["examples"]) {
            example(html, &resolve(document, sample)["value"]);
        }
    }
    let headers: Vec<String> =
        entries(&answer["headers"]).map(|(name, _)| format!("<code>{name}</code>")).collect();
    let _ = write!(html, "<p class=\"soft\">Headers: {}</p></details>", headers.join(" "));
}

fn credentials(html: &mut String, document: &Value) {
    html.push_str("<h2 id=\"credentials\">Credentials</h2>");
    for (name, scheme) in entries(&document["components"]["securitySchemes"]) {
        let _ = write!(html, "<section><h3>{name}</h3>{}", text(&scheme["description"]));
        html.push_str("<pre>Authorization: Bearer …</pre></section>");
    }
}

/// What a reference points at, or the value itself.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|target| document.pointer(target.strip_prefix('#')?));
    target.unwrap_or(value)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
