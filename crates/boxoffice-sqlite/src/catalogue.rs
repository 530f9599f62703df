//! Cinemas, movies, auditoriums and the list of showtimes in SQLite.

use std::sync::Arc;

use boxoffice_core::id::{CinemaId, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::settings::{SaleStatus, Settings};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::catalogue::{
    CatalogueKey, Created, Entry, EntryFilter, Kind, New, NotCreated, ShowtimeEntry, ShowtimeFilter,
};
use boxoffice_engine::queue::Sealed;
use compact_str::CompactString;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::errand::{Undo, transact};
use crate::leaving;
use crate::readers::ReadError;
use crate::writer::{BatchError, Heads, Statements};

/// Adds something in a transaction of its own.
pub(crate) fn create(
    connection: &Connection,
    new: &New,
    key: Option<&CatalogueKey>,
    heads: &mut Heads,
) -> Result<Result<Created, NotCreated>, BatchError> {
    transact(connection, heads, |heads| {
        if let Some(first) = answered(connection, key)? {
            return Ok(first);
        }
        let number = match new {
            New::Entry(entry) => add_entry(connection, entry),
            New::Auditorium(auditorium, plan) => {
                add_plan(connection, plan)?;
                add_entry(connection, &Entry::Auditorium(auditorium.clone()))
            }
            New::Showtime(entry, first) => {
                let first = first.as_ref().map(|first| Sealed::from(first.clone()));
                add_showtime(connection, entry, first.as_ref(), heads)
            }
        }?;
        keep_answer(connection, key, number)?;
        Ok(Created::now(number))
    })
}

type NotDone = Undo<NotCreated>;

/// What was done under this key, if anything was.
pub(crate) fn answered(
    connection: &Connection,
    key: Option<&CatalogueKey>,
) -> Result<Option<Created>, NotDone> {
    let Some(key) = key else { return Ok(None) };
    let sql = "SELECT fingerprint, number, answer FROM catalogue_key WHERE caller = ?1 AND key = ?2";
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Option<([u8; 16], u64, Option<Vec<u8>>)> = connection
        .prepare_cached(sql)?
        .query_row(params![key.caller.as_str(), key.key], columns)
        .optional()?;
    match found {
        None => Ok(None),
        Some((fingerprint, number, answer)) if fingerprint == key.fingerprint => {
            Ok(Some(Created { number, replayed: true, answer }))
        }
        Some(_) => Err(Undo::Refused(NotCreated::KeyReused)),
    }
}

/// Keeps what is answered under a key.
pub(crate) fn keep_answer(
    connection: &Connection,
    key: Option<&CatalogueKey>,
    number: u64,
) -> rusqlite::Result<()> {
    let Some(key) = key else { return Ok(()) };
    let sql = "INSERT INTO catalogue_key (caller, key, fingerprint, number, at_ms, answer)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![key.caller.as_str(), key.key, key.fingerprint, number, key.at.as_ms(), key.answer];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(crate) fn add_plan(connection: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    let sql = "INSERT INTO plan (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![plan.hash().as_bytes(), plan.encode()])?;
    Ok(())
}

/// Refuses an entry whose external id another of its kind has.
pub(crate) fn refuse_taken(connection: &Connection, entry: &Entry) -> Result<(), NotDone> {
    let sql = "SELECT number FROM entry WHERE kind = ?1 AND external_id = ?2 AND number <> ?3";
    let values = params![entry.kind() as u8, entry.external_id(), entry.number()];
    let taken = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0));
    match taken.optional()? {
        Some(number) => Err(Undo::Refused(NotCreated::ExternalIdTaken { number })),
        None => Ok(()),
    }
}

fn add_entry(connection: &Connection, entry: &Entry) -> Result<u64, NotDone> {
    refuse_taken(connection, entry)?;
    let sql =
        "INSERT INTO entry (kind, number, external_id, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let values = params![entry.kind() as u8, entry.number(), entry.external_id(), entry.encode()];
    match connection.prepare_cached(sql)?.execute(values)? {
        1 => Ok(entry.number()),
        _ => Err(Undo::Refused(NotCreated::IdTaken)),
    }
}

fn add_showtime(
    connection: &Connection,
    entry: &ShowtimeEntry,
    first: Option<&Sealed>,
    heads: &mut Heads,
) -> Result<u64, NotDone> {
    let number = entry.id.number();
    let sql = "SELECT id FROM showtime WHERE external_id = ?1";
    let taken = connection.prepare_cached(sql)?.query_row([entry.external_id.as_deref()], |row| row.get(0));
    if let Some(number) = taken.optional()? {
        return Err(Undo::Refused(NotCreated::ExternalIdTaken { number }));
    }
    let sql = "INSERT INTO showtime (id, plan, cinema, external_id, settings, settings_version, starts_at_ms,
                   on_sale_at_ms, off_sale_at_ms, movie, auditorium, published, cancelled)
               VALUES (?1, ?2, ?3, ?4, x'', 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
    let cinema = entry.cinema.map(CinemaId::number);
    let values = params![number, entry.plan.as_bytes(), cinema, entry.external_id.as_deref()];
    let taken = leaving::is_leaving(connection, entry.id)?;
    if taken || connection.prepare_cached(sql)?.execute(values)? != 1 {
        return Err(Undo::Refused(NotCreated::IdTaken));
    }
    update_settings(connection, entry.id, &entry.settings)?;
    if let Some(first) = first {
        Statements::prepare(connection)?.write_first(connection, first, heads)?;
    }
    Ok(number)
}

