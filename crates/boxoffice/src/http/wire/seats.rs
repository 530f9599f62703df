//! Seat maps: whole, and what changed since a revision.

use boxoffice_core::plan::Plan;
use boxoffice_core::settings::Settings;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::board::SeatView;
use serde::Serialize;

use super::{Amount, as_optional_time};

/// A seat with what the plan and the prices say of it.
#[derive(Debug, Serialize)]
pub struct FullSeat<'a> {
    seat: &'a str,
    row: &'a str,
    category: &'a str,
    kind: &'static str,
    status: &'static str,
    version: u32,
    price: Option<Amount>,
    #[serde(serialize_with = "as_optional_time", skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// A seat that changed.
#[derive(Debug, Serialize)]
pub struct SparseSeat<'a> {
    seat: &'a str,
    status: &'static str,
    version: u32,
    #[serde(serialize_with = "as_optional_time", skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

/// Every seat of a showtime.
#[derive(Debug, Serialize)]
pub struct FullMap<'a> {
    /// The showtime's id.
    pub showtime: String,
    /// Of the revision.
    pub epoch: &'a str,
    /// The revision of the map.
    pub revision: u64,
    /// In the plan's order.
    pub seats: Vec<FullSeat<'a>>,
}

/// What changed after a revision.
#[derive(Debug, Serialize)]
pub struct SparseMap<'a> {
    /// After which revision.
    pub from: u64,
    /// Present when the client must drop its own map first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// Of the revision.
    pub epoch: &'a str,
    /// The revision that the seats are of.
    pub revision: u64,
    /// The changed seats.
    pub seats: Vec<SparseSeat<'a>>,
}

/// A seat of the whole map.
pub fn full<'a>(plan: &'a Plan, settings: &Settings, view: &SeatView) -> FullSeat<'a> {
    let seat = plan.seat(view.no);
    let price = settings.prices.find(seat.category, None);
    FullSeat {
        seat: &seat.label,
        row: &plan.rows()[seat.row as usize].name,
        category: &plan.categories()[usize::from(seat.category)].key,
        kind: seat.kind.as_str(),
        status: view.status.as_str(),
        version: view.version,
        price: price.map(|price| Amount { amount: price.amount, currency: settings.currency }),
        expires_at: view.expires_at,
    }
}

/// A seat of a sparse map.
pub fn sparse<'a>(plan: &'a Plan, view: &SeatView) -> SparseSeat<'a> {
    SparseSeat {
        seat: &plan.seat(view.no).label,
        status: view.status.as_str(),
        version: view.version,
        expires_at: view.expires_at,
    }
}
