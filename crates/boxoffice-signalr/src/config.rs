//! Every limit and interval of the server, with ASP.NET Core's values where it has one.

use std::time::Duration;

use crate::transport::Transport;

/// Limits and intervals. Each has a sensible default; change what you need:
///
/// ```
/// use boxoffice_signalr::Config;
///
/// let config = Config { max_connections: 500, ..Config::default() };
/// # assert_eq!(config.max_message_bytes, 32 * 1024);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The transports on offer, in the order in which a client shall try them. Others answer 404.
    pub transports: Vec<Transport>,
    /// The longest record that a client may send. A longer one ends its connection. 32 KiB.
    pub max_message_bytes: usize,
    /// The longest record that may be sent to a client. Below 1 MiB, because pysignalr drops its connection above.
    pub max_send_bytes: usize,
    /// How long a new connection may take to say which protocol it speaks. 15 s.
    pub handshake_timeout: Duration,
    /// After how long a silence the server sends a ping; not over Long Polling. 15 s.
    pub keep_alive: Duration,
    /// How long a client may be silent before its connection ends; not over Long Polling. 30 s.
    pub client_timeout: Duration,
    /// How long one write may be stuck before the connection is cut off. ASP.NET has 10 s; here it is 90 s, because a
    /// client that reads slowly costs no memory.
    pub write_timeout: Duration,
    /// How long to wait for a client's half of closing a WebSocket. 5 s.
    pub close_timeout: Duration,
    /// How long a poll is held without anything to send. 90 s.
    pub poll_timeout: Duration,
    /// How long a connection over Long Polling lives without a poll. 15 s.
    pub disconnect_timeout: Duration,
    /// How many connections there may be. More are refused with 503.
    pub max_connections: usize,
    /// How many negotiations may wait for their connection. More are refused with 503.
    pub max_pending_negotiations: usize,
    /// How long a negotiation waits for its connection. 15 s.
    pub negotiation_lifetime: Duration,
    /// How many records may wait for one connection. When they do, its invocations wait, and what else is sent to it
    /// goes by [`Hub::on_slow_reader`](crate::Hub::on_slow_reader).
    pub max_queued_records: usize,
    /// How many bytes may wait for one connection, as `max_queued_records`. One record may always wait.
    pub max_queued_bytes: usize,
    /// How many streams one connection may have open at once.
    pub max_streams: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            transports: vec![Transport::WebSockets, Transport::ServerSentEvents, Transport::LongPolling],
            max_message_bytes: 32 * 1024,
            max_send_bytes: 1_000_000,
            handshake_timeout: Duration::from_secs(15),
            keep_alive: Duration::from_secs(15),
            client_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(90),
            close_timeout: Duration::from_secs(5),
            poll_timeout: Duration::from_secs(90),
            disconnect_timeout: Duration::from_secs(15),
            max_connections: 20_000,
            max_pending_negotiations: 20_000,
            negotiation_lifetime: Duration::from_secs(15),
            max_queued_records: 128,
            max_queued_bytes: 1024 * 1024,
            max_streams: 16,
        }
    }
}
