//! Numbered, checksummed steps from an empty database to today's tables, applied under a lock by whoever comes first.

use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use crate::Address;
use crate::error::{At as _, Failure, OpenError};
use crate::open::is_spread;
use crate::session::BEGIN_ONCE;
use crate::values::{execute, get, row, rows, values};

/// A step, at the place of its number less one. Steps expand first and contract one release later, so that two versions
/// run side by side during a rolling upgrade.
struct Migration {
    name: &'static str,
    sql: &'static str,
    /// The least schema that a program must know to use the database after this step.
    least: i32,
}

const MIGRATIONS: &[Migration] = &[
    Migration { name: "initial", sql: include_str!("../migrations/0001_initial.sql"), least: 1 },
    Migration { name: "write_batch", sql: include_str!("../migrations/0002_write_batch.sql"), least: 1 },
    // Nothing was released before this step: it does away at once with what it takes the place of.
    Migration { name: "log", sql: include_str!("../migrations/0003_log.sql"), least: 3 },
];

/// The number of the newest schema that this program knows.
pub const SCHEMA: i32 = MIGRATIONS.len() as i32;

/// The key of the lock under which the schema changes: "boxoffic" as a number.
const LOCK: i64 = 0x626f_786f_6666_6963;

/// Tables that are distributed by showtime_id, in a database that can: one showtime's rows stand together.
const DISTRIBUTED: [&str; 6] = ["clock", "log", "snapshot", "hold", "request_key", "fence"];
/// Tables that stand whole on each of its nodes.
const REFERENCE: [&str; 7] = ["plan", "entry", "showtime", "catalogue_key", "token_key", "meta", "migration"];

fn checksum(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.as_bytes()).to_vec()
}

/// The database's schema; 0 if it has no tables of ours.
async fn version(client: &Client) -> Result<i32, Failure> {
    // By the table itself: `to_regclass` may still say within a transaction what the session knew before it.
    let sql = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'migration' AND pg_table_is_visible(oid))";
    let there = row(client, sql, &[]).await?;
    if !there.map(|row| get(&row, 0)).transpose()?.unwrap_or(false) {
        return Ok(0);
    }
    let found = row(client, "SELECT coalesce(max(number), 0) FROM migration", &[]).await?;
    found.map_or(Ok(0), |row| get(&row, 0))
}

/// Says the database's schema, and refuses one that this program may not use.
pub(crate) async fn check(client: &Client, address: &Address) -> Result<i32, OpenError> {
    let found = version(client).await.at(address)?;
    if found == 0 {
        return Ok(0);
    }
    let sql = "SELECT number, checksum, least FROM migration ORDER BY number";
    for row in rows(client, sql, &[]).await.at(address)? {
        let (number, sum, least): (i32, Vec<u8>, i32) =
            (get(&row, 0).at(address)?, get(&row, 1).at(address)?, get(&row, 2).at(address)?);
        match usize::try_from(number - 1).ok().and_then(|place| MIGRATIONS.get(place)) {
            Some(known) if checksum(known.sql) != sum => return Err(OpenError::ForeignMigration(number)),
            Some(_) => {}
            None if least > SCHEMA => return Err(OpenError::NewerSchema { found, known: SCHEMA }),
            None => {}
        }
    }
    Ok(found)
}

/// Refuses tables that this program cannot work with as they are.
pub(crate) async fn must_be_current(client: &Client, address: &Address) -> Result<(), OpenError> {
    match check(client, address).await? {
        found if found < SCHEMA => Err(OpenError::OlderSchema { found, known: SCHEMA }),
        _ => Ok(()),
    }
}

/// Applies what is missing, all of it or nothing; others who would, too, wait. Says from and to which schema.
pub(crate) async fn migrate(
    client: &Client,
    address: &Address,
    distributed: bool,
) -> Result<(i32, i32), OpenError> {
    let found = check(client, address).await?;
    if found >= SCHEMA && !distributed {
        return Ok((found, found));
    }
    client.batch_execute(BEGIN_ONCE).await.at(address)?;
    let result = apply(client, address, distributed).await;
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await.at(address);
    let from = result?;
    ended?;
    Ok((from, SCHEMA.max(from)))
}

async fn apply(client: &Client, address: &Address, distributed: bool) -> Result<i32, OpenError> {
    rows(client, "SELECT pg_advisory_xact_lock($1)", values![LOCK]).await.at(address)?;
    // Somebody else may have done it meanwhile.
    let found = check(client, address).await?;
    if found == 0 {
        let sql = "CREATE TABLE migration (number integer PRIMARY KEY, name text NOT NULL,
                       checksum bytea NOT NULL, least integer NOT NULL)";
        client.batch_execute(sql).await.at(address)?;
    }
    for (number, migration) in (1..).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        client.batch_execute(migration.sql).await.at(address)?;
        let sql = "INSERT INTO migration (number, name, checksum, least) VALUES ($1, $2, $3, $4)";
        execute(client, sql, values![number, migration.name, checksum(migration.sql), migration.least])
            .await
            .at(address)?;
    }
    // New tables go where the old ones are, where that is known; partitions are their maker's.
    if distributed || (found > 0 && is_spread(client).await.at(address)?) {
        distribute(client, address).await?;
    }
    Ok(found)
}

/// Spreads the tables over the nodes of a database with Citus, where that was not done before.
async fn distribute(client: &Client, address: &Address) -> Result<(), OpenError> {
    let sql = "SELECT 1 FROM pg_extension WHERE extname = 'citus'";
    if row(client, sql, &[]).await.at(address)?.is_none() {
        return Err(OpenError::NotDistributable);
    }
    let is_spread = "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)";
    for table in REFERENCE.into_iter().chain(DISTRIBUTED) {
        let found = row(client, is_spread, values![table]).await.at(address)?;
        if found.map(|row| get(&row, 0)).transpose().at(address)?.unwrap_or(false) {
            continue;
        }
        let sql = match table {
            _ if REFERENCE.contains(&table) => format!("SELECT create_reference_table('{table}')"),
            "clock" => "SELECT create_distributed_table('clock', 'showtime_id')".to_owned(),
            _ => {
                format!("SELECT create_distributed_table('{table}', 'showtime_id', colocate_with => 'clock')")
            }
        };
        client.batch_execute(&sql).await.at(address)?;
    }
    Ok(())
}
