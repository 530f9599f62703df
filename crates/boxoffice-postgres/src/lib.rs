//! The cluster's store: PostgreSQL, group commit by writers that own slices of the showtimes.
//!
//! Any number of nodes write to one database. A showtime's clock row is what its writers queue on: who has it knows
//! that nothing of the showtime changes meanwhile. Nothing is prepared or set beyond a transaction, so that a pooler of
//! transactions may stand between.

mod address;
mod alteration;
pub mod audit;
mod bookings;
mod bus;
mod catalogue;
mod condition;
pub mod copy;
mod errand;
mod error;
mod fence;
mod figures;
mod history;
mod hot;
mod log;
mod migration;
mod open;
mod readers;
mod reads;
mod session;
mod state;
mod store;
mod tls;
pub mod token_keys;
mod values;
mod watch;
mod writer;

pub use address::{Address, is_postgres};
pub use bus::PostgresBus;
pub use error::OpenError;
pub use history::renew_epoch;
pub use hot::hot_statements;
pub use migration::SCHEMA;
pub use open::migrate;
pub use store::{Options, PostgresStore};
