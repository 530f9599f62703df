//! The audit of a SQLite database: read-only, in one snapshot, also beside a running server.

use std::path::Path;
use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::hold::Hold;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::SeatNo;
use boxoffice_core::seat::SeatState;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::audit::{AuditReport, AuditSource, AuditedShowtime, Totals, audit};
use boxoffice_engine::store::{StoreError, StoredHold, UsedKey};
use rusqlite::{Connection, Row};

use crate::bookings::Columns;
use crate::connection::{check_ours, check_version, open_reader};
use crate::error::{At, OpenError};
use crate::event_places::EventPlaces;
use crate::migration::{MIGRATIONS, check};
use crate::reads::{self, Plans, SEAT_BITS, read_seat, seats_of};

/// How many events are read at once.
const PAGE: usize = 1000;

/// Checks the database at `path`. A file that SQLite itself finds damaged is reported as a violation too.
pub fn run(path: &Path, progress: impl FnMut(u64, u64)) -> Result<AuditReport, OpenError> {
    check_version()?;
    if !path.exists() {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let connection = open_reader(path)?;
    check_ours(&connection, path)?;
    let schema = check(&connection, path, MIGRATIONS)?;
    connection.execute_batch("BEGIN").at(path)?;
    let mut damage = integrity(&connection).at(path)?;
    if !damage.is_empty() {
        damage.truncate(100);
        return Ok(AuditReport { violations: damage, ..AuditReport::default() });
    }
    let places = EventPlaces::read(&connection).at(path)?;
    let mut source = Snapshot { connection, schema, plans: Plans::default(), places };
    match audit(&mut source, progress) {
        Ok(report) => Ok(report),
        Err(StoreError::Damaged(what)) => {
            Ok(AuditReport { violations: vec![what], ..AuditReport::default() })
        }
        Err(error) => Err(OpenError::Unsound(error.to_string())),
    }
}

/// What SQLite's own check complains of.
pub(crate) fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
    let lines: Result<Vec<String>, _> = statement.query_map([], |row| row.get(0))?.collect();
    match lines {
        Ok(lines) => Ok(lines.into_iter().filter(|line| line != "ok").collect()),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            Ok(vec![error.to_string()])
        }
        Err(error) => Err(error),
    }
}

/// A read transaction that stays open, so that everything is of one moment.
struct Snapshot {
    connection: Connection,
    /// A file that an older version wrote is audited as it is.
    schema: i64,
    plans: Plans,
    places: EventPlaces,
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let rows = || -> rusqlite::Result<Vec<T>> {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_map(values, read)?.collect()
    };
    rows().map_err(|error| crate::error::read_error(&error))
}

impl AuditSource for Snapshot {
    type Error = StoreError;

    fn showtimes(&mut self) -> Result<Vec<ShowtimeId>, StoreError> {
        let sql = "SELECT id FROM showtime ORDER BY id";
        all(&self.connection, sql, [], |row| row.get(0).map(ShowtimeId::from_number))
    }

    fn showtime(&mut self, id: ShowtimeId) -> Result<AuditedShowtime, StoreError> {
        // Keys are read apart; none is of the far future.
        let loaded = reads::load(&self.connection, &self.plans, id, Timestamp::MAX)?;
        let loaded = loaded.ok_or_else(|| StoreError::Damaged(format!("{id} is gone")))?;
        let settings = &loaded.snapshot.settings;
        let sql = "SELECT settings_version, starts_at_ms, on_sale_at_ms, off_sale_at_ms, movie, auditorium,
                       published, cancelled FROM showtime WHERE id = ?1";
        let columns = all(&self.connection, sql, [id.number()], |row| {
            Ok(row.get::<_, u32>(0)? == settings.version
                && row.get::<_, i64>(1)? == settings.starts_at.as_ms()
                && row.get::<_, i64>(2)? == settings.on_sale_at.as_ms()
                && row.get::<_, i64>(3)? == settings.off_sale_at.as_ms()
                && row.get::<_, u64>(4)? == settings.movie.number()
                && row.get::<_, u64>(5)? == settings.auditorium.number()
                && row.get::<_, bool>(6)? == settings.published
                && row.get::<_, bool>(7)? == settings.cancelled)
        })?;
        if columns != [true] {
            return Err(StoreError::Damaged(format!("{id}: its columns do not repeat its settings")));
        }
        Ok(AuditedShowtime {
            plan: loaded.plan,
            settings: (*loaded.snapshot.settings).clone(),
            ever_held: loaded.snapshot.ever_held,
            revision: loaded.snapshot.revision,
        })
    }

