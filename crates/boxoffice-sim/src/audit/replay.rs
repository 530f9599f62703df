//! The auditor's own replay: plain maps, every event checked against the state before it and after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::{Change, Event, EventKind};
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::Serial;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::{SaleStatus, Settings};

use crate::rows::{ShowtimeRows, Stamp};

/// A seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// What it is.
    pub status: SeatStatus,
    /// How often it changed.
    pub version: u32,
    /// Whose it is.
    pub owner: Serial,
    /// The revision of its last change.
    pub changed: u64,
}

/// A showtime at one revision.
#[derive(Debug, Clone)]
pub struct State {
    /// Every seat.
    pub seats: Vec<Seat>,
    /// Every hold and booking that ever was, as it is.
    pub holds: BTreeMap<Serial, Arc<Hold>>,
    /// The settings.
    pub settings: Arc<Settings>,
}

/// A showtime's log and all its states.
pub struct Log {
    /// The event at place 0 has revision 1.
    pub events: Vec<Event>,
    /// When each was committed.
    pub stamps: Vec<Stamp>,
    /// The state at each revision, from 0 on.
    pub states: Vec<State>,
}

impl Log {
    /// The event of a revision.
    pub fn event(&self, revision: u64) -> Option<&Event> {
        self.events.get(usize::try_from(revision.checked_sub(1)?).ok()?)
    }

    /// The states of these revisions, both included.
    pub fn window(&self, from: u64, to: u64) -> impl Iterator<Item = &State> {
        self.states.iter().take(to as usize + 1).skip(from as usize)
    }

    /// Replays a log; what is wrong with it goes to `faults`.
    pub fn replay(
        first: &ShowtimeRows,
        last: &ShowtimeRows,
        takeover_margin_ms: i64,
        faults: &mut Vec<String>,
    ) -> Self {
        let seat = Seat { status: SeatStatus::Available, version: 0, owner: 0, changed: 0 };
        let mut log = Self { events: Vec::new(), stamps: Vec::new(), states: Vec::new() };
        let Ok(settings) = Settings::decode(&first.settings) else {
            faults.push("the first settings cannot be read".into());
            return log;
        };
        let seats = vec![seat; first.plan.seat_count() as usize];
        let mut state = State { seats, holds: BTreeMap::new(), settings: Arc::new(settings) };
        log.states.push(state.clone());
        for (revision, row) in (1..).zip(&last.events) {
            let Ok(change) = Change::decode(&row.body) else {
                faults.push(format!("event {revision} cannot be read"));
                break;
            };
            let before = state.clone();
            let mut found = apply(&mut state, revision, &change);
            found.extend(check_state(&state));
            found.extend(check_step(&before, &change, takeover_margin_ms));
            let kind = &change.kind.0;
            faults.extend(found.into_iter().map(|fault| format!("event {revision} ({kind}): {fault}")));
            log.events.push(Event { revision, change: Arc::new(change) });
            log.stamps.push(row.stamp.clone());
            log.states.push(state.clone());
        }
        log
    }
}

/// Puts a change into effect, whatever it is; says what in it does not continue the state.
fn apply(state: &mut State, revision: u64, change: &Change) -> Vec<String> {
    let mut faults = Vec::new();
    for to in &change.seats {
        let Some(seat) = state.seats.get_mut(to.no as usize) else {
            faults.push(format!("there is no seat {}", to.no));
            continue;
        };
        if seat.changed == revision {
            faults.push(format!("seat {} is changed twice", to.no));
        }
        if (seat.status, seat.version + 1) != (to.from, to.version) {
            faults.push(format!("seat {} was {seat:?}, but the change says {to:?}", to.no));
        }
        *seat = Seat { status: to.to, version: to.version, owner: to.owner, changed: revision };
    }
    for hold in &change.holds {
        let known = state.holds.get(&hold.serial).map_or(0, |known| known.version);
        if hold.version != known + 1 {
            faults.push(format!("hold {:x} goes from version {known} to {}", hold.serial, hold.version));
        }
        state.holds.insert(hold.serial, Arc::clone(hold));
    }
    if let Some(settings) = &change.settings {
        if settings.version != state.settings.version + 1 {
            let known = state.settings.version;
            faults.push(format!("the settings go from version {known} to {}", settings.version));
        }
        state.settings = Arc::clone(settings);
    }
    faults
}

