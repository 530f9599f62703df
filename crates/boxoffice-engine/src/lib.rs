//! The order of steps in which a command becomes a committed change, and the ports through which everything else
//! comes in: store, gate, bus, clock, randomness and runtime.
//!
//! Read [`box_office`] first. Nothing here knows a database, HTTP or JSON; nothing spawns, sleeps, tells the time
//! or draws lots except through a port, so that a simulator can drive all of it.

pub mod archive;
pub mod audit;
pub mod board;
pub mod boards;
pub mod box_office;
pub mod bus;
pub mod catalogue;
pub mod clock;
pub mod counters;
pub mod feed;
pub mod gate;
pub mod ids;
pub mod link;
pub mod queue;
pub mod random;
pub mod retention;
pub mod runtime;
pub mod seat_words;
pub mod store;
mod sweeper;
