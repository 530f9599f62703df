//! The audit of a PostgreSQL database: read-only, in one snapshot, also beside running servers.

use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::SeatNo;
use boxoffice_core::seat::SeatState;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::audit::{AuditReport, AuditSource, AuditedShowtime, Totals, audit};
use boxoffice_engine::store::{StoredHold, UsedKey};
use tokio::runtime::Handle;
use tokio_postgres::Client;

use crate::Address;
use crate::bookings::Columns;
use crate::error::{At as _, Failure, OpenError};
use crate::migration::must_be_current;
use crate::reads::{self, Plans, Stored, key_of, stored_hold};
use crate::session::connect;
use crate::state::State;
use crate::values::{bytes, get, number, row, rows, values};

/// How many events are read at once.
const PAGE: usize = 1000;

/// Begins a transaction that sees the database as it is now, however long it lasts.
pub(crate) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Checks the database.
pub async fn run(
    address: &Address,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<AuditReport, OpenError> {
    let client = connect(address).await.at(address)?;
    must_be_current(&client, address).await?;
    client.batch_execute(SNAPSHOT).await.at(address)?;
    let runtime = Handle::current();
    let work = move || {
        let mut moment = Moment::new(runtime, client);
        let mut report = match audit(&mut moment, progress) {
            // It went no further; what it found before is not to be lost.
            Err(Failure::Damaged(what)) => AuditReport { violations: vec![what], ..AuditReport::default() },
            report => report?,
        };
        report.violations.append(&mut moment.damage);
        Ok::<_, Failure>(report)
    };
    let failed = |error: tokio::task::JoinError| OpenError::Damaged(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(failed)?.at(address)
}

/// A read transaction that stays open, so that everything is of one moment.
struct Moment {
    runtime: Handle,
    client: Client,
    plans: Plans,
    /// The state of the showtime that is looked at.
    state: (ShowtimeId, State),
    /// The seats and active holds of all that were looked at: they have no rows of their own.
    seats: u64,
    active: u64,
    /// What was wrong with snapshots.
    damage: Vec<String>,
}

impl Moment {
    fn new(runtime: Handle, client: Client) -> Self {
        let state = (ShowtimeId::from_number(0), State::default());
        Self { runtime, client, plans: Plans::default(), state, seats: 0, active: 0, damage: Vec::new() }
    }

    /// The state that a showtime's log makes by itself.
    fn logged(&mut self, id: ShowtimeId) -> Result<State, Failure> {
        let mut state = State::default();
        loop {
            let page = self.events(id, state.revision)?;
            if page.is_empty() {
                return Ok(state);
            }
            page.iter().for_each(|event| state.apply(event.revision, &event.change, 0));
        }
    }

    /// The state of the showtime that was asked for last.
    fn state_of(&self, id: ShowtimeId) -> Result<&State, Failure> {
        let (of, state) = &self.state;
        if *of == id { Ok(state) } else { Err(Failure::Damaged(format!("{id} was not read"))) }
    }
}

impl AuditSource for Moment {
    type Error = Failure;

    fn showtimes(&mut self) -> Result<Vec<ShowtimeId>, Failure> {
        let sql = "SELECT id FROM showtime ORDER BY id";
        let found = self.runtime.block_on(rows(&self.client, sql, &[]))?;
        found.iter().map(|row| number(row, 0).map(ShowtimeId::from_number)).collect()
    }

    fn showtime(&mut self, id: ShowtimeId) -> Result<AuditedShowtime, Failure> {
        // Keys are read apart; none is of the far future.
        let stored = self.runtime.block_on(reads::stored(&self.client, id, Timestamp::MAX))?;
        let Stored { plan, settings, ever_held, revision, state, .. } =
            stored.ok_or_else(|| Failure::Damaged(format!("{id} has no clock")))?;
        let state = match state {
            Ok(state) => state,
            Err(failure) => {
                self.damage.push(failure.to_string());
                self.logged(id)?
            }
        };
        self.seats += state.seats.len() as u64;
        self.active += state.holds.len() as u64;
        self.state = (id, state);
        let missing = || Failure::Damaged(format!("{id}: its plan {plan} is missing"));
        let plan = self.runtime.block_on(self.plans.read(&self.client, plan))?.ok_or_else(missing)?;
        let sql = "SELECT starts_at_ms = $2 AND on_sale_at_ms = $3 AND off_sale_at_ms = $4 AND movie = $5
                       AND auditorium = $6 AND published = $7 AND cancelled = $8 FROM showtime WHERE id = $1";
        let same = self.runtime.block_on(row(
            &self.client,
            sql,
            values![
                key_of(id),
                settings.starts_at.as_ms(),
                settings.on_sale_at.as_ms(),
                settings.off_sale_at.as_ms(),
                settings.movie.number() as i64,
                settings.auditorium.number() as i64,
                settings.published,
                settings.cancelled,
            ],
        ))?;
        if same.map(|row| get(&row, 0)).transpose()? != Some(true) {
            return Err(Failure::Damaged(format!("{id}: its columns do not repeat its settings")));
        }
        Ok(AuditedShowtime { plan, settings: (*settings).clone(), ever_held, revision })
    }

    fn events(&mut self, id: ShowtimeId, after: u64) -> Result<Vec<Event>, Failure> {
        self.runtime.block_on(reads::events(&self.client, id, after, PAGE))
    }

    fn seats(&mut self, id: ShowtimeId) -> Result<Vec<(SeatNo, SeatState)>, Failure> {
        Ok(self.state_of(id)?.seats.iter().map(|(no, seat)| (*no, *seat)).collect())
    }

    fn hold(&mut self, id: ShowtimeId, serial: Serial) -> Result<Option<Arc<Hold>>, Failure> {
        if let Some(hold) = self.state_of(id)?.holds.get(&serial) {
            return Ok(Some(Arc::clone(hold)));
        }
        let sql = "SELECT body, contact, version, status, reference, booked_at_ms, cancelled, email
                   FROM hold WHERE showtime_id = $1 AND serial = $2";
        let found = self.runtime.block_on(row(&self.client, sql, values![key_of(id), serial as i64]))?;
        let Some(row) = found else { return Ok(None) };
        let StoredHold { hold, contact } = stored_hold(&row, 0)?;
        let email: Option<&str> = get(&row, 7)?;
        let found = Columns {
            reference: get(&row, 4)?,
            booked_at_ms: get(&row, 5)?,
            cancelled: get(&row, 6)?,
            email: email.map(Into::into),
        };
        if found != Columns::of(&hold, contact.as_ref())
            || get::<i32>(&row, 2)? as u32 != hold.version
            || get::<i16>(&row, 3)? != hold.status as i16
        {
            let what = format!("{id}: the columns of hold {serial} do not repeat its record");
            return Err(Failure::Damaged(what));
        }
        let booked = if hold.status == HoldStatus::Booked { hold.version } else { 0 };
        if self.state_of(id)?.hold_version(serial) != booked {
            return Err(Failure::Damaged(format!("{id}: its state has another version of hold {serial}")));
        }
        Ok(Some(hold))
    }

    fn keys(&mut self, id: ShowtimeId) -> Result<Vec<UsedKey>, Failure> {
        let sql = "SELECT key, revision, at_ms FROM request_key WHERE showtime_id = $1";
        let found = self.runtime.block_on(rows(&self.client, sql, values![key_of(id)]))?;
        let key = |row: &_| {
            Ok(UsedKey {
                key: bytes(row, 0)?,
                revision: number(row, 1)?,
                at: Timestamp::from_ms(get(row, 2)?),
            })
        };
        found.iter().map(key).collect()
    }

    fn totals(&mut self) -> Result<Totals, Failure> {
        let sql = "SELECT (SELECT count(*) FROM hold), (SELECT coalesce(sum(events), 0)::int8 FROM log),
                       (SELECT count(*) FROM snapshot WHERE showtime_id NOT IN (SELECT showtime_id FROM clock))";
        let Some(row) = self.runtime.block_on(row(&self.client, sql, &[]))? else {
            return Ok(Totals::default());
        };
        match number(&row, 2)? {
            0 => {}
            strays => return Err(Failure::Damaged(format!("{strays} snapshots belong to no showtime"))),
        }
        let (ended, events) = (number(&row, 0)?, number(&row, 1)?);
        Ok(Totals { seats: self.seats, holds: ended + self.active, events })
    }
}
