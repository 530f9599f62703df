//! An operation under construction: what it takes, what it answers, and the refusals that follow from both.

use serde_json::{Map, Value, json};

use super::super::problem::Code;
use super::{problems, schema};
use crate::config::Scope;

/// Who may use an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anybody; credentials are not even looked at.
    Open,
    /// Anybody; but a wrong API key is refused.
    Public,
    /// Anybody; a key of this scope sees or may do more.
    PublicOrKey(Scope),
    /// Whoever has a key of this scope.
    Key(Scope),
    /// Whoever has the token, or a key of this scope.
    Token(Scope),
}

/// An operation under construction.
pub(super) struct Operation {
    members: Map<String, Value>,
    parameters: Vec<Value>,
    answers: Map<String, Value>,
    codes: Vec<Code>,
}

impl Operation {
    /// With its stable id, its group, and its purpose in a few words.
    pub(super) fn new(id: &str, tag: &str, summary: &str, access: Access) -> Self {
        let mut members = Map::new();
        members.insert("operationId".to_owned(), id.into());
        members.insert("tags".to_owned(), json!([tag]));
        members.insert("summary".to_owned(), summary.into());
        members.insert("security".to_owned(), security(access));
        // Too many connections are turned away whatever they ask for.
        let mut codes = vec![Code::Internal, Code::Overloaded, Code::UnknownParameter];
        if access != Access::Open {
            codes.extend([Code::CredentialsWrong, Code::StoreUnavailable]);
        }
        if matches!(access, Access::Key(_) | Access::Token(_)) {
            codes.extend([Code::CredentialsMissing, Code::ScopeMissing]);
        }
        Self { members, parameters: Vec::new(), answers: Map::new(), codes }
    }

    /// What people should know about it.
    pub(super) fn text(mut self, description: &str) -> Self {
        self.members.insert("description".to_owned(), description.into());
        self
    }

    /// A parameter in the path, which has a schema of its own name.
    pub(super) fn path(mut self, name: &str, schema: &str, absent: Code) -> Self {
        let schema = schema::of(schema);
        self.parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
        self.refuses(&[absent])
    }

    /// A parameter in the query that may be left out.
    pub(super) fn query(mut self, name: &str, schema: Value, description: &str, example: Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "description": description, "schema": schema, "example": example,
        }));
        self
    }

    /// A header of the request that may be left out.
    pub(super) fn header(mut self, name: &str, schema: Value, description: &str, example: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "description": description, "schema": schema, "example": example,
        }));
        self
    }

    /// It is a list that comes in pages.
    pub(super) fn paged(mut self) -> Self {
        for name in ["Limit", "After"] {
            self.parameters.push(json!({"$ref": format!("#/components/parameters/{name}")}));
        }
        self.refuses(&[Code::InvalidField, Code::InvalidCursor])
    }

    /// It changes something, once for each Idempotency-Key.
    pub(super) fn change(mut self) -> Self {
        self.parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
        self.refuses(&[
            Code::WeakIdempotencyKey,
            Code::InvalidHeader,
            Code::IdempotencyInProgress,
            Code::IdempotencyKeyReused,
            Code::OutcomeUnknown,
            Code::Draining,
        ])
    }

    /// With a body of this schema.
    pub(super) fn body(self, name: &str, example: Value) -> Self {
        self.any_body(schema::of(name), example, true)
    }

    /// With a body that may be left out.
    pub(super) fn optional_body(self, schema: Value, example: Value) -> Self {
        self.any_body(schema, example, false)
    }

    fn any_body(mut self, schema: Value, example: Value, required: bool) -> Self {
        let content = json!({"application/json": {"schema": schema, "example": example}});
        self.members.insert("requestBody".to_owned(), json!({"required": required, "content": content}));
        self.refuses(&[
            Code::MalformedBody,
            Code::InvalidField,
            Code::UnknownField,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ])
    }

    /// A JSON answer of this schema.
    pub(super) fn answers(self, status: u16, description: &str, name: &str, example: Value) -> Self {
        let content = json!({"application/json": {"schema": schema::of(name), "example": example}});
        self.answers_with(status, description, Some(content), &[])
    }

    /// The answer to a request that made something.
    pub(super) fn created(self, description: &str, name: &str, example: Value) -> Self {
        let content = json!({"application/json": {"schema": schema::of(name), "example": example}});
        self.answers_with(201, description, Some(content), &["Location", "Idempotent-Replayed"])
    }

    /// The JSON answer to a request that changed something.
    pub(super) fn changed(self, description: &str, name: &str, example: Value) -> Self {
        let content = json!({"application/json": {"schema": schema::of(name), "example": example}});
        self.answers_with(200, description, Some(content), &["Idempotent-Replayed"])
    }

    /// Any answer, with headers beyond those that every answer has.
    pub(super) fn answers_with(
        mut self,
        status: u16,
        description: &str,
        content: Option<Value>,
        headers: &[&str],
    ) -> Self {
        let mut answer = json!({"description": description, "headers": header_list(headers)});
        if let Some(content) = content {
            answer["content"] = content;
        }
        self.answers.insert(status.to_string(), answer);
        self
    }

    /// What the answer of a status leads to: operations that take its id.
    pub(super) fn leads_to(mut self, status: &str, operations: &[&str]) -> Self {
        let link = |id: &&str| {
            ((*id).to_owned(), json!({"operationId": id, "parameters": {"id": "$response.body#/id"}}))
        };
        self.answers[status]["links"] = Value::Object(operations.iter().map(link).collect());
        self
    }

    /// It may refuse with these codes.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// The operation as the document has it.
    pub(super) fn finish(mut self) -> Value {
        self.members.insert("parameters".to_owned(), self.parameters.into());
        self.answers.extend(problems::responses(&self.codes));
        self.members.insert("responses".to_owned(), self.answers.into());
        Value::Object(self.members)
    }
}

/// Headers that every answer has, or may have.
const ON_EVERY_ANSWER: [&str; 7] = [
    "X-Request-Id",
    "Cache-Control",
    "Vary",
    "traceparent",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
];

/// The headers that every answer has, and these.
pub(super) fn header_list(more: &[&str]) -> Value {
    let reference =
        |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    Value::Object(ON_EVERY_ANSWER.iter().chain(more).map(reference).collect())
}

fn security(access: Access) -> Value {
    match access {
        Access::Open | Access::Public => json!([]),
        Access::PublicOrKey(scope) => json!([{}, {"ApiKey": [scope.as_str()]}]),
        Access::Key(scope) => json!([{"ApiKey": [scope.as_str()]}]),
        Access::Token(scope) => json!([{"Token": []}, {"ApiKey": [scope.as_str()]}]),
    }
}
