//! A showtime in a SQLite store, for tests.

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::settings::Settings;
use boxoffice_engine::store::conformance::room;
use boxoffice_sqlite::SqliteStore;

pub(crate) use boxoffice_engine::store::conformance::room::NOW;

pub(crate) const ID: ShowtimeId = ShowtimeId::from_number(5);

/// Makes the showtime, in a room of nine seats: holds are short and of one seat, and the show is about to begin.
pub(crate) async fn make_showtime(store: &SqliteStore) {
    let soon = NOW.plus_ms(1);
    let settings = Settings {
        starts_at: soon,
        off_sale_at: soon,
        hold_ttl_ms: 1000,
        max_hold_ttl_ms: 1000,
        max_seats_per_hold: 1,
        ..room::settings(1, 0)
    };
    room::make_showtime(store, ID, room::plan(9, None), settings).await;
}
