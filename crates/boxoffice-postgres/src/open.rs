//! Opening a database: what is asked of the server, the tables that it must have, and what is read once.

use boxoffice_core::time::Timestamp;
use tokio_postgres::Client;

use crate::Address;
use crate::error::{At as _, Failure, OpenError};
use crate::history;
use crate::migration;
use crate::session::{BEGIN_ONCE, connect};
use crate::token_keys;
use crate::values::{get, row, rows, values};

/// The oldest PostgreSQL that will do.
const AT_LEAST: i32 = 15;

/// What is known of a database when it is open.
pub(crate) struct Opened {
    pub(crate) client: Client,
    pub(crate) epoch: String,
    pub(crate) newest: Timestamp,
    /// Whether the hot tables are partitioned or distributed: then a transaction keeps to one showtime.
    pub(crate) distributed: bool,
}

/// Connects, checks the server, migrates as needed, and gives a new database what it needs.
pub(crate) async fn open(address: &Address) -> Result<Opened, OpenError> {
    let client = connect(address).await.at(address)?;
    check_server(&client, address).await?;
    let (from, to) = migration::migrate(&client, address, false).await?;
    if from == 0 {
        tracing::info!(%address, "the database had no tables; they were made");
    } else if from < to {
        tracing::info!(%address, from, to, "the database was migrated");
    }
    client.batch_execute(BEGIN_ONCE).await.at(address)?;
    let epoch = history::begin(&client).await.at(address)?;
    token_keys::make_first(&client).await.at(address)?;
    client.batch_execute("COMMIT").await.at(address)?;
    let newest = newest_time(&client).await.at(address)?;
    let distributed = is_distributed(&client).await.at(address)?;
    Ok(Opened { client, epoch, newest, distributed })
}

/// Brings a database's tables up to this program's, and distributes them if that is wanted. Says from and to which
/// schema.
pub async fn migrate(address: &Address, distributed: bool) -> Result<(i32, i32), OpenError> {
    let client = connect(address).await.at(address)?;
    check_server(&client, address).await?;
    migration::migrate(&client, address, distributed).await
}

/// Refuses a server that is too old, or that would acknowledge a sale that a power cut takes back.
pub(crate) async fn check_server(client: &Client, address: &Address) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version'), current_setting('server_version_num')::int4 / 10000,
                   current_setting('synchronous_commit') = 'off', current_setting('fsync') = 'off',
                   current_setting('synchronous_standby_names') = ''";
    let Some(row) = row(client, sql, &[]).await.at(address)? else { return Ok(()) };
    if get::<i32>(&row, 1).at(address)? < AT_LEAST {
        return Err(OpenError::OldServer { found: get(&row, 0).at(address)?, needed: AT_LEAST });
    }
    for (column, setting) in [(2, "synchronous_commit"), (3, "fsync")] {
        if get(&row, column).at(address)? {
            return Err(OpenError::NotDurable { setting });
        }
    }
    if get(&row, 4).at(address)? {
        tracing::warn!(
            %address,
            "the database has no synchronous standby: a failover may lose sales that were acknowledged \
             (synchronous_standby_names is empty)"
        );
    }
    Ok(())
}

async fn newest_time(client: &Client) -> Result<Timestamp, Failure> {
    let found = row(client, "SELECT coalesce(max(at_ms), 0) FROM clock", &[]).await?;
    found.map_or(Ok(Timestamp::default()), |row| get(&row, 0).map(Timestamp::from_ms))
}

async fn is_distributed(client: &Client) -> Result<bool, Failure> {
    let sql = "SELECT relkind = 'p' FROM pg_class WHERE oid = 'clock'::regclass";
    if rows(client, sql, &[]).await?.first().map(|row| get(row, 0)).transpose()? == Some(true) {
        return Ok(true);
    }
    is_spread(client).await
}

/// Whether the tables are spread over the nodes of a database with Citus.
pub(crate) async fn is_spread(client: &Client) -> Result<bool, Failure> {
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    let citus = row(client, sql, values!["pg_dist_partition"]).await?;
    if !citus.map(|row| get(&row, 0)).transpose()?.unwrap_or(false) {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'clock'::regclass";
    Ok(row(client, sql, &[]).await?.is_some())
}
