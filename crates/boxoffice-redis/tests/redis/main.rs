//! Gate and bus against real Redis servers, which these tests start, break and stop: where redis-server is installed.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

mod bus;
mod cluster;
mod gate;
mod nodes;
mod sentinel;
mod servers;
mod tls;