/// Every hold and booking is whole or absent, and no seat is in two of them.
fn check_state(state: &State) -> Vec<String> {
    let mut faults = Vec::new();
    let mut owners = vec![0; state.seats.len()];
    for hold in state.holds.values() {
        let wanted = match hold.status {
            HoldStatus::Active => SeatStatus::Held,
            HoldStatus::Booked => SeatStatus::Booked,
            HoldStatus::Released | HoldStatus::Expired => continue,
        };
        for held in hold.seats.iter().filter(|held| !held.cancelled) {
            let (Some(seat), Some(owner)) =
                (state.seats.get(held.no as usize), owners.get_mut(held.no as usize))
            else {
                faults.push(format!("hold {:x} has seat {}, which is not there", hold.serial, held.no));
                continue;
            };
            if *owner != 0 {
                faults.push(format!("seat {} is in {:x} and in {owner:x}", held.no, hold.serial));
            }
            *owner = hold.serial;
            if (seat.status, seat.owner, seat.version) != (wanted, hold.serial, held.version) {
                faults.push(format!("{} has seat {}, which is {seat:?}", crate::words::hold(hold), held.no));
            }
        }
    }
    for (no, (seat, owner)) in state.seats.iter().zip(owners).enumerate() {
        if seat.owner != owner {
            faults.push(format!("seat {no} names {:x}, but {owner:x} has it", seat.owner));
        }
    }
    faults
}

/// The change was allowed by the state before it, at its own time.
fn check_step(before: &State, change: &Change, takeover_margin_ms: i64) -> Vec<String> {
    let mut faults = Vec::new();
    let (at, settings) = (change.at, &before.settings);
    let sells = [EventKind::HELD, EventKind::HOLD_CHANGED, EventKind::BOOKED, EventKind::BLOCKED];
    if settings.cancelled && sells.contains(&change.kind) {
        faults.push("the showtime had been called off".into());
    }
    for after in &change.holds {
        let name = format_args!("hold {:x}", after.serial).to_string();
        let Some(known) = before.holds.get(&after.serial) else {
            let on_sale = settings.sale_status(at) == SaleStatus::OnSale;
            let most = usize::from(settings.max_seats_per_hold);
            let time = after.expires_at.since_ms(at) <= settings.hold_ttl_ms;
            let price = settings.prices.find(0, None).map(|price| price.amount);
            let priced = after.seats.iter().all(|seat| Some(seat.price) == price);
            if !(on_sale && after.seats.len() <= most && time && priced && after.status == HoldStatus::Active)
            {
                faults.push(format!("{name} does not agree with the settings {settings:?}"));
            }
            continue;
        };
        let over = known.expires_at <= at;
        let may_be_taken = known.expires_at.plus_ms(takeover_margin_ms) <= at;
        let own = change.holds.len() == 1 && change.seats.iter().all(|seat| seat.to != SeatStatus::Held);
        let allowed = match (known.status, after.status) {
            (HoldStatus::Active, HoldStatus::Active) => {
                !over && after.expires_at >= known.expires_at && after.expires_at <= known.extendable_until
            }
            (HoldStatus::Active, HoldStatus::Booked) => !over,
            (HoldStatus::Active, HoldStatus::Released) => !over || change.kind == EventKind::WOUND_UP,
            (HoldStatus::Active, HoldStatus::Expired) => {
                if own {
                    over
                } else {
                    may_be_taken
                }
            }
            (HoldStatus::Booked, HoldStatus::Booked) => {
                let kept = |seat: &boxoffice_core::hold::HeldSeat| {
                    !seat.cancelled || after.seats.iter().any(|now| now.no == seat.no && now.cancelled)
                };
                known.seats.iter().all(kept) && known.seats.len() == after.seats.len()
            }
            _ => false,
        };
        if !allowed {
            let deadline = known.expires_at;
            faults.push(format!(
                "{name} goes from {:?} to {:?} at {at}, its time ends at {deadline}",
                known.status, after.status
            ));
        }
    }
    let replaced = change.settings.as_ref().is_some_and(|after| after.movie != settings.movie);
    if replaced && !before.holds.is_empty() {
        faults.push("another movie after the first hold".into());
    }
    faults
}
