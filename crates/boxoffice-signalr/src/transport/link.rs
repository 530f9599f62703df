//! A connection over separate requests: what they share, and who notices when they stop coming.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use super::Transport;
use crate::connection::Connection;
use crate::pump::Pump;
use crate::session;

/// How many pieces of posted bodies may wait for the session.
const MAX_WAITING_PIECES: usize = 4;

/// A connection over Server-Sent Events or Long Polling. It may begin with a post, before it is known over which:
/// signalrcore posts its handshake first.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    input: mpsc::Sender<Bytes>,
    /// One post at a time, so that their records stay whole.
    posting: tokio::sync::Mutex<()>,
    /// For Long Polling, whose polls take turns with it.
    pub(crate) pump: tokio::sync::Mutex<Pump>,
    polls: Mutex<Polls>,
    changed: Notify,
}

struct Polls {
    /// Counts them: the newest is the one that counts.
    newest: u64,
    active: bool,
    /// The last poll's end.
    since: Instant,
    /// The client knows of the end.
    drained: bool,
}

/// The session no longer takes what is posted.
pub(crate) struct Ended;

impl Link {
    /// Begins the session of a new connection.
    pub(crate) fn start(connection: Connection, token: String) -> Arc<Self> {
        let (input, receiver) = mpsc::channel(MAX_WAITING_PIECES);
        let polls = Polls { newest: 0, active: false, since: Instant::now(), drained: false };
        let link = Arc::new(Self {
            pump: tokio::sync::Mutex::new(Pump::new(connection.clone(), false)),
            connection,
            input,
            posting: tokio::sync::Mutex::new(()),
            polls: Mutex::new(polls),
            changed: Notify::new(),
        });
        tokio::spawn(Arc::clone(&link).lead(token, receiver));
        link
    }

    async fn lead(self: Arc<Self>, token: String, mut receiver: mpsc::Receiver<Bytes>) {
        let input = stream::poll_fn(move |context| receiver.poll_recv(context).map(|piece| piece.map(Ok)));
        let mut session = Box::pin(session::run(self.connection.clone(), input));
        tokio::select! {
            biased;
            () = &mut session => {}
            () = self.abandoned() => {
                self.connection.0.outbox.lose();
                session.as_mut().await;
            }
        }
        drop(session);
        // The client shall fetch the last words, and learn that they are.
        let _ = timeout(self.connection.0.server.config.disconnect_timeout, self.drained()).await;
        self.connection.0.outbox.lose();
        self.connection.0.server.registry.remove(&token);
    }

    /// How the client fetches, from now on: `Ok(true)` if this is the first to say.
    pub(crate) fn decide(&self, transport: Transport) -> Result<bool, Transport> {
        let first = self.connection.0.transport.set(transport).is_ok();
        self.connection.0.outbox.wake_session();
        self.polls.lock().since = Instant::now();
        self.changed.notify_waiters();
        match self.connection.transport() {
            Some(other) if other != transport => Err(other),
            _ => Ok(first),
        }
    }

    /// Passes a posted body on, as fast as the session takes it.
    pub(crate) async fn post(&self, mut body: Body) -> Result<(), Ended> {
        let _turn = self.posting.lock().await;
        if self.input.is_closed() {
            return Err(Ended);
        }
        while let Some(frame) = body.frame().await {
            // A body that broke off: what came of it counts, as with any transport.
            let Ok(frame) = frame else { break };
            if let Ok(piece) = frame.into_data() {
                self.input.send(piece).await.map_err(|_| Ended)?;
            }
        }
        Ok(())
    }

    /// Begins a poll and ends the one before.
    pub(crate) fn begin_poll(&self) -> Poll<'_> {
        let mut polls = self.polls.lock();
        polls.newest += 1;
        polls.active = true;
        let number = polls.newest;
        drop(polls);
        self.changed.notify_waiters();
        Poll { link: self, number }
    }

    /// The client knows that this was all.
    pub(crate) fn set_drained(&self) {
        self.polls.lock().drained = true;
        self.changed.notify_waiters();
    }

    async fn drained(&self) {
        loop {
            let changed = self.changed.notified();
            if self.polls.lock().drained || self.connection.0.outbox.is_lost() {
                return;
            }
            changed.await;
        }
    }

    /// Returns when nobody has fetched for too long.
    async fn abandoned(&self) {
        let config = &self.connection.0.server.config;
        loop {
            let changed = self.changed.notified();
            let deadline = if self.connection.transport() == Some(Transport::ServerSentEvents) {
                // A stream that can be written to is asked at least as often as there are pings.
                Some(self.connection.0.outbox.last_pumped() + config.keep_alive + config.write_timeout)
            } else {
                let polls = self.polls.lock();
                (!polls.active).then_some(polls.since + config.disconnect_timeout)
            };
            match deadline {
                None => changed.await,
                Some(deadline) if deadline <= Instant::now() => return,
                Some(deadline) => {
                    tokio::select! {
                        () = changed => {}
                        () = sleep_until(deadline) => {}
                    }
                }
            }
        }
    }
}

/// A poll that is held. When it is dropped, by whatever end, the time until the next begins.
pub(crate) struct Poll<'a> {
    link: &'a Link,
    number: u64,
}

impl Poll<'_> {
    /// Returns when a newer poll came.
    pub(crate) async fn superseded(&self) {
        loop {
            let changed = self.link.changed.notified();
            if self.link.polls.lock().newest != self.number {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let mut polls = self.link.polls.lock();
        if polls.newest == self.number {
            polls.active = false;
            polls.since = Instant::now();
            drop(polls);
            self.link.changed.notify_waiters();
        }
    }
}
