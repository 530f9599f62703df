//! The one page: how a command becomes a committed change.
//!
//! ```text
//! glance -> turn and key -> decide + claim -> gate -> queue -> store -> apply in revision order -> answer
//! ```
//!
//! A queued transition belongs to its showtime, not to the request: the request only waits, and may vanish at any
//! point without leaving a claim behind or half an effect.

mod catching_up;
mod following;
mod heads;
mod in_flight;
mod leaving;
mod passing;
mod reading;
mod refused;
mod replay;
mod right_after;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use boxoffice_core::change::{Actor, Event, RequestKey};
use boxoffice_core::command::Command;
use boxoffice_core::decide::{Context, Decided};
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::{Reference, Serial, ShowtimeId};
use boxoffice_core::time::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::board::{Board, KeyEntry, Step, TurnGuard};
use crate::boards::Boards;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::counters::{Counters, Figure, count};
use crate::gate::{Gate, Passage};
use crate::ids::IdSource;
use crate::queue::{Commit, CommitQueue, Rejected, Sealed};
use crate::random::Randomness;
use crate::runtime::Runtime;
use crate::store::{Outcomes, Store};
use crate::sweeper;
pub(crate) use in_flight::InFlight;
use in_flight::{Guards, Verdict};
pub use reading::HoldView;
use reading::wanted_records;
pub use refused::Refused;

/// How often a conflict is decided again before the asker is sent away.
const RETRIES: usize = 5;
/// How long a request waits for another one, under the same key or about the same hold, in milliseconds.
const PATIENCE_MS: u64 = 2_000;
/// How long ago a board may have been level with the store for a stranger to be refused from it, in milliseconds.
const STALENESS_MS: i64 = 1_000;

/// Limits of the engine.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many transitions may wait for the store; a quarter is kept for confirm, extend, release and cancel.
    pub commit_queue: usize,
    /// How many boards may be in memory.
    pub boards: usize,
    /// How long idempotency keys are kept, in milliseconds.
    pub keep_keys_ms: i64,
    /// How long a hold can be read after its end, in milliseconds.
    pub read_ended_holds_ms: i64,
    /// The bound of the error between the clocks of several nodes, in milliseconds; 0 for one node.
    pub takeover_margin_ms: i64,
    /// How long changes are gathered before watchers are told, in milliseconds.
    pub feed_tick_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        Self {
            commit_queue: 16_384,
            boards: 20_000,
            keep_keys_ms: DAY_MS,
            read_ended_holds_ms: DAY_MS,
            takeover_margin_ms: 0,
            feed_tick_ms: 20,
        }
    }
}

/// Everything outside that the engine works with.
#[derive(Clone)]
pub struct Ports {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The gate across nodes.
    pub gate: Arc<dyn Gate>,
    /// The way to other nodes.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The lots.
    pub random: Arc<dyn Randomness>,
    /// Tasks and sleep.
    pub runtime: Arc<dyn Runtime>,
}

/// Who asks, and under which idempotency key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who asks.
    pub actor: Actor,
    /// The request's key.
    pub request: Option<RequestKey>,
}

/// A command's answer.
#[derive(Clone)]
pub struct Done {
    /// The showtime.
    pub board: Arc<Board>,
    /// The change that was made; `None` if it was as asked already.
    pub event: Option<Arc<Event>>,
    /// The hold or booking that it was about.
    pub hold: Option<Arc<Hold>>,
    /// The buyer, once booked.
    pub contact: Option<Contact>,
    /// Whether this is the answer to an earlier request under the same key.
    pub replayed: bool,
    /// The showtime's revision.
    pub revision: u64,
}

/// Sells seats: one node's engine. Cheap to clone.
#[derive(Clone)]
pub struct BoxOffice(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ports: Ports,
    pub(crate) limits: Limits,
    pub(crate) boards: Boards,
    pub(crate) queue: Arc<CommitQueue>,
    pub(crate) ids: IdSource,
    pub(crate) exclusive: bool,
    pub(crate) counters: Counters,
    key_id: AtomicU32,
    pub(crate) node: u64,
    /// How much later than others this node sweeps, so that not all do at the same moment.
    pub(crate) stagger_ms: i64,
    following: following::Following,
}

impl BoxOffice {
    /// Starts a node: its store begins to commit, its sweeper to sweep. `key_id` is the key that new tokens are
    /// made with.
    pub fn start(ports: Ports, limits: Limits, key_id: u32) -> Self {
        ports.clock.not_below(ports.store.newest_time());
        let queue = Arc::new(CommitQueue::new(limits.commit_queue));
        let (sink, outcomes) = mpsc::unbounded_channel();
        ports.store.start(Arc::clone(&queue), sink);
        let (node, exclusive) = (ports.random.next(), ports.store.is_exclusive());
        let box_office = Self(Arc::new(Inner {
            boards: Boards::new(limits.boards),
            exclusive,
            ids: IdSource::default(),
            ports,
            limits,
            queue,
            counters: Counters::default(),
            key_id: AtomicU32::new(key_id),
            stagger_ms: if exclusive { 0 } else { (node % sweeper::STAGGER_MS) as i64 },
            following: following::Following::default(),
            node,
        }));
        let runtime = &box_office.0.ports.runtime;
        runtime.spawn(Box::pin(settle_all(outcomes)));
        runtime.spawn(Box::pin(sweeper::run(Arc::downgrade(&box_office.0))));
        if !exclusive {
            runtime.spawn(Box::pin(heads::run(Arc::downgrade(&box_office.0))));
            box_office.follow_bus();
        }
        box_office
    }

