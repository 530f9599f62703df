//! The decision: a pure function from the state, a command and the time to a change or a refusal.
//!
//! Each command has its checks, a line that says "from here it must succeed", and then the change. Nothing in here
//! alters the state: the change is applied when the store has committed it.

mod booking;
mod editing;
mod ending;
mod holding;
mod seats;
mod settings;
mod staff;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::change::{Actor, Change, EventKind, RequestKey, SeatChange, Transition};
use crate::command::Command;
use crate::hold::{Contact, Hold, HoldStatus};
use crate::id::{Reference, Serial};
use crate::plan::SeatNo;
use crate::refusal::Refusal;
use crate::seat::SeatStatus;
use crate::settings::Settings;
use crate::showtime::Showtime;
use crate::time::Timestamp;

pub use holding::{Taken, Wanted, check_hold};
pub use settings::check as check_settings;
pub use staff::first_transition;

/// The most seats that one transition of a winding up lets go of.
pub const WIND_UP_SEATS: usize = 500;

/// What a decision needs from outside: time, caller, and numbers that nobody else has drawn.
#[derive(Debug, Clone)]
pub struct Context {
    /// The time of the decision, read once.
    pub now: Timestamp,
    /// How long past its deadline a hold must be before others may take its seats: the bound of the error between
    /// the clocks of several nodes; 0 for one.
    pub takeover_margin_ms: i64,
    /// Who asks.
    pub actor: Actor,
    /// For the hold that this may make.
    pub serial: Serial,
    /// For the booking that this may make.
    pub reference: Reference,
    /// The key that new tokens are made with.
    pub key_id: u32,
    /// The request's idempotency key.
    pub request: Option<RequestKey>,
    /// From when on idempotency keys are kept.
    pub keys_since: Timestamp,
}

/// What is to be done.
#[derive(Debug)]
pub enum Decision {
    /// Commit this.
    Commit(Decided),
    /// Nothing: it already is as asked. The record is the hold or booking that was asked about.
    Unchanged(Option<Arc<Hold>>),
}

/// A change that is to be committed, and the seats that nobody else may decide about until its outcome is known.
#[derive(Debug)]
pub struct Decided {
    /// For the store.
    pub transition: Transition,
    /// Every seat that it changes, and all seats of every hold that it changes.
    pub claims: SmallVec<[SeatNo; 4]>,
}

/// Decides a command.
///
/// `records` are the holds or bookings that the command is about and that are not among the showtime's active
/// holds; `claimed` tells whether a transition in flight is about to change a seat.
pub fn decide(
    showtime: &Showtime,
    claimed: &dyn Fn(SeatNo) -> bool,
    records: &[Arc<Hold>],
    command: &Command,
    context: &Context,
) -> Result<Decision, Refusal> {
    let scene = Scene { showtime, claimed, records, context };
    match command {
        Command::Hold(request) => holding::hold(&scene, request),
        Command::Edit(serial, edit) => editing::edit(&scene, *serial, edit),
        Command::Release(serial) => ending::release(&scene, *serial),
        Command::Expire(serial) => ending::expire(&scene, *serial),
        Command::Confirm { hold, contact, metadata } => booking::confirm(&scene, *hold, contact, metadata),
        Command::Cancel { booking, seats } => booking::cancel(&scene, *booking, seats.as_deref()),
        Command::Block { seats, reason } => staff::block(&scene, seats, reason.as_ref()),
        Command::Unblock { seats, reason } => staff::unblock(&scene, seats, reason.as_ref()),
        Command::ChangeShowtime(patch) => settings::change(&scene, patch),
        Command::CancelShowtime => settings::cancel(&scene),
        Command::WindUp => ending::wind_up(&scene),
    }
}

/// Everything that a decision looks at.
struct Scene<'a> {
    showtime: &'a Showtime,
    claimed: &'a dyn Fn(SeatNo) -> bool,
    records: &'a [Arc<Hold>],
    context: &'a Context,
}

