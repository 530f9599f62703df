//! Finding bookings, blanking their buyers, and letting old showtimes go, in SQLite.

use std::sync::Arc;

use boxoffice_core::hold::{BookingStatus, Contact, Hold, HoldStatus};
use boxoffice_core::id::{CinemaId, Serial, ShowtimeId};
use boxoffice_core::plan::PlanHash;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::archive::{BookingFilter, FoundBooking, folded_email};
use boxoffice_engine::catalogue::{CatalogueKey, Created, NotAltered};
use boxoffice_engine::store::StoredHold;
use compact_str::CompactString;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use crate::catalogue::{answered, keep_answer};
use crate::errand::{Undo, transact};
use crate::leaving;
use crate::readers::ReadError;
use crate::writer::{BatchError, Heads};

/// The columns that bookings are found by, which repeat their record and their buyer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) booked_at_ms: Option<i64>,
    pub(crate) cancelled: Option<u8>,
    pub(crate) email: Option<CompactString>,
}

impl Columns {
    /// Those of a hold or booking.
    pub(crate) fn of(hold: &Hold, contact: Option<&Contact>) -> Self {
        let booked = hold.status == HoldStatus::Booked;
        let email = contact.filter(|_| booked).and_then(|contact| contact.email.as_deref());
        Self {
            booked_at_ms: hold.booking.as_ref().filter(|_| booked).map(|booking| booking.created_at.as_ms()),
            cancelled: booked.then(|| number_of(hold.booking_status())),
            email: email.map(folded_email),
        }
    }
}

fn number_of(status: BookingStatus) -> u8 {
    match status {
        BookingStatus::Confirmed => 0,
        BookingStatus::PartlyCancelled => 1,
        BookingStatus::Cancelled => 2,
    }
}

/// Fills the columns of bookings that were made before there were columns.
pub(crate) fn fill_columns(connection: &Connection) -> Result<(), ReadError> {
    const FEW: usize = 1_000;
    let mut after = 0;
    loop {
        let sql = "SELECT serial, body, contact FROM hold WHERE serial > ?1 AND status = 1 ORDER BY serial LIMIT ?2";
        let mut statement = connection.prepare_cached(sql)?;
        let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let rows: Vec<(Serial, Vec<u8>, Option<Vec<u8>>)> =
            statement.query_map(params![after, FEW], columns)?.collect::<Result<_, _>>()?;
        for (serial, body, contact) in &rows {
            let contact = contact.as_deref().map(Contact::decode).transpose()?;
            let columns = Columns::of(&Hold::decode(body)?, contact.as_ref());
            let sql = "UPDATE hold SET booked_at_ms = ?2, cancelled = ?3, email = ?4 WHERE serial = ?1";
            let email = columns.email.as_deref();
            let values = params![serial, columns.booked_at_ms, columns.cancelled, email];
            connection.prepare_cached(sql)?.execute(values)?;
            after = *serial;
        }
        if rows.len() < FEW {
            return Ok(());
        }
    }
}

/// Lists bookings, the newest first.
pub(crate) fn find(connection: &Connection, filter: &BookingFilter) -> Result<Vec<FoundBooking>, ReadError> {
    // The bookings lead, in the order of an index of theirs; a showtime that leaves is not there any more.
    let mut sql = "SELECT hold.showtime, showtime.plan, hold.body, hold.contact
                   FROM hold CROSS JOIN showtime ON showtime.id = hold.showtime WHERE hold.status = 1"
        .to_owned();
    let mut values: Vec<Value> = Vec::new();
    let mut and = |condition: &str, given: Vec<Value>| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.extend(given);
    };
    let number = |number: u64| Value::Integer(number as i64);
    let time = |time: Timestamp| Value::Integer(time.as_ms());
    if let Some((at, serial)) = filter.after {
        and("(hold.booked_at_ms, hold.serial) < (?, ?)", vec![time(at), number(serial)]);
    }
    if let Some(reference) = filter.reference {
        and("hold.reference = ?", vec![number(reference.number())]);
    }
    if let Some(email) = &filter.email {
        and("hold.email = ?", vec![Value::Text(email.to_string())]);
    }
    if let Some(showtime) = filter.showtime {
        and("hold.showtime = ?", vec![number(showtime.number())]);
    }
    if let Some(cinema) = filter.cinema {
        and("showtime.cinema = ?", vec![number(CinemaId::number(cinema))]);
    }
    if let Some(status) = filter.status {
        and("hold.cancelled = ?", vec![Value::Integer(number_of(status).into())]);
    }
    if let Some(from) = filter.from {
        and("hold.booked_at_ms >= ?", vec![time(from)]);
    }
    if let Some(to) = filter.to {
        and("hold.booked_at_ms < ?", vec![time(to)]);
    }
    sql.push_str(" ORDER BY hold.booked_at_ms DESC, hold.serial DESC LIMIT ?");
    values.push(Value::Integer(filter.limit as i64));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (body, contact): (Vec<u8>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
        let contact = contact.map(|bytes| Contact::decode(&bytes)).transpose()?;
        found.push(FoundBooking {
            showtime: ShowtimeId::from_number(row.get(0)?),
            plan: PlanHash::from_bytes(row.get(1)?),
            stored: StoredHold { hold: Arc::new(Hold::decode(&body)?), contact },
        });
    }
    Ok(found)
}

