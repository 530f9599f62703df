//! How bytes travel between a client and its session.

pub(crate) mod link;
pub(crate) mod long_polling;
pub(crate) mod server_sent_events;
pub(crate) mod websocket;

/// A way for bytes, as negotiation offers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Both ways on one connection, text and binary.
    WebSockets,
    /// A response that does not end for what is sent, a request for each thing received. Text only.
    ServerSentEvents,
    /// A request that waits for what is sent, a request for each thing received.
    LongPolling,
}

impl Transport {
    /// Its name in negotiation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSockets => "WebSockets",
            Self::ServerSentEvents => "ServerSentEvents",
            Self::LongPolling => "LongPolling",
        }
    }

    pub(crate) fn formats(self) -> &'static [&'static str] {
        match self {
            Self::ServerSentEvents => &["Text"],
            Self::WebSockets | Self::LongPolling => &["Text", "Binary"],
        }
    }
}
