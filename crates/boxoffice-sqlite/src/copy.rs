//! Copying a whole database out of a file, or into a new one: nobody else may write meanwhile.

use std::path::Path;

use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::settings::Settings;
use boxoffice_engine::store::StoreError;
use boxoffice_engine::store::copy::{Gone, Outlet, Piece, Row, Tally};
use rusqlite::{Connection, Row as Found, params};
use tokio::sync::mpsc::Receiver;

use crate::backup::{publish, remove_empty_log};
use crate::bookings::Columns;
use crate::connection::{check_ours, check_version, has_content, log_of, open_reader, open_writer};
use crate::error::{At, OpenError};
use crate::event_places::{EventPlaces, Place};
use crate::lock::WriterLock;
use crate::maintenance::must_be_there;
use crate::migration::{MIGRATIONS, check, migrate};
use crate::readers::ReadError;
use crate::reads::SEAT_BITS;

const CACHE_KIB: u32 = 32 * 1024;

/// Why rows could not be copied.
enum Failure {
    Read(ReadError),
    Gone,
}

impl<E: Into<ReadError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Read(error.into())
    }
}

impl From<Gone> for Failure {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

fn at<T>(result: Result<T, Failure>, path: &Path) -> Result<T, OpenError> {
    result.map_err(|failure| match failure {
        Failure::Gone => OpenError::GivenUp,
        Failure::Read(ReadError::Sqlite(error)) => OpenError::Sqlite { path: path.to_owned(), error },
        Failure::Read(ReadError::Store(error)) => {
            OpenError::Damaged { path: path.to_owned(), what: error.to_string() }
        }
    })
}

/// Gives all rows of the database at `path`, which no server may have open.
pub fn export(path: &Path, mut outlet: Outlet) -> Result<Tally, OpenError> {
    check_version()?;
    must_be_there(path)?;
    let _lock = WriterLock::take(path)?;
    let connection = open_reader(path)?;
    check_ours(&connection, path)?;
    let (found, known) = (check(&connection, path, MIGRATIONS)?, MIGRATIONS.len() as i64);
    if found < known {
        return Err(OpenError::OlderSchema { path: path.to_owned(), found, known });
    }
    connection.execute_batch("BEGIN").at(path)?;
    at(give_all(&connection, &mut outlet), path)?;
    outlet.end_blocking().map_err(|_| OpenError::GivenUp)
}

/// Makes a database at `target`, where nothing may be, of the rows that arrive. It has its name once it is whole and
/// has passed its checks, and whoever first opens it for writing gives it a new epoch.
pub fn import(target: &Path, mut arriving: Receiver<Piece>) -> Result<Tally, OpenError> {
    check_version()?;
    if target.exists() {
        return Err(OpenError::Exists(target.to_owned()));
    }
    if has_content(&log_of(target)) {
        return Err(OpenError::LogAlone { path: target.to_owned(), log: log_of(target) });
    }
    // Held to the end: a server whose file was deleted under it may still be there.
    let _lock = WriterLock::take(target)?;
    remove_empty_log(target)?;
    let mut all = Tally::default();
    publish(target, target, |part| {
        let mut connection = open_writer(part, CACHE_KIB)?;
        migrate(&mut connection, part, MIGRATIONS)?;
        let transaction = connection.transaction().at(part)?;
        let places = EventPlaces::read(&transaction).at(part)?;
        all = loop {
            match arriving.blocking_recv() {
                None => return Err(OpenError::Incomplete),
                Some(Piece::End(tally)) => break tally,
                Some(Piece::Rows(rows)) => {
                    at(rows.into_iter().try_for_each(|row| take(&transaction, &places, row)), part)?;
                }
            }
        };
        places.write_runs(&transaction, usize::MAX).at(part)?;
        let mut written = Outlet::counting();
        at(give_all(&transaction, &mut written), part)?;
        if let Some(difference) = all.difference(&written.tally()) {
            return Err(OpenError::Unsound(difference));
        }
        transaction.commit().at(part)
    })?;
    Ok(all)
}

/// Gives the rows of one statement.
fn give(
    connection: &Connection,
    outlet: &mut Outlet,
    sql: &str,
    row: impl Fn(&Found<'_>) -> rusqlite::Result<Row>,
) -> Result<(), Failure> {
    let mut statement = connection.prepare(sql)?;
    for found in statement.query_map([], row)? {
        outlet.give_blocking(found?)?;
    }
    Ok(())
}

/// Gives everything. What is left of showtimes that are on their way out belongs to nobody any more.
fn give_all(connection: &Connection, outlet: &mut Outlet) -> Result<(), Failure> {
    give(connection, outlet, "SELECT hash, body FROM plan", |row| {
        Ok(Row::Plan { hash: row.get(0)?, body: row.get(1)? })
    })?;
    give(connection, outlet, "SELECT kind, number, external_id, body FROM entry", |row| {
        Ok(Row::Entry { kind: row.get(0)?, number: row.get(1)?, external_id: row.get(2)?, body: row.get(3)? })
    })?;
    let sql = format!(
        "SELECT id, plan, cinema, external_id, settings, ever_held,
             max(revision, coalesce((SELECT max(revision) FROM seat
                 WHERE seat.id BETWEEN showtime.id << {SEAT_BITS} AND ((showtime.id + 1) << {SEAT_BITS}) - 1), 0))
         FROM showtime"
    );
    give(connection, outlet, &sql, |row| {
        Ok(Row::Showtime {
            id: row.get(0)?,
            plan: row.get(1)?,
            cinema: row.get(2)?,
            external_id: row.get(3)?,
            settings: row.get(4)?,
            ever_held: row.get(5)?,
            revision: row.get(6)?,
        })
    })?;
    let sql = format!(
        "SELECT id >> {SEAT_BITS}, id & ((1 << {SEAT_BITS}) - 1), version, status, owner, revision FROM seat
         WHERE id >> {SEAT_BITS} NOT IN (SELECT showtime FROM leaving)"
    );
    give(connection, outlet, &sql, |row| {
        Ok(Row::Seat {
            showtime: row.get(0)?,
            no: row.get(1)?,
            version: row.get(2)?,
            status: row.get(3)?,
            owner: row.get(4)?,
            revision: row.get(5)?,
        })
    })?;
    let stays = "WHERE showtime NOT IN (SELECT showtime FROM leaving)";
    give(connection, outlet, &format!("SELECT showtime, serial, body, contact FROM hold {stays}"), |row| {
        let (showtime, serial) = (row.get(0)?, row.get(1)?);
        Ok(Row::Hold { showtime, serial, body: row.get(2)?, contact: row.get(3)? })
    })?;
    let sql = format!("SELECT showtime, key, revision, at_ms FROM request_key {stays} ORDER BY seq");
    give(connection, outlet, &sql, |row| {
        let (showtime, key) = (row.get(0)?, row.get(1)?);
        Ok(Row::RequestKey { showtime, key, revision: row.get(2)?, at_ms: row.get(3)? })
    })?;
    let sql = format!("SELECT showtime, revision, body FROM event {stays} ORDER BY seq");
    give(connection, outlet, &sql, |row| {
        Ok(Row::Event { showtime: row.get(0)?, revision: row.get(1)?, body: row.get(2)? })
    })?;
    let sql = "SELECT caller, key, fingerprint, number, at_ms, answer FROM catalogue_key";
    give(connection, outlet, sql, |row| {
        Ok(Row::CatalogueKey {
            caller: row.get(0)?,
            key: row.get(1)?,
            fingerprint: row.get(2)?,
            number: row.get(3)?,
            at_ms: row.get(4)?,
            answer: row.get(5)?,
        })
    })?;
    give(connection, outlet, "SELECT id, secret, made_at_ms, revoked_at_ms FROM token_key", |row| {
        let (id, secret) = (row.get(0)?, row.get(1)?);
        Ok(Row::TokenKey { id, secret, made_at_ms: row.get(2)?, revoked_at_ms: row.get(3)? })
    })
}

/// Writes a row.
fn take(connection: &Connection, places: &EventPlaces, row: Row) -> Result<(), Failure> {
    let prepared = |sql: &str| connection.prepare_cached(sql);
    match row {
        Row::Plan { hash, body } => {
            prepared("INSERT INTO plan (hash, body) VALUES (?1, ?2)")?.execute(params![hash, body])?;
        }
        Row::Entry { kind, number, external_id, body } => {
            let sql = "INSERT INTO entry (kind, number, external_id, body) VALUES (?1, ?2, ?3, ?4)";
            prepared(sql)?.execute(params![kind, number, external_id, body])?;
        }
        Row::Showtime { id, plan, cinema, external_id, settings, revision, ever_held } => {
            let body = settings;
            let settings = Settings::decode(&body)?;
            let sql = "INSERT INTO showtime (id, plan, cinema, external_id, ever_held, revision, settings,
                           settings_version, starts_at_ms, on_sale_at_ms, off_sale_at_ms, movie, auditorium, published,
                           cancelled)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
            prepared(sql)?.execute(params![
                id,
                plan,
                cinema,
                external_id,
                ever_held,
                revision,
                body,
                settings.version,
                settings.starts_at.as_ms(),
                settings.on_sale_at.as_ms(),
                settings.off_sale_at.as_ms(),
                settings.movie.number(),
                settings.auditorium.number(),
                settings.published,
                settings.cancelled,
            ])?;
        }
        Row::Seat { showtime, no, version, status, owner, revision } => {
            let sql = "INSERT INTO seat (id, version, status, owner, revision) VALUES (?1, ?2, ?3, ?4, ?5)";
            let id = showtime << SEAT_BITS | i64::from(no);
            prepared(sql)?.execute(params![id, version, status, owner, revision])?;
        }
        Row::Hold { showtime, serial, body, contact } => {
            let hold = Hold::decode(&body)?;
            let known = contact.as_deref().map(Contact::decode).transpose()?;
            let columns = Columns::of(&hold, known.as_ref());
            let sql =
                "INSERT INTO hold (serial, showtime, version, status, reference, body, contact, booked_at_ms,
                           cancelled, email)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
            prepared(sql)?.execute(params![
                serial,
                showtime,
                hold.version,
                hold.status as u8,
                hold.booking.as_ref().map(|booking| booking.reference.number()),
                body,
                contact,
                columns.booked_at_ms,
                columns.cancelled,
                columns.email.as_deref(),
            ])?;
        }
        Row::RequestKey { showtime, key, revision, at_ms } => {
            let sql = "INSERT INTO request_key (showtime, key, revision, at_ms) VALUES (?1, ?2, ?3, ?4)";
            prepared(sql)?.execute(params![showtime, key, revision, at_ms])?;
        }
        Row::Event { showtime, revision, body } => {
            let sql = "INSERT INTO event (showtime, revision, body) VALUES (?1, ?2, ?3)";
            prepared(sql)?.execute(params![showtime, revision, body])?;
            let damaged = || ReadError::from(StoreError::Damaged(format!("{revision} is no revision")));
            let place = Place {
                revision: u64::try_from(revision).map_err(|_| damaged())?,
                seq: connection.last_insert_rowid(),
            };
            places.note([(ShowtimeId::from_number(showtime as u64), place)]);
            if places.are_many() {
                places.write_runs(connection, usize::MAX)?;
                places.runs_are_written(usize::MAX);
            }
        }
        Row::CatalogueKey { caller, key, fingerprint, number, at_ms, answer } => {
            let sql = "INSERT INTO catalogue_key (caller, key, fingerprint, number, at_ms, answer)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            prepared(sql)?.execute(params![caller, key, fingerprint, number, at_ms, answer])?;
        }
        Row::TokenKey { id, secret, made_at_ms, revoked_at_ms } => {
            let sql = "INSERT INTO token_key (id, secret, made_at_ms, revoked_at_ms) VALUES (?1, ?2, ?3, ?4)";
            prepared(sql)?.execute(params![id, secret, made_at_ms, revoked_at_ms])?;
        }
    }
    Ok(())
}
