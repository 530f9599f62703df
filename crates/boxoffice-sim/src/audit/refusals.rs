//! Replies that say "no": some state within the request's window, at some time within it, must justify each.
//!
//! Not decided: `claimed`, which names a transition in flight and not a state, and refusals for want of room or of a
//! store, which are only looked at in runs without faults.

use boxoffice_core::change::Actor;
use boxoffice_core::command::Command;
use boxoffice_core::hold::HoldStatus;
use boxoffice_core::refusal::{Refusal, Unavailable};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::Refused;

use super::Asked;
use super::fits::{number, patched};
use super::replay::State;
use crate::history::{Moment, Question};

/// What is wrong with a refusal.
pub(crate) fn check(asked: &Asked<'_>, ended: &Moment, why: &Refused) -> Option<String> {
    let calm = asked.case.is_calm;
    match why {
        Refused::Rule(refusal) => check_rule(asked, ended, refusal),
        Refused::IdempotencyKeyReused => {
            let Question::Do(_, Some(key), _) = &asked.request.question else {
                return Some("a key is said to be reused that there is not".into());
            };
            let known = asked.log.events.iter().take(ended.head as usize);
            let mut others = known.filter_map(|event| event.change.request);
            let reused = others.any(|other| other.key == key.key && other.fingerprint != key.fingerprint);
            (!reused).then(|| "the key was not used for anything else".into())
        }
        Refused::Damaged | Refused::ShowtimeNotFound => Some(format!("it is refused as {why:?}")),
        Refused::StoreUnavailable | Refused::OutcomeUnknown | Refused::Draining if calm => {
            Some(format!("nothing was wrong, but it is refused as {why:?}"))
        }
        Refused::StoreUnavailable
        | Refused::OutcomeUnknown
        | Refused::Draining
        | Refused::Overloaded
        | Refused::IdempotencyInProgress => None,
    }
}

fn check_rule(asked: &Asked<'_>, ended: &Moment, refusal: &Refusal) -> Option<String> {
    let Question::Do(command, key, actor) = &asked.request.question else {
        return Some(format!("a question is refused by the rules: {refusal:?}"));
    };
    if let Some(key) = key {
        let known = asked.log.events.iter().take(asked.request.began.head as usize);
        if let Some(done) = known.into_iter().find(|event| event.change.request == Some(*key)) {
            return Some(format!("it is refused ({refusal:?}), but was done as revision {}", done.revision));
        }
    }
    let scene = Scene {
        command,
        actor,
        from: asked.request.began.clock,
        to: ended.clock,
        margin_ms: asked.case.takeover_margin_ms,
    };
    let mut window = asked.log.window(asked.floor, ended.head);
    let justified = window.any(|state| scene.justifies(state, refusal));
    let (from, to) = (asked.floor, ended.head);
    (!justified).then(|| format!("no state from revision {from} to {to} justifies {refusal:?}"))
}

struct Scene<'a> {
    command: &'a Command,
    actor: &'a Actor,
    from: Timestamp,
    to: Timestamp,
    margin_ms: i64,
}

impl Scene<'_> {
    fn justifies(&self, state: &State, refusal: &Refusal) -> bool {
        let settings = &state.settings;
        let record = self.command.target().and_then(|serial| state.holds.get(&serial));
        let status = record.map(|hold| hold.status);
        match refusal {
            Refusal::NotOnSale { opens_at: Some(opens) } => {
                settings.on_sale_at == *opens && self.from < *opens
            }
            Refusal::NotOnSale { opens_at: None } => settings.off_sale_at <= self.to,
            Refusal::ShowtimeCancelled => settings.cancelled,
            Refusal::TooManySeats { limit } => {
                settings.max_seats_per_hold == *limit && self.wanted(state) > usize::from(*limit)
            }
            Refusal::TtlTooLong { limit_ms } => {
                let wanted = match self.command {
                    Command::Hold(request) => request.ttl_ms,
                    _ => None,
                };
                settings.hold_ttl_ms == *limit_ms && wanted.is_some_and(|ttl_ms| ttl_ms > *limit_ms)
            }
            Refusal::VersionMismatch(wrong) => wrong.iter().all(|fault| {
                let seat = state.seats.get(fault.no as usize);
                fault.expected != fault.actual && seat.is_some_and(|seat| seat.version == fault.actual)
            }),
            Refusal::SeatUnavailable(seats) => {
                !seats.is_empty() && seats.iter().all(|(no, why)| self.is_unavailable(state, *no, *why))
            }
            Refusal::HoldNotFound => status.is_none(),
            Refusal::BookingNotFound => status != Some(HoldStatus::Booked),
            Refusal::HoldExpired => record.is_some_and(|hold| match hold.status {
                HoldStatus::Active => hold.expires_at <= self.to,
                ended => ended == HoldStatus::Expired,
            }),
            Refusal::HoldNotActive(ended) => status == Some(*ended) && *ended != HoldStatus::Active,
            Refusal::HoldLimitReached => record.is_some_and(|hold| {
                hold.status == HoldStatus::Active && hold.expires_at >= hold.extendable_until
            }),
            Refusal::SeatNotInHold(labels) => record.is_some_and(|hold| {
                let foreign = |label: &compact_str::CompactString| {
                    number(label).is_none_or(|no| hold.seats.iter().all(|seat| seat.no != no))
                };
                labels.iter().all(foreign)
            }),
            Refusal::DuplicateSeat(labels) => record.is_some_and(|hold| {
                let own = |label: &compact_str::CompactString| {
                    number(label).is_some_and(|no| hold.seats.iter().any(|seat| seat.no == no))
                };
                labels.iter().all(own)
            }),
            Refusal::NoSeats => record.is_some() && self.wanted(state) == 0,
            Refusal::TooLate => settings.starts_at <= self.to && *self.actor == Actor::Patron,
            Refusal::ShowtimeInUse => !state.holds.is_empty(),
            Refusal::InvalidField { .. } => self.is_invalid(state),
            // Nobody asks for such things here.
            Refusal::UnknownSeat(_) | Refusal::UnknownTicket(_) | Refusal::MissingPrice(_) => false,
        }
    }

    /// How many seats a hold would have.
    fn wanted(&self, state: &State) -> usize {
        match self.command {
            Command::Hold(request) => request.seats.len(),
            Command::Edit(serial, edit) => {
                let has = state.holds.get(serial).map_or(0, |hold| hold.seats.len());
                (has + edit.add.len()).saturating_sub(edit.remove.len())
            }
            _ => 0,
        }
    }

    fn is_unavailable(&self, state: &State, no: u32, why: Unavailable) -> bool {
        let Some(seat) = state.seats.get(no as usize) else { return false };
        match why {
            Unavailable::Claimed => true,
            Unavailable::Booked => seat.status == SeatStatus::Booked,
            Unavailable::Blocked => seat.status == SeatStatus::Blocked,
            Unavailable::Held => {
                let owner = state.holds.get(&seat.owner);
                let until = owner.map(|hold| hold.expires_at.plus_ms(self.margin_ms));
                seat.status == SeatStatus::Held && until.is_some_and(|until| self.from < until)
            }
        }
    }

    fn is_invalid(&self, state: &State) -> bool {
        let Command::ChangeShowtime(patch) = self.command else { return false };
        let after = patched(&state.settings, patch);
        after.off_sale_at <= after.on_sale_at
            || after.max_seats_per_hold == 0
            || after.hold_ttl_ms < 1000
            || after.max_hold_ttl_ms < after.hold_ttl_ms
    }
}
