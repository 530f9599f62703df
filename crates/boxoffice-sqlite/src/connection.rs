//! Opening connections: the settings that durability and speed rest on.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::{At, OpenError};

/// The oldest SQLite without the WAL-reset defect (a database could be corrupted when a checkpoint reset the log
/// while another connection began to write; mended in 3.51.3, <https://sqlite.org/wal.html#walresetbug>).
pub const SQLITE_AT_LEAST: (i32, &str) = (3_051_003, "3.51.3");

/// Marks the file as ours: "BoxO".
pub(crate) const APPLICATION_ID: i32 = 0x426f_784f;

/// Small pages: a hold touches few bytes on each of several pages, and every touched page goes to the log whole.
const PAGE_SIZE: i64 = 2048;

/// The name of a file that belongs to the one at `path`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The file itself, whatever links lead to it; the path as it is where there is none yet.
pub(crate) fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The name of the write-ahead log of the database at `path`: SQLite follows links before it names it.
pub(crate) fn log_of(path: &Path) -> PathBuf {
    beside(&real(path), "-wal")
}

/// Whether there is something in the file at `path`.
pub(crate) fn has_content(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Refuses to run on a SQLite with a known defect.
pub(crate) fn check_version() -> Result<(), OpenError> {
    let (needed, name) = SQLITE_AT_LEAST;
    if rusqlite::version_number() < needed {
        return Err(OpenError::OldSqlite { found: rusqlite::version().to_owned(), needed: name });
    }
    Ok(())
}

/// The writer's connection. Creates the file if it is not there.
pub(crate) fn open_writer(path: &Path, cache_kib: u32) -> Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).at(path)?;
    let set = |name: &str, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value).at(path);
    set("page_size", &PAGE_SIZE)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).at(path)?;
    if mode != "wal" {
        let message = format!("the file system does not allow a write-ahead log (journal mode stays {mode})");
        return Err(OpenError::Io { path: path.to_owned(), error: std::io::Error::other(message) });
    }
    set("synchronous", &"FULL")?;
    // Checkpoints are planned by the writer (writer/checkpoint.rs).
    set("wal_autocheckpoint", &0)?;
    set("cache_size", &-i64::from(cache_kib))?;
    set("temp_store", &"MEMORY")?;
    set("foreign_keys", &true)?;
    set("mmap_size", &0)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).at(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that only reads. The file must be there.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).at(path)?;
    connection.pragma_update(None, "cache_size", -8192).at(path)?;
    connection.pragma_update(None, "mmap_size", 0).at(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).at(path)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Refuses a file that is not ours. An empty one is.
pub(crate) fn check_ours(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).at(path)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).at(path)?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) {
        Ok(())
    } else {
        Err(OpenError::Foreign(path.to_owned()))
    }
}
