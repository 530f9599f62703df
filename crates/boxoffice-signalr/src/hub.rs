//! What an application implements: who may come in, what its methods do, and what to do about slow readers.

use std::future::Future;

use futures_util::stream::BoxStream;
use http::Extensions;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::connection::Connection;
use crate::opening::Opening;
use crate::payload::Payload;

/// The application's side of every connection. One value serves all of them.
///
/// The methods of one connection are called one after another, as in ASP.NET; those of different connections run at the
/// same time. A call's future is dropped when the connection ends.
pub trait Hub: Send + Sync + 'static {
    /// Whether a client may come in, asked at its negotiation and again when its connection opens. What it returns at
    /// the opening becomes the connection's [data](Connection::with_data).
    ///
    /// # Errors
    /// The answer for a client that may not: a 401, say.
    #[allow(clippy::result_large_err, reason = "the refusal is an HTTP answer")]
    fn on_request(&self, opening: &Opening<'_>) -> Result<Extensions, axum::response::Response> {
        let _ = opening;
        Ok(Extensions::new())
    }

    /// A connection is ready: from now on it can be sent to.
    ///
    /// # Errors
    /// How to close it at once.
    fn on_connect(&self, connection: &Connection) -> impl Future<Output = Result<(), Close>> + Send {
        let _ = connection;
        std::future::ready(Ok(()))
    }

    /// A client calls a method.
    ///
    /// # Errors
    /// What the client is told instead of an answer, if it wants one.
    fn on_invoke(
        &self,
        connection: &Connection,
        call: Invocation,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// A connection ended, after [`on_connect`](Hub::on_connect) let it in. It left its groups already.
    fn on_disconnect(&self, connection: &Connection, ending: &Ending) -> impl Future<Output = ()> + Send {
        let _ = (connection, ending);
        std::future::ready(())
    }

    /// As much waits for a client as may, and there is another event for it.
    fn on_slow_reader(&self, connection: &Connection) -> SlowReader {
        let _ = connection;
        SlowReader::CutOff
    }
}

/// What to do about a client that reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowReader {
    /// Close it, and let it connect again.
    CutOff,
    /// Of events with the same target keep only the newest: for state, where the newest says it all. If that makes no
    /// room, the connection is cut off.
    KeepLatest,
}

/// A call of a hub's method.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The method's name as the client wrote it. Compare it with [`is`](Invocation::is).
    pub target: String,
    /// What the client passed.
    pub arguments: Vec<Value>,
    /// Whether the client expects a stream.
    pub streaming: bool,
}

impl Invocation {
    /// Whether this is the method: names differ in more than the case of ASCII letters.
    #[must_use]
    pub fn is(&self, method: &str) -> bool {
        self.target.eq_ignore_ascii_case(method)
    }

    /// The arguments as a tuple, or any other type that is an array in JSON: `call.arguments::<(String, u32)>()?`.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if they are others.
    pub fn arguments<T: DeserializeOwned>(self) -> Result<T, Failure> {
        serde_json::from_value(Value::Array(self.arguments)).map_err(|_| Failure::Arguments)
    }

    /// One argument.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if there is none, or it is of another type.
    pub fn argument<T: DeserializeOwned>(&self, place: usize) -> Result<T, Failure> {
        self.arguments.get(place).and_then(|value| T::deserialize(value).ok()).ok_or(Failure::Arguments)
    }
}

/// What a method answers.
pub enum Answer {
    /// Done, without a value.
    Void,
    /// A value.
    Result(Payload),
    /// Values, one after another, as fast as the client takes them. An error ends the stream.
    Stream(BoxStream<'static, Result<Payload, Failure>>),
}

impl<T: Into<Payload>> From<T> for Answer {
    fn from(value: T) -> Self {
        Self::Result(value.into())
    }
}

/// Why a method has no answer. The client is told in ASP.NET's words, which its application may look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such method.
    UnknownMethod,
    /// The method takes other arguments.
    Arguments,
    /// This client may not.
    Unauthorized,
    /// Something went wrong that is not for the client to know.
    Internal,
    /// Something that the client shall know, as ASP.NET says a `HubException`.
    Told(String),
}

impl Failure {
    /// What the client is told of a call of this method.
    #[must_use]
    pub fn text(&self, target: &str) -> String {
        match self {
            Self::UnknownMethod => format!("Unknown hub method '{target}'"),
            Self::Arguments => format!("Failed to invoke '{target}' due to an error on the server."),
            Self::Unauthorized => format!("Failed to invoke '{target}' because user is unauthorized"),
            Self::Internal => format!("An unexpected error occurred invoking '{target}' on the server."),
            Self::Told(text) => {
                format!(
                    "An unexpected error occurred invoking '{target}' on the server. HubException: {text}"
                )
            }
        }
    }
}

/// How the server closes a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// What the client is told, if anything.
    pub error: Option<String>,
    /// Whether a client that reconnects by itself shall do so. Without it, it stays away.
    pub allow_reconnect: bool,
}

impl Close {
    /// For good, with a reason.
    #[must_use]
    pub fn error(text: impl Into<String>) -> Self {
        Self { error: Some(text.into()), allow_reconnect: false }
    }

    /// For now: the client shall connect again.
    #[must_use]
    pub fn reconnect(text: impl Into<String>) -> Self {
        Self { error: Some(text.into()), allow_reconnect: true }
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said so, or its transport ended.
    Left,
    /// Nothing was heard of the client for too long.
    Silent,
    /// The server closed it, by the hub's wish or its own.
    Closed(Close),
    /// The client sent what no client sends.
    Faulty(String),
}
