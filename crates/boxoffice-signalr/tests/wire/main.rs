//! The wire as clients see it, through real sockets: every item of what a SignalR server must do, by name.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]
#![allow(unreachable_pub, reason = "the tests are one program")]

mod churn;
mod client;
mod handshake;
mod hub;
mod junk;
mod limits;
mod long_polling;
mod messages;
mod negotiation;
mod server_sent_events;
mod slow_readers;
mod timing;
mod websocket;
mod whole_intervals;
