//! How scripts spell what the rules answer.

use boxoffice_core::plan::{Plan, SeatNo};
use boxoffice_core::refusal::Refusal;
use boxoffice_core::time::Timestamp;

use super::room::START;

/// The code of a refusal and what it names. A new refusal does not compile until it has words.
pub(crate) fn refusal(plan: &Plan, refusal: &Refusal) -> String {
    let label = |no: SeatNo| &plan.seat(no).label;
    match refusal {
        Refusal::NotOnSale { opens_at: Some(at) } => format!("not_on_sale until {}", time(*at)),
        Refusal::NotOnSale { opens_at: None } => "not_on_sale any more".to_owned(),
        Refusal::ShowtimeCancelled => "showtime_cancelled".to_owned(),
        Refusal::UnknownSeat(seats) => format!("unknown_seat {}", seats.join(" ")),
        Refusal::DuplicateSeat(seats) => format!("duplicate_seat {}", seats.join(" ")),
        Refusal::NoSeats => "no_seats".to_owned(),
        Refusal::TooManySeats { limit } => format!("too_many_seats {limit}"),
        Refusal::UnknownTicket(seats) => format!("unknown_ticket {}", seats.join(" ")),
        Refusal::MissingPrice(seats) => format!("missing_price {}", seats.join(" ")),
        Refusal::TtlTooLong { limit_ms } => format!("ttl_too_long {}", span(*limit_ms)),
        Refusal::VersionMismatch(faults) => {
            faults.iter().fold("version_mismatch".to_owned(), |text, fault| {
                format!("{text} {} expected {} actual {}", label(fault.no), fault.expected, fault.actual)
            })
        }
        Refusal::SeatUnavailable(taken) => {
            taken.iter().fold("seat_unavailable".to_owned(), |text, (no, why)| {
                format!("{text} {} {}", label(*no), why.as_str())
            })
        }
        Refusal::HoldNotFound => "hold_not_found".to_owned(),
        Refusal::BookingNotFound => "booking_not_found".to_owned(),
        Refusal::HoldExpired => "hold_expired".to_owned(),
        Refusal::HoldNotActive(status) => format!("hold_not_active {}", status.as_str()),
        Refusal::HoldLimitReached => "hold_limit_reached".to_owned(),
        Refusal::SeatNotInHold(seats) => format!("seat_not_in_hold {}", seats.join(" ")),
        Refusal::TooLate => "too_late".to_owned(),
        Refusal::ShowtimeInUse => "showtime_in_use".to_owned(),
        Refusal::InvalidField { field, .. } => format!("invalid_field {field}"),
    }
}

/// A point in time, by how long after the opening of the sale it is.
pub(crate) fn time(at: Timestamp) -> String {
    span(at.since_ms(START))
}

fn span(ms: i64) -> String {
    if ms % 1000 == 0 { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}
