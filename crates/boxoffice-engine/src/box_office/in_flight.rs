//! A transition between its decision and its outcome: what is claimed for it, who waits for it.

use std::sync::{Arc, Weak};

use boxoffice_core::change::{Change, Event};
use boxoffice_core::decide::Decided;
use boxoffice_core::plan::SeatNo;
use boxoffice_core::refusal::Refusal;
use tokio::sync::oneshot;

use super::{BoxOffice, Inner};
use crate::board::{Applied, Board, Claims, KeyGuard, TurnGuard};
use crate::queue::{Outcome, Ticket};

/// Keeps others waiting: for the same hold, for the same key.
#[derive(Default)]
pub(crate) struct Guards {
    pub(super) _key: Option<KeyGuard>,
    pub(super) _turn: Option<TurnGuard>,
    /// Under which token the gate is asked, however often the command is decided.
    pub(super) gate_token: Option<u64>,
}

impl From<TurnGuard> for Guards {
    fn from(turn: TurnGuard) -> Self {
        Self { _turn: Some(turn), ..Self::default() }
    }
}

/// What whoever waits is told.
pub(crate) enum Verdict {
    /// It is done and applied.
    Committed(Arc<Event>),
    /// Something had changed: decide again.
    Conflict(Guards),
    /// The gate says that somebody else is about to change the seats.
    TurnedAway(Guards, Refusal),
    /// It was not done.
    Unavailable,
    /// Nobody can tell for now.
    InDoubt,
}

/// A transition in flight. Dropped before it is queued, it lets go of everything.
pub(crate) struct InFlight {
    pub(super) engine: Weak<Inner>,
    pub(super) board: Arc<Board>,
    change: Arc<Change>,
    claims: Claims,
    /// What was asked of the gate: under which token, which seats.
    pub(super) at_gate: Option<(u64, Vec<SeatNo>)>,
    pub(super) guards: Guards,
    waiter: Option<oneshot::Sender<Verdict>>,
}

impl InFlight {
    /// For a change whose seats were just claimed.
    pub(crate) fn new(
        engine: &Arc<Inner>,
        board: &Arc<Board>,
        decided: &Decided,
        guards: Guards,
        waiter: Option<oneshot::Sender<Verdict>>,
    ) -> Self {
        Self {
            engine: Arc::downgrade(engine),
            board: Arc::clone(board),
            change: Arc::clone(&decided.transition.change),
            claims: decided.claims.clone(),
            at_gate: None,
            guards,
            waiter,
        }
    }

    fn leave_gate(&mut self) {
        if let (Some((token, seats)), Some(engine)) = (self.at_gate.take(), self.engine.upgrade()) {
            engine.ports.gate.release(self.board.id(), seats, token);
        }
    }

    fn tell(&mut self, verdict: Verdict) {
        if let Some(waiter) = self.waiter.take() {
            // Whoever asked may have gone.
            let _ = waiter.send(verdict);
        }
    }

    fn let_go(&mut self) {
        self.leave_gate();
        if !self.claims.is_empty() {
            self.board.unclaim(&std::mem::take(&mut self.claims));
        }
    }

    /// Applies the committed change; the waiter is told once it is applied.
    fn committed(mut self: Box<Self>, revision: u64) {
        self.leave_gate();
        let engine = self.engine.upgrade();
        let event = Arc::new(Event { revision, change: Arc::clone(&self.change) });
        if let Some(engine) = &engine {
            engine.counters.committed(&event.change.kind);
        }
        let (board, claims) = (Arc::clone(&self.board), std::mem::take(&mut self.claims));
        if !board.committed(event, claims, self)
            && let Some(engine) = engine
        {
            BoxOffice(engine).catch_up_later(board);
        }
    }
}

impl Applied for InFlight {
    fn applied(mut self: Box<Self>, event: Arc<Event>) {
        if let Some(engine) = self.engine.upgrade() {
            engine.ports.bus.publish(engine.node, &[(self.board.id(), Arc::clone(&event))]);
        }
        self.guards = Guards::default();
        self.tell(Verdict::Committed(event));
    }
}

impl Ticket for InFlight {
    fn in_doubt(&mut self) {
        self.tell(Verdict::InDoubt);
    }

    fn settle(mut self: Box<Self>, outcome: Outcome) {
        match outcome {
            Outcome::Committed { revision } => self.committed(revision),
            Outcome::Conflict => {
                self.let_go();
                let guards = std::mem::take(&mut self.guards);
                if self.waiter.is_none()
                    && let Some(engine) = self.engine.upgrade()
                {
                    // The sweeper's: nobody else would bring the board level before it tries again.
                    BoxOffice(engine).catch_up_later(Arc::clone(&self.board));
                }
                self.tell(Verdict::Conflict(guards));
            }
            Outcome::Unavailable => {
                self.let_go();
                self.guards = Guards::default();
                self.tell(Verdict::Unavailable);
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.let_go();
    }
}
