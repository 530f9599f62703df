//! What is said on one connection after its handshake: calls one after another, their answers, and streams beside them.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, Sleep};

use super::Input;
use crate::connection::Connection;
use crate::hub::{Answer, Close, Ending, Failure, Invocation};
use crate::outbox::End;
use crate::protocol::framing::Inbox;
use crate::protocol::message::{Completion, Incoming, Record};
use crate::protocol::{Fault, Protocol};
use crate::streams::Streams;
use crate::transport::Transport;

/// A method that runs.
struct Calling {
    id: Option<String>,
    target: String,
    streaming: bool,
    answer: BoxFuture<'static, Result<Answer, Failure>>,
}

pub(super) struct Dialogue {
    connection: Connection,
    protocol: Protocol,
    inbox: Inbox,
    calling: Option<Calling>,
    streams: Streams,
    silence: Pin<Box<Sleep>>,
    /// Whether the client pings, so that its silence means something.
    pings: bool,
    /// Who is asked first, streams or input, so that neither keeps the other waiting for ever.
    streams_first: bool,
}

enum Step {
    End(Ending),
    Chunk(Bytes),
    Record(Bytes),
    Answered(Result<Answer, Failure>),
    Streamed(Record),
}

impl Dialogue {
    /// `inbox` may hold what came right after the handshake.
    pub(super) fn new(connection: Connection, protocol: Protocol, inbox: Inbox) -> Self {
        let config = &connection.0.server.config;
        Self {
            inbox,
            protocol,
            calling: None,
            streams: Streams::new(config.max_streams),
            silence: Box::pin(tokio::time::sleep(config.client_timeout)),
            pings: false,
            streams_first: false,
            connection,
        }
    }

    /// Leads it to its end.
    pub(super) async fn lead(&mut self, input: &mut impl Input) -> Ending {
        if let Err(ending) = self.welcome().await {
            return ending;
        }
        self.heard();
        loop {
            let step = poll_fn(|context| self.poll_step(input, context)).await;
            let handled = match step {
                Step::End(ending) => return ending,
                Step::Chunk(chunk) => {
                    self.inbox.push(&chunk);
                    Ok(())
                }
                Step::Record(record) => self.handle(&record),
                Step::Answered(answer) => {
                    self.answer(answer);
                    self.heard();
                    Ok(())
                }
                Step::Streamed(record) => {
                    self.connection.push(record);
                    Ok(())
                }
            };
            if let Err(ending) = handled {
                return ending;
            }
        }
    }

    /// Tells the hub, unless the connection ends meanwhile.
    async fn welcome(&mut self) -> Result<(), Ending> {
        let connection = self.connection.clone();
        let mut welcome: BoxFuture<'_, _> =
            AssertUnwindSafe(connection.0.server.hub.on_connect(&connection)).catch_unwind().boxed();
        let welcomed = poll_fn(|context| {
            if let (Some(end), _) = connection.0.outbox.poll_session(context) {
                return Poll::Ready(Err(ended(end)));
            }
            welcome.as_mut().poll(context).map(Ok)
        });
        match welcomed.await? {
            Ok(Ok(())) => Ok(()),
            Ok(Err(close)) => Err(Ending::Closed(close)),
            Err(_) => {
                tracing::error!(connection = connection.id(), "the hub panicked in on_connect");
                Err(Ending::Closed(Close::error("Connection closed with an error.")))
            }
        }
    }

    /// A client for whom too much waits is not listened to, and neither is one whose method runs.
    fn poll_step(&mut self, input: &mut impl Input, context: &mut Context<'_>) -> Poll<Step> {
        let (end, room) = self.connection.0.outbox.poll_session(context);
        if let Some(end) = end {
            return Poll::Ready(Step::End(ended(end)));
        }
        if let Some(calling) = &mut self.calling
            && let Poll::Ready(answer) = calling.answer.as_mut().poll(context)
        {
            return Poll::Ready(Step::Answered(answer));
        }
        if !room {
            return Poll::Pending;
        }
        self.streams_first = !self.streams_first;
        if self.streams_first
            && let Poll::Ready(record) = self.streams.poll_next(context)
        {
            return Poll::Ready(Step::Streamed(record));
        }
        if self.calling.is_none()
            && let Poll::Ready(step) = self.poll_input(input, context)
        {
            return Poll::Ready(step);
        }
        if !self.streams_first
            && let Poll::Ready(record) = self.streams.poll_next(context)
        {
            return Poll::Ready(Step::Streamed(record));
        }
        Poll::Pending
    }

