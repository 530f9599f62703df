//! Every error code: the one schema of problems, an example of each, and the answers that an operation may refuse with.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::problem::{CODES, Code};
use super::operation::header_list;
use super::schema::{Object, answer, count, list, of, one_of, said, text, time};

/// The schema of every problem.
pub(super) fn schema() -> Value {
    answer("An error (RFC 9457). Rely on `code`, and treat one that you do not know by its `status`.")
        .must("type", said(json!({"type": "string", "format": "uri"}), "A page that explains the code."))
        .must("title", text())
        .must("status", json!({"type": "integer", "minimum": 400, "maximum": 599}))
        .must("detail", said(text(), "One helpful sentence, for people."))
        .must("code", of("ProblemCode"))
        .with(members)
        .like(example(Code::SeatUnavailable, "https://tickets.example"))
}

/// The members that only some codes have.
fn members(problem: Object) -> Object {
    problem
        .may(
            "errors",
            said(list(of("Fault")), "400 and `invalid_plan`: every fault, at most about a hundred."),
        )
        .may("conflicts", said(list(of("Conflict")), "`seat_unavailable`, `version_mismatch`."))
        .may("seats", said(list(text()), "The labels that it is about."))
        .may("categories", said(list(text()), "`missing_price`, `unknown_category`: their keys."))
        .may("limit", said(count(), "The bound that was passed: bytes, seats or seconds."))
        .may("scope", said(one_of(["read", "sell", "admin"]), "`scope_missing`: what it would need."))
        .may("id", said(text(), "`external_id_taken`: the one that has it."))
        .may("showtimes", said(count(), "`in_use`: how many showtimes use it."))
        .may("showtime", said(text(), "`in_use`: one of them."))
        .may("auditoriums", said(count(), "`in_use`: how many rooms are in it."))
        .may("auditorium", said(text(), "`in_use`: one of them."))
        .may("on_sale_at", said(time(), "`not_on_sale`: when the sale opens, if it has not yet."))
        .may("hold_status", said(of("HoldStatus"), "`hold_not_active`: what the hold is."))
        .may("retry_after_ms", said(count(), "503: when to ask again, spread so that not all come at once."))
}

/// The schemas that problems use.
pub(super) fn part_schemas() -> [(&'static str, Value); 3] {
    let codes = one_of(CODES.iter().map(|code| code.info().code));
    let fault = answer("One fault of a request, and its place.")
        .may("pointer", said(text(), "A JSON Pointer into the body."))
        .may("parameter", said(text(), "The name of a parameter or header."))
        .must("detail", text())
        .schema();
    let reasons = ["held", "booked", "blocked", "claimed"];
    let conflict = answer("A seat that cannot be had, or that has changed.")
        .must("seat", text())
        .may(
            "reason",
            said(one_of(reasons), "`claimed`: being taken this instant, worth one retry after 50 to 200 ms."),
        )
        .may("expected", said(count(), "The version that was asked for."))
        .may("actual", said(count(), "The version that it has."))
        .schema();
    [("Fault", fault), ("Conflict", conflict), ("ProblemCode", said(codes, "Stable; more may come."))]
}

/// An example of a code.
pub(super) fn example(code: Code, url: &str) -> Value {
    let info = code.info();
    let mut problem = json!({
        "type": format!("{url}/problems/{}", info.code),
        "title": info.title,
        "status": info.status.as_u16(),
        "detail": info.help,
        "code": info.code,
    });
    let passing = info.status.as_u16() == 503;
    let more = match code {
        Code::InvalidField => {
            json!({"errors": [{"pointer": "/seats/0", "detail": "It must be the label of a seat."}]})
        }
        Code::UnknownField => json!({"errors": [{"pointer": "/seat", "detail": "There is no such field."}]}),
        Code::UnknownParameter => {
            json!({"errors": [{"parameter": "page", "detail": "There is no such parameter here."}]})
        }
        Code::MalformedBody => json!({"errors": [{"pointer": "", "detail": "The body was cut off."}]}),
        Code::InvalidCursor => json!({"errors": [{"parameter": "after", "detail": info.help}]}),
        Code::WeakIdempotencyKey | Code::InvalidHeader => {
            json!({"errors": [{"parameter": "Idempotency-Key", "detail": info.help}]})
        }
        Code::InvalidPlan => {
            json!({"errors": [{"pointer": "/plan/rows/0/seats/1", "detail": "A-1 is there twice."}]})
        }
        Code::SeatUnavailable => json!({"conflicts": [{"seat": "C12", "reason": "held"}]}),
        Code::VersionMismatch => json!({"conflicts": [{"seat": "C12", "expected": 3, "actual": 4}]}),
        Code::UnknownSeat | Code::DuplicateSeat | Code::SeatNotInHold | Code::UnknownTicket => {
            json!({"seats": ["C12"]})
        }
        Code::MissingPrice | Code::UnknownCategory => json!({"categories": ["premium"]}),
        Code::TooManySeats => json!({"limit": 10}),
        Code::TtlTooLong => json!({"limit": 480}),
        Code::BodyTooLarge => json!({"limit": 262_144}),
        Code::HeadTooLarge => json!({"limit": 65_536}),
        Code::ScopeMissing => json!({"scope": "admin"}),
        Code::ExternalIdTaken => json!({"id": "mov_06ffh3rz7a1k9"}),
        Code::InUse => json!({"showtimes": 12, "showtime": "sho_06ffh3rz7a"}),
        Code::NotOnSale => json!({"on_sale_at": "2026-11-22T09:00:00Z"}),
        Code::HoldNotActive => json!({"hold_status": "released"}),
        _ if passing => json!({"retry_after_ms": 640}),
        _ => json!({}),
    };
    for (name, value) in more.as_object().into_iter().flatten() {
        problem[name] = value.clone();
    }
    problem
}

/// An example of every code, by its name.
pub(super) fn examples(url: &str) -> Value {
    let example = |code: &Code| {
        let info = code.info();
        (info.code.to_owned(), json!({"summary": info.title, "value": example(*code, url)}))
    };
    Value::Object(CODES.iter().map(example).collect())
}

/// The answers with these codes, by status.
pub(super) fn responses(codes: &[Code]) -> Map<String, Value> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in CODES.iter().filter(|code| codes.contains(code)) {
        by_status.entry(code.info().status.as_u16()).or_default().push(*code);
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(status, &codes))).collect()
}

/// Every code there is as a shared answer of its status, also those that no operation has of its own.
pub(super) fn shared_responses() -> Value {
    responses(CODES).into_iter().map(|(status, response)| (format!("Problem{status}"), response)).collect()
}

fn response(status: u16, codes: &[Code]) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.info().code).collect();
    let examples: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/examples/{name}")})))
        .collect();
    let narrowed = json!({"type": "object", "properties": {"code": {"enum": names}}, "required": ["code"]});
    let description: Vec<String> =
        codes.iter().map(|code| code.info()).map(|info| format!("`{}`: {}", info.code, info.help)).collect();
    let headers: &[&str] = match status {
        400 => &["Sec-WebSocket-Version"],
        401 => &["WWW-Authenticate"],
        405 => &["Allow"],
        503 => &["Retry-After"],
        _ => &[],
    };
    json!({
        "description": description.join("\n\n"),
        "headers": header_list(headers),
        "content": {"application/problem+json": {
            "schema": {"allOf": [of("Problem"), narrowed]},
            "examples": examples,
        }},
    })
}