/// Writes so that what is overwritten is gone from the file, too, not only from its tables.
fn shredding<T>(
    connection: &Connection,
    write: impl FnOnce() -> Result<T, BatchError>,
) -> Result<T, BatchError> {
    connection.pragma_update(None, "secure_delete", true)?;
    let result = write();
    connection.pragma_update(None, "secure_delete", false)?;
    result
}

/// Blanks a booking's buyer.
pub(crate) fn erase_contact(
    connection: &Connection,
    showtime: ShowtimeId,
    serial: Serial,
    key: Option<&CatalogueKey>,
    heads: &mut Heads,
) -> Result<Result<Created, NotAltered>, BatchError> {
    shredding(connection, || {
        transact(connection, heads, |_| {
            if let Some(first) = answered(connection, key).map_err(Undo::<NotAltered>::from)? {
                return Ok(first);
            }
            let sql = "UPDATE hold SET contact = NULL, email = NULL
                       WHERE serial = ?1 AND showtime = ?2 AND status = 1";
            if connection.prepare_cached(sql)?.execute(params![serial, showtime.number()])? == 0 {
                return Err(Undo::Refused(NotAltered::Absent));
            }
            keep_answer(connection, key, serial)?;
            Ok(Created::now(serial))
        })
    })
}

/// Blanks the buyers of some bookings of showtimes that started before.
pub(crate) fn erase_old_contacts(
    connection: &Connection,
    started_before: Timestamp,
    most: usize,
    heads: &mut Heads,
) -> Result<Result<usize, NotAltered>, BatchError> {
    shredding(connection, || {
        transact(connection, heads, |_| {
            let sql = "UPDATE hold SET contact = NULL, email = NULL WHERE serial IN (
                           SELECT hold.serial FROM showtime CROSS JOIN hold INDEXED BY hold_showtime
                           ON hold.showtime = showtime.id AND hold.status = 1 AND (hold.contact IS NOT NULL) = 1
                           WHERE showtime.starts_at_ms < ?1 LIMIT ?2)";
            Ok(connection.prepare_cached(sql)?.execute(params![started_before.as_ms(), most])?)
        })
    })
}

/// Takes out some showtimes that started before.
pub(crate) fn remove_old_showtimes(
    connection: &Connection,
    started_before: Timestamp,
    most: usize,
    heads: &mut Heads,
) -> Result<Result<Vec<ShowtimeId>, NotAltered>, BatchError> {
    transact(connection, heads, |heads| {
        let sql = "SELECT id FROM showtime WHERE starts_at_ms < ?1 ORDER BY starts_at_ms, id LIMIT ?2";
        let mut statement = connection.prepare_cached(sql)?;
        let ids = statement.query_map(params![started_before.as_ms(), most], |row| row.get(0))?;
        let ids: Vec<_> = ids.map(|id| id.map(ShowtimeId::from_number)).collect::<Result<_, _>>()?;
        for id in &ids {
            leaving::take_out(connection, *id, heads)?;
        }
        Ok(ids)
    })
}

#[cfg(test)]
mod tests {
    use boxoffice_core::hold::{Booking, HeldSeat};
    use boxoffice_core::id::Reference;
    use boxoffice_engine::store::conformance::room::{NOW, settings};

    use super::*;
    use crate::connection::open_writer;
    use crate::migration::{MIGRATIONS, migrate};

    #[test]
    fn bookings_of_an_older_schema_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let mut connection = open_writer(&path, 1000).unwrap();
        migrate(&mut connection, &path, &MIGRATIONS[..3]).unwrap();
        let seat =
            HeldSeat { no: 0, version: 3, category: 0, ticket: "standard".into(), price: 1, cancelled: true };
        let hold = Hold {
            serial: 7,
            version: 3,
            status: HoldStatus::Booked,
            seats: [seat].into_iter().collect(),
            currency: settings(1, 5).currency,
            created_at: NOW,
            expires_at: NOW,
            extendable_until: NOW,
            ended_at: Some(NOW),
            key_id: 1,
            metadata: Vec::new(),
            booking: Some(Booking { reference: Reference::from_number(9), created_at: NOW }),
        };
        let contact = Contact { name: None, email: Some("Ada@Example.org".into()) };
        let sql = "INSERT INTO hold VALUES (?1, 5, 3, ?2, ?5, ?3, ?4)";
        for (serial, reference) in [(7, 9), (8, 10)] {
            let status = if serial == 7 { 1 } else { 0 };
            connection
                .execute(sql, params![serial, status, hold.encode(), contact.encode(), reference])
                .unwrap();
        }
        assert!(migrate(&mut connection, &path, MIGRATIONS).unwrap().is_some(), "a copy is made before");
        let columns = |serial: u64| {
            let sql = "SELECT booked_at_ms, cancelled, email FROM hold WHERE serial = ?1";
            let read = |row: &Row<'_>| {
                let email: Option<String> = row.get(2)?;
                let (booked_at_ms, cancelled) = (row.get(0)?, row.get(1)?);
                Ok(Columns { booked_at_ms, cancelled, email: email.map(Into::into) })
            };
            connection.query_row(sql, [serial], read).unwrap()
        };
        assert_eq!(columns(7), Columns::of(&hold, Some(&contact)));
        assert_eq!(columns(7).email.as_deref(), Some("ada@example.org"));
        assert_eq!(columns(8), Columns { booked_at_ms: None, cancelled: None, email: None });
    }
}
