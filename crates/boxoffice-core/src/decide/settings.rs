//! Changing a showtime's settings, and calling it off.

use std::sync::Arc;

use super::{Decision, Draft, Scene};
use crate::change::EventKind;
use crate::command::SettingsPatch;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Decides [`Command::ChangeShowtime`](crate::command::Command::ChangeShowtime). Holds keep their prices and
/// deadlines.
pub(super) fn change(scene: &Scene<'_>, patch: &SettingsPatch) -> Result<Decision, Refusal> {
    scene.refuse_cancelled_showtime()?;
    let before = scene.showtime.settings();
    let mut after = Settings::clone(before);
    replace(&mut after.movie, patch.movie);
    replace(&mut after.currency, patch.currency);
    let in_use = after.movie != before.movie || after.currency != before.currency;
    if in_use && scene.showtime.ever_held() {
        return Err(Refusal::ShowtimeInUse);
    }
    replace(&mut after.starts_at, patch.starts_at);
    replace(&mut after.on_sale_at, patch.on_sale_at);
    replace(&mut after.off_sale_at, patch.off_sale_at);
    replace(&mut after.prices, patch.prices.clone());
    replace(&mut after.hold_ttl_ms, patch.hold_ttl_ms);
    replace(&mut after.max_hold_ttl_ms, patch.max_hold_ttl_ms);
    replace(&mut after.max_seats_per_hold, patch.max_seats_per_hold);
    replace(&mut after.published, patch.published);
    // Under a key the answer is kept, and with it that this was asked before whatever comes next.
    if after == **before && scene.context.request.is_none() {
        return Ok(Decision::Unchanged(None));
    }
    check(&after)?;
    // From here it must succeed.
    Ok(commit(scene, after, EventKind::SHOWTIME_CHANGED, in_use))
}

/// Decides [`Command::CancelShowtime`](crate::command::Command::CancelShowtime).
pub(super) fn cancel(scene: &Scene<'_>) -> Result<Decision, Refusal> {
    let mut after = Settings::clone(scene.showtime.settings());
    if after.cancelled {
        return Ok(Decision::Unchanged(None));
    }
    // From here it must succeed.
    after.cancelled = true;
    Ok(commit(scene, after, EventKind::SHOWTIME_CANCELLED, false))
}

/// Refuses settings that contradict themselves; also for those of a new showtime.
pub fn check(settings: &Settings) -> Result<(), Refusal> {
    let invalid = |field, detail| Err(Refusal::InvalidField { field, detail });
    if settings.off_sale_at <= settings.on_sale_at {
        return invalid("off_sale_at", "the sale must end after it opens");
    }
    if settings.hold_ttl_ms < 1000 {
        return invalid("hold_ttl_s", "a hold must last at least a second");
    }
    if settings.max_hold_ttl_ms < settings.hold_ttl_ms {
        return invalid("max_hold_ttl_s", "the cap under extension must not be below hold_ttl_s");
    }
    if settings.max_seats_per_hold == 0 {
        return invalid("max_seats_per_hold", "a hold must be allowed at least one seat");
    }
    Ok(())
}

fn commit(scene: &Scene<'_>, mut after: Settings, kind: EventKind, never_held: bool) -> Decision {
    after.version += 1;
    let mut draft = Draft::new(scene, kind);
    draft.settings = Some(Arc::new(after));
    draft.never_held = never_held;
    draft.finish()
}

fn replace<T>(value: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *value = new;
    }
}
