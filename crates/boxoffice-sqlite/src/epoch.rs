//! The epoch: the name of a database's history, renewed when the same revisions may come to mean other things.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::{At, OpenError};
use crate::maintenance::open_alone;

/// The database's epoch: a new one if it has none, or if it is a backup that nobody has written to.
pub(crate) fn begin_history(connection: &mut Connection) -> rusqlite::Result<String> {
    let transaction = connection.transaction()?;
    let meta = |name: &str| {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        transaction.query_row(sql, [name], |row| row.get::<_, String>(0)).optional()
    };
    let is_backup = meta("backup")?.is_some_and(|value| value == "1");
    let epoch = match meta("epoch")? {
        Some(epoch) if !is_backup => epoch,
        _ => set_new(&transaction)?,
    };
    transaction.commit()?;
    Ok(epoch)
}

/// Gives the database at `path` a new epoch, which every client that asks with the old one is told to start over by.
/// Only while no server runs: it has the epoch in its memory and in the maps that it sent. Returns the new one.
pub fn renew(path: &Path) -> Result<String, OpenError> {
    let (mut connection, _lock) = open_alone(path)?;
    let transaction = connection.transaction().at(path)?;
    let epoch = set_new(&transaction).at(path)?;
    transaction.commit().at(path)?;
    Ok(epoch)
}

fn set_new(connection: &Connection) -> rusqlite::Result<String> {
    let epoch = format!("{:08x}", u32::from_le_bytes(random()?));
    let sql = "INSERT INTO meta (name, value) VALUES ('epoch', ?1)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.execute(sql, [&epoch])?;
    connection.execute("UPDATE meta SET value = '0' WHERE name = 'backup'", [])?;
    Ok(epoch)
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> rusqlite::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(bytes)
}
