//! Numbered, checksummed steps from an empty file to today's tables.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::bookings;
use crate::connection::{APPLICATION_ID, beside};
use crate::error::{At, OpenError};
use crate::readers::ReadError;

/// Work on rows that SQL alone cannot do.
type Fill = fn(&Connection) -> Result<(), ReadError>;

/// A step, at the place of its number less one.
pub(crate) struct Migration {
    /// What it is for.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) sql: &'static str,
    /// What it does after that with what is there, where SQL cannot.
    pub(crate) fill: Option<Fill>,
}

/// All steps. What was released never changes: its checksum is in every database that it was applied to.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { name: "initial", sql: include_str!("../migrations/0001_initial.sql"), fill: None },
    Migration {
        name: "token_key_times",
        sql: include_str!("../migrations/0002_token_key_times.sql"),
        fill: None,
    },
    Migration { name: "leaving", sql: include_str!("../migrations/0003_leaving.sql"), fill: None },
    Migration {
        name: "bookings",
        sql: include_str!("../migrations/0004_bookings.sql"),
        fill: Some(bookings::fill_columns),
    },
];

fn checksum(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.as_bytes()).to_vec()
}

/// The number of the last migration applied to a database.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).at(path)
}

/// Refuses a database that a newer program wrote, or one whose migrations are not ours.
pub(crate) fn check(connection: &Connection, path: &Path, known: &[Migration]) -> Result<i64, OpenError> {
    let version = version(connection, path)?;
    if version > known.len() as i64 {
        return Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found: version,
            known: known.len() as i64,
        });
    }
    for (number, migration) in (1..=version).zip(known) {
        let sql = "SELECT checksum FROM migration WHERE number = ?1";
        let found: Vec<u8> = connection.query_row(sql, [number], |row| row.get(0)).at(path)?;
        if found != checksum(migration.sql) {
            return Err(OpenError::ForeignMigration { path: path.to_owned(), number });
        }
    }
    Ok(version)
}

/// Applies what is missing, all of it or nothing; a database with an older schema is copied aside first. Returns
/// the copy's path, if one was made.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    known: &[Migration],
) -> Result<Option<PathBuf>, OpenError> {
    let version = check(connection, path, known)?;
    if version == known.len() as i64 {
        return Ok(None);
    }
    let copy = if version > 0 { Some(copy_aside(connection, path, version)?) } else { None };
    let transaction = connection.transaction().at(path)?;
    if version == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).at(path)?;
        let sql = "CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL) STRICT";
        transaction.execute_batch(sql).at(path)?;
    }
    for (number, migration) in (1..).zip(known).skip(version as usize) {
        transaction.execute_batch(migration.sql).at(path)?;
        if let Some(fill) = migration.fill {
            fill(&transaction).map_err(|error| match error {
                ReadError::Sqlite(error) => OpenError::Sqlite { path: path.to_owned(), error },
                ReadError::Store(error) => {
                    OpenError::Damaged { path: path.to_owned(), what: error.to_string() }
                }
            })?;
        }
        let sql = "INSERT INTO migration (number, name, checksum) VALUES (?1, ?2, ?3)";
        transaction.execute(sql, params![number, migration.name, checksum(migration.sql)]).at(path)?;
    }
    transaction.pragma_update(None, "user_version", known.len() as i64).at(path)?;
    transaction.commit().at(path)?;
    Ok(copy)
}

fn copy_aside(connection: &Connection, path: &Path, version: i64) -> Result<PathBuf, OpenError> {
    let copy = beside(path, &format!(".schema-{version}"));
    if copy.exists() {
        return Err(OpenError::Exists(copy));
    }
    let target = copy.to_string_lossy();
    connection.execute("VACUUM INTO ?1", [&*target]).at(&copy)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::open_writer;

    const NEXT: Migration =
        Migration { name: "next", sql: "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT;", fill: None };

    fn with_next() -> Vec<Migration> {
        MIGRATIONS.iter().map(|m| Migration { ..*m }).chain([NEXT]).collect()
    }

    #[test]
    fn an_older_schema_is_copied_aside_and_then_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let mut connection = open_writer(&path, 1000).unwrap();
        assert_eq!(migrate(&mut connection, &path, MIGRATIONS).unwrap(), None);
        let copy = migrate(&mut connection, &path, &with_next()).unwrap().expect("a copy");
        assert_eq!(version(&open_writer(&copy, 1000).unwrap(), &copy).unwrap(), MIGRATIONS.len() as i64);
        assert_eq!(version(&connection, &path).unwrap(), MIGRATIONS.len() as i64 + 1);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let mut connection = open_writer(&path, 1000).unwrap();
        migrate(&mut connection, &path, &with_next()).unwrap();
        assert!(matches!(migrate(&mut connection, &path, MIGRATIONS), Err(OpenError::NewerSchema { .. })));
    }

    #[test]
    fn a_changed_migration_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let mut connection = open_writer(&path, 1000).unwrap();
        migrate(&mut connection, &path, MIGRATIONS).unwrap();
        let changed: Vec<_> = MIGRATIONS.iter().map(|m| Migration { sql: "SELECT 1", ..*m }).collect();
        assert!(matches!(
            check(&connection, &path, &changed),
            Err(OpenError::ForeignMigration { number: 1, .. })
        ));
    }
}
