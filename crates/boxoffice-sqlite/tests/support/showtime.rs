//! A showtime in a SQLite store, for tests.

use std::sync::Arc;

use boxoffice_core::id::{AuditoriumId, MovieId, ShowtimeId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::{CategoryDraft, Plan, PlanDraft, RowDraft, SeatDraft};
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::catalogue::{Auditorium, Catalogue as _, New, ShowtimeEntry};
use boxoffice_sqlite::SqliteStore;

pub(crate) const ID: ShowtimeId = ShowtimeId::from_number(5);
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// Makes the showtime, in a room of nine seats.
pub(crate) async fn make_showtime(store: &SqliteStore) {
    let seat = |number: u32| SeatDraft {
        number: number.to_string().into(),
        x: f64::from(number),
        category: "standard".into(),
        ..SeatDraft::default()
    };
    let draft = PlanDraft {
        categories: vec![CategoryDraft { key: "standard".into(), name: "S".into(), color: None, origin: 0 }],
        rows: vec![RowDraft { name: "A".into(), zone: None, seats: (1..=9).map(seat).collect(), origin: 0 }],
        screen: None,
    };
    let plan = Arc::new(Plan::build(draft).unwrap().0);
    let auditorium = AuditoriumId::from_number(1);
    let hash = plan.hash();
    let room = Auditorium {
        id: auditorium,
        name: "R".into(),
        cinema: None,
        plan: hash,
        screen: None,
        external_id: None,
    };
    store.create(New::Auditorium(room, plan), None).await.unwrap();
    let settings = Arc::new(Settings {
        version: 1,
        movie: MovieId::from_number(1),
        auditorium,
        starts_at: NOW.plus_ms(1),
        on_sale_at: NOW,
        off_sale_at: NOW.plus_ms(1),
        currency: Currency::new("EUR").unwrap(),
        prices: Prices(vec![vec![TicketPrice { ticket: "standard".into(), amount: 1 }]]),
        hold_ttl_ms: 1000,
        max_hold_ttl_ms: 1000,
        max_seats_per_hold: 1,
        published: true,
        cancelled: false,
    });
    let entry = ShowtimeEntry { id: ID, plan: hash, cinema: None, settings, external_id: None };
    store.create(New::Showtime(entry, None), None).await.unwrap();
}
