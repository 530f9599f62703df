//! Reading showtimes, events and holds.

use std::sync::{Arc, Weak};

use boxoffice_core::change::{Change, Event};
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash, SeatNo};
use boxoffice_core::seat::{SeatState, SeatStatus};
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Snapshot;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::store::{Loaded, StoreError, StoredHold, UsedKey};
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::event_places::{EventPlaces, Place};
use crate::readers::ReadError;

/// How many bits of a seat row's key are the seat's number: enough for 131,072 seats.
pub(crate) const SEAT_BITS: u32 = 17;

/// The key of a seat's row.
pub(crate) fn seat_key(showtime: ShowtimeId, no: SeatNo) -> i64 {
    (showtime.number() << SEAT_BITS | u64::from(no)) as i64
}

/// The keys of a showtime's first and last seat.
pub(crate) fn seats_of(showtime: ShowtimeId) -> (i64, i64) {
    (seat_key(showtime, 0), seat_key(showtime, (1 << SEAT_BITS) - 1))
}

/// Plans that boards in memory share.
#[derive(Default)]
pub(crate) struct Plans(Mutex<HashMap<PlanHash, Weak<Plan>, FixedState>>);

impl Plans {
    pub(crate) fn read(
        &self,
        connection: &Connection,
        hash: PlanHash,
    ) -> Result<Option<Arc<Plan>>, ReadError> {
        if let Some(plan) = self.0.lock().get(&hash).and_then(Weak::upgrade) {
            return Ok(Some(plan));
        }
        let mut statement = connection.prepare_cached("SELECT body FROM plan WHERE hash = ?1")?;
        let body: Option<Vec<u8>> = statement.query_row([hash.as_bytes()], |row| row.get(0)).optional()?;
        let Some(body) = body else { return Ok(None) };
        let plan = Arc::new(Plan::decode(&body)?);
        let mut plans = self.0.lock();
        plans.retain(|_, plan| plan.strong_count() > 0);
        plans.insert(hash, Arc::downgrade(&plan));
        Ok(Some(plan))
    }
}

/// Reads a seat's row: key, version, status, owner, revision.
pub(crate) fn read_seat(row: &Row<'_>) -> rusqlite::Result<(ShowtimeId, SeatNo, SeatState)> {
    let key: u64 = row.get(0)?;
    let status: u8 = row.get(2)?;
    let state = SeatState {
        version: row.get(1)?,
        status: SeatStatus::from_number(status)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, status.into()))?,
        owner: row.get(3)?,
        changed: row.get(4)?,
    };
    Ok((ShowtimeId::from_number(key >> SEAT_BITS), (key & ((1 << SEAT_BITS) - 1)) as SeatNo, state))
}

/// Reads a showtime with everything that a board needs.
pub(crate) fn load(
    connection: &Connection,
    plans: &Plans,
    id: ShowtimeId,
    keys_since: Timestamp,
) -> Result<Option<Loaded>, ReadError> {
    let number = id.number();
    let mut statement = connection
        .prepare_cached("SELECT plan, settings, ever_held, revision FROM showtime WHERE id = ?1")?;
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let row: Option<([u8; 16], Vec<u8>, bool, u64)> = statement.query_row([number], columns).optional()?;
    let Some((plan, settings, ever_held, seatless)) = row else { return Ok(None) };
    let hash = PlanHash::from_bytes(plan);
    let missing = || StoreError::Damaged(format!("{id}: its plan {hash} is missing"));
    let plan = plans.read(connection, hash)?.ok_or_else(missing)?;

    let mut statement = connection
        .prepare_cached("SELECT id, version, status, owner, revision FROM seat WHERE id BETWEEN ?1 AND ?2")?;
    let seats: Vec<(SeatNo, SeatState)> = statement
        .query_map(seats_of(id), |row| read_seat(row).map(|(_, no, state)| (no, state)))?
        .collect::<Result<_, _>>()?;

    let held = seats.iter().filter(|(_, state)| state.status == SeatStatus::Held);
    let owners: HashSet<Serial, FixedState> = held.map(|(_, state)| state.owner).collect();
    let mut holds = Vec::with_capacity(owners.len());
    for serial in owners {
        let stored = hold(connection, id, serial)?;
        let missing = || StoreError::Damaged(format!("{id}: seats are held by {serial}, which is missing"));
        holds.push(stored.ok_or_else(missing)?.hold);
    }

    let mut statement = connection
        .prepare_cached("SELECT key, revision, at_ms FROM request_key WHERE showtime = ?1 AND at_ms >= ?2")?;
    let columns = |row: &Row<'_>| {
        Ok(UsedKey { key: row.get(0)?, revision: row.get(1)?, at: Timestamp::from_ms(row.get(2)?) })
    };
    let keys =
        statement.query_map(params![number, keys_since.as_ms()], columns)?.collect::<Result<_, _>>()?;

    let settings = Arc::new(Settings::decode(&settings)?);
    let revision = seats.iter().map(|(_, state)| state.changed).fold(seatless, u64::max);
    Ok(Some(Loaded { plan, snapshot: Snapshot { settings, revision, seats, holds, ever_held }, keys }))
}

/// Reads events after a revision.
pub(crate) fn events(
    connection: &Connection,
    places: &EventPlaces,
    id: ShowtimeId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, ReadError> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM event WHERE seq = ?1 AND showtime = ?2 AND revision = ?3")?;
    let mut events = Vec::new();
    for Place { revision, seq } in places.find(connection, id, after, limit)? {
        let mut rows = statement.query(params![seq, id.number(), revision])?;
        // A place that was noted after this snapshot was taken.
        let Some(row) = rows.next()? else { break };
        let change = Change::decode(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        events.push(Event { revision, change: Arc::new(change) });
    }
    Ok(events)
}

/// Reads where showtimes stand.
pub(crate) fn heads(
    connection: &Connection,
    ids: &[ShowtimeId],
) -> Result<Vec<(ShowtimeId, u64)>, ReadError> {
    let list: Vec<_> = ids.iter().map(|id| id.number().to_string()).collect();
    let sql = "SELECT id, max(revision, coalesce((SELECT max(revision) FROM seat
                              WHERE seat.id BETWEEN showtime.id << ?2 AND ((showtime.id + 1) << ?2) - 1), 0))
               FROM showtime WHERE id IN (SELECT value FROM json_each(?1))";
    let mut statement = connection.prepare_cached(sql)?;
    let columns = |row: &Row<'_>| Ok((ShowtimeId::from_number(row.get(0)?), row.get(1)?));
    let heads = statement.query_map(params![format!("[{}]", list.join(",")), SEAT_BITS], columns)?;
    Ok(heads.collect::<Result<_, _>>()?)
}

/// Reads a hold or booking.
pub(crate) fn hold(
    connection: &Connection,
    id: ShowtimeId,
    serial: Serial,
) -> Result<Option<StoredHold>, ReadError> {
    let sql = "SELECT body, contact FROM hold WHERE serial = ?1 AND showtime = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let row: Option<(Vec<u8>, Option<Vec<u8>>)> =
        statement.query_row(params![serial, id.number()], columns).optional()?;
    let Some((body, contact)) = row else { return Ok(None) };
    let contact = contact.map(|bytes| Contact::decode(&bytes)).transpose()?;
    Ok(Some(StoredHold { hold: Arc::new(Hold::decode(&body)?), contact }))
}
