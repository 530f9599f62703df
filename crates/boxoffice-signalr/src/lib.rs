//! A SignalR server for axum: hubs over WebSockets, Server-Sent Events and Long Polling, in JSON and MessagePack.
//!
//! Clients that people already have connect to it: `@microsoft/signalr` (npm), signalrcore and pysignalr (PyPI), and
//! others that speak ASP.NET Core's hub protocol. An application implements [`Hub`] and nests [`SignalR::router`]:
//!
//! ```no_run
//! use boxoffice_signalr::{Answer, Config, Connection, Event, Failure, Hub, Invocation, SignalR};
//! use serde_json::json;
//!
//! struct Chat;
//!
//! impl Hub for Chat {
//!     async fn on_invoke(&self, connection: &Connection, call: Invocation) -> Result<Answer, Failure> {
//!         if call.is("Say") {
//!             let text: String = call.argument(0)?;
//!             connection.clients().send_all(&Event::new("Said", [json!(text).into()]));
//!             return Ok(Answer::Void);
//!         }
//!         Err(Failure::UnknownMethod)
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let server = SignalR::new(Chat, Config::default());
//!     let router = axum::Router::new().nest("/hubs/chat", server.router());
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:5000").await?;
//!     axum::serve(listener, router).await
//! }
//! ```
//!
//! `examples/chat.rs` has more: rooms, streams, names, a graceful end.
//!
//! # Sending to many
//!
//! An [`Event`] is encoded once for each protocol and its bytes are shared by everybody it goes to. A [`Payload`] is
//! the same for one value: a result that many ask for need not be encoded for each.
//!
//! # Slow readers
//!
//! Sending never waits. For each connection a bounded number of records and bytes may wait; beyond that
//! [`Hub::on_slow_reader`] decides whether only the newest event of a kind is kept, or the connection is cut off, so
//! that its client connects anew. State that changes often is better told by a source, which is asked for its next
//! event only when the connection can be written to: [`Connection::attach`]. A client for whom too much waits is not
//! listened to, so it cannot fill memory by asking.
//!
//! # What is bounded
//!
//! Everything, by [`Config`]: connections, negotiations that wait for one, the length of what is received and sent, what
//! waits for each connection, its streams, and how long anything may take. There is no global state.
//!
//! # What is left out
//!
//! - Stateful reconnect is never granted; clients then fall back to ordinary reconnecting by themselves.
//! - Clients' own streams to the server, and calls of clients that want an answer.
//! - Cross-origin rules and compression, which are the application's affair. Leave event streams uncompressed.
//! - A stuck reader of an event stream is forgotten, but its socket is only closed by whoever serves the router.

mod clients;
mod config;
mod connection;
mod erased;
mod hub;
mod negotiate;
mod opening;
mod outbox;
mod payload;
mod protocol;
mod pump;
mod query;
pub mod reading;
mod registry;
mod server;
mod session;
mod streams;
mod transport;

pub use clients::Clients;
pub use config::Config;
pub use connection::{Connection, SendError};
pub use hub::{Answer, Close, Ending, Failure, Hub, Invocation, SlowReader};
pub use opening::Opening;
pub use payload::{EncodeError, Event, Payload};
pub use protocol::Protocol;
pub use server::SignalR;
pub use transport::Transport;
