//! Seating plans: read by hash, and made with an auditorium.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use boxoffice_core::id::{AuditoriumId, CinemaId};
use boxoffice_core::plan::PlanHash;
use boxoffice_engine::box_office::Refused;
use boxoffice_engine::catalogue::{Auditorium, Kind, New};
use bytes::Bytes;
use compact_str::CompactString;
use http::{HeaderValue, Request, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::json::{self as body, Faults, Fields, text};
use super::super::log::note_change;
use super::super::metrics::count;
use super::super::problem::{Code, Problem};
use super::super::request::{self, Asked, Id};
use super::super::wire;
use super::super::{App, Shared};
use super::{external_id, not_created, store_problem};
use crate::config::Scope;
use crate::plans::{Imported, Options, import, wire as plan_wire};

/// `GET /v1/plans/{hash}`: never changes.
pub async fn read(
    State(app): State<Shared>,
    Id(hash): Id<PlanHash>,
    asked: Asked,
) -> Result<Response, Problem> {
    asked.no_more_parameters()?;
    let plan = app.office.ports().store.plan(hash).await.map_err(|error| store_problem(&app, error))?;
    let plan = plan.ok_or_else(|| Problem::new(Code::PlanNotFound, "There is no plan of this hash."))?;
    let mut response = wire::answer(StatusCode::OK, &plan_wire(&plan));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, forever);
    Ok(response)
}

/// A body whose plan is left as it is, for the importer to read: a value tree of it would be ten times as large.
#[derive(Deserialize)]
struct WithPlan<'a> {
    #[serde(borrow, default)]
    plan: Option<&'a RawValue>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// `POST /v1/auditoriums`
pub async fn create_auditorium(
    State(app): State<Shared>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    // Plans are large: only so many are in memory at once, and nobody without a key gets that far.
    app.keys.credential(request.headers())?.require(Scope::Admin)?;
    let _slot = app.plan_slots.try_acquire().map_err(|_| {
        count(&app.metrics.plans_full);
        app.problem(&Refused::Overloaded, None)
    })?;
    let (asked, bytes) = request::read(request, &app, app.config.http.max_plan_bytes).await?;
    asked.no_more_parameters()?;
    let read = tokio::task::spawn_blocking(move || read_body(&bytes)).await;
    let ReadBody { draft, plan, fingerprint } =
        read.map_err(|_| Problem::new(Code::Internal, "The plan could not be read."))??;
    if let Some(cinema) = draft.cinema {
        let found =
            app.entries.cinema(&app.office, cinema).await.map_err(|error| store_problem(&app, error))?;
        found.ok_or_else(|| Problem::new(Code::CinemaNotFound, "There is no cinema of this id."))?;
    }
    let auditorium = Auditorium {
        id: AuditoriumId::from_number(app.office.draw_number()),
        name: draft.name,
        cinema: draft.cinema,
        plan: plan.plan.hash(),
        screen: draft.screen,
        external_id: draft.external_id,
    };
    let (warnings, label_rule) = (plan.warnings, plan.label_rule);
    let new = New::Auditorium(auditorium, Arc::new(plan.plan));
    add(&app, &asked, new, &fingerprint, &json!(warnings), label_rule.as_str()).await
}

async fn add(
    app: &App,
    asked: &Asked,
    new: New,
    fingerprint: &Value,
    warnings: &Value,
    label_rule: &str,
) -> Result<Response, Problem> {
    let key = asked.catalogue_key(app, fingerprint);
    let created = app.office.ports().store.catalogue().create(new, key).await;
    let id = |number| AuditoriumId::from_number(number).to_string();
    let created = created.map_err(|error| not_created(app, error, id))?;
    let entry = app.entries.get(&app.office, Kind::Auditorium, created.number).await;
    let entry = entry.map_err(|error| store_problem(app, error))?;
    let Some(boxoffice_engine::catalogue::Entry::Auditorium(auditorium)) = entry.as_deref() else {
        return Err(Problem::new(Code::Internal, "It was added but cannot be found."));
    };
    let mut answer = wire::catalogue::auditorium(auditorium);
    answer["warnings"] = warnings.clone();
    answer["label_rule"] = label_rule.into();
    let mut response =
        wire::created(&format!("/v1/auditoriums/{}", auditorium.id), &answer, created.replayed);
    if !created.replayed {
        note_change(&mut response, None, &asked.credential.actor());
    }
    Ok(response)
}

struct Draft {
    name: CompactString,
    cinema: Option<CinemaId>,
    screen: Option<CompactString>,
    external_id: Option<CompactString>,
}

struct ReadBody {
    draft: Draft,
    plan: Imported,
    /// Stands for the body in the fingerprint of the request: the plan by its hash.
    fingerprint: Value,
}

fn read_body(bytes: &Bytes) -> Result<ReadBody, Problem> {
    let malformed = |error: serde_json::Error| {
        Problem::fault(Code::MalformedBody, ("pointer", ""), format!("The body is not valid JSON: {error}."))
    };
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        body::parse(bytes)?;
        return Err(Problem::fault(Code::InvalidField, ("pointer", ""), "It must be an object."));
    }
    let not_utf8 = |error| format!("The body is not UTF-8: {error}.");
    let text_body = std::str::from_utf8(bytes)
        .map_err(|error| Problem::fault(Code::MalformedBody, ("pointer", ""), not_utf8(error)))?;
    let WithPlan { plan, rest } = serde_json::from_str(text_body).map_err(malformed)?;
    let mut fingerprint = Value::Object(rest.clone());
    let mut faults = Faults::default();
    if plan.is_none_or(|plan| plan.get() == "null") {
        faults.invalid("/plan", "It is required.");
    }
    let mut fields = Fields::new(Value::Object(rest), String::new(), &mut faults);
    let draft = Draft {
        name: fields.required("name", text(200)),
        cinema: fields.optional("cinema", cinema_id),
        screen: fields.optional("screen", text(100)),
        external_id: external_id(&mut fields),
    };
    let blocked_categories = fields.list("blocked_categories", 1000, |value, pointer, faults| match value {
        Value::String(key) => Some(key),
        _ => {
            faults.invalid(&pointer, "It must be the key of a category.");
            None
        }
    });
    fields.finish();
    faults.check()?;
    let options =
        Options { blocked_categories: blocked_categories.unwrap_or_default(), ..Options::default() };
    let plan = import(plan.map_or("", RawValue::get).as_bytes(), &options).map_err(|faults| {
        let errors: Vec<Value> = faults
            .iter()
            .map(|fault| json!({"pointer": format!("/plan{}", fault.pointer), "detail": fault.detail}))
            .collect();
        Problem::new(Code::InvalidPlan, "The seating plan has faults; see errors.").with("errors", errors)
    })?;
    fingerprint["plan"] = plan.plan.hash().to_string().into();
    Ok(ReadBody { draft, plan, fingerprint })
}

fn cinema_id(value: Value) -> Result<CinemaId, String> {
    let id = value.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| "It must be the id of a cinema.".to_owned())
}
