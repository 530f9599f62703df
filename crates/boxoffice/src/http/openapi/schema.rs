//! Words for JSON Schema, in which the members of bodies and answers are described.

use serde_json::{Map, Value, json};

/// What the name of a schema becomes where it is used.
pub(super) fn of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A schema with what people should know about it.
pub(super) fn said(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// What may also be null.
pub(super) fn or_null(mut schema: Value) -> Value {
    match schema.get("type").and_then(Value::as_str).map(str::to_owned) {
        // A format says nothing of null, but tools trip over it.
        Some(one) if schema.get("enum").is_none() && schema.get("format").is_none() => {
            schema["type"] = json!([one, "null"]);
            schema
        }
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

/// Any text.
pub(super) fn text() -> Value {
    json!({"type": "string"})
}

/// A text to look for: without control characters but line feed and tab.
pub(super) fn plain_text() -> Value {
    pattern("^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]*$")
}

/// A text that requests may give to be kept: a plain one of some characters.
pub(super) fn given_text(most: u32) -> Value {
    let mut text = plain_text();
    text["minLength"] = 1.into();
    text["maxLength"] = most.into();
    text
}

/// A text of this form.
pub(super) fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

/// One of these texts.
pub(super) fn one_of<'a>(values: impl IntoIterator<Item = &'a str>) -> Value {
    json!({"type": "string", "enum": values.into_iter().collect::<Vec<_>>()})
}

/// A whole number within bounds.
pub(super) fn integer(least: i64, most: i64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

/// A whole number from 0 on.
pub(super) fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// A number.
pub(super) fn number() -> Value {
    json!({"type": "number"})
}

/// True or false.
pub(super) fn flag() -> Value {
    json!({"type": "boolean"})
}

/// A point in time.
pub(super) fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A time that requests may give: from 1970 to 9999.
pub(super) fn given_time() -> Value {
    let date = "(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
    let hour = "([01][0-9]|2[0-3]):[0-5][0-9]";
    let mut time = time();
    time["pattern"] = format!("^{date}[Tt]{hour}:[0-5][0-9]([.][0-9]{{1,9}})?([Zz]|[+-]{hour})$").into();
    time
}

/// A list.
pub(super) fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// A list of at most so many items.
pub(super) fn short_list(items: Value, most: u32) -> Value {
    json!({"type": "array", "items": items, "maxItems": most})
}

/// An object whose members' names are data.
pub(super) fn map(values: Value) -> Value {
    json!({"type": "object", "additionalProperties": values})
}

/// An object under construction.
pub(super) struct Object {
    required: Vec<&'static str>,
    members: Map<String, Value>,
    description: &'static str,
    is_body: bool,
}

/// A body of a request: unknown members are refused, and null counts as absent.
pub(super) fn body(description: &'static str) -> Object {
    Object { required: Vec::new(), members: Map::new(), description, is_body: true }
}

/// What is in an answer, which may gain members.
pub(super) fn answer(description: &'static str) -> Object {
    Object { is_body: false, ..body(description) }
}

impl Object {
    /// A member that is always there.
    pub(super) fn must(mut self, name: &'static str, schema: Value) -> Self {
        self.required.push(name);
        self.members.insert(name.to_owned(), schema);
        self
    }

    /// A member that may be absent; in a body, null then says the same.
    pub(super) fn may(mut self, name: &'static str, schema: Value) -> Self {
        let schema = if self.is_body { or_null(schema) } else { schema };
        self.members.insert(name.to_owned(), schema);
        self
    }

    /// More members, told by a function that others use, too.
    pub(super) fn with(self, more: impl FnOnce(Self) -> Self) -> Self {
        more(self)
    }

    /// The body of a change: what something new must have may be left out, but not cleared.
    pub(super) fn into_change(self) -> Self {
        Self { required: Vec::new(), description: "What shall be different.", ..self }
    }

    /// The schema.
    pub(super) fn schema(self) -> Value {
        let mut schema = json!({
            "type": "object",
            "description": self.description,
            "properties": self.members,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        if self.is_body {
            schema["additionalProperties"] = false.into();
        }
        schema
    }

    /// The schema, with an example.
    pub(super) fn like(self, example: Value) -> Value {
        let mut schema = self.schema();
        schema["examples"] = json!([example]);
        schema
    }
}
