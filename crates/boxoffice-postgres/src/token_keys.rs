//! The keys that tokens are made with: read by servers, added and revoked by commands, also beside running servers.

use boxoffice_core::time::Timestamp;
use boxoffice_engine::store::TokenKey;
use tokio_postgres::Client;

use crate::Address;
use crate::error::{At as _, Failure, OpenError};
use crate::history::random;
use crate::migration::must_be_current;
use crate::reads;
use crate::session::connect;
use crate::values::{execute, get, row, values};

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is none of this id.
    #[error("there is no key {0}")]
    Unknown(u32),
    /// Without it no token could be made.
    #[error("key {0} is the only one that is not revoked: make another with `boxoffice keys rotate` first")]
    Last(u32),
    /// The database says no.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Gives an empty store its first key, which signs at once: no other node can be unaware of it.
pub(crate) async fn make_first(client: &Client) -> Result<(), Failure> {
    let sql = "INSERT INTO token_key (id, secret) SELECT 1, $1 WHERE NOT EXISTS (SELECT FROM token_key)
               ON CONFLICT DO NOTHING";
    execute(client, sql, values![random::<32>()?.to_vec()]).await?;
    Ok(())
}

async fn open(address: &Address) -> Result<Client, OpenError> {
    let client = connect(address).await.at(address)?;
    must_be_current(&client, address).await?;
    Ok(client)
}

/// The keys of a database, oldest first.
pub async fn list(address: &Address) -> Result<Vec<TokenKey>, OpenError> {
    reads::token_keys(&open(address).await?).await.at(address)
}

/// Adds a key and returns its id. Servers make tokens with it once it has rested.
pub async fn rotate(address: &Address, now: Timestamp) -> Result<u32, OpenError> {
    let client = open(address).await?;
    let sql = "INSERT INTO token_key (id, secret, made_at_ms)
               SELECT coalesce(max(id), 0) + 1, $1, $2 FROM token_key RETURNING id";
    let secret = random::<32>().at(address)?.to_vec();
    let made = row(&client, sql, values![secret, now.as_ms().max(1)]).await.at(address)?;
    made.map_or(Ok(0), |row| get::<i32>(&row, 0).map(|id| id as u32)).at(address)
}

/// Has the tokens that were made with a key refused from now on; revoking twice is once.
pub async fn revoke(address: &Address, id: u32, now: Timestamp) -> Result<(), RevokeError> {
    let client = open(address).await?;
    // One statement: of two revocations at once, which would leave no key, the second waits for the first's rows.
    let sql = "WITH kept AS (SELECT id, revoked_at_ms FROM token_key ORDER BY id FOR UPDATE)
               UPDATE token_key SET revoked_at_ms = coalesce(revoked_at_ms, $2) WHERE id = $1
                   AND (revoked_at_ms IS NOT NULL
                        OR EXISTS (SELECT FROM kept WHERE kept.id <> $1 AND kept.revoked_at_ms IS NULL))";
    let id_of = id as i32;
    if execute(&client, sql, values![id_of, now.as_ms()]).await.at(address)? == 1 {
        return Ok(());
    }
    let known = row(&client, "SELECT 1 FROM token_key WHERE id = $1", values![id_of]).await.at(address)?;
    Err(if known.is_some() { RevokeError::Last(id) } else { RevokeError::Unknown(id) })
}