    /// Carries out a command, durably, or says why not.
    pub async fn execute(
        &self,
        showtime: ShowtimeId,
        command: &Command,
        caller: &Caller,
    ) -> Result<Done, Refused> {
        let board = self.board(showtime).await?;
        self.execute_on(board, command, caller).await
    }

    /// As [`execute`](Self::execute), for whoever has the board in hand.
    ///
    /// While thousands wait for the store, the state of their futures is what fills the processor's cache: what is larger
    /// than the wait for the store, and rarer, is boxed.
    pub async fn execute_on(
        &self,
        board: Arc<Board>,
        command: &Command,
        caller: &Caller,
    ) -> Result<Done, Refused> {
        if let Command::Hold(request) = command
            && stranger(command, caller)
        {
            if self.is_too_old_for_strangers(&board) {
                self.catch_up(&board).await?;
            }
            if let Some(refusal) = board.refuse_at_a_glance(request, self.now()) {
                return Err(refusal.into());
            }
        }
        let mut guards = Guards::default();
        if caller.request.is_some() || command.target().is_some() {
            match Box::pin(self.enter(&board, command, caller)).await? {
                Entry::Replay(done) => return Ok(done),
                Entry::Begin(entered) => guards = entered,
            }
        }
        let mut level = self.0.exclusive;
        let mut conflicts = 0;
        while conflicts <= RETRIES && !board.is_gone() && !board.is_broken() {
            let records = match wanted_records(&board, command) {
                wanted if wanted.is_empty() => Vec::new(),
                wanted => Box::pin(self.records(&board, wanted)).await?,
            };
            let context = self.context(caller);
            let decided = match board.decide(command, &records, &context) {
                Ok(Step::Commit(decided)) => decided,
                Err(refusal) if stranger(command, caller) => return Err(refusal.into()),
                Err(refusal) if level => return Box::pin(self.unmoved(board, caller, Err(refusal))).await,
                Ok(Step::Unchanged(hold, revision)) if level => {
                    return Box::pin(self.unmoved(board, caller, Ok((hold, revision)))).await;
                }
                Ok(Step::Unchanged(..)) | Err(_) => {
                    self.catch_up(&board).await?;
                    level = true;
                    continue;
                }
            };
            match self.commit(&board, decided, command, guards).await? {
                Verdict::Committed(event) => return self.done(board, event, command).await,
                Verdict::TurnedAway(_, refusal) if stranger(command, caller) => return Err(refusal.into()),
                Verdict::TurnedAway(_, refusal) if level => {
                    self.catch_up(&board).await?;
                    return Box::pin(self.unmoved(board, caller, Err(refusal))).await;
                }
                Verdict::Conflict(returned) | Verdict::TurnedAway(returned, _) => guards = returned,
                Verdict::Unavailable => return Err(Refused::StoreUnavailable),
                Verdict::InDoubt => return Err(Refused::OutcomeUnknown),
            }
            conflicts += 1;
            self.catch_up(&board).await?;
            level = true;
            if let Some(done) = self.replay(&board, caller).await? {
                return Ok(done);
            }
        }
        count(&self.0.counters.retries_over);
        Err(self.why_no_progress(&board).await)
    }

    /// Waits for requests under the same key and for commands about the same hold.
    async fn enter(&self, board: &Arc<Board>, command: &Command, caller: &Caller) -> Result<Entry, Refused> {
        let mut key = None;
        if let Some(request) = caller.request {
            let patience = self.0.ports.runtime.sleep(PATIENCE_MS);
            tokio::pin!(patience);
            key = loop {
                match board.enter_key(request.key) {
                    KeyEntry::Free(guard) => break Some(guard),
                    KeyEntry::InFlight(ended) => tokio::select! { biased;
                        _ = ended => {}
                        () = &mut patience => return Err(Refused::IdempotencyInProgress),
                    },
                }
            };
            if !self.0.exclusive {
                self.catch_up(board).await?;
            }
            if let Some(done) = self.replay(board, caller).await? {
                return Ok(Entry::Replay(done));
            }
        }
        let turn = match command.target() {
            Some(serial) => Some(self.turn(board, serial).await?),
            None => None,
        };
        Ok(Entry::Begin(Guards { _key: key, _turn: turn, gate_token: None }))
    }

