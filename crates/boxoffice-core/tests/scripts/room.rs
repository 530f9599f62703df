//! The room that tests play in: `A1`–`A12` standard, `B1`–`B4` vip, `C1`–`C2` of a category without prices.

use std::sync::Arc;

use boxoffice_core::id::{AuditoriumId, MovieId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::{CategoryDraft, Plan, PlanDraft, RowDraft, SeatDraft};
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;

/// When the sale opens and scripts begin.
pub(crate) const START: Timestamp = Timestamp::from_ms(1_800_000_000_000);

pub(crate) fn plan() -> Arc<Plan> {
    plan_of([("A", 12, "standard"), ("B", 4, "vip"), ("C", 2, "unpriced")])
}

/// A plan of three rows: name, seats, category.
pub(crate) fn plan_of(rows: [(&str, usize, &str); 3]) -> Arc<Plan> {
    let category = |key: &str| CategoryDraft { key: key.into(), name: key.into(), color: None, origin: 0 };
    let row = |(y, (name, count, key)): (usize, (&str, usize, &str))| {
        let seat = |no: usize| SeatDraft {
            number: no.to_string().into(),
            x: no as f64,
            y: y as f64,
            category: key.into(),
            ..SeatDraft::default()
        };
        RowDraft { name: name.into(), zone: None, seats: (1..=count).map(seat).collect(), origin: 0 }
    };
    let draft = PlanDraft {
        categories: ["standard", "vip", "unpriced"].map(category).into(),
        rows: rows.into_iter().enumerate().map(row).collect(),
        screen: None,
    };
    Arc::new(Plan::build(draft).expect("a sound draft").0)
}

/// On sale for ten hours from [`START`]; the show begins an hour after that.
pub(crate) fn settings() -> Settings {
    let price = |ticket: &str, amount| TicketPrice { ticket: ticket.into(), amount };
    Settings {
        version: 1,
        movie: MovieId::from_number(1),
        auditorium: AuditoriumId::from_number(1),
        starts_at: START.plus_ms(11 * 3_600_000),
        on_sale_at: START,
        off_sale_at: START.plus_ms(10 * 3_600_000),
        currency: Currency::new("EUR").expect("three capitals"),
        prices: Prices(vec![
            vec![price("adult", 1000), price("child", 700)],
            vec![price("vip", 2500)],
            vec![],
        ]),
        hold_ttl_ms: 480_000,
        max_hold_ttl_ms: 1_440_000,
        max_seats_per_hold: 10,
        published: true,
        cancelled: false,
    }
}
