//! One showtime's state: its seats, live holds and settings at a revision, and how a committed change moves it on.

mod recency;

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::change::{Change, Event};
use crate::hold::{Hold, HoldStatus};
use crate::id::{Serial, ShowtimeId};
use crate::plan::{Plan, SeatNo};
use crate::seat::{SeatState, SeatStatus};
use crate::settings::Settings;
use crate::time::Timestamp;
use recency::Recency;

/// An event that does not continue the state that it was applied to. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misapplied {
    /// The event is not the next one.
    #[error("event {found} does not follow revision {revision}")]
    Revision {
        /// Where the state stands.
        revision: u64,
        /// The event's revision.
        found: u64,
    },
    /// The seat is not in the plan.
    #[error("event {revision} names seat number {no}, which the plan does not have")]
    UnknownSeat {
        /// The event's revision.
        revision: u64,
        /// The number that it names.
        no: SeatNo,
    },
    /// The version before is another.
    #[error("event {revision} makes {what} version {expected}, but {found} is next")]
    Version {
        /// The event's revision.
        revision: u64,
        /// A hold or the settings.
        what: &'static str,
        /// Which version the event makes.
        expected: u32,
        /// Which would be the next.
        found: u32,
    },
    /// The seat's status or version before is another.
    #[error("event {revision} changes seat number {no} from {expected}, but it is {found}")]
    Seat {
        /// The event's revision.
        revision: u64,
        /// The seat.
        no: SeatNo,
        /// Status and version that the event starts from.
        expected: String,
        /// Status and version of the state.
        found: String,
    },
}

/// How many seats are in each status, at the index of the status's number.
pub type Counts = [u32; 4];

/// A showtime as it was stored: what [`Showtime::restore`] starts from.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its settings.
    pub settings: Arc<Settings>,
    /// Of its last committed change.
    pub revision: u64,
    /// Every seat that was ever changed.
    pub seats: Vec<(SeatNo, SeatState)>,
    /// Every active hold, also those past their deadline.
    pub holds: Vec<Arc<Hold>>,
    /// Whether there ever was a hold.
    pub ever_held: bool,
}

/// A showtime's state at a revision.
#[derive(Debug, Clone)]
pub struct Showtime {
    id: ShowtimeId,
    plan: Arc<Plan>,
    settings: Arc<Settings>,
    revision: u64,
    seats: Box<[SeatState]>,
    recency: Recency,
    holds: HashMap<Serial, Arc<Hold>, FixedState>,
    ever_held: bool,
}

impl Showtime {
    /// A showtime of which nothing has happened yet: every seat available at version 0, revision 0.
    pub fn new(id: ShowtimeId, plan: Arc<Plan>, settings: Arc<Settings>) -> Self {
        let seats = vec![SeatState::default(); plan.seat_count() as usize].into_boxed_slice();
        let recency = Recency::new(plan.seat_count());
        Self { id, plan, settings, revision: 0, seats, recency, holds: HashMap::default(), ever_held: false }
    }

    /// A showtime as it was stored. A seat that the plan does not have is an error.
    pub fn restore(id: ShowtimeId, plan: Arc<Plan>, snapshot: Snapshot) -> Result<Self, Misapplied> {
        let Snapshot { settings, revision, mut seats, holds, ever_held } = snapshot;
        let mut showtime = Self::new(id, plan, settings);
        showtime.revision = revision;
        showtime.ever_held = ever_held;
        seats.sort_unstable_by_key(|(no, state)| (state.changed, *no));
        for (no, state) in seats {
            let seat = showtime.seats.get_mut(no as usize).ok_or(Misapplied::UnknownSeat { revision, no })?;
            *seat = state;
            showtime.recency.touch(no);
        }
        showtime.holds = holds.into_iter().map(|hold| (hold.serial, hold)).collect();
        Ok(showtime)
    }

    /// Its id.
    pub fn id(&self) -> ShowtimeId {
        self.id
    }

    /// Its room.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Its settings.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The revision of its last committed change; 0 if there was none.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether any seat was ever held.
    pub fn ever_held(&self) -> bool {
        self.ever_held
    }

    /// All seats, at the index of their number.
    pub fn seats(&self) -> &[SeatState] {
        &self.seats
    }

