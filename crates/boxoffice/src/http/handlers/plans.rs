//! Seating plans: read by hash, and made with an auditorium; auditoriums made and changed.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use boxoffice_core::id::{AuditoriumId, CinemaId};
use boxoffice_core::plan::PlanHash;
use boxoffice_engine::box_office::Refused;
use boxoffice_engine::catalogue::{Auditorium, Entry, Kind, New};
use bytes::Bytes;
use compact_str::CompactString;
use http::{HeaderValue, Request, StatusCode, header};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::encoded::Encoded;
use super::super::json::{self as body, Faults, Fields, Strict, text};
use super::super::metrics::count;
use super::super::problem::{Code, Problem};
use super::super::request::{self, Asked, Id};
use super::super::wire;
use super::super::{App, Shared};
use super::catalogue::change::{Edited, again, change, first_answer};
use super::catalogue::{add, answered_again};
use super::store_problem;
use crate::config::Scope;
use crate::plans::{Imported, Options, import, wire as plan_wire};

/// `GET /v1/plans/{hash}`: never changes.
pub async fn read(
    State(app): State<Shared>,
    Id(hash): Id<PlanHash>,
    mut asked: Asked,
) -> Result<Response, Problem> {
    asked.no_more_parameters()?;
    let plan = app.office.ports().store.plan(hash).await.map_err(|error| store_problem(&app, error))?;
    let plan = plan.ok_or_else(|| Problem::new(Code::PlanNotFound, "There is no plan of this hash."))?;
    let body = Encoded::new(serde_json::to_vec(&plan_wire(&plan)).unwrap_or_default());
    let mut response = body.answer(&asked.headers, "application/json");
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, forever);
    Ok(response)
}

/// A body whose plan is left as it is, for the importer to read: a value tree of it would be ten times as large.
#[derive(Default)]
struct WithPlan<'a> {
    plan: Option<&'a RawValue>,
    rest: serde_json::Map<String, Value>,
}

impl<'de> Deserialize<'de> for WithPlan<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = WithPlan<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<WithPlan<'de>, A::Error> {
                let mut read = WithPlan::default();
                while let Some(name) = members.next_key::<String>()? {
                    let twice = match name.as_str() {
                        "plan" => read.plan.replace(members.next_value()?).is_some(),
                        _ => read.rest.insert(name.clone(), members.next_value_seed(Strict)?).is_some(),
                    };
                    if twice {
                        return Err(A::Error::custom(format_args!("the member {name:?} is there twice")));
                    }
                }
                Ok(read)
            }
        }

        input.deserialize_map(Members)
    }
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
    let (mut asked, bytes) = request::read(request, &app, app.config.http.max_plan_bytes).await?;
    asked.no_more_parameters()?;
    let (draft, plan, fingerprint) = read_in_background(bytes, true).await?;
    let plan = plan.ok_or_else(|| Problem::new(Code::Internal, "The plan could not be read."))?;
    if let Some(first) = first_answer(&app, &asked, &fingerprint).await? {
        return answered_again(&app, Kind::Auditorium, first).await;
    }
    let _its_cinema_stays = app.references.read().await;
    let cinema = draft.cinema.flatten();
    require_cinema(&app, cinema).await?;
    let auditorium = Auditorium {
        id: AuditoriumId::from_number(app.office.draw_number()),
        name: draft.name.unwrap_or_default(),
        cinema,
        plan: plan.plan.hash(),
        screen: draft.screen.flatten(),
        external_id: draft.external_id.flatten(),
    };
    let mut answer = wire::catalogue::auditorium(&auditorium);
    for (name, value) in about_plan(&plan) {
        answer[name] = value;
    }
    let new = New::Auditorium(auditorium, Arc::new(plan.plan));
    add(&app, &asked, &fingerprint, new, Kind::Auditorium, wire::bytes(&answer)).await
}

