//! What runs reached: a run that reached no conflicts or no crashes proves nothing.

use std::collections::BTreeMap;

use boxoffice_core::refusal::{Refusal, Unavailable};
use boxoffice_engine::box_office::Refused;

use crate::audit::replay::Log;
use crate::history::{Answer, Request};

/// Outcomes that every campaign must reach.
pub const WANTED: &[&str] = &[
    "log: held",
    "log: hold_changed",
    "log: released",
    "log: expired",
    "log: booked",
    "log: cancelled",
    "log: blocked",
    "log: unblocked",
    "log: showtime_changed",
    "log: showtime_cancelled",
    "log: wound_up",
    "log: expired hold taken over",
    "done",
    "done: unchanged",
    "done: replayed",
    "shown",
    "no answer: crashed",
    "no answer: vanished",
    "refused: seat held",
    "refused: seat booked",
    "refused: seat blocked",
    "refused: seat claimed",
    "refused: version_mismatch",
    "refused: hold_expired",
    "refused: hold_not_active",
    "refused: hold_not_found",
    "refused: hold_limit_reached",
    "refused: booking_not_found",
    "refused: seat_not_in_hold",
    "refused: duplicate_seat",
    "refused: too_many_seats",
    "refused: ttl_too_long",
    "refused: too_late",
    "refused: not_on_sale",
    "refused: showtime_cancelled",
    "refused: showtime_in_use",
    "refused: invalid_field",
    "refused: overloaded",
    "refused: store_unavailable",
    "refused: outcome_unknown",
    "refused: key in progress",
    "refused: key reused",
];

/// How often each outcome was reached.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(pub BTreeMap<String, u64>);

impl Outcomes {
    fn add(&mut self, what: &str) {
        match self.0.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(what.into(), 1)),
        }
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what.clone()).or_default() += count;
        }
    }

    /// What every campaign must reach and this one did not.
    pub fn missing(&self) -> Vec<&'static str> {
        WANTED.iter().filter(|what| !self.0.contains_key(**what)).copied().collect()
    }

    pub(crate) fn note_log(&mut self, log: &Log) {
        for event in &log.events {
            self.add(&format!("log: {}", event.change.kind.0));
            if event.change.holds.len() > 1 {
                self.add("log: expired hold taken over");
            }
        }
    }

    pub(crate) fn note_request(&mut self, request: &Request) {
        match request.ended.as_ref().map(|(_, answer)| answer) {
            None => self.add("no answer: crashed"),
            Some(Answer::Vanished) => self.add("no answer: vanished"),
            Some(Answer::Shown(..)) => self.add("shown"),
            Some(Answer::Done { replayed: true, .. }) => self.add("done: replayed"),
            Some(Answer::Done { event: None, .. }) => self.add("done: unchanged"),
            Some(Answer::Done { .. }) => self.add("done"),
            Some(Answer::Refused(Refused::Rule(Refusal::SeatUnavailable(seats)))) => {
                for (_, why) in seats {
                    self.add(match why {
                        Unavailable::Held => "refused: seat held",
                        Unavailable::Booked => "refused: seat booked",
                        Unavailable::Blocked => "refused: seat blocked",
                        Unavailable::Claimed => "refused: seat claimed",
                    });
                }
            }
            Some(Answer::Refused(why)) => self.add(name(why)),
        }
    }
}

fn name(why: &Refused) -> &'static str {
    match why {
        Refused::Rule(rule) => match rule {
            Refusal::NotOnSale { .. } => "refused: not_on_sale",
            Refusal::ShowtimeCancelled => "refused: showtime_cancelled",
            Refusal::UnknownSeat(_) => "refused: unknown_seat",
            Refusal::DuplicateSeat(_) => "refused: duplicate_seat",
            Refusal::NoSeats => "refused: no_seats",
            Refusal::TooManySeats { .. } => "refused: too_many_seats",
            Refusal::UnknownTicket(_) => "refused: unknown_ticket",
            Refusal::MissingPrice(_) => "refused: missing_price",
            Refusal::TtlTooLong { .. } => "refused: ttl_too_long",
            Refusal::VersionMismatch(_) => "refused: version_mismatch",
            Refusal::SeatUnavailable(_) => "refused: seat_unavailable",
            Refusal::HoldNotFound => "refused: hold_not_found",
            Refusal::BookingNotFound => "refused: booking_not_found",
            Refusal::HoldExpired => "refused: hold_expired",
            Refusal::HoldNotActive(_) => "refused: hold_not_active",
            Refusal::HoldLimitReached => "refused: hold_limit_reached",
            Refusal::SeatNotInHold(_) => "refused: seat_not_in_hold",
            Refusal::TooLate => "refused: too_late",
            Refusal::ShowtimeInUse => "refused: showtime_in_use",
            Refusal::InvalidField { .. } => "refused: invalid_field",
        },
        Refused::ShowtimeNotFound => "refused: showtime_not_found",
        Refused::Overloaded => "refused: overloaded",
        Refused::StoreUnavailable => "refused: store_unavailable",
        Refused::OutcomeUnknown => "refused: outcome_unknown",
        Refused::Draining => "refused: draining",
        Refused::IdempotencyInProgress => "refused: key in progress",
        Refused::IdempotencyKeyReused => "refused: key reused",
        Refused::Damaged => "refused: damaged",
    }
}
