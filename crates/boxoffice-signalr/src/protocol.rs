//! The hub protocols: what a record says, whatever its encoding.

pub(crate) mod framing;
pub(crate) mod handshake;
pub(crate) mod json;
pub(crate) mod message;
pub(crate) mod messagepack;

/// How records are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Text: a JSON object and the byte 0x1E.
    Json,
    /// Binary: a length and a MessagePack array.
    MessagePack,
}

impl Protocol {
    /// The name by which a client asks for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MessagePack => "messagepack",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Json, Self::MessagePack].into_iter().find(|protocol| protocol.name() == name)
    }
}

/// Why a connection cannot go on understanding its client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("The maximum message size of {0}B was exceeded.")]
    TooLong(usize),
    #[error("{0}")]
    Invalid(String),
}

impl Fault {
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }
}
