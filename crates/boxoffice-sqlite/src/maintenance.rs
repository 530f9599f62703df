//! Opening a database that is there for a short change by a command: alone, or beside the server that writes to it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::connection::{check_ours, check_version, has_content, open_writer};
use crate::epoch::begin_history;
use crate::error::{At, OpenError};
use crate::lock::{WriterLock, writes_elsewhere};
use crate::migration::{MIGRATIONS, check, migrate};

const CACHE_KIB: u32 = 1024;
/// How long to wait for a gap between the transactions of a busy server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the database at `path` as its only writer, migrated, and with a new epoch if it is a backup. The lock is to
/// be held as long as the connection.
pub(crate) fn open_alone(path: &Path) -> Result<(Connection, WriterLock), OpenError> {
    check_version()?;
    must_be_there(path)?;
    let lock = WriterLock::take(path)?;
    let mut connection = open_writer(path, CACHE_KIB)?;
    check_ours(&connection, path)?;
    migrate(&mut connection, path, MIGRATIONS)?;
    begin_history(&mut connection).at(path)?;
    Ok((connection, lock))
}

/// Brings the tables of the database at `path` up to this program's, which a server does too when it opens them. Says
/// from and to which schema.
pub fn upgrade(path: &Path) -> Result<(i64, i64), OpenError> {
    check_version()?;
    must_be_there(path)?;
    let _lock = WriterLock::take(path)?;
    let mut connection = open_writer(path, CACHE_KIB)?;
    check_ours(&connection, path)?;
    let found = check(&connection, path, MIGRATIONS)?;
    migrate(&mut connection, path, MIGRATIONS)?;
    Ok((found, MIGRATIONS.len() as i64))
}

/// As [`open_alone`], or, if a server writes to it, beside that server: for what the server keeps no copy of that it
/// would have to be told about, and in one short transaction. SQLite's own lock keeps the two apart.
pub(crate) fn open_beside(path: &Path) -> Result<(Connection, Option<WriterLock>), OpenError> {
    match open_alone(path) {
        Ok((connection, lock)) => Ok((connection, Some(lock))),
        Err(OpenError::InUse(_)) => {
            if writes_elsewhere(path) {
                return Err(OpenError::Lost(path.to_owned()));
            }
            let connection = open_writer(path, CACHE_KIB)?;
            connection.busy_timeout(PATIENCE).at(path)?;
            check_ours(&connection, path)?;
            let found = check(&connection, path, MIGRATIONS)?;
            if found < MIGRATIONS.len() as i64 {
                return Err(OpenError::OlderServer(path.to_owned()));
            }
            Ok((connection, None))
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn must_be_there(path: &Path) -> Result<(), OpenError> {
    if has_content(path) { Ok(()) } else { Err(OpenError::Missing(path.to_owned())) }
}
