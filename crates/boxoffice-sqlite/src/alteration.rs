//! Changing the catalogue in SQLite, and taking things out of it.

use boxoffice_core::id::{AuditoriumId, CinemaId, ShowtimeId};
use boxoffice_engine::catalogue::{
    Alteration, CatalogueKey, Created, Entry, Kind, NotAltered, NotCreated, Users,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::catalogue::{add_plan, answered, keep_answer, refuse_taken};
use crate::errand::{Undo, transact};
use crate::leaving;
use crate::readers::ReadError;
use crate::writer::{BatchError, Heads};

impl From<Undo<NotCreated>> for Undo<NotAltered> {
    fn from(undo: Undo<NotCreated>) -> Self {
        match undo {
            Undo::Refused(why) => Self::Refused(why.into()),
            Undo::Failed(error) => Self::Failed(error),
        }
    }
}

fn refused<T>(why: NotAltered) -> Result<T, Undo<NotAltered>> {
    Err(Undo::Refused(why))
}

/// Changes something or takes it away, in a transaction of its own.
pub(crate) fn alter(
    connection: &Connection,
    alteration: &Alteration,
    key: Option<&CatalogueKey>,
    heads: &mut Heads,
) -> Result<Result<Created, NotAltered>, BatchError> {
    transact(connection, heads, |heads| {
        if let Some(first) = answered(connection, key)? {
            return Ok(first);
        }
        let number = match alteration {
            Alteration::Replace { before, after, plan } => {
                if let Some(plan) = plan {
                    add_plan(connection, plan)?;
                }
                replace(connection, before, after)?
            }
            Alteration::Remove(kind, number) => remove(connection, *kind, *number)?,
            Alteration::RemoveShowtime(id) => remove_showtime(connection, *id, heads)?,
        };
        keep_answer(connection, key, number)?;
        Ok(Created::now(number))
    })
}

fn replace(connection: &Connection, before: &Entry, after: &Entry) -> Result<u64, Undo<NotAltered>> {
    let (kind, number) = (before.kind(), before.number());
    let stored = match crate::catalogue::entry(connection, kind, number) {
        Ok(Some(stored)) => stored,
        Ok(None) => return refused(NotAltered::Absent),
        Err(ReadError::Sqlite(error)) => return Err(error.into()),
        Err(ReadError::Store(error)) => return refused(error.into()),
    };
    if stored != *before {
        return refused(NotAltered::Changed);
    }
    refuse_taken(connection, after)?;
    let sql = "UPDATE entry SET external_id = ?3, body = ?4 WHERE kind = ?1 AND number = ?2";
    let values = params![kind as u8, number, after.external_id(), after.encode()];
    connection.prepare_cached(sql)?.execute(values)?;
    if let (Entry::Auditorium(before), Entry::Auditorium(after)) = (before, after)
        && before.cinema != after.cinema
    {
        let sql = "UPDATE showtime SET cinema = ?2 WHERE auditorium = ?1";
        connection.execute(sql, params![number, after.cinema.map(CinemaId::number)])?;
    }
    Ok(number)
}

fn remove(connection: &Connection, kind: Kind, number: u64) -> Result<u64, Undo<NotAltered>> {
    let users = users(connection, kind, number)?;
    if !users.is_none() {
        return refused(NotAltered::InUse(users));
    }
    let sql = "DELETE FROM entry WHERE kind = ?1 AND number = ?2";
    match connection.execute(sql, params![kind as u8, number])? {
        0 => refused(NotAltered::Absent),
        _ => Ok(number),
    }
}

fn users(connection: &Connection, kind: Kind, number: u64) -> Result<Users, Undo<NotAltered>> {
    let column = match kind {
        Kind::Cinema => "cinema",
        Kind::Movie => "movie",
        Kind::Auditorium => "auditorium",
    };
    let sql = format!("SELECT count(*), min(id) FROM showtime WHERE {column} = ?1");
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Option<u64>>(1)?));
    let (showtimes, showtime) = connection.query_row(&sql, [number], columns)?;
    let mut users = Users { showtimes, showtime: showtime.map(ShowtimeId::from_number), ..Users::default() };
    if kind == Kind::Cinema {
        // Which cinema an auditorium is in stands in its body; there are few of them, and this is rare.
        let sql = "SELECT number, body FROM entry WHERE kind = ?1 ORDER BY number";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([Kind::Auditorium as u8])?;
        while let Some(row) = rows.next()? {
            let (auditorium, body): (u64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let entry = Entry::decode(Kind::Auditorium, auditorium, None, &body)
                .map_err(|malformed| Undo::Refused(NotAltered::Store(malformed.into())))?;
            if let Entry::Auditorium(entry) = entry
                && entry.cinema.is_some_and(|cinema| cinema.number() == number)
            {
                users.auditoriums += 1;
                users.auditorium.get_or_insert(AuditoriumId::from_number(auditorium));
            }
        }
    }
    Ok(users)
}

/// Only the writer knows whether anything was ever held: a hold that it commits later finds no showtime.
fn remove_showtime(
    connection: &Connection,
    id: ShowtimeId,
    heads: &mut Heads,
) -> Result<u64, Undo<NotAltered>> {
    let sql = "SELECT ever_held FROM showtime WHERE id = ?1";
    let row = connection.prepare_cached(sql)?.query_row([id.number()], |row| row.get(0)).optional()?;
    match row {
        None => refused(NotAltered::Absent),
        Some(true) => refused(NotAltered::EverHeld),
        Some(false) => {
            leaving::take_out(connection, id, heads)?;
            Ok(id.number())
        }
    }
}
