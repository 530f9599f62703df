//! What can go wrong in opening, and how PostgreSQL's errors look from outside.

use std::error::Error as _;

use boxoffice_engine::store::StoreError;

/// Why a database could not be opened, changed or checked.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address cannot be used.
    #[error("{address}: {why}")]
    Address {
        /// Without its password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// PostgreSQL's word, or the network's.
    #[error("{address}: {why}")]
    Database {
        /// Without its password.
        address: String,
        /// What was said.
        why: String,
    },
    /// A newer version of the program changed the schema, and this one may not use it any more.
    #[error(
        "the database has schema {found}, for which this program, of schema {known}, is too old: run a newer boxoffice"
    )]
    NewerSchema {
        /// Its schema.
        found: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// The tables are missing or old.
    #[error("the database has schema {found}, and this program needs {known}: run `boxoffice migrate` on it")]
    OlderSchema {
        /// Its schema.
        found: i32,
        /// What is needed.
        known: i32,
    },
    /// A migration that was applied is not the one that this program has.
    #[error("the database was made with another migration {0} than this program's")]
    ForeignMigration(i32),
    /// The server is too old.
    #[error("PostgreSQL {found} is too old: at least {needed} is needed")]
    OldServer {
        /// Its version.
        found: String,
        /// The oldest that will do.
        needed: i32,
    },
    /// The database acknowledges what may be lost.
    #[error("PostgreSQL's {setting} is off: a sale could be lost after it was acknowledged; set it to on")]
    NotDurable {
        /// The setting.
        setting: &'static str,
    },
    /// `--distributed` was asked for, but the extension is not there.
    #[error(
        "the database does not have the extension citus: CREATE EXTENSION citus, or migrate without --distributed"
    )]
    NotDistributable,
    /// It has content where there should be none.
    #[error("it is not empty: copy into a new database")]
    NotEmpty,
    /// A node is connected.
    #[error("{address} is in use: {sessions} sessions of boxoffice are connected; stop all nodes first")]
    InUse {
        /// Without its password.
        address: String,
        /// How many.
        sessions: i64,
    },
    /// The other side of a copy has gone, and says why.
    #[error("the copy was given up")]
    GivenUp,
    /// The rows of a copy stopped coming before their end.
    #[error("the copy is not whole; nothing of it was kept")]
    Incomplete,
    /// What was written is not what was read.
    #[error("the copy is not the same, and nothing of it was kept: {0}")]
    Differs(String),
    /// What is in it cannot be understood.
    #[error("the database is damaged: {0}; run `boxoffice audit` on it, and restore the last backup")]
    Damaged(String),
}

/// Adds the address to an error.
pub(crate) trait At<T> {
    fn at(self, address: &crate::Address) -> Result<T, OpenError>;
}

impl<T, E: Into<Failure>> At<T> for Result<T, E> {
    fn at(self, address: &crate::Address) -> Result<T, OpenError> {
        self.map_err(|error| match error.into() {
            Failure::Damaged(what) => OpenError::Damaged(what),
            failure => OpenError::Database { address: address.to_string(), why: failure.to_string() },
        })
    }
}

/// An error in a driver's words, with what the server said: by itself the driver says "db error".
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// Why something that was asked of the database came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// The server said no; what was asked was not done.
    #[error("{0}")]
    Refused(String),
    /// The same, because somebody else was in the way: a row that was there, a lock, or another state than was relied on.
    #[error("{0}")]
    InTheWay(String),
    /// The connection is gone, or there is none.
    #[error("{0}")]
    Lost(String),
    /// What came back cannot be understood.
    #[error("{0}")]
    Damaged(String),
}

/// Unique violation, serialization failure, deadlock, lock not available.
const IN_THE_WAY: [&str; 4] = ["23505", "40001", "40P01", "55P03"];

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let text = words(&error);
        match error.as_db_error() {
            Some(said) if said.code().code().starts_with("XX00") => Self::Damaged(text),
            Some(said) if IN_THE_WAY.contains(&said.code().code()) => Self::InTheWay(text),
            Some(_) => Self::Refused(text),
            None => Self::Lost(text),
        }
    }
}

impl From<boxoffice_core::codec::Malformed> for Failure {
    fn from(malformed: boxoffice_core::codec::Malformed) -> Self {
        Self::Damaged(malformed.to_string())
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Damaged(what) => Self::Damaged(what),
            failure => Self::Unavailable(failure.to_string()),
        }
    }
}