    /// The state of a seat of the plan.
    pub fn seat(&self, no: SeatNo) -> &SeatState {
        &self.seats[no as usize]
    }

    /// The active hold of this serial, also past its deadline.
    pub fn hold(&self, serial: Serial) -> Option<&Arc<Hold>> {
        self.holds.get(&serial)
    }

    /// The active holds, in no particular order.
    pub fn holds(&self) -> impl Iterator<Item = &Arc<Hold>> {
        self.holds.values()
    }

    /// From when a held seat is free to whoever asks; `None` if the seat is not held.
    pub fn held_until(&self, no: SeatNo) -> Option<Timestamp> {
        let seat = self.seat(no);
        match seat.status {
            SeatStatus::Held => Some(self.hold(seat.owner).map_or(Timestamp::MAX, |hold| hold.expires_at)),
            _ => None,
        }
    }

    /// How many seats are in each status at `now`; a seat held past its deadline counts as available.
    pub fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = Counts::default();
        for (no, seat) in (0..).zip(self.seats.iter()) {
            let expired = self.held_until(no).is_some_and(|until| until <= now);
            let status = if expired { SeatStatus::Available } else { seat.status };
            counts[status as usize] += 1;
        }
        counts
    }

    /// The seats changed after `revision`, latest first: costs as much as there are such seats.
    pub fn changed_since(&self, revision: u64) -> impl Iterator<Item = (SeatNo, &SeatState)> {
        self.recency
            .latest_first()
            .map(|no| (no, self.seat(no)))
            .take_while(move |(_, seat)| seat.changed > revision)
    }

    /// Puts a committed change into effect. It must be the next one, and start from the state as it is.
    pub fn apply(&mut self, event: &Event) -> Result<(), Misapplied> {
        let Event { revision, change } = event;
        if *revision != self.revision + 1 {
            return Err(Misapplied::Revision { revision: self.revision, found: *revision });
        }
        self.check(*revision, change)?;
        for seat_change in &change.seats {
            self.seats[seat_change.no as usize] = SeatState {
                owner: seat_change.owner,
                changed: *revision,
                version: seat_change.version,
                status: seat_change.to,
            };
            self.recency.touch(seat_change.no);
        }
        for hold in &change.holds {
            self.ever_held = true;
            if hold.status == HoldStatus::Active {
                self.holds.insert(hold.serial, Arc::clone(hold));
            } else {
                self.holds.remove(&hold.serial);
            }
        }
        if let Some(settings) = &change.settings {
            self.settings = Arc::clone(settings);
        }
        self.revision = *revision;
        Ok(())
    }

    fn check(&self, revision: u64, change: &Change) -> Result<(), Misapplied> {
        let misapplied = |what, expected, found| Misapplied::Version { revision, what, expected, found };
        let repeated = repeated_seat(change);
        for seat_change in &change.seats {
            let no = seat_change.no;
            let seat = self.seats.get(no as usize).ok_or(Misapplied::UnknownSeat { revision, no })?;
            if repeated == Some(no)
                || seat.status != seat_change.from
                || seat.version + 1 != seat_change.version
            {
                return Err(Misapplied::Seat {
                    revision,
                    no,
                    expected: format!(
                        "{} at version {}",
                        seat_change.from.as_str(),
                        seat_change.version.wrapping_sub(1)
                    ),
                    found: format!("{} at version {}", seat.status.as_str(), seat.version),
                });
            }
        }
        for hold in &change.holds {
            // Of ended holds and bookings the versions are not kept here.
            let known = self.holds.get(&hold.serial).map(|known| known.version);
            let next = known.map_or(1, |version| version + 1);
            if hold.version != next && (known.is_some() || hold.status == HoldStatus::Active) {
                return Err(misapplied("a hold", hold.version, next));
            }
        }
        let next = self.settings.version + 1;
        match change.settings.as_ref().filter(|settings| settings.version != next) {
            Some(settings) => Err(misapplied("settings", settings.version, next)),
            None => Ok(()),
        }
    }
}

/// A seat that a change names more than once.
fn repeated_seat(change: &Change) -> Option<SeatNo> {
    let mut numbers: SmallVec<[SeatNo; 16]> = change.seats.iter().map(|seat| seat.no).collect();
    numbers.sort_unstable();
    numbers.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
