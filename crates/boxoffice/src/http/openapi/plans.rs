//! Seating plans in the description of the API: as they are answered, and as they may be given.

use serde_json::{Map, Value, json};

use super::super::problem::Code;
use super::Description;
use super::operation::Access::Public;
use super::operation::Operation;
use super::schema::{answer, count, flag, list, number, of, or_null, said, text};
use super::shared::sample;

/// Our own format as its own schema describes it.
const GIVEN: &str = include_str!("../../../../../docs/seating-plan.schema.json");

/// Adds the operation and the schemas.
pub(super) fn add(description: &mut Description) {
    let read = Operation::new("readPlan", "Catalogue", "Read a seating plan", Public)
        .text("The geometry of a room: x to the right, y down, the screen at the top, 1.0 the distance of neighbours. \
            It never changes: read it once and keep it.")
        .path("hash", "PlanHash", Code::PlanNotFound)
        .answers(200, "The plan.", "Plan", plan_sample());
    description.add("get", "/v1/plans/{hash}", read);
    add_shown(description);
    add_given(description);
}

fn add_shown(description: &mut Description) {
    let size = answer("In distances of neighbours.").must("width", number()).must("height", number());
    let screen = answer("Where the screen is: its left end, and how wide it is.")
        .must("x", number())
        .must("y", number())
        .must("width", number());
    let plan = answer("A room's geometry.")
        .must("plan", of("PlanHash"))
        .must("size", size.schema())
        .must("screen", screen.schema())
        .must("categories", list(of("Category")))
        .must("rows", said(list(of("Row")), "From the screen back."));
    description.schema("Plan", plan.like(plan_sample()));
    let category = answer("A price category.")
        .must("key", said(text(), "What prices name."))
        .must("name", text())
        .must("color", or_null(text()));
    description.schema("Category", category.schema());
    let row = answer("A row.")
        .must("row", text())
        .may("zone", text())
        .must("seats", said(list(of("PlanSeat")), "From left to right."));
    description.schema("Row", row.schema());
    let seat = answer("A seat's place.")
        .must("seat", of("Label"))
        .must("number", text())
        .must("x", number())
        .must("y", number())
        .must("category", text())
        .must("kind", of("SeatKind"))
        .may("group", said(count(), "The same for the seats of one sofa."))
        .may("blocked", said(flag(), "Not for sale in this room."))
        .may("source_id", said(text(), "What it is called in the system that the plan came from."));
    description.schema("PlanSeat", seat.schema());
}

/// Our own format: its published schema, with its definitions among the document's.
fn add_given(description: &mut Description) {
    let Ok(Value::Object(mut whole)) = serde_json::from_str::<Value>(GIVEN) else { return };
    whole.remove("$schema");
    let parts = whole.remove("$defs");
    let mut whole = Value::Object(whole);
    rename(&mut whole);
    description.schema("SeatingPlan", whole);
    for (name, mut part) in parts.as_ref().and_then(Value::as_object).cloned().unwrap_or_default() {
        rename(&mut part);
        description.schema(&part_name(&name), part);
    }
}

fn part_name(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("SeatingPlan{}{}", first.map(String::from).unwrap_or_default(), letters.as_str())
}

/// Lets references to definitions point into the document.
fn rename(schema: &mut Value) {
    match schema {
        Value::Object(members) => rename_members(members),
        Value::Array(items) => items.iter_mut().for_each(rename),
        _ => {}
    }
}

fn rename_members(members: &mut Map<String, Value>) {
    for (name, value) in members {
        let part = value.as_str().and_then(|target| target.strip_prefix("#/$defs/")).map(part_name);
        match part.filter(|_| name == "$ref") {
            Some(part) => *value = super::schema::of(&part)["$ref"].take(),
            None => rename(value),
        }
    }
}

/// A plan as it may be given.
pub(super) fn given_sample() -> Value {
    json!({"rows": [{"row": "A", "seats": 4}, {"row": "B", "seats": 4}]})
}

fn plan_sample() -> Value {
    let seat = |label: &str, x: f64| json!({"seat": label, "number": label[1..], "x": x, "y": 1.5, "category": "standard", "kind": "standard"});
    json!({
        "plan": sample::PLAN,
        "size": {"width": 2.0, "height": 2.0},
        "screen": {"x": 0.0, "y": 0.0, "width": 2.0},
        "categories": [{"key": "standard", "name": "Standard", "color": null}],
        "rows": [{"row": "A", "seats": [seat("A1", 0.5), seat("A2", 1.5)]}],
    })
}
