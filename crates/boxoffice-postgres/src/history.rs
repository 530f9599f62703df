//! The epoch: the name of a database's history, with the timeline of the server that goes on with it. After a failover
//! the same revisions may mean other things, and the name is another.

use tokio_postgres::Client;

use crate::Address;
use crate::error::{At as _, Failure, OpenError};
use crate::session::connect;
use crate::values::{execute, get, row, values};

/// Asks for the epoch.
pub(crate) const READ_EPOCH: &str = "SELECT current_epoch()";

/// Names the history of a new database; says the epoch.
pub(crate) async fn begin(client: &Client) -> Result<String, Failure> {
    let sql = "INSERT INTO meta (name, value) VALUES ('epoch', $1) ON CONFLICT DO NOTHING";
    execute(client, sql, values![draw()?]).await?;
    let found = row(client, READ_EPOCH, &[]).await?;
    found.map_or_else(|| Err(Failure::Damaged("the epoch is missing".into())), |row| get(&row, 0))
}

/// Gives the database a new epoch, which every client that asks with the old one is told to start over by. Returns it.
pub async fn renew_epoch(address: &Address) -> Result<String, OpenError> {
    let client = connect(address).await.at(address)?;
    crate::migration::must_be_current(&client, address).await?;
    let sql = "UPDATE meta SET value = $1 WHERE name = 'epoch'";
    execute(&client, sql, values![draw().at(address)?]).await.at(address)?;
    begin(&client).await.at(address)
}

/// Gives the database a new epoch unless it has another one than `known` already.
pub(crate) async fn rename(client: &Client, known: &str) -> Result<(), Failure> {
    let Some((name, _timeline)) = known.rsplit_once('t') else { return Ok(()) };
    let sql = "UPDATE meta SET value = $1 WHERE name = 'epoch' AND value = $2";
    execute(client, sql, values![draw()?, name]).await?;
    Ok(())
}

fn draw() -> Result<String, Failure> {
    Ok(format!("{:08x}", u32::from_le_bytes(random()?)))
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(bytes)
}
