//! Telling: what waits goes out in one transaction after the other, on a connection that does nothing else.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use boxoffice_engine::bus::message::{Draft, Origin};
use boxoffice_engine::link::backoff::Backoff;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::payload::split;
use super::{CHANNEL, Outgoing, Shared};
use crate::error::Failure;
use crate::session::{connect, within};

/// How many changes are told together, and about how many bytes of them in one message.
const AT_ONCE: usize = 512;
const MESSAGE_BYTES: usize = 64 * 1024;
/// How long telling them may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long nothing is said before something is, so that those who listen know that they hear.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);

/// The connection, or when to try again.
struct Session {
    client: Option<Client>,
    backoff: Backoff,
    not_before: Instant,
    /// Counts messages.
    number: u64,
}

/// Tells what waits until the bus is gone.
pub(super) async fn run(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Outgoing>) {
    let backoff = Backoff::default();
    let mut session = Session { client: None, backoff, not_before: Instant::now(), number: 0 };
    let mut batch = Vec::with_capacity(AT_ONCE);
    let mut spoke = Instant::now();
    loop {
        let mut quiet = false;
        tokio::select! { biased;
            taken = waiting.recv_many(&mut batch, AT_ONCE) => {
                if taken == 0 {
                    return;
                }
                quiet = spoke.elapsed() < HEARTBEAT;
            }
            () = shared.speak.notified() => {}
            () = tokio::time::sleep_until(spoke + HEARTBEAT) => {}
        }
        if shared.is_alone() {
            batch.clear();
            if quiet {
                continue;
            }
        }
        spoke = Instant::now();
        let changes = batch.len() as u64;
        match session.tell(&shared, &batch).await {
            Ok(told) => {
                shared.counters.published.fetch_add(told, Ordering::Relaxed);
                shared.count_dropped(changes - told);
                shared.note_telling(None);
            }
            Err(why) => {
                shared.count_dropped(changes);
                if let Some(failure) = why {
                    session.give_up();
                    shared.note_telling(Some(failure.to_string()));
                }
            }
        }
        batch.clear();
    }
}

impl Session {
    /// Tells a batch, or only that it is there; says how many changes were told. Nothing is tried, and no reason given,
    /// while the database is left alone after a failure.
    async fn tell(&mut self, shared: &Shared, batch: &[Outgoing]) -> Result<u64, Option<Failure>> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None if Instant::now() < self.not_before => return Err(None),
            None => connect(&shared.address).await?,
        };
        let mut told = 0;
        // Nobody relies on this transaction after a crash, so it waits for no disk: it holds a lock of the whole
        // cluster, for which other nodes that tell something wait.
        let mut sql =
            "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL statement_timeout = '2s';".to_owned();
        let epoch = (shared.epoch)();
        let mut drafts = drafts(&epoch, batch);
        if let Some(node) = shared.node.get().filter(|_| drafts.is_empty()) {
            // That it is there.
            drafts.push(Draft::new(&Origin { node: *node, epoch: epoch.to_string() }));
        }
        for draft in drafts {
            let changes = draft.changes;
            self.number += 1;
            let payloads = split(self.number, &draft.finish());
            told += if payloads.is_empty() { 0 } else { changes };
            for payload in payloads {
                // Writing to a String cannot fail. A payload has no character that would end it.
                let _ = write!(sql, "NOTIFY {CHANNEL}, '{payload}';");
            }
        }
        // One's own connection may hear nothing else for long.
        let _ = write!(sql, "NOTIFY {}; COMMIT", shared.own_channel);
        within(PATIENCE, async { Ok(client.batch_execute(&sql).await?) }).await?;
        self.client = Some(client);
        self.backoff.reset();
        Ok(told)
    }

    fn give_up(&mut self) {
        self.client = None;
        self.not_before = Instant::now() + self.backoff.next(getrandom::u32().ok());
    }
}

/// Puts changes into as few messages as there can be.
fn drafts(epoch: &str, batch: &[Outgoing]) -> Vec<Draft> {
    let mut drafts: Vec<(u64, Draft)> = Vec::new();
    for (node, showtime, event) in batch {
        let fits = drafts.last_mut().filter(|(by, draft)| by == node && draft.size < MESSAGE_BYTES);
        match fits {
            Some((_, draft)) => draft.add(*showtime, event),
            None => {
                let mut draft = Draft::new(&Origin { node: *node, epoch: epoch.to_owned() });
                draft.add(*showtime, event);
                drafts.push((*node, draft));
            }
        }
    }
    drafts.into_iter().map(|(_, draft)| draft).collect()
}
