//! Passing the gate: only for seats that are about to change hands.

use boxoffice_core::change::{Change, RequestKey, SeatChange};
use boxoffice_core::command::Command;
use boxoffice_core::decide::Decided;
use boxoffice_core::hold::HoldStatus;
use boxoffice_core::plan::SeatNo;
use boxoffice_core::refusal::{Refusal, Unavailable};
use boxoffice_core::seat::SeatStatus;

use super::{InFlight, Refused, Verdict};
use crate::gate::{GateSeat, Passage};

impl InFlight {
    /// Asks the gate for the seats that change hands, if it is worth a call.
    pub(super) async fn pass_gate(
        &mut self,
        decided: &Decided,
        command: &Command,
    ) -> Result<Passage, Refused> {
        let Some(engine) = self.engine.upgrade() else { return Err(Refused::Draining) };
        if engine.ports.gate.is_local() || !takes_seats(command) {
            return Ok(Passage::Admitted);
        }
        let change = &decided.transition.change;
        let seats = changing_hands(change);
        // The same request on two nodes, as when the first one was given up, is not in its own way: the store tells the
        // one that comes second what the other has done.
        let draw = || change.request.map_or_else(|| engine.ports.random.next(), |request| token_of(&request));
        let token = *self.guards.gate_token.get_or_insert_with(draw);
        // Noted before the call: if the asker vanishes during it, what was claimed is let go.
        self.at_gate = Some((token, seats.iter().map(|seat| seat.no).collect()));
        Ok(engine.ports.gate.claim(self.board.id(), seats, token).await)
    }

    /// The end of a change that the gate turned away: whoever asked may decide again or say that the seats are claimed.
    pub(super) fn turned_away(mut self, decided: &Decided) -> Verdict {
        // It claimed nothing, and the same request on another node may have.
        self.at_gate = None;
        // Those that were asked for; the gate does not say which of them is taken.
        let wanted = decided.transition.change.seats.iter().filter(|seat| seat.to == SeatStatus::Held);
        let claimed = wanted.map(|seat| (seat.no, Unavailable::Claimed));
        Verdict::TurnedAway(std::mem::take(&mut self.guards), Refusal::SeatUnavailable(claimed.collect()))
    }
}

fn token_of(request: &RequestKey) -> u64 {
    request.key.iter().take(8).fold(0, |token, byte| token << 8 | u64::from(*byte))
}

fn takes_seats(command: &Command) -> bool {
    match command {
        Command::Hold(_) => true,
        Command::Edit(_, edit) => !edit.add.is_empty(),
        _ => false,
    }
}

/// The seats that have another owner after the change than before. A hold that is extended has its seats before and
/// after: nobody else can be about to take them.
fn changing_hands(change: &Change) -> Vec<GateSeat> {
    let ended = || change.holds.iter().filter(|hold| hold.status != HoldStatus::Active);
    let taken_over = |no: SeatNo| ended().any(|hold| hold.seats.iter().any(|seat| seat.no == no));
    let changes = |seat: &&SeatChange| seat.from != seat.to || taken_over(seat.no);
    let seats = change.seats.iter().filter(changes);
    seats.map(|seat| GateSeat { no: seat.no, version: seat.version }).collect()
}
