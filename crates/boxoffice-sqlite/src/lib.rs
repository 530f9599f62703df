//! The embedded store: SQLite, one writer thread with group commit, readers beside it.
//!
//! Everything durable is in one file. One process may write to it (a lock file beside it says who); others may read
//! it at any time: [`audit`] and [`backup`] do so beside a running server.

mod alteration;
pub mod audit;
pub mod backup;
mod bookings;
mod catalogue;
mod connection;
pub mod copy;
pub mod epoch;
mod errand;
mod error;
mod event_places;
mod figures;
mod leaving;
mod lock;
mod maintenance;
mod migration;
mod open_files;
mod pruning;
mod readers;
mod reads;
mod store;
pub mod token_keys;
mod writer;

pub use connection::SQLITE_AT_LEAST;
pub use error::OpenError;
pub use maintenance::upgrade;
pub use store::{Options, SqliteStore};

/// The number of the newest schema that this program knows.
pub const SCHEMA: usize = migration::MIGRATIONS.len();

/// The version of the SQLite that is linked in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
