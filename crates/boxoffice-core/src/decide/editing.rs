//! Changing an active hold: add, remove and extend, all of it or nothing.

use super::{Decision, Draft, Scene, holding, seats};
use crate::change::EventKind;
use crate::command::HoldEdit;
use crate::hold::Hold;
use crate::id::Serial;
use crate::plan::{Plan, SeatNo};
use crate::refusal::Refusal;
use crate::seat::SeatStatus;

/// Decides [`Command::Edit`](crate::command::Command::Edit).
pub(super) fn edit(scene: &Scene<'_>, serial: Serial, edit: &HoldEdit) -> Result<Decision, Refusal> {
    let (showtime, now) = (scene.showtime, scene.context.now);
    let (plan, settings) = (showtime.plan(), showtime.settings());
    scene.refuse_cancelled_showtime()?;
    let hold = scene.live_hold(serial)?;
    if !edit.add.is_empty() {
        holding::check_sale(settings, now)?;
    }
    let removed = find_own(plan, hold, edit.remove.iter())?;
    let kept = hold.seats.len() - removed.len();
    let wanted = if edit.add.is_empty() {
        Default::default()
    } else {
        holding::find_wanted(plan, settings, &edit.add, kept)?
    };
    let own = |no: SeatNo| hold.seats.iter().any(|seat| seat.no == no);
    let already: Vec<_> =
        wanted.iter().filter(|seat| own(seat.no)).map(|seat| plan.seat(seat.no).label.clone()).collect();
    if !already.is_empty() {
        return Err(Refusal::DuplicateSeat(already));
    }
    if kept + wanted.len() == 0 {
        return Err(Refusal::NoSeats);
    }
    let deadline = if edit.extend { extended(hold, scene)? } else { hold.expires_at };
    seats::check_versions(showtime, &edit.versions)?;
    scene.check_available(wanted.iter().map(|seat| seat.no))?;
    let moved = deadline != hold.expires_at;
    // Under a key the answer is kept, and with it that this was asked before whatever comes next.
    if !moved && wanted.is_empty() && removed.is_empty() && scene.context.request.is_none() {
        return Ok(Decision::Unchanged(Some(hold.clone())));
    }
    // From here it must succeed.
    let mut draft = Draft::new(scene, EventKind::HOLD_CHANGED);
    draft.relies_on_settings = true;
    let mut after = Hold::clone(hold);
    after.expires_at = deadline;
    after.seats.retain(|seat| !removed.contains(&seat.no));
    for no in removed {
        draft.seat(no, SeatStatus::Available, 0);
    }
    if moved {
        for seat in &mut after.seats {
            seat.version = draft.seat(seat.no, SeatStatus::Held, serial);
        }
    }
    after.seats.extend(holding::take(&mut draft, &wanted, serial));
    draft.hold(Some(hold), after);
    Ok(draft.finish())
}

/// The hold's deadline after extending it now.
fn extended(hold: &Hold, scene: &Scene<'_>) -> Result<crate::time::Timestamp, Refusal> {
    if hold.expires_at >= hold.extendable_until {
        return Err(Refusal::HoldLimitReached);
    }
    let fresh = scene.context.now.plus_ms(scene.showtime.settings().hold_ttl_ms);
    Ok(fresh.min(hold.extendable_until).max(hold.expires_at))
}

/// The numbers of the labelled seats, which must be the hold's.
pub(super) fn find_own<'a>(
    plan: &Plan,
    hold: &Hold,
    labels: impl Iterator<Item = &'a compact_str::CompactString> + Clone,
) -> Result<smallvec::SmallVec<[SeatNo; 4]>, Refusal> {
    let own = |no: SeatNo| hold.seats.iter().any(|seat| seat.no == no);
    let numbers = seats::find(plan, labels)?;
    let foreign: Vec<_> =
        numbers.iter().filter(|no| !own(**no)).map(|no| plan.seat(*no).label.clone()).collect();
    if foreign.is_empty() { Ok(numbers) } else { Err(Refusal::SeatNotInHold(foreign)) }
}
