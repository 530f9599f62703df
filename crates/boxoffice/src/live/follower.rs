//! Following a feed message by message, for transports whose own task asks for the next one when it can be written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use boxoffice_engine::feed::Watch;
use tokio::sync::watch;
use tokio::time::Instant;

use super::HEARTBEAT_S;
use super::audience::{Audience, Written};
use super::broadcast::left;
use super::message::Message;

/// One who follows: a cursor, and the messages of the update that is being told.
pub(super) struct Follower {
    audience: Arc<Audience>,
    watch: Watch,
    leaving: watch::Receiver<bool>,
    cursor: u64,
    waiting: VecDeque<Message>,
    sees_hidden: bool,
    heartbeat: Option<Instant>,
    over: bool,
}

impl Follower {
    /// Someone who is told `first` first, and signs of life only if wanted.
    pub(super) fn new(
        audience: Arc<Audience>,
        first: &Written,
        sees_hidden: bool,
        wants_heartbeats: bool,
    ) -> Self {
        let mut follower = Self {
            watch: audience.watch(),
            leaving: audience.live().leaving.subscribe(),
            audience,
            cursor: first.to,
            waiting: VecDeque::new(),
            sees_hidden,
            heartbeat: wants_heartbeats.then(next_heartbeat),
            over: false,
        };
        follower.queue(first);
        follower
    }

    /// The next message, when there is one; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.heartbeat = self.heartbeat.map(|_| next_heartbeat());
                return Some(message);
            }
            if self.over {
                return None;
            }
            if self.watch.last_told().revision <= self.cursor {
                let silence = self.heartbeat;
                let heartbeat = async {
                    match silence {
                        Some(at) => tokio::time::sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! { biased;
                    () = left(&mut self.leaving) => {
                        self.waiting.push_back(self.audience.bye("draining"));
                        self.over = true;
                        continue;
                    }
                    _ = self.watch.told() => {}
                    () = heartbeat => {
                        self.waiting.push_back(self.audience.heartbeat());
                        continue;
                    }
                }
            }
            let written = self.audience.since(Some(self.cursor));
            if written.to != self.cursor || self.audience.last_words(&written, self.sees_hidden).is_some() {
                self.queue(&written);
            }
        }
    }

    /// Counts what was written for it.
    pub(super) fn note_bytes(&self, bytes: usize) {
        self.audience.live().note_bytes(bytes);
    }

    fn queue(&mut self, written: &Written) {
        self.cursor = written.to;
        self.waiting.extend(written.messages.iter().cloned());
        if let Some(last) = self.audience.last_words(written, self.sees_hidden) {
            self.waiting.push_back(last);
            self.over = true;
        }
    }
}

fn next_heartbeat() -> Instant {
    Instant::now() + Duration::from_secs(HEARTBEAT_S)
}
