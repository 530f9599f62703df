//! What can go wrong in opening, and how SQLite's errors look from outside.

use std::path::PathBuf;

use boxoffice_engine::store::StoreError;

/// Why a database could not be opened, copied or checked.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes to it.
    #[error("{0} is in use: another boxoffice process writes to it (it holds the lock on {0}.lock)")]
    InUse(PathBuf),
    /// A newer version of the program wrote it.
    #[error("{path} has schema {found}, newer than this program's {known}: run a newer boxoffice")]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// A migration that was applied is not the one that this program has.
    #[error("{path} was made with another migration {number} than this program's")]
    ForeignMigration {
        /// The database.
        path: PathBuf,
        /// The migration.
        number: i64,
    },
    /// It is some other program's database.
    #[error("{0} is not a Boxoffice database")]
    Foreign(PathBuf),
    /// It should not be there.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// It should be there.
    #[error("there is no database at {0}")]
    Missing(PathBuf),
    /// Only its write-ahead log is there.
    #[error(
        "there is no database at {path}, but a log with changes at {log}: put the database back beside its log, or, \
         if you do not want what is in the log, move it away"
    )]
    LogAlone {
        /// The database.
        path: PathBuf,
        /// Its log.
        log: PathBuf,
    },
    /// A raw copy, part of which is in its log.
    #[error(
        "{path} is not a backup: its newest changes are in {log}, which would be left behind; make a backup of it \
         with `boxoffice backup`, or run `boxoffice serve` on it once and stop it"
    )]
    LogBeside {
        /// The copy.
        path: PathBuf,
        /// Its log.
        log: PathBuf,
    },
    /// A running server writes to files that have lost these names.
    #[error(
        "{0} is not what the running server writes to: its database or its log was deleted, moved or replaced, and \
         a copy of what is here would lack sales"
    )]
    Lost(PathBuf),
    /// The linked SQLite has a known defect.
    #[error("SQLite {found} is too old: at least {needed} is needed")]
    OldSqlite {
        /// Its version.
        found: String,
        /// The oldest without the defect.
        needed: &'static str,
    },
    /// The server beside which something should be done is older than this program.
    #[error(
        "{0} has an older schema than this program's: use the boxoffice that serves it, or migrate it by serving it"
    )]
    OlderServer(PathBuf),
    /// A copy is made of today's tables only.
    #[error(
        "{path} has schema {found}, and this program copies {known}: run `boxoffice serve` on it once, which migrates it"
    )]
    OlderSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// What is needed.
        known: i64,
    },
    /// The other side of a copy has gone, and says why.
    #[error("the copy was given up")]
    GivenUp,
    /// The rows of a copy stopped coming before their end.
    #[error("the copy is not whole; nothing of it was kept")]
    Incomplete,
    /// What is in it cannot be understood.
    #[error("{path} is damaged: {what}; run `boxoffice audit` on it, and restore the last backup")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is damaged.
        what: String,
    },
    /// A copy did not pass its checks.
    #[error("the copy is not sound: {0}")]
    Unsound(String),
    /// SQLite's word.
    #[error("{path}: {error}")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// The error.
        error: rusqlite::Error,
    },
    /// The system's word.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        error: std::io::Error,
    },
}

/// Adds the path to an error.
pub(crate) trait At<T> {
    fn at(self, path: &std::path::Path) -> Result<T, OpenError>;
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T, OpenError> {
        self.map_err(|error| OpenError::Sqlite { path: path.to_owned(), error })
    }
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, path: &std::path::Path) -> Result<T, OpenError> {
        self.map_err(|error| OpenError::Io { path: path.to_owned(), error })
    }
}

/// How a failed read looks to the engine.
pub(crate) fn read_error(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged(error.to_string()),
        None => StoreError::Damaged(error.to_string()),
        Some(_) => StoreError::Unavailable(error.to_string()),
    }
}
