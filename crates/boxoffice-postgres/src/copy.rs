//! Copying a whole database out of PostgreSQL, or into tables in which nothing stands: no node may be connected.

mod columns;

use std::collections::HashMap;
use std::time::Duration;

use boxoffice_core::change::Change;
use boxoffice_engine::store::copy::{Gone, Outlet, Piece, Row, Tally};
use tokio::sync::mpsc::Receiver;
use tokio_postgres::{Client, Row as Found};

use crate::Address;
use crate::error::{At as _, Failure, OpenError};
use crate::history;
use crate::migration::{SCHEMA, check, migrate, must_be_current};
use crate::open::check_server;
use crate::reads::EVENTS;
use crate::session::connect;
use crate::values::{execute, get, row, rows, values};
use columns::Batch;

/// Keeps everybody from writing to anything until the transaction ends. Taken before the snapshot is.
const LOCK: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
     SET LOCAL lock_timeout = '10s'; \
     LOCK TABLE clock, seat, hold, event, request_key, plan, entry, showtime, catalogue_key, token_key, meta";
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
        ["clock", "seat", "hold", "event", "request_key", "plan", "entry", "showtime", "catalogue_key"];
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
    give(client, outlet, "SELECT showtime_id, no, version, status, owner, revision FROM seat", |row| {
        Ok(Row::Seat {
            showtime: get(row, 0)?,
            no: get(row, 1)?,
            version: get(row, 2)?,
            status: get(row, 3)?,
            owner: get(row, 4)?,
            revision: get(row, 5)?,
        })
    })
    .await?;
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

/// Gives one showtime's events after the other's, the one that changed last at the end.
async fn give_events(client: &Client, outlet: &mut Outlet) -> Result<(), Stopped> {
    let sql = "SELECT showtime_id FROM clock WHERE revision > 0 ORDER BY at_ms, showtime_id";
    for showtime in rows(client, sql, &[]).await? {
        let showtime: i64 = get(&showtime, 0)?;
        let mut after = 0_i64;
        loop {
            let page = rows(client, EVENTS, values![showtime, after, PAGE as i64]).await?;
            for row in &page {
                after = get(row, 0)?;
                outlet.give(Row::Event { showtime, revision: after, body: get(row, 1)? }).await?;
            }
            if page.len() < PAGE {
                break;
            }
        }
    }
    Ok(())
}

/// Writes rows, kind by kind; notes the time of each showtime's newest event.
async fn take(client: &Client, rows: Vec<Row>, newest: &mut HashMap<i64, i64>) -> Result<(), Failure> {
    let mut batch = Batch::default();
    for row in rows {
        if let Row::Event { showtime, body, .. } = &row {
            let at_ms = Change::decode(body)?.at.as_ms();
            let newest = newest.entry(*showtime).or_insert(at_ms);
            *newest = at_ms.max(*newest);
        }
        batch.add(row)?;
    }
    batch.write(client).await
}
