//! A plan as the API's JSON, which is also a file of our own format.

use boxoffice_core::plan::{Category, Plan, PlanSeat, Row};
use serde::{Serialize, Serializer};

/// The plan as the API answers it. Read back by [`import`](super::import), it is the same plan.
pub fn wire(plan: &Plan) -> impl Serialize + '_ {
    let ((width, height), screen) = (plan.size(), plan.screen());
    WirePlan {
        plan: plan.hash().to_string(),
        size: Size { width: exact(width), height: exact(height) },
        screen: WireScreen { x: exact(screen.x), y: exact(screen.y), width: exact(screen.width) },
        categories: Categories(plan.categories()),
        rows: Rows(plan),
    }
}

#[derive(Serialize)]
struct WirePlan<'a> {
    plan: String,
    size: Size,
    screen: WireScreen,
    categories: Categories<'a>,
    rows: Rows<'a>,
}

#[derive(Serialize)]
struct Size {
    width: f64,
    height: f64,
}

#[derive(Serialize)]
struct WireScreen {
    x: f64,
    y: f64,
    width: f64,
}

struct Categories<'a>(&'a [Category]);

impl Serialize for Categories<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|category| WireCategory {
            key: &category.key,
            name: &category.name,
            color: category.color.as_deref(),
        }))
    }
}

#[derive(Serialize)]
struct WireCategory<'a> {
    key: &'a str,
    name: &'a str,
    color: Option<&'a str>,
}

struct Rows<'a>(&'a Plan);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows().iter().map(|row| WireRow {
            row: &row.name,
            zone: row.zone.as_deref(),
            seats: RowSeats(self.0, row),
        }))
    }
}

#[derive(Serialize)]
struct WireRow<'a> {
    row: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    seats: RowSeats<'a>,
}

struct RowSeats<'a>(&'a Plan, &'a Row);

impl Serialize for RowSeats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(plan, row) = *self;
        serializer.collect_seq(row.seats.clone().map(|no| WireSeat::new(plan, plan.seat(no))))
    }
}

#[derive(Serialize)]
struct WireSeat<'a> {
    seat: &'a str,
    number: &'a str,
    x: f64,
    y: f64,
    category: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_id: Option<&'a str>,
}

impl<'a> WireSeat<'a> {
    fn new(plan: &'a Plan, seat: &'a PlanSeat) -> Self {
        Self {
            seat: &seat.label,
            number: &seat.number,
            x: exact(seat.x),
            y: exact(seat.y),
            category: &plan.categories()[usize::from(seat.category)].key,
            kind: seat.kind.as_str(),
            group: seat.group,
            blocked: seat.blocked,
            source_id: seat.source_id.as_deref(),
        }
    }
}

/// The number of thousandths that was meant: 0.1 instead of 0.10000000149.
fn exact(value: f32) -> f64 {
    (f64::from(value) * 1000.0).round() / 1000.0
}