impl Scene<'_> {
    /// The hold or booking of this serial, active or fetched.
    fn record(&self, serial: Serial) -> Option<&Arc<Hold>> {
        let fetched = || self.records.iter().find(|hold| hold.serial == serial);
        self.showtime.hold(serial).or_else(fetched)
    }

    /// The hold of this serial, which must be active and within its time.
    fn live_hold(&self, serial: Serial) -> Result<&Arc<Hold>, Refusal> {
        let hold = self.record(serial).ok_or(Refusal::HoldNotFound)?;
        match hold.status {
            HoldStatus::Active if hold.is_live(self.context.now) => Ok(hold),
            HoldStatus::Active | HoldStatus::Expired => Err(Refusal::HoldExpired),
            ended => Err(Refusal::HoldNotActive(ended)),
        }
    }

    fn refuse_cancelled_showtime(&self) -> Result<(), Refusal> {
        if self.showtime.settings().cancelled { Err(Refusal::ShowtimeCancelled) } else { Ok(()) }
    }

    /// From when on others may take the seats of `hold`.
    fn free_from(&self, hold: &Hold) -> Timestamp {
        hold.expires_at.plus_ms(self.context.takeover_margin_ms)
    }
}

/// A change while it is put together.
struct Draft<'a> {
    scene: &'a Scene<'a>,
    kind: EventKind,
    seats: SmallVec<[SeatChange; 4]>,
    holds: SmallVec<[Arc<Hold>; 1]>,
    taken_over: bool,
    claims: SmallVec<[SeatNo; 4]>,
    settings: Option<Arc<Settings>>,
    relies_on_settings: bool,
    never_held: bool,
    contact: Option<Contact>,
    reason: Option<compact_str::CompactString>,
}

impl<'a> Draft<'a> {
    fn new(scene: &'a Scene<'a>, kind: EventKind) -> Self {
        Self {
            scene,
            kind,
            seats: SmallVec::new(),
            holds: SmallVec::new(),
            taken_over: false,
            claims: SmallVec::new(),
            settings: None,
            relies_on_settings: false,
            never_held: false,
            contact: None,
            reason: None,
        }
    }

    /// Changes a seat and returns its new version. A seat may be changed once; a second change of the same seat
    /// replaces the first one's outcome: that of a seat taken over from an expired hold.
    fn seat(&mut self, no: SeatNo, to: SeatStatus, owner: Serial) -> u32 {
        let changed =
            if self.taken_over { self.seats.iter_mut().find(|change| change.no == no) } else { None };
        if let Some(change) = changed {
            (change.to, change.owner) = (to, owner);
            return change.version;
        }
        let seat = self.scene.showtime.seat(no);
        let version = seat.version + 1;
        self.seats.push(SeatChange { no, from: seat.status, to, version, owner });
        self.claims.push(no);
        version
    }

    /// Stores `after` as the next version of `before`.
    fn hold(&mut self, before: Option<&Hold>, mut after: Hold) {
        after.version = before.map_or(1, |hold| hold.version + 1);
        for seat in before.map(|hold| &hold.seats).into_iter().chain([&after.seats]).flatten() {
            if !seat.cancelled {
                self.claims.push(seat.no);
            }
        }
        self.holds.push(Arc::new(after));
    }

    /// Ends an active hold: the seats that still name it become available.
    fn end(&mut self, hold: &Hold, status: HoldStatus) {
        let mut after = hold.clone();
        after.status = status;
        after.ended_at = Some(self.scene.context.now);
        for seat in &mut after.seats {
            if self.scene.showtime.seat(seat.no).owner == hold.serial {
                seat.version = self.seat(seat.no, SeatStatus::Available, 0);
            }
        }
        self.hold(Some(hold), after);
    }

    /// Ends the expired hold that still has this seat, once; the seat is then to be given on.
    fn take_over(&mut self, no: SeatNo) {
        let owner = self.scene.showtime.seat(no).owner;
        let ended = self.holds.iter().any(|hold| hold.serial == owner);
        if let Some(hold) = self.scene.showtime.hold(owner).filter(|_| !ended) {
            self.taken_over = true;
            self.end(hold, HoldStatus::Expired);
        }
    }

    fn finish(mut self) -> Decision {
        self.claims.sort_unstable();
        self.claims.dedup();
        let Scene { showtime, context, .. } = self.scene;
        let version = showtime.settings().version;
        let transition = Transition {
            showtime: showtime.id(),
            settings_version: (self.relies_on_settings || self.settings.is_some()).then_some(version),
            never_held: self.never_held,
            keys_since: context.keys_since,
            contact: self.contact,
            change: Arc::new(Change {
                at: context.now,
                kind: self.kind,
                actor: context.actor.clone(),
                seats: self.seats,
                holds: self.holds,
                settings: self.settings,
                request: context.request,
                reason: self.reason,
            }),
        };
        Decision::Commit(Decided { transition, claims: self.claims })
    }
}
