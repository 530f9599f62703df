//! Changes queued for a store by hand, and the words that come back.

use std::sync::Arc;

use boxoffice_core::change::{Actor, Change, EventKind, SeatChange, Transition};
use boxoffice_core::seat::SeatStatus;
use boxoffice_engine::queue::{Commit, CommitQueue, Outcome, Rejected, Ticket};
use boxoffice_engine::store::{Outcomes, Store as _};
use boxoffice_sqlite::SqliteStore;
use smallvec::{SmallVec, smallvec};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::showtime::{ID, NOW};

/// What whoever waits is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    InDoubt,
    Settled(Outcome),
}

struct Teller(UnboundedSender<Word>);

impl Ticket for Teller {
    fn in_doubt(&mut self) {
        self.0.send(Word::InDoubt).unwrap();
    }

    fn settle(self: Box<Self>, outcome: Outcome) {
        self.0.send(Word::Settled(outcome)).unwrap();
    }
}

fn block(no: u32) -> Transition {
    let seats: SmallVec<[SeatChange; 4]> = smallvec![SeatChange {
        no,
        from: SeatStatus::Available,
        to: SeatStatus::Blocked,
        version: 1,
        owner: 0
    }];
    let change = Change {
        at: NOW,
        kind: EventKind::BLOCKED,
        actor: Actor::System,
        seats,
        holds: SmallVec::new(),
        settings: None,
        request: None,
        reason: None,
    };
    Transition {
        showtime: ID,
        change: Arc::new(change),
        settings_version: None,
        never_held: false,
        keys_since: NOW,
        contact: None,
    }
}

/// Queues the blocking of a seat, and hears what becomes of it.
pub(crate) fn push(queue: &CommitQueue, no: u32) -> Result<UnboundedReceiver<Word>, Rejected> {
    let (sender, receiver) = unbounded_channel();
    queue.push(Commit { sealed: block(no).into(), ticket: Box::new(Teller(sender)) }, false)?;
    Ok(receiver)
}

/// Starts the store, and settles what it hands back.
pub(crate) fn start(store: &SqliteStore) -> Arc<CommitQueue> {
    let queue = Arc::new(CommitQueue::new(64));
    let (sink, mut outcomes) = unbounded_channel::<Outcomes>();
    store.start(Arc::clone(&queue), sink);
    tokio::spawn(async move {
        while let Some(batch) = outcomes.recv().await {
            batch.into_iter().for_each(|(ticket, outcome)| ticket.settle(outcome));
        }
    });
    queue
}