    fn poll_input(&mut self, input: &mut impl Input, context: &mut Context<'_>) -> Poll<Step> {
        let faulty = |fault: Fault| Poll::Ready(Step::End(Ending::Faulty(fault.to_string())));
        match self.inbox.next(self.protocol) {
            Ok(Some(record)) => return Poll::Ready(Step::Record(record)),
            Ok(None) => {}
            Err(fault) => return faulty(fault),
        }
        match Pin::new(input).poll_next(context) {
            Poll::Ready(Some(Ok(chunk))) => return Poll::Ready(Step::Chunk(chunk)),
            Poll::Ready(Some(Err(fault))) => return faulty(fault),
            Poll::Ready(None) => return Poll::Ready(Step::End(Ending::Left)),
            Poll::Pending => {}
        }
        // As ASP.NET has it, a client is missed only once it has pinged: some never do. Over Long Polling none needs to; there
        // the polls tell that it is alive.
        let missed = self.pings && self.connection.transport() != Some(Transport::LongPolling);
        if missed && self.silence.as_mut().poll(context).is_ready() {
            return Poll::Ready(Step::End(Ending::Silent));
        }
        Poll::Pending
    }

    fn heard(&mut self) {
        self.silence.as_mut().reset(Instant::now() + self.connection.0.server.config.client_timeout);
    }

    fn handle(&mut self, record: &[u8]) -> Result<(), Ending> {
        let message = Incoming::read(record, self.protocol);
        self.heard();
        match message.map_err(|fault| Ending::Faulty(fault.to_string()))? {
            Incoming::Invocation { id, target, arguments, uploads, streaming } => {
                if uploads {
                    // As ASP.NET says to streams for a method that takes none.
                    self.complete(id, Completion::Error(Failure::Arguments.text(&target)));
                } else if streaming && id.as_deref().is_some_and(|id| self.streams.has(id)) {
                    let error =
                        format!("Invocation ID '{}' is already in use.", id.as_deref().unwrap_or_default());
                    self.complete(id, Completion::Error(error));
                } else {
                    self.call(id, Invocation { target, arguments, streaming });
                }
            }
            Incoming::Cancel { id } => {
                if self.streams.cancel(&id) {
                    self.complete(Some(id), Completion::Void);
                }
            }
            Incoming::Ping => self.pings = true,
            Incoming::Other => {}
            Incoming::Close => return Err(Ending::Left),
        }
        Ok(())
    }

    fn call(&mut self, id: Option<String>, call: Invocation) {
        let (hub, connection) = (Arc::clone(&self.connection.0.server.hub), self.connection.clone());
        let (target, streaming) = (call.target.clone(), call.streaming);
        self.connection.0.outbox.set_calling(true);
        let answer = async move {
            let answer = AssertUnwindSafe(hub.on_invoke(&connection, call)).catch_unwind().await;
            answer.unwrap_or_else(|_| {
                tracing::error!(connection = connection.id(), "the hub panicked in a method");
                Err(Failure::Internal)
            })
        };
        self.calling = Some(Calling { id, target, streaming, answer: answer.boxed() });
    }

    fn answer(&mut self, answer: Result<Answer, Failure>) {
        let Some(Calling { id, target, streaming, .. }) = self.calling.take() else { return };
        match (answer, streaming) {
            (Ok(Answer::Stream(stream)), true) => {
                let id = id.unwrap_or_default();
                if let Err(id) = self.streams.add(id, target, stream) {
                    self.complete(Some(id), Completion::Error("Too many streams are open.".to_owned()));
                }
            }
            (Ok(Answer::Stream(_)), false) => {
                let text = "The client attempted to invoke the streaming";
                let error = format!("{text} '{target}' method with a non-streaming invocation.");
                self.complete(id, Completion::Error(error));
            }
            (Ok(_), true) => {
                let text = "The client attempted to invoke the non-streaming";
                let error = format!("{text} '{target}' method with a streaming invocation.");
                self.complete(id, Completion::Error(error));
            }
            (Ok(Answer::Void), false) => self.complete(id, Completion::Void),
            (Ok(Answer::Result(result)), false) => {
                if result.bytes(self.protocol).len() > self.connection.0.server.config.max_send_bytes {
                    tracing::error!(target, "a result is too long");
                    self.complete(id, Completion::Error(Failure::Internal.text(&target)));
                } else {
                    self.complete(id, Completion::Result(result));
                }
            }
            (Err(failure), _) => self.complete(id, Completion::Error(failure.text(&target))),
        }
        // After the answer: what the method attached may speak now.
        self.connection.0.outbox.set_calling(false);
    }

    /// Answers, if the client wants an answer.
    fn complete(&self, id: Option<String>, completion: Completion) {
        if let Some(id) = id {
            self.connection.push(Record::Completion { id: id.into(), completion });
        }
    }
}

fn ended(end: End) -> Ending {
    match end {
        End::Asked(close) => Ending::Closed(close),
        End::Lost => Ending::Left,
    }
}
