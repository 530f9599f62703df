//! Reading what a new or changed showtime shall be.

use boxoffice_core::command::SettingsPatch;
use boxoffice_core::id::{AuditoriumId, MovieId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::Plan;
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;
use compact_str::CompactString;
use serde_json::Value;

use super::super::super::App;
use super::super::super::json::{Faults, Fields, boolean, escape, integer, text};
use super::super::super::problem::{Code, Problem};
use super::super::super::wire::read_time;
use super::super::external_id;

/// The largest price, in minor units: a hold's total never overflows.
const MAX_PRICE: i64 = 1_000_000_000_000;
/// How many kinds of ticket a category may have.
const MAX_TICKETS: usize = 50;
/// The longest a hold may be allowed to last: a day, in seconds.
const MAX_TTL_S: i64 = 24 * 60 * 60;
/// The first moment that has no year of four digits.
const YEAR_10000_MS: i64 = 253_402_300_800_000;
/// The most seats that a hold may be allowed.
const MAX_SEATS: i64 = 500;

/// A category's tickets as given, by the category's key.
type GivenPrices = Vec<(String, Vec<TicketPrice>)>;

/// A showtime that is to be made.
pub(super) struct Draft {
    pub(super) movie: MovieId,
    pub(super) auditorium: AuditoriumId,
    pub(super) external_id: Option<CompactString>,
    starts_at: Timestamp,
    on_sale_at: Timestamp,
    off_sale_at: Timestamp,
    currency: Currency,
    prices: GivenPrices,
    hold_ttl_ms: i64,
    max_hold_ttl_ms: i64,
    max_seats_per_hold: u16,
    published: bool,
}

/// Reads the body of `POST /v1/showtimes`.
pub(super) fn read_new(app: &App, body: Value) -> Result<Draft, Problem> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, String::new(), &mut faults);
    let movie = fields.required("movie", |value| id(value).map(Some));
    let auditorium = fields.required("auditorium", |value| id(value).map(Some));
    let starts_at: Timestamp = fields.required("starts_at", moment);
    let currency = fields.required("currency", |value| currency(value).map(Some));
    let prices = read_prices(&mut fields);
    if prices.is_none() {
        fields.missing("prices");
    }
    let on_sale_at = fields.optional("on_sale_at", moment);
    let off_sale_at = fields.optional("off_sale_at", moment);
    let Limits { hold_ttl_ms, max_hold_ttl_ms, max_seats_per_hold } = read_limits(&mut fields);
    let published = fields.optional("published", boolean);
    let external_id = external_id(&mut fields);
    fields.finish();
    faults.check()?;
    let (Some(movie), Some(auditorium), Some(currency)) = (movie, auditorium, currency) else {
        return Err(Problem::new(Code::InvalidField, "movie, auditorium and currency are required."));
    };
    let defaults = &app.config.holds;
    let hold_ttl_ms = hold_ttl_ms.unwrap_or(i64::from(defaults.ttl_s) * 1000);
    Ok(Draft {
        movie,
        auditorium,
        external_id,
        starts_at,
        on_sale_at: on_sale_at.unwrap_or(app.office.now()),
        off_sale_at: off_sale_at.unwrap_or(starts_at),
        currency,
        prices: prices.unwrap_or_default(),
        hold_ttl_ms,
        max_hold_ttl_ms: max_hold_ttl_ms.unwrap_or((i64::from(defaults.max_ttl_s) * 1000).max(hold_ttl_ms)),
        max_seats_per_hold: max_seats_per_hold.unwrap_or(defaults.max_seats),
        published: published.unwrap_or(true),
    })
}

impl Draft {
    /// The settings of the showtime in a room.
    pub(super) fn settings(&self, plan: &Plan) -> Result<Settings, Problem> {
        Ok(Settings {
            version: 1,
            movie: self.movie,
            auditorium: self.auditorium,
            starts_at: self.starts_at,
            on_sale_at: self.on_sale_at,
            off_sale_at: self.off_sale_at,
            currency: self.currency,
            prices: for_plan(&self.prices, plan)?,
            hold_ttl_ms: self.hold_ttl_ms,
            max_hold_ttl_ms: self.max_hold_ttl_ms,
            max_seats_per_hold: self.max_seats_per_hold,
            published: self.published,
            cancelled: false,
        })
    }
}