/// Writes a showtime's settings, and the columns that repeat them for lists.
pub(crate) fn update_settings(
    connection: &Connection,
    id: ShowtimeId,
    settings: &Settings,
) -> rusqlite::Result<()> {
    let sql =
        "UPDATE showtime SET settings = ?2, settings_version = ?3, starts_at_ms = ?4, on_sale_at_ms = ?5,
                   off_sale_at_ms = ?6, movie = ?7, auditorium = ?8, published = ?9, cancelled = ?10
               WHERE id = ?1";
    let values = params![
        id.number(),
        settings.encode(),
        settings.version,
        settings.starts_at.as_ms(),
        settings.on_sale_at.as_ms(),
        settings.off_sale_at.as_ms(),
        settings.movie.number(),
        settings.auditorium.number(),
        settings.published,
        settings.cancelled
    ];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Reads one entry.
pub(crate) fn entry(connection: &Connection, kind: Kind, number: u64) -> Result<Option<Entry>, ReadError> {
    let sql = "SELECT number, external_id, body FROM entry WHERE kind = ?1 AND number = ?2";
    let row =
        connection.prepare_cached(sql)?.query_row(params![kind as u8, number], entry_columns).optional()?;
    row.map(|row| decode_entry(kind, row)).transpose()
}

/// Lists entries by number.
pub(crate) fn entries(
    connection: &Connection,
    kind: Kind,
    filter: &EntryFilter,
) -> Result<Vec<Entry>, ReadError> {
    let sql = "SELECT number, external_id, body FROM entry
               WHERE kind = ?1 AND number > ?2 AND (?3 IS NULL OR external_id = ?3) ORDER BY number LIMIT ?4";
    let after = filter.after.map_or(-1, |number| number as i64);
    let values = params![kind as u8, after, filter.external_id.as_deref(), filter.limit as i64];
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, entry_columns)?;
    rows.map(|row| decode_entry(kind, row?)).collect()
}

type EntryColumns = (u64, Option<String>, Vec<u8>);

fn entry_columns(row: &Row<'_>) -> rusqlite::Result<EntryColumns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn decode_entry(kind: Kind, (number, external_id, body): EntryColumns) -> Result<Entry, ReadError> {
    Ok(Entry::decode(kind, number, external_id.map(CompactString::from), &body)?)
}

const SHOWTIME_COLUMNS: &str = "SELECT id, plan, cinema, external_id, settings FROM showtime";

type ShowtimeColumns = (u64, [u8; 16], Option<u64>, Option<String>, Vec<u8>);

fn showtime_columns(row: &Row<'_>) -> rusqlite::Result<ShowtimeColumns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn decode_showtime(
    (id, plan, cinema, external_id, settings): ShowtimeColumns,
) -> Result<ShowtimeEntry, ReadError> {
    Ok(ShowtimeEntry {
        id: ShowtimeId::from_number(id),
        plan: PlanHash::from_bytes(plan),
        cinema: cinema.map(CinemaId::from_number),
        settings: Arc::new(Settings::decode(&settings)?),
        external_id: external_id.map(CompactString::from),
    })
}

/// Reads one showtime's entry.
pub(crate) fn showtime(connection: &Connection, id: ShowtimeId) -> Result<Option<ShowtimeEntry>, ReadError> {
    let sql = format!("{SHOWTIME_COLUMNS} WHERE id = ?1");
    let row = connection.prepare_cached(&sql)?.query_row([id.number()], showtime_columns).optional()?;
    row.map(decode_showtime).transpose()
}

/// Lists showtimes by start.
pub(crate) fn showtimes(
    connection: &Connection,
    filter: &ShowtimeFilter,
) -> Result<Vec<ShowtimeEntry>, ReadError> {
    let mut sql = format!("{SHOWTIME_COLUMNS} WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    let mut and = |condition: &str, given: Vec<Value>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend(given);
    };
    let number = |number: u64| Value::Integer(number as i64);
    let time = |time: Timestamp| Value::Integer(time.as_ms());
    if let Some((starts_at, id)) = filter.after {
        and("(starts_at_ms, id) > (?, ?)", vec![time(starts_at), number(id.number())]);
    }
    if let Some(cinema) = filter.cinema {
        and("cinema = ?", vec![number(cinema.number())]);
    }
    if let Some(movie) = filter.movie {
        and("movie = ?", vec![number(movie.number())]);
    }
    if let Some(auditorium) = filter.auditorium {
        and("auditorium = ?", vec![number(auditorium.number())]);
    }
    if let Some(id) = &filter.external_id {
        and("external_id = ?", vec![Value::Text(id.to_string())]);
    }
    if let Some(from) = filter.from {
        and("starts_at_ms >= ?", vec![time(from)]);
    }
    if let Some(to) = filter.to {
        and("starts_at_ms < ?", vec![time(to)]);
    }
    if filter.published_only {
        and("published", Vec::new());
    }
    let now = || time(filter.now);
    match filter.status {
        None => {}
        Some(SaleStatus::Cancelled) => and("cancelled", Vec::new()),
        Some(SaleStatus::Closed) => and("NOT cancelled AND off_sale_at_ms <= ?", vec![now()]),
        Some(SaleStatus::Upcoming) => {
            and("NOT cancelled AND off_sale_at_ms > ? AND on_sale_at_ms > ?", vec![now(), now()]);
        }
        Some(SaleStatus::OnSale) => {
            and("NOT cancelled AND off_sale_at_ms > ? AND on_sale_at_ms <= ?", vec![now(), now()]);
        }
    }
    sql.push_str(" ORDER BY starts_at_ms, id LIMIT ?");
    values.push(Value::Integer(filter.limit as i64));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), showtime_columns)?;
    rows.map(|row| decode_showtime(row?)).collect()
}