    /// Waits for the commands about the same hold that came before, but not for ever: the outcome of one may be in doubt.
    async fn turn(&self, board: &Arc<Board>, serial: Serial) -> Result<TurnGuard, Refused> {
        let turn = tokio::select! { biased;
            turn = board.turn(serial) => turn,
            () = self.0.ports.runtime.sleep(PATIENCE_MS) => return Err(Refused::Overloaded),
        };
        turn.ok_or_else(|| {
            count(&self.0.counters.turns_full);
            Refused::Overloaded
        })
    }

    pub(crate) fn context(&self, caller: &Caller) -> Context {
        let now = self.now();
        let random = &*self.0.ports.random;
        Context {
            now,
            takeover_margin_ms: self.0.limits.takeover_margin_ms,
            actor: caller.actor.clone(),
            serial: self.0.ids.serial(now, random),
            reference: Reference::from_number(random.next()),
            key_id: self.0.key_id.load(Ordering::Relaxed),
            request: caller.request,
            keys_since: now.plus_ms(-self.0.limits.keep_keys_ms),
        }
    }

    /// Sends a decided change through the gate and the store, and waits for its outcome. Not an async function: that would
    /// keep room for what is given to it, and again for what is in flight.
    fn commit<'a>(
        &'a self,
        board: &Arc<Board>,
        decided: Decided,
        command: &'a Command,
        guards: Guards,
    ) -> impl Future<Output = Result<Verdict, Refused>> + Send + 'a {
        let (sender, outcome) = oneshot::channel();
        let mut in_flight = Box::new(InFlight::new(&self.0, board, &decided, guards, Some(sender)));
        async move {
            match in_flight.pass_gate(&decided, command).await? {
                Passage::Admitted => {}
                Passage::Taken => return Ok(in_flight.turned_away(&decided)),
                Passage::Shut => return Err(Refused::Overloaded),
            }
            self.enqueue(decided, command, in_flight)?;
            // A sender that was dropped without a word: the store gave up the transition without an outcome.
            Ok(outcome.await.unwrap_or(Verdict::InDoubt))
        }
    }

    /// Puts a transition in flight into the store's queue.
    pub(crate) fn enqueue(
        &self,
        decided: Decided,
        command: &Command,
        in_flight: Box<InFlight>,
    ) -> Result<(), Rejected> {
        let sealed = Sealed::in_history(decided.transition, in_flight.board.epoch());
        let commit = Commit { sealed, ticket: in_flight };
        let pushed = self.0.queue.push(commit, command.is_urgent());
        if pushed == Err(Rejected::Full) {
            count(&self.0.counters.queue_full);
        }
        pushed
    }

    async fn done(&self, board: Arc<Board>, event: Arc<Event>, command: &Command) -> Result<Done, Refused> {
        let hold = event.change.holds.last().cloned();
        let given = match command {
            Command::Confirm { contact, .. } => Some(contact),
            _ => None,
        };
        if matches!(command, Command::CancelShowtime) {
            sweeper::wind_up(self, &board);
        }
        // It is done: whatever keeps the buyer from being read, nobody may be told that it was not.
        let contact = self.contact(&board, hold.as_ref(), given).await;
        let contact = contact.map_err(|_| Refused::OutcomeUnknown)?;
        let revision = event.revision;
        Ok(Done { board, event: Some(event), hold, contact, replayed: false, revision })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.ports.clock.now()
    }

    /// Makes the tokens of new holds with another key from now on.
    pub fn sign_with(&self, key_id: u32) {
        self.0.key_id.store(key_id, Ordering::Relaxed);
    }

    /// Takes no more writes; what waits is still committed.
    pub fn close(&self) {
        self.0.queue.refuse(Some(Rejected::Closed));
    }

    /// How many transitions wait for the store.
    pub fn waiting(&self) -> usize {
        self.0.queue.len()
    }

    /// What it counts.
    pub fn figures(&self) -> Vec<Figure> {
        self.0.counters.figures()
    }

    /// How many boards are in memory.
    pub fn boards(&self) -> usize {
        self.0.boards.len()
    }

    /// The ports that it works with.
    pub fn ports(&self) -> &Ports {
        &self.0.ports
    }

    /// A number for something new in the catalogue.
    pub fn draw_number(&self) -> u64 {
        self.0.ids.serial(self.now(), &*self.0.ports.random)
    }

    /// An id for a new showtime.
    pub fn draw_showtime(&self) -> ShowtimeId {
        ShowtimeId::from_number(self.0.ids.showtime(self.now(), &*self.0.ports.random))
    }
}

/// How a request comes in.
enum Entry {
    /// It was answered before.
    Replay(Done),
    /// It is its turn.
    Begin(Guards),
}

/// Whether someone asks who may be refused from a board that is a little behind: with no token, key or version.
fn stranger(command: &Command, caller: &Caller) -> bool {
    matches!(command, Command::Hold(request) if request.versions.is_empty()) && caller.request.is_none()
}

/// Hands every outcome to its board, batch by batch.
async fn settle_all(mut outcomes: mpsc::UnboundedReceiver<Outcomes>) {
    while let Some(batch) = outcomes.recv().await {
        for (ticket, outcome) in batch {
            ticket.settle(outcome);
        }
    }
}
