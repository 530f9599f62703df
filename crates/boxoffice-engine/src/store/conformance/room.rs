//! A room with a showtime in it, for the suite and for other tests of stores and nodes.

use std::sync::Arc;

use boxoffice_core::decide::first_transition;
use boxoffice_core::id::{AuditoriumId, MovieId, ShowtimeId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::{CategoryDraft, Plan, PlanDraft, RowDraft, SeatDraft};
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;
use compact_str::format_compact;

use crate::catalogue::{Auditorium, Created, New, ShowtimeEntry};
use crate::store::Store;

/// When everything happens.
pub const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// One row `A` of `seats` seats of category `standard`, of which the plan may block one.
pub fn plan(seats: u32, blocked: Option<u32>) -> Arc<Plan> {
    let seat = |number: u32| SeatDraft {
        number: format_compact!("{number}"),
        x: f64::from(number),
        category: "standard".into(),
        blocked: Some(number) == blocked,
        ..SeatDraft::default()
    };
    let category = CategoryDraft { key: "standard".into(), name: "Standard".into(), color: None, origin: 0 };
    let row = RowDraft { name: "A".into(), zone: None, seats: (1..=seats).map(seat).collect(), origin: 0 };
    let draft = PlanDraft { categories: vec![category], rows: vec![row], screen: None };
    Arc::new(Plan::build(draft).expect("the plan is sound").0)
}

/// Settings on sale from [`NOW`] until the show, which starts so many hours later, in the auditorium of this number.
pub fn settings(auditorium: u64, starts_in_h: i64) -> Settings {
    let starts_at = NOW.plus_ms(starts_in_h * 3_600_000);
    Settings {
        version: 1,
        movie: MovieId::from_number(1),
        auditorium: AuditoriumId::from_number(auditorium),
        starts_at,
        on_sale_at: NOW,
        off_sale_at: starts_at,
        currency: Currency::new("EUR").expect("a currency"),
        prices: Prices(vec![vec![TicketPrice { ticket: "standard".into(), amount: 1000 }]]),
        hold_ttl_ms: 480_000,
        max_hold_ttl_ms: 1_440_000,
        max_seats_per_hold: 10,
        published: true,
        cancelled: false,
    }
}

/// Makes the auditorium that the settings name, and the showtime in it.
pub async fn make_showtime(
    store: &dyn Store,
    id: ShowtimeId,
    plan: Arc<Plan>,
    settings: Settings,
) -> Created {
    let settings = Arc::new(settings);
    let hash = plan.hash();
    let auditorium = Auditorium {
        id: settings.auditorium,
        name: "Room".into(),
        cinema: None,
        plan: hash,
        screen: None,
        external_id: None,
    };
    let first = first_transition(id, &plan, &settings, NOW);
    let made = store.catalogue().create(New::Auditorium(auditorium, plan), None).await;
    assert!(made.is_ok(), "a room can be made: {made:?}");
    let entry = ShowtimeEntry { id, plan: hash, cinema: None, settings, external_id: None };
    let made = store.catalogue().create(New::Showtime(entry, first), None).await;
    made.expect("a showtime can be made")
}
