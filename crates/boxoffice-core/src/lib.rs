//! The rules of selling seats.
//!
//! Pure functions over plain data: a [`Showtime`](showtime::Showtime) holds the state of every seat,
//! [`decide`](decide::decide) answers a [`Command`](command::Command) with a [`Change`](change::Change) or a
//! [`Refusal`](refusal::Refusal), and [`Showtime::apply`](showtime::Showtime::apply) puts a committed change into
//! effect. Nothing here does I/O, waits, tells the time or draws lots: time, ids and randomness come in as
//! arguments.

pub mod change;
pub mod codec;
pub mod command;
pub mod decide;
pub mod hold;
pub mod id;
pub mod money;
pub mod plan;
pub mod refusal;
pub mod seat;
pub mod settings;
pub mod showtime;
pub mod time;
