//! The keys that tokens are made with: read by servers, added and revoked by commands, also beside a running server.

use std::path::Path;

use boxoffice_core::time::Timestamp;
use boxoffice_engine::store::TokenKey;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::connection::{check_ours, check_version, open_reader};
use crate::epoch::random;
use crate::error::{At, OpenError};
use crate::lock::writes_elsewhere;
use crate::maintenance::{must_be_there, open_beside};
use crate::migration::{MIGRATIONS, check};

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
pub(crate) fn make_first(connection: &Connection) -> rusqlite::Result<()> {
    let known: i64 = connection.query_row("SELECT count(*) FROM token_key", [], |row| row.get(0))?;
    if known == 0 {
        let secret: [u8; 32] = random()?;
        connection.execute("INSERT INTO token_key (id, secret) VALUES (1, ?1)", params![secret])?;
    }
    Ok(())
}

/// All keys, oldest first.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Vec<TokenKey>> {
    let sql = "SELECT id, secret, made_at_ms, revoked_at_ms IS NOT NULL FROM token_key ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(TokenKey {
            id: row.get(0)?,
            secret: row.get(1)?,
            made_at: Timestamp::from_ms(row.get(2)?),
            revoked: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// The keys of the database at `path`, oldest first.
pub fn list(path: &Path) -> Result<Vec<TokenKey>, OpenError> {
    check_version()?;
    must_be_there(path)?;
    if writes_elsewhere(path) {
        return Err(OpenError::Lost(path.to_owned()));
    }
    let connection = open_reader(path)?;
    check_ours(&connection, path)?;
    if check(&connection, path, MIGRATIONS)? < MIGRATIONS.len() as i64 {
        return Err(OpenError::OlderServer(path.to_owned()));
    }
    read(&connection).at(path)
}

/// Adds a key to the database at `path` and returns its id. Servers make tokens with it once it has rested.
pub fn rotate(path: &Path, now: Timestamp) -> Result<u32, OpenError> {
    let (connection, _lock) = open_beside(path)?;
    let secret: [u8; 32] = random().at(path)?;
    // One statement, and so one transaction, which takes SQLite's write lock before it reads.
    let sql = "INSERT INTO token_key (id, secret, made_at_ms)
               SELECT coalesce(max(id), 0) + 1, ?1, ?2 FROM token_key RETURNING id";
    connection.query_row(sql, params![secret, now.as_ms().max(1)], |row| row.get(0)).at(path)
}

/// Has the tokens that were made with a key refused from now on; revoking twice is once.
pub fn revoke(path: &Path, id: u32, now: Timestamp) -> Result<(), RevokeError> {
    let (mut connection, _lock) = open_beside(path)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).at(path)?;
    let sql = "SELECT revoked_at_ms IS NOT NULL FROM token_key WHERE id = ?1";
    let revoked: Option<bool> = transaction.query_row(sql, [id], |row| row.get(0)).optional().at(path)?;
    if revoked.ok_or(RevokeError::Unknown(id))? {
        return Ok(());
    }
    let others = "SELECT count(*) FROM token_key WHERE id <> ?1 AND revoked_at_ms IS NULL";
    let others: i64 = transaction.query_row(others, [id], |row| row.get(0)).at(path)?;
    if others == 0 {
        return Err(RevokeError::Last(id));
    }
    let sql = "UPDATE token_key SET revoked_at_ms = ?2 WHERE id = ?1";
    transaction.execute(sql, params![id, now.as_ms()]).at(path)?;
    transaction.commit().at(path)?;
    Ok(())
}
