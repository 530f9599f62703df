//! Finding bookings, blanking their buyers, and letting old showtimes go, in PostgreSQL.

use boxoffice_core::hold::{BookingStatus, Contact, Hold, HoldStatus};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::PlanHash;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::archive::{BookingFilter, FoundBooking, folded_email};
use boxoffice_engine::catalogue::{CatalogueKey, Created, NotAltered};
use compact_str::CompactString;
use tokio_postgres::{Client, Row};

use crate::alteration::take_out;
use crate::catalogue::{answered, keep_answer};
use crate::condition::Condition;
use crate::errand::Undo;
use crate::error::Failure;
use crate::reads::{key_of, stored_hold};
use crate::values::{bytes, execute, number, rows, values};

/// The columns that bookings are found by, which repeat their record and their buyer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) reference: Option<i64>,
    pub(crate) booked_at_ms: Option<i64>,
    pub(crate) cancelled: Option<i16>,
    pub(crate) email: Option<CompactString>,
}

impl Columns {
    /// Those of a hold or booking.
    pub(crate) fn of(hold: &Hold, contact: Option<&Contact>) -> Self {
        let booking = hold.booking.as_ref().filter(|_| hold.status == HoldStatus::Booked);
        let email = contact.filter(|_| booking.is_some()).and_then(|contact| contact.email.as_deref());
        Self {
            reference: booking.map(|booking| booking.reference.number() as i64),
            booked_at_ms: booking.map(|booking| booking.created_at.as_ms()),
            cancelled: booking.map(|_| number_of(hold.booking_status())),
            email: email.map(folded_email),
        }
    }
}

fn number_of(status: BookingStatus) -> i16 {
    match status {
        BookingStatus::Confirmed => 0,
        BookingStatus::PartlyCancelled => 1,
        BookingStatus::Cancelled => 2,
    }
}

/// Lists bookings, the newest first.
pub(crate) async fn find(client: &Client, filter: &BookingFilter) -> Result<Vec<FoundBooking>, Failure> {
    let mut and = Condition::default();
    and.add("hold.booked_at_ms IS NOT NULL", Vec::new());
    if let Some((at, serial)) = filter.after {
        let place: Vec<Box<dyn crate::condition::Value>> =
            vec![Box::new(at.as_ms()), Box::new(serial as i64)];
        and.add("(hold.booked_at_ms, hold.serial) < (?, ?)", place);
    }
    for (part, wanted) in [
        ("hold.reference = ?", filter.reference.map(|reference| reference.number() as i64)),
        ("hold.showtime_id = ?", filter.showtime.map(key_of)),
        ("showtime.cinema = ?", filter.cinema.map(|cinema| cinema.number() as i64)),
        ("hold.booked_at_ms >= ?", filter.from.map(Timestamp::as_ms)),
        ("hold.booked_at_ms < ?", filter.to.map(Timestamp::as_ms)),
    ] {
        if let Some(wanted) = wanted {
            and.add(part, vec![Box::new(wanted)]);
        }
    }
    if let Some(email) = &filter.email {
        and.add("hold.email = ?", vec![Box::new(email.to_string())]);
    }
    if let Some(status) = filter.status {
        and.add("hold.cancelled = ?", vec![Box::new(number_of(status))]);
    }
    let select = "SELECT hold.showtime_id, showtime.plan, hold.body, hold.contact
                  FROM hold JOIN showtime ON showtime.id = hold.showtime_id";
    let sql = and.finish(select, "ORDER BY hold.booked_at_ms DESC, hold.serial DESC", filter.limit);
    let found = |row: &Row| {
        Ok(FoundBooking {
            showtime: ShowtimeId::from_number(number(row, 0)?),
            plan: PlanHash::from_bytes(bytes(row, 1)?),
            stored: stored_hold(row, 2)?,
        })
    };
    rows(client, &sql, &and.values()).await?.iter().map(found).collect()
}

/// Blanks a booking's buyer.
pub(crate) async fn erase_contact(
    client: &Client,
    showtime: ShowtimeId,
    serial: Serial,
    key: Option<CatalogueKey>,
) -> Result<Created, Undo<NotAltered>> {
    if let Some(first) = answered(client, key.as_ref()).await? {
        return Ok(first);
    }
    let sql = "UPDATE hold SET contact = NULL, email = NULL
               WHERE showtime_id = $1 AND serial = $2 AND booked_at_ms IS NOT NULL";
    if execute(client, sql, values![key_of(showtime), serial as i64]).await? == 0 {
        return Err(Undo::Refused(NotAltered::Absent));
    }
    keep_answer(client, key.as_ref(), serial).await?;
    Ok(Created::now(serial))
}

/// Blanks the buyers of some bookings of showtimes that started before.
pub(crate) async fn erase_old_contacts(
    client: &Client,
    started_before: Timestamp,
    most: usize,
) -> Result<usize, Undo<NotAltered>> {
    let sql = "UPDATE hold SET contact = NULL, email = NULL WHERE (showtime_id, serial) IN (
                   SELECT hold.showtime_id, hold.serial FROM hold
                   JOIN showtime ON showtime.id = hold.showtime_id
                   WHERE showtime.starts_at_ms < $1 AND hold.contact IS NOT NULL LIMIT $2)";
    Ok(execute(client, sql, values![started_before.as_ms(), most as i64]).await? as usize)
}

/// Takes out some showtimes that started before.
pub(crate) async fn remove_old_showtimes(
    client: &Client,
    started_before: Timestamp,
    most: usize,
) -> Result<Vec<ShowtimeId>, Undo<NotAltered>> {
    let sql = "SELECT id FROM showtime WHERE starts_at_ms < $1 ORDER BY starts_at_ms, id LIMIT $2";
    let found = rows(client, sql, values![started_before.as_ms(), most as i64]).await?;
    let ids: Result<Vec<_>, _> =
        found.iter().map(|row| number(row, 0).map(ShowtimeId::from_number)).collect();
    let mut ids = ids?;
    // In the order in which writers lock clocks.
    ids.sort_unstable();
    for id in &ids {
        take_out(client, *id).await?;
    }
    Ok(ids)
}