/// Reads the body of `PATCH /v1/showtimes/{id}`. A sale that ended with the start of the show goes on doing so when
/// the start is moved.
pub(super) fn read_patch(body: Value, plan: &Plan, before: &Settings) -> Result<SettingsPatch, Problem> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, String::new(), &mut faults);
    fields.refuse_nulls();
    let prices = read_prices(&mut fields);
    let starts_at = fields.optional("starts_at", moment);
    let off_sale_at = fields.optional("off_sale_at", moment);
    let with_start = before.off_sale_at == before.starts_at;
    let Limits { hold_ttl_ms, max_hold_ttl_ms, max_seats_per_hold } = read_limits(&mut fields);
    let patch = SettingsPatch {
        movie: fields.optional("movie", id),
        currency: fields.optional("currency", currency),
        starts_at,
        on_sale_at: fields.optional("on_sale_at", moment),
        off_sale_at: off_sale_at.or(starts_at.filter(|_| with_start)),
        prices: None,
        hold_ttl_ms,
        max_hold_ttl_ms,
        max_seats_per_hold,
        published: fields.optional("published", boolean),
    };
    fields.finish();
    faults.check()?;
    let prices = prices.map(|prices| for_plan(&prices, plan)).transpose()?;
    Ok(SettingsPatch { prices, ..patch })
}

struct Limits {
    hold_ttl_ms: Option<i64>,
    max_hold_ttl_ms: Option<i64>,
    max_seats_per_hold: Option<u16>,
}

fn read_limits(fields: &mut Fields<'_>) -> Limits {
    let mut seconds = |name| fields.optional(name, integer(1..=MAX_TTL_S)).map(|seconds| seconds * 1000);
    let (hold_ttl_ms, max_hold_ttl_ms) = (seconds("hold_ttl_s"), seconds("max_hold_ttl_s"));
    let max_seats = fields.optional("max_seats_per_hold", integer(1..=MAX_SEATS));
    Limits { hold_ttl_ms, max_hold_ttl_ms, max_seats_per_hold: max_seats.map(|seats| seats as u16) }
}

fn read_prices(fields: &mut Fields<'_>) -> Option<GivenPrices> {
    fields.map("prices", 1000, |category, value, pointer, faults| {
        let by_ticket = value.is_object();
        let tickets = match value {
            Value::Object(tickets) => {
                tickets.into_iter().map(|(ticket, amount)| (CompactString::from(ticket), amount)).collect()
            }
            amount => vec![(CompactString::const_new("standard"), amount)],
        };
        if tickets.is_empty() || tickets.len() > MAX_TICKETS {
            faults.invalid(&pointer, format!("A category has 1 to {MAX_TICKETS} kinds of ticket."));
        }
        let mut read = Vec::with_capacity(tickets.len());
        for (ticket, amount) in tickets {
            let pointer = if by_ticket { format!("{pointer}/{}", escape(&ticket)) } else { pointer.clone() };
            if let Err(detail) = text(40)(Value::String(ticket.to_string())) {
                faults.invalid(&pointer, format!("The name of a ticket: {detail}"));
            }
            match integer(0..=MAX_PRICE)(amount) {
                Ok(amount) => read.push(TicketPrice { ticket, amount }),
                Err(detail) => faults.invalid(&pointer, format!("An amount in minor units: {detail}")),
            }
        }
        Some((category.to_owned(), read))
    })
}

/// The prices in the order of the plan's categories, of which each must have some.
fn for_plan(given: &GivenPrices, plan: &Plan) -> Result<Prices, Problem> {
    let unknown: Vec<&str> =
        given.iter().map(|(key, _)| key.as_str()).filter(|key| plan.category_no(key).is_none()).collect();
    if !unknown.is_empty() {
        let detail = "Prices name categories that the plan does not have.";
        return Err(Problem::new(Code::UnknownCategory, detail).with("categories", unknown));
    }
    let find = |key: &str| given.iter().find(|(known, _)| known == key).map(|(_, tickets)| tickets.clone());
    let missing: Vec<&str> = plan
        .categories()
        .iter()
        .map(|category| category.key.as_str())
        .filter(|key| find(key).is_none())
        .collect();
    if !missing.is_empty() {
        let detail = "Every category of the plan needs a price.";
        return Err(Problem::new(Code::MissingPrice, detail).with("categories", missing));
    }
    Ok(Prices(plan.categories().iter().filter_map(|category| find(&category.key)).collect()))
}

fn id<T: std::str::FromStr>(value: Value) -> Result<T, String> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "It must be an id of the right kind.".to_owned())
}

fn moment(value: Value) -> Result<Timestamp, String> {
    let at = value.as_str().and_then(read_time).filter(|at| (0..YEAR_10000_MS).contains(&at.as_ms()));
    at.ok_or_else(|| "It must be a time from 1970 to 9999, such as 2026-11-22T20:00:00Z.".to_owned())
}

fn currency(value: Value) -> Result<Currency, String> {
    let code = value.as_str().filter(|code| iso_currency::Currency::from_code(code).is_some());
    code.and_then(Currency::new).ok_or_else(|| "It must be an ISO 4217 code such as EUR.".to_owned())
}
