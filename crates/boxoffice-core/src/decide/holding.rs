//! Holding seats: the command that a stampede is made of.

use compact_str::CompactString;
use smallvec::SmallVec;

use super::{Decision, Draft, Scene, seats};
use crate::change::EventKind;
use crate::command::{HoldSeats, SeatRequest};
use crate::hold::{HeldSeat, Hold, HoldStatus};
use crate::plan::{Plan, SeatNo};
use crate::refusal::{Refusal, Unavailable};
use crate::seat::SeatStatus;
use crate::settings::{SaleStatus, Settings, TicketPrice};
use crate::time::Timestamp;

/// A seat that was asked for, found and priced.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The seat.
    pub no: SeatNo,
    /// Its ticket and price.
    pub price: &'a TicketPrice,
}

/// Seats that cannot be had, and why.
pub type Taken = SmallVec<[(SeatNo, Unavailable); 4]>;

/// All checks of a new hold that need no look at the seats' state: the sale, the wanted time, the seats' names and
/// tickets, their number. Also what a board asks before its lock, so that the order of refusals is the same there.
pub fn check_hold<'a>(
    plan: &Plan,
    settings: &'a Settings,
    request: &HoldSeats,
    now: Timestamp,
) -> Result<SmallVec<[Wanted<'a>; 2]>, Refusal> {
    check_sale(settings, now)?;
    if let Some(ttl_ms) = request.ttl_ms
        && ttl_ms > settings.hold_ttl_ms
    {
        return Err(Refusal::TtlTooLong { limit_ms: settings.hold_ttl_ms });
    }
    if request.seats.is_empty() {
        return Err(Refusal::NoSeats);
    }
    find_wanted(plan, settings, &request.seats, 0)
}

/// Refuses outside the time of sale.
pub(super) fn check_sale(settings: &Settings, now: Timestamp) -> Result<(), Refusal> {
    match settings.sale_status(now) {
        SaleStatus::OnSale => Ok(()),
        SaleStatus::Cancelled => Err(Refusal::ShowtimeCancelled),
        SaleStatus::Upcoming => Err(Refusal::NotOnSale { opens_at: Some(settings.on_sale_at) }),
        SaleStatus::Closed => Err(Refusal::NotOnSale { opens_at: None }),
    }
}

/// Finds and prices seats, for a hold that will keep `others` besides.
pub(super) fn find_wanted<'a>(
    plan: &Plan,
    settings: &'a Settings,
    requests: &[SeatRequest],
    others: usize,
) -> Result<SmallVec<[Wanted<'a>; 2]>, Refusal> {
    let limit = settings.max_seats_per_hold;
    if requests.len() + others > usize::from(limit) {
        return Err(Refusal::TooManySeats { limit });
    }
    let numbers = seats::find(plan, requests.iter().map(|request| &request.seat))?;
    let mut wanted = SmallVec::new();
    let (mut unknown_ticket, mut missing_price) = (Vec::new(), Vec::new());
    for (no, request) in numbers.into_iter().zip(requests) {
        let category = plan.seat(no).category;
        let ticket = request.ticket.as_deref();
        match settings.prices.find(category, ticket) {
            Some(price) => wanted.push(Wanted { no, price }),
            None if ticket.is_some() => unknown_ticket.push(request.seat.clone()),
            None => missing_price.push(request.seat.clone()),
        }
    }
    if !unknown_ticket.is_empty() {
        return Err(Refusal::UnknownTicket(unknown_ticket));
    }
    if !missing_price.is_empty() {
        return Err(Refusal::MissingPrice(missing_price));
    }
    Ok(wanted)
}

/// Decides [`Command::Hold`](crate::command::Command::Hold).
pub(super) fn hold(scene: &Scene<'_>, request: &HoldSeats) -> Result<Decision, Refusal> {
    let (showtime, context) = (scene.showtime, scene.context);
    let settings = showtime.settings();
    let wanted = check_hold(showtime.plan(), settings, request, context.now)?;
    seats::check_versions(showtime, &request.versions)?;
    scene.check_available(wanted.iter().map(|seat| seat.no))?;
    // From here it must succeed.
    let mut draft = Draft::new(scene, EventKind::HELD);
    draft.relies_on_settings = true;
    let seats = take(&mut draft, &wanted, context.serial);
    let now = context.now;
    let ttl_ms = request.ttl_ms.unwrap_or(settings.hold_ttl_ms);
    draft.hold(
        None,
        Hold {
            serial: context.serial,
            version: 1,
            status: HoldStatus::Active,
            seats,
            currency: settings.currency,
            created_at: now,
            expires_at: now.plus_ms(ttl_ms),
            extendable_until: now.plus_ms(settings.max_hold_ttl_ms),
            ended_at: None,
            key_id: context.key_id,
            metadata: request.metadata.clone(),
            booking: None,
        },
    );
    Ok(draft.finish())
}

/// Takes free seats for a hold, ending the expired holds that still have them.
pub(super) fn take(draft: &mut Draft<'_>, wanted: &[Wanted<'_>], serial: u64) -> SmallVec<[HeldSeat; 2]> {
    let plan = draft.scene.showtime.plan();
    for seat in wanted {
        draft.take_over(seat.no);
    }
    wanted
        .iter()
        .map(|Wanted { no, price }| HeldSeat {
            no: *no,
            version: draft.seat(*no, SeatStatus::Held, serial),
            category: plan.seat(*no).category,
            ticket: CompactString::clone(&price.ticket),
            price: price.amount,
            cancelled: false,
        })
        .collect()
}
