//! Taking seats off sale and putting them back: the box office's own doing.

use std::sync::Arc;

use compact_str::CompactString;
use smallvec::SmallVec;

use super::{Context, Decision, Draft, Scene, seats};
use crate::change::{Actor, EventKind, Transition};
use crate::id::{Reference, ShowtimeId};
use crate::plan::{Plan, SeatNo};
use crate::refusal::{Refusal, Unavailable};
use crate::seat::SeatStatus;
use crate::settings::Settings;
use crate::showtime::Showtime;
use crate::time::Timestamp;

/// Decides [`Command::Block`](crate::command::Command::Block): nothing happens if all are blocked already,
/// but for a request under a key.
pub(super) fn block(
    scene: &Scene<'_>,
    labels: &[CompactString],
    reason: Option<&CompactString>,
) -> Result<Decision, Refusal> {
    turn(scene, labels, reason, EventKind::BLOCKED, SeatStatus::Blocked)
}

/// Decides [`Command::Unblock`](crate::command::Command::Unblock): nothing happens if all are available, but
/// for a request under a key.
pub(super) fn unblock(
    scene: &Scene<'_>,
    labels: &[CompactString],
    reason: Option<&CompactString>,
) -> Result<Decision, Refusal> {
    turn(scene, labels, reason, EventKind::UNBLOCKED, SeatStatus::Available)
}

fn turn(
    scene: &Scene<'_>,
    labels: &[CompactString],
    reason: Option<&CompactString>,
    kind: EventKind,
    to: SeatStatus,
) -> Result<Decision, Refusal> {
    scene.refuse_cancelled_showtime()?;
    if labels.is_empty() {
        return Err(Refusal::NoSeats);
    }
    let numbers = seats::find(scene.showtime.plan(), labels.iter())?;
    let taken = |no: &SeatNo| scene.unavailable(*no).filter(|reason| *reason != Unavailable::Blocked);
    let conflicts: SmallVec<[_; 4]> =
        numbers.iter().filter_map(|no| taken(no).map(|reason| (*no, reason))).collect();
    if !conflicts.is_empty() {
        return Err(Refusal::SeatUnavailable(conflicts));
    }
    // Under a key the answer is kept, and with it that this was asked before whatever comes next.
    if scene.context.request.is_none() && numbers.iter().all(|no| scene.showtime.seat(*no).status == to) {
        return Ok(Decision::Unchanged(None));
    }
    // From here it must succeed. A seat that is so already is changed to what it is, so that its version is named:
    // it may not be so any more where the store is ahead.
    let mut draft = Draft::new(scene, kind);
    draft.relies_on_settings = true;
    draft.reason = reason.cloned();
    for no in &numbers {
        draft.take_over(*no);
    }
    for no in numbers {
        draft.seat(no, to, 0);
    }
    Ok(draft.finish())
}

/// The first transition of a new showtime: blocks the seats that its plan blocks. `None` if there are none.
pub fn first_transition(
    id: ShowtimeId,
    plan: &Arc<Plan>,
    settings: &Arc<Settings>,
    now: Timestamp,
) -> Option<Transition> {
    let showtime = Showtime::new(id, Arc::clone(plan), Arc::clone(settings));
    let context = Context {
        now,
        takeover_margin_ms: 0,
        actor: Actor::System,
        serial: 0,
        reference: Reference::from_number(0),
        key_id: 0,
        request: None,
        keys_since: now,
    };
    let scene = Scene { showtime: &showtime, claimed: &|_| false, records: &[], context: &context };
    let mut draft = Draft::new(&scene, EventKind::BLOCKED);
    draft.reason = Some(CompactString::const_new("plan"));
    for (no, _) in (0..).zip(plan.seats()).filter(|(_, seat)| seat.blocked) {
        draft.seat(no, SeatStatus::Blocked, 0);
    }
    match draft.finish() {
        Decision::Commit(decided) if !decided.claims.is_empty() => Some(decided.transition),
        _ => None,
    }
}
