//! Copying a whole database out of PostgreSQL, or into tables in which nothing stands: no node may be connected.

mod columns;

use std::collections::HashMap;
use std::time::Duration;

use boxoffice_core::change::Change;
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::store::copy::{Gone, Outlet, Piece, Row, Tally};
use tokio::sync::mpsc::Receiver;
use tokio_postgres::{Client, Row as Found};

use crate::Address;
use crate::error::{At as _, Failure, OpenError};
use crate::history;
use crate::log::LogRow;
use crate::migration::{SCHEMA, check, migrate, must_be_current};
use crate::open::check_server;
use crate::reads::{encoded_events, key_of, stored};
use crate::session::connect;
use crate::state::State;
use crate::values::{execute, get, number, row, rows, values};
use columns::Batch;

/// Keeps everybody from writing to anything until the transaction ends. Taken before the snapshot is.
const LOCK: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
     SET LOCAL lock_timeout = '10s'; \
     LOCK TABLE clock, log, snapshot, hold, request_key, plan, entry, showtime, catalogue_key, token_key, meta";
/// How many rows are read at once.
const PAGE: usize = 1_000;
/// How often, and how long apart, it is looked whether sessions are still there: those of a node that has just ended
/// are, for a moment.
const LEAVING_TRIES: u32 = 20;
const LEAVING_PAUSE: Duration = Duration::from_millis(100);