    fn events(&mut self, id: ShowtimeId, after: u64) -> Result<Vec<Event>, StoreError> {
        Ok(reads::events(&self.connection, &self.places, id, after, PAGE)?)
    }

    fn seats(&mut self, id: ShowtimeId) -> Result<Vec<(SeatNo, SeatState)>, StoreError> {
        let sql = "SELECT id, version, status, owner, revision FROM seat WHERE id BETWEEN ?1 AND ?2";
        all(&self.connection, sql, seats_of(id), |row| read_seat(row).map(|(_, no, state)| (no, state)))
    }

    fn hold(&mut self, id: ShowtimeId, serial: Serial) -> Result<Option<Arc<Hold>>, StoreError> {
        let Some(StoredHold { hold, contact }) = reads::hold(&self.connection, id, serial)? else {
            return Ok(None);
        };
        let reference = hold.booking.as_ref().map(|booking| booking.reference.number());
        let sought = match self.schema {
            ..4 => "NULL, NULL, NULL",
            _ => "booked_at_ms, cancelled, email",
        };
        let repeated = Columns::of(&hold, contact.as_ref());
        let sql = format!("SELECT version, status, reference, {sought} FROM hold WHERE serial = ?1");
        let columns = all(&self.connection, &sql, [serial], |row| {
            let email: Option<String> = row.get(5)?;
            let found =
                Columns { booked_at_ms: row.get(3)?, cancelled: row.get(4)?, email: email.map(Into::into) };
            Ok((self.schema < 4 || found == repeated)
                && row.get::<_, u32>(0)? == hold.version
                && row.get::<_, u8>(1)? == hold.status as u8
                && row.get::<_, Option<u64>>(2)? == reference)
        })?;
        if columns != [true] {
            return Err(StoreError::Damaged(format!(
                "{id}: the columns of hold {serial} do not repeat its record"
            )));
        }
        Ok(Some(hold))
    }

    fn keys(&mut self, id: ShowtimeId) -> Result<Vec<UsedKey>, StoreError> {
        let sql = "SELECT key, revision, at_ms FROM request_key WHERE showtime = ?1";
        all(&self.connection, sql, [id.number()], |row| {
            Ok(UsedKey { key: row.get(0)?, revision: row.get(1)?, at: Timestamp::from_ms(row.get(2)?) })
        })
    }

    fn totals(&mut self) -> Result<Totals, StoreError> {
        // What is left of showtimes that are on their way out belongs to nobody any more.
        let leaving = if self.schema < 3 { "(SELECT 0 AS showtime WHERE false)" } else { "leaving" };
        let sql = format!(
            "SELECT (SELECT count(*) FROM seat) - (SELECT count(*) FROM {leaving} JOIN seat
                        ON seat.id BETWEEN showtime << {SEAT_BITS} AND ((showtime + 1) << {SEAT_BITS}) - 1),
                    (SELECT count(*) FROM hold WHERE showtime NOT IN (SELECT showtime FROM {leaving})),
                    (SELECT count(*) FROM event WHERE showtime NOT IN (SELECT showtime FROM {leaving}))"
        );
        let rows = all(&self.connection, &sql, [], |row| {
            Ok(Totals { seats: row.get(0)?, holds: row.get(1)?, events: row.get(2)? })
        })?;
        Ok(rows.first().copied().unwrap_or_default())
    }
}
