//! Pieces of the page: escaped text, the short form of a schema, the table of its members, examples.

use std::fmt::Write as _;

use serde_json::Value;

/// A text as HTML shows it.
pub(super) fn escape(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Paragraphs, in which backticks mark code.
pub(super) fn text(value: &Value) -> String {
    let escaped = escape(value);
    if escaped.is_empty() {
        return escaped;
    }
    let mut html = String::from("<p>");
    for (at, part) in escaped.split('`').enumerate() {
        let (open, close) = if at % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
        let _ = write!(html, "{open}{}{close}", part.replace("\n\n", "</p><p>"));
    }
    html + "</p>"
}

/// What a value may be, in a few words.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for (several, between) in [("anyOf", " or "), ("oneOf", " or "), ("allOf", " with ")] {
        if let Some(kinds) = schema[several].as_array() {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(between);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|value| format!("<code>{}</code>", escape(value))).collect();
        return values.join(" ");
    }
    if schema["type"] == "array" {
        return format!("list of {}", kind(&schema["items"]));
    }
    let named = match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ if schema["properties"].is_object() => "object".to_owned(),
        _ => "anything".to_owned(),
    };
    let named = named.replace("string", "text");
    let values = &schema["additionalProperties"];
    let named = if values.is_object() { format!("{named} of {}", kind(values)) } else { named };
    named + &bounds(schema)
}

fn bounds(schema: &Value) -> String {
    let mut said = String::new();
    if let Some(format) = schema["format"].as_str() {
        let _ = write!(said, " ({format})");
    }
    for (least, most, what) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " members"),
    ] {
        match (schema[least].as_i64(), schema[most].as_i64()) {
            (Some(least), Some(most)) => {
                let _ = write!(said, ", {least} to {most}{what}");
            }
            (None, Some(most)) => {
                let _ = write!(said, ", at most {most}{what}");
            }
            (Some(least), None) => {
                let _ = write!(said, ", from {least}{what}");
            }
            (None, None) => {}
        }
    }
    said
}

/// The members of an object, or what else it may be.
pub(super) fn members(html: &mut String, schema: &Value) {
    let Some(all) = schema["properties"].as_object() else {
        let _ = write!(html, "<p>{}</p>", kind(schema));
        return;
    };
    let required = schema["required"].as_array();
    html.push_str("<table>");
    for (name, member) in all {
        let must = required.is_some_and(|required| required.iter().any(|known| known == name));
        let mark = if must { "" } else { "<span class=\"soft\">?</span>" };
        let said = text(&member["description"]);
        let _ = write!(html, "<tr><th scope=\"row\"><code>{name}</code>{mark}<td>{}<td>{said}", kind(member));
    }
    html.push_str("</table>");
}

/// An example.
pub(super) fn example(html: &mut String, value: &Value) {
    let shown = match value {
        Value::Null => return,
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    let _ = write!(html, "<pre>{}</pre>", escape(&shown.into()));
}
