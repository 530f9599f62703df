//! The truth of a simulated run: rows in plain maps, with records and events as encoded as any store keeps them. It
//! can be made to forget a check, to see whether the auditor notices.

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::{Change, Event, Transition};
use boxoffice_core::codec::Malformed;
use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, SeatNo};
use boxoffice_core::seat::SeatState;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Snapshot;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::queue::{Outcome, Sealed};
use boxoffice_engine::store::{Loaded, StoredHold, UsedKey};

/// What is left out of the system, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// The store commits without looking at versions.
    NoVersionCheck,
    /// The store says that it has committed, and only then does.
    ReplyBeforeCommit,
    /// The store checks nothing at all, and the gate lets everybody through.
    GateOnly,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NoVersionCheck, Self::ReplyBeforeCommit, Self::GateOnly];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoVersionCheck => "no-version-check",
            Self::ReplyBeforeCommit => "reply-before-commit",
            Self::GateOnly => "gate-only",
        }
    }
}

/// When something was committed.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// In virtual time.
    pub ms: u64,
    /// What each node's clock showed.
    pub clocks: Vec<Timestamp>,
}

/// An encoded event, and when it was committed.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The encoded change.
    pub body: Vec<u8>,
    /// When.
    pub stamp: Stamp,
}

/// A hold or booking.
#[derive(Debug, Clone)]
pub struct HoldRow {
    /// The encoded record.
    pub body: Vec<u8>,
    version: u32,
    is_active: bool,
    contact: Option<Vec<u8>>,
}

impl HoldRow {
    /// The row as the engine reads it.
    pub fn decode(&self) -> Result<StoredHold, Malformed> {
        let contact = self.contact.as_deref().map(Contact::decode).transpose()?;
        Ok(StoredHold { hold: Arc::new(Hold::decode(&self.body)?), contact })
    }
}

/// All rows of one showtime.
#[derive(Debug, Clone)]
pub struct ShowtimeRows {
    /// Its room.
    pub plan: Arc<Plan>,
    /// The encoded settings.
    pub settings: Vec<u8>,
    settings_version: u32,
    /// Seats that ever changed.
    pub seats: BTreeMap<SeatNo, SeatState>,
    /// Holds and bookings.
    pub holds: BTreeMap<Serial, HoldRow>,
    /// The log; the event at place 0 has revision 1.
    pub events: Vec<EventRow>,
    /// Keys that were used.
    pub keys: BTreeMap<[u8; 16], UsedKey>,
}

impl ShowtimeRows {
    /// A new showtime.
    pub fn new(plan: Arc<Plan>, settings: &Settings) -> Self {
        Self {
            plan,
            settings: settings.encode(),
            settings_version: settings.version,
            seats: BTreeMap::new(),
            holds: BTreeMap::new(),
            events: Vec::new(),
            keys: BTreeMap::new(),
        }
    }

    /// The revision of its last event.
    pub fn revision(&self) -> u64 {
        self.events.len() as u64
    }

    fn is_current(&self, transition: &Transition, mutation: Option<Mutation>) -> bool {
        let Transition { change, settings_version, never_held, keys_since, .. } = transition;
        let key_is_free = change
            .request
            .is_none_or(|request| self.keys.get(&request.key).is_none_or(|used| used.at < *keys_since));
        match mutation {
            Some(Mutation::GateOnly) => return true,
            Some(Mutation::NoVersionCheck) => return key_is_free,
            Some(Mutation::ReplyBeforeCommit) | None => {}
        }
        let seat = |no| self.seats.get(&no).map_or(0, |seat: &SeatState| seat.version);
        let hold = |serial| self.holds.get(&serial).map_or(0, |hold: &HoldRow| hold.version);
        key_is_free
            && (!*never_held || self.holds.is_empty())
            && settings_version.is_none_or(|version| version == self.settings_version)
            && change.seats.iter().all(|change| seat(change.no) + 1 == change.version)
            && change.holds.iter().all(|after| hold(after.serial) + 1 == after.version)
    }

    /// Commits a transition whole, or not at all.
    pub fn commit(&mut self, sealed: &Sealed, mutation: Option<Mutation>, stamp: &Stamp) -> Outcome {
        let Sealed { transition, event, holds, .. } = sealed;
        if !self.is_current(transition, mutation) {
            return Outcome::Conflict;
        }
        let change = &transition.change;
        let revision = self.revision() + 1;
        for seat in &change.seats {
            let state =
                SeatState { owner: seat.owner, changed: revision, version: seat.version, status: seat.to };
            self.seats.insert(seat.no, state);
        }
        for (hold, body) in change.holds.iter().zip(holds) {
            let known = self.holds.get(&hold.serial).and_then(|row| row.contact.clone());
            let given = transition.contact.as_ref().filter(|_| hold.status == HoldStatus::Booked);
            let row = HoldRow {
                body: body.clone(),
                version: hold.version,
                is_active: hold.status == HoldStatus::Active,
                contact: given.map(Contact::encode).or(known),
            };
            self.holds.insert(hold.serial, row);
        }
        if let Some(settings) = &change.settings {
            (self.settings, self.settings_version) = (settings.encode(), settings.version);
        }
        if let Some(request) = change.request {
            self.keys.insert(request.key, UsedKey { key: request.key, revision, at: change.at });
        }
        self.events.push(EventRow { body: event.clone(), stamp: stamp.clone() });
        Outcome::Committed { revision }
    }

    /// What a board starts from.
    pub fn load(&self, keys_since: Timestamp) -> Result<Loaded, Malformed> {
        let active = self.holds.values().filter(|row| row.is_active);
        Ok(Loaded {
            plan: Arc::clone(&self.plan),
            snapshot: Snapshot {
                settings: Arc::new(Settings::decode(&self.settings)?),
                revision: self.revision(),
                seats: self.seats.iter().map(|(no, seat)| (*no, *seat)).collect(),
                holds: active.map(|row| Hold::decode(&row.body).map(Arc::new)).collect::<Result<_, _>>()?,
                ever_held: !self.holds.is_empty(),
            },
            keys: self.keys.values().filter(|used| used.at >= keys_since).copied().collect(),
        })
    }

    /// Up to `limit` events after a revision.
    pub fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, Malformed> {
        let rows = (1..).zip(&self.events).skip(after as usize).take(limit);
        rows.map(|(revision, row)| Ok(Event { revision, change: Arc::new(Change::decode(&row.body)?) }))
            .collect()
    }
}

/// All rows of a run.
pub type Rows = BTreeMap<ShowtimeId, ShowtimeRows>;