/// `PATCH /v1/auditoriums/{id}`: a new plan is for showtimes made from then on.
pub async fn change_auditorium(
    State(app): State<Shared>,
    Id(id): Id<AuditoriumId>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    app.keys.credential(request.headers())?.require(Scope::Admin)?;
    let _slot = app.plan_slots.try_acquire().map_err(|_| app.problem(&Refused::Overloaded, None))?;
    let (mut asked, bytes) = request::read(request, &app, app.config.http.max_plan_bytes).await?;
    asked.no_more_parameters()?;
    let (draft, plan, fingerprint) = read_in_background(bytes, false).await?;
    if let Some(first) = first_answer(&app, &asked, &fingerprint).await? {
        return Ok(again(StatusCode::OK, first));
    }
    // Its showtimes move with it to another cinema: none is made meanwhile.
    let _nothing_is_made = app.references.write().await;
    require_cinema(&app, draft.cinema.flatten()).await?;
    let more = plan.as_ref().map(about_plan).unwrap_or_default();
    let plan = plan.map(|imported| Arc::new(imported.plan));
    let number = id.number();
    change(&app, &asked, &fingerprint, Kind::Auditorium, number, |entry| {
        if let Entry::Auditorium(auditorium) = entry {
            auditorium.name = draft.name.clone().unwrap_or_else(|| auditorium.name.clone());
            auditorium.cinema = draft.cinema.unwrap_or(auditorium.cinema);
            auditorium.screen = draft.screen.clone().unwrap_or_else(|| auditorium.screen.clone());
            auditorium.external_id =
                draft.external_id.clone().unwrap_or_else(|| auditorium.external_id.clone());
            auditorium.plan = plan.as_ref().map_or(auditorium.plan, |plan| plan.hash());
        }
        Ok(Edited { plan: plan.clone(), more: more.to_vec() })
    })
    .await
}

async fn require_cinema(app: &App, cinema: Option<CinemaId>) -> Result<(), Problem> {
    let Some(cinema) = cinema else { return Ok(()) };
    let found = app.entries.cinema(&app.office, cinema).await.map_err(|error| store_problem(app, error))?;
    found.ok_or_else(|| Problem::new(Code::CinemaNotFound, "There is no cinema of this id."))?;
    Ok(())
}

/// What is answered of a plan that was just read.
fn about_plan(plan: &Imported) -> Vec<(&'static str, Value)> {
    vec![("warnings", json!(plan.warnings)), ("label_rule", plan.label_rule.as_str().into())]
}

/// The members of a body: absent, null, or a value.
struct Draft {
    name: Option<CompactString>,
    cinema: Option<Option<CinemaId>>,
    screen: Option<Option<CompactString>>,
    external_id: Option<Option<CompactString>>,
}

/// What a body says, its plan, and what stands for it in the fingerprint of the request: the plan by its hash.
type ReadBody = (Draft, Option<Imported>, Value);

/// Reads a body, which may be large, on a thread that may take its time.
async fn read_in_background(bytes: Bytes, is_new: bool) -> Result<ReadBody, Problem> {
    let read = tokio::task::spawn_blocking(move || read_body(&bytes, is_new)).await;
    read.map_err(|_| Problem::new(Code::Internal, "The plan could not be read."))?
}

fn read_body(bytes: &Bytes, is_new: bool) -> Result<ReadBody, Problem> {
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
    let plan = match plan {
        Some(plan) if plan.get() != "null" => Some(plan),
        None if !is_new => None,
        _ => {
            faults.invalid("/plan", if is_new { "It is required." } else { "It cannot be cleared." });
            None
        }
    };
    let mut fields = Fields::new(Value::Object(rest), String::new(), &mut faults);
    let draft = Draft {
        name: match is_new {
            true => Some(fields.required("name", text(200))),
            false => fields.replace("name", text(200)),
        },
        cinema: fields.change("cinema", cinema_id),
        screen: fields.change("screen", text(100)),
        external_id: fields.change("external_id", text(128)),
    };
    let blocked_categories = fields.list("blocked_categories", 1000, |value, pointer, faults| match value {
        Value::String(key) => Some(key),
        _ => {
            faults.invalid(&pointer, "It must be the key of a category.");
            None
        }
    });
    fields.finish();
    if blocked_categories.is_some() && plan.is_none() && !is_new {
        faults.invalid("/blocked_categories", "It says how to read a plan, and there is none in the body.");
    }
    faults.check()?;
    let Some(plan) = plan else { return Ok((draft, None, fingerprint)) };
    let options =
        Options { blocked_categories: blocked_categories.unwrap_or_default(), ..Options::default() };
    let plan = import(plan.get().as_bytes(), &options).map_err(|faults| {
        let errors: Vec<Value> = faults
            .iter()
            .map(|fault| json!({"pointer": format!("/plan{}", fault.pointer), "detail": fault.detail}))
            .collect();
        Problem::new(Code::InvalidPlan, "The seating plan has faults; see errors.").with("errors", errors)
    })?;
    fingerprint["plan"] = plan.plan.hash().to_string().into();
    Ok((draft, Some(plan), fingerprint))
}

fn cinema_id(value: Value) -> Result<CinemaId, String> {
    let id = value.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| "It must be the id of a cinema.".to_owned())
}