/// Why rows could not be copied.
enum Stopped {
    Failed(Failure),
    Gone,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Gone> for Stopped {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

fn at<T>(result: Result<T, Stopped>, address: &Address) -> Result<T, OpenError> {
    match result {
        Ok(done) => Ok(done),
        Err(Stopped::Gone) => Err(OpenError::GivenUp),
        Err(Stopped::Failed(failure)) => Err(failure).at(address),
    }
}

/// Gives all rows of the database, to which no node may be connected.
pub async fn export(address: &Address, mut outlet: Outlet) -> Result<Tally, OpenError> {
    let client = connect(address).await.at(address)?;
    must_be_current(&client, address).await?;
    must_be_alone(&client, address).await?;
    let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {LOCK} IN SHARE MODE");
    client.batch_execute(&begin).await.at(address)?;
    at(give_all(&client, &mut outlet).await, address)?;
    outlet.end().await.map_err(|_| OpenError::GivenUp)
}

/// Writes the rows that arrive to a database in which nothing stands, all of them or none, and gives it an epoch of its
/// own. Tables are made where there are none; those that are partitioned or distributed stay so.
pub async fn import(address: &Address, mut arriving: Receiver<Piece>) -> Result<Tally, OpenError> {
    let client = connect(address).await.at(address)?;
    check_server(&client, address).await?;
    match check(&client, address).await? {
        0 => drop(migrate(&client, address, false).await?),
        found if found < SCHEMA => return Err(OpenError::OlderSchema { found, known: SCHEMA }),
        _ => {}
    }
    must_be_alone(&client, address).await?;
    // What was not committed is undone with the connection.
    let begin = format!("BEGIN; {LOCK} IN SHARE ROW EXCLUSIVE MODE");
    client.batch_execute(&begin).await.at(address)?;
    must_be_empty(&client, address).await?;
    let mut newest = HashMap::new();
    let tally = loop {
        match arriving.recv().await {
            None => return Err(OpenError::Incomplete),
            Some(Piece::End(tally)) => break tally,
            Some(Piece::Rows(rows)) => take(&client, rows, &mut newest).await.at(address)?,
        }
    };
    let (ids, times): (Vec<i64>, Vec<i64>) = newest.into_iter().unzip();
    let sql = "UPDATE clock SET at_ms = i.at_ms FROM unnest($1::int8[], $2::int8[]) AS i(showtime_id, at_ms)
               WHERE clock.showtime_id = i.showtime_id";
    execute(&client, sql, values![ids, times]).await.at(address)?;
    take_snapshots(&client).await.at(address)?;
    let mut written = Outlet::counting();
    at(give_all(&client, &mut written).await, address)?;
    if let Some(difference) = tally.difference(&written.tally()) {
        return Err(OpenError::Differs(difference));
    }
    history::begin(&client).await.at(address)?;
    client.batch_execute("COMMIT").await.at(address)?;
    Ok(tally)
}

/// Refuses a database that a node is connected to. What one would sell meanwhile would not be in the copy, or not in
/// what it has in memory.
async fn must_be_alone(client: &Client, address: &Address) -> Result<(), OpenError> {
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                   AND application_name IN ('boxoffice', current_setting('application_name'))
                   AND backend_type = 'client backend'";
    for is_last in (0..LEAVING_TRIES).map(|tries| tries == LEAVING_TRIES - 1) {
        let found = row(client, sql, &[]).await.at(address)?;
        match found.map_or(Ok(0), |row| get::<i64>(&row, 0)).at(address)? {
            0 => break,
            sessions if is_last => return Err(OpenError::InUse { address: address.to_string(), sessions }),
            _ => tokio::time::sleep(LEAVING_PAUSE).await,
        }
    }
    Ok(())
}

async fn must_be_empty(client: &Client, address: &Address) -> Result<(), OpenError> {
    let tables =
        ["clock", "log", "snapshot", "hold", "request_key", "plan", "entry", "showtime", "catalogue_key"];
    for table in tables.into_iter().chain(["token_key", "meta"]) {
        let sql = format!("SELECT 1 FROM {table} LIMIT 1");
        if row(client, &sql, &[]).await.at(address)?.is_some() {
            return Err(OpenError::NotEmpty);
        }
    }
    Ok(())
}

/// Gives the rows of one statement, a page at a time.
async fn give(
    client: &Client,
    outlet: &mut Outlet,
    sql: &str,
    row: impl Fn(&Found) -> Result<Row, Failure>,
) -> Result<(), Stopped> {
    let open = format!("DECLARE copied NO SCROLL CURSOR FOR {sql}");
    client.batch_execute(&open).await.map_err(Failure::from)?;
    loop {
        let page = rows(client, &format!("FETCH {PAGE} FROM copied"), &[]).await?;
        for found in &page {
            outlet.give(row(found)?).await?;
        }
        if page.len() < PAGE {
            client.batch_execute("CLOSE copied").await.map_err(Failure::from)?;
            return Ok(());
        }
    }
}

/// Gives everything, within a transaction.
async fn give_all(client: &Client, outlet: &mut Outlet) -> Result<(), Stopped> {
    give(client, outlet, "SELECT hash, body FROM plan", |row| {
        Ok(Row::Plan { hash: get(row, 0)?, body: get(row, 1)? })
    })
    .await?;
    give(client, outlet, "SELECT kind, number, external_id, body FROM entry", |row| {
        let (kind, number) = (get(row, 0)?, get(row, 1)?);
        Ok(Row::Entry { kind, number, external_id: get(row, 2)?, body: get(row, 3)? })
    })
    .await?;
    let sql = "SELECT s.id, s.plan, s.cinema, s.external_id, s.settings, c.revision, c.ever_held
               FROM showtime s JOIN clock c ON c.showtime_id = s.id";
    give(client, outlet, sql, |row| {
        Ok(Row::Showtime {
            id: get(row, 0)?,
            plan: get(row, 1)?,
            cinema: get(row, 2)?,
            external_id: get(row, 3)?,
            settings: get(row, 4)?,
            revision: get(row, 5)?,
            ever_held: get(row, 6)?,
        })
    })
    .await?;
    give_seats(client, outlet).await?;
    give_active_holds(client, outlet).await?;
    give(client, outlet, "SELECT showtime_id, serial, body, contact FROM hold", |row| {
        let (showtime, serial) = (get(row, 0)?, get(row, 1)?);
        Ok(Row::Hold { showtime, serial, body: get(row, 2)?, contact: get(row, 3)? })
    })
    .await?;
    give(client, outlet, "SELECT showtime_id, key, revision, at_ms FROM request_key", |row| {
        let (showtime, key) = (get(row, 0)?, get(row, 1)?);
        Ok(Row::RequestKey { showtime, key, revision: get(row, 2)?, at_ms: get(row, 3)? })
    })
    .await?;
    give_events(client, outlet).await?;
    let sql = "SELECT caller, key, fingerprint, number, at_ms, answer FROM catalogue_key";
    give(client, outlet, sql, |row| {
        Ok(Row::CatalogueKey {
            caller: get(row, 0)?,
            key: get(row, 1)?,
            fingerprint: get(row, 2)?,
            number: get(row, 3)?,
            at_ms: get(row, 4)?,
            answer: get(row, 5)?,
        })
    })
    .await?;
    give(client, outlet, "SELECT id, secret, made_at_ms, revoked_at_ms FROM token_key", |row| {
        let (id, secret) = (get(row, 0)?, get(row, 1)?);
        Ok(Row::TokenKey { id, secret, made_at_ms: get(row, 2)?, revoked_at_ms: get(row, 3)? })
    })
    .await
}

/// The showtimes that have a log, the one that changed last at the end.
async fn sold(client: &Client) -> Result<Vec<ShowtimeId>, Failure> {
    let sql = "SELECT showtime_id FROM clock WHERE revision > 0 ORDER BY at_ms, showtime_id";
    rows(client, sql, &[]).await?.iter().map(|row| number(row, 0).map(ShowtimeId::from_number)).collect()
}

/// The state of one of them.
async fn state(client: &Client, id: ShowtimeId) -> Result<State, Failure> {
    let stored = stored(client, id, Timestamp::MAX).await?;
    stored.ok_or_else(|| Failure::Damaged(format!("{id} has a log, but no row")))?.state
}

/// Gives the seats that the log makes.
async fn give_seats(client: &Client, outlet: &mut Outlet) -> Result<(), Stopped> {
    for id in sold(client).await? {
        for (no, seat) in state(client, id).await?.seats {
            let row = Row::Seat {
                showtime: key_of(id),
                no: no as i32,
                version: seat.version as i32,
                status: seat.status as i16,
                owner: seat.owner as i64,
                revision: seat.changed as i64,
            };
            outlet.give(row).await?;
        }
    }
    Ok(())
}

/// Gives the active holds that the log makes; others have rows.
async fn give_active_holds(client: &Client, outlet: &mut Outlet) -> Result<(), Stopped> {
    for id in sold(client).await? {
        for (serial, hold) in state(client, id).await?.holds {
            let (showtime, serial) = (key_of(id), serial as i64);
            outlet.give(Row::Hold { showtime, serial, body: hold.encode(), contact: None }).await?;
        }
    }
    Ok(())
}

/// Gives one showtime's events after the other's.
async fn give_events(client: &Client, outlet: &mut Outlet) -> Result<(), Stopped> {
    for id in sold(client).await? {
        let mut after = 0;
        loop {
            let page = encoded_events(client, id, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            for (revision, body) in page {
                after = revision;
                outlet.give(Row::Event { showtime: key_of(id), revision: revision as i64, body }).await?;
            }
            if is_last {
                break;
            }
        }
    }
    Ok(())
}

/// Stores the snapshots that are due.
async fn take_snapshots(client: &Client) -> Result<(), Failure> {
    for id in sold(client).await? {
        let state = state(client, id).await?;
        if state.is_snapshot_due() {
            let sql = "INSERT INTO snapshot (showtime_id, revision, body) VALUES ($1, $2, $3)";
            execute(client, sql, values![key_of(id), state.revision as i64, state.encode()]).await?;
        }
    }
    Ok(())
}

/// Writes rows, kind by kind; notes the time of each showtime's newest event. Seats and active holds are what the log makes,
/// and have no rows here: that they are the same is seen when all is counted.
async fn take(client: &Client, rows: Vec<Row>, newest: &mut HashMap<i64, i64>) -> Result<(), Failure> {
    let mut batch = Batch::default();
    let mut log: Vec<(i64, LogRow)> = Vec::new();
    for row in rows {
        let Row::Event { showtime, revision, body } = row else {
            batch.add(row)?;
            continue;
        };
        let at_ms = Change::decode(&body)?.at.as_ms();
        let newest = newest.entry(showtime).or_insert(at_ms);
        *newest = at_ms.max(*newest);
        let revision = revision as u64;
        match log.last_mut() {
            Some((of, row)) if *of == showtime && row.revision + 1 == revision && row.has_room_for(&body) => {
                row.push(revision, &body);
            }
            _ => {
                let mut row = LogRow::default();
                row.push(revision, &body);
                log.push((showtime, row));
            }
        }
    }
    log.into_iter().for_each(|(showtime, row)| batch.add_log(showtime, row));
    batch.write(client).await
}
