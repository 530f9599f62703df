//! The check of a showtime after a run: seat map, event log and ledger must tell the same story.
//!
//! It decides from what was read, without asking anybody, so that it can be tried on records that lie.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::answers::Event;
use super::ledger::{Sale, State};
use super::room::Room;

/// So many violations are told; all are counted.
const MOST_TOLD: usize = 50;

/// What is wrong.
#[derive(Debug, Default)]
pub(super) struct Violations {
    /// The first ones.
    pub(super) told: Vec<String>,
    /// How many there are.
    pub(super) count: usize,
}

impl Violations {
    /// One more.
    pub(super) fn add(&mut self, what: String) {
        self.count += 1;
        if self.told.len() < MOST_TOLD {
            self.told.push(what);
        }
    }

    /// Those of another part.
    pub(super) fn append(&mut self, other: Self) {
        self.count += other.count;
        let room = MOST_TOLD - self.told.len();
        self.told.extend(other.told.into_iter().take(room));
    }
}

/// What the server says of a showtime.
#[derive(Debug, Default, Clone)]
pub(super) struct Facts {
    /// The revision of the seat map.
    pub(super) revision: u64,
    /// Each seat's status and version in the map, by label.
    pub(super) map: HashMap<CompactString, (CompactString, u32)>,
    /// The event log from its beginning, at least up to the map's revision.
    pub(super) events: Vec<Event>,
}

/// A seat as the log tells it.
#[derive(Debug, Clone)]
struct Seat {
    status: CompactString,
    version: u32,
    owner: Option<CompactString>,
}

/// The log, replayed.
#[derive(Debug)]
struct Replay {
    seats: Vec<Seat>,
    held: HashSet<CompactString>,
    bookings: HashMap<CompactString, CompactString>,
}

/// Checks one showtime; `unanswered` requests to hold may have left a hold that the ledger does not have.
pub(super) fn check(room: &Room, facts: &Facts, sales: &[&Sale], unanswered: usize) -> Violations {
    let mut violations = Violations::default();
    if facts.map.len() != room.len() {
        violations.add(format!("the map has {} seats, the room {}", facts.map.len(), room.len()));
    }
    let replay = replay(room, facts, &mut violations);
    for (seat, label) in replay.seats.iter().zip(&room.labels) {
        let shown = facts.map.get(label);
        if shown.is_none_or(|(status, version)| (status, *version) != (&seat.status, seat.version)) {
            violations.add(format!(
                "seat {label} is {shown:?} in the map, but {} at version {} in the log",
                seat.status, seat.version
            ));
        }
    }
    compare(room, &replay, sales, unanswered, &mut violations);
    violations
}

fn replay(room: &Room, facts: &Facts, violations: &mut Violations) -> Replay {
    let fresh = Seat { status: "available".into(), version: 0, owner: None };
    let (held, bookings) = (HashSet::new(), HashMap::new());
    let mut replay = Replay { seats: vec![fresh; room.len()], held, bookings };
    let mut last = 0;
    for event in facts.events.iter().take_while(|event| event.revision <= facts.revision) {
        if event.revision != last + 1 {
            violations.add(format!("after revision {last} the log has {}", event.revision));
        }
        last = event.revision;
        replay.apply(room, event, violations);
    }
    if last != facts.revision {
        violations.add(format!("the map is at revision {}, the log ends at {last}", facts.revision));
    }
    replay
}

impl Replay {
    fn apply(&mut self, room: &Room, event: &Event, violations: &mut Violations) {
        if let Some(hold) = event.hold.as_ref().filter(|_| event.kind == "held")
            && !self.held.insert(hold.clone())
        {
            violations.add(format!("hold {hold} was made twice in the log"));
        }
        if let (Some(hold), Some(booking)) = (&event.hold, &event.booking) {
            self.bookings.insert(hold.clone(), booking.clone());
        }
        for change in &event.seats {
            let Some(number) = room.find(&change.seat) else {
                violations.add(format!("revision {}: there is no seat {}", event.revision, change.seat));
                continue;
            };
            let seat = &mut self.seats[number as usize];
            if (&change.from, change.version) != (&seat.status, seat.version + 1) {
                violations.add(format!(
                    "revision {}: seat {} goes from {} to version {}, but it was {} at version {}",
                    event.revision, change.seat, change.from, change.version, seat.status, seat.version
                ));
            }
            let taken = change.to == "held" || change.to == "booked";
            let owner = event.hold.clone().filter(|_| taken);
            if let (Some(before), Some(now)) = (&seat.owner, &owner)
                && before != now
                && !event.also_ended.contains(before)
            {
                violations.add(format!(
                    "revision {}: seat {} has two owners, {before} and {now}",
                    event.revision, change.seat
                ));
            }
            *seat = Seat { status: change.to.clone(), version: change.version, owner };
        }
    }
}

/// The ledger against the log: everything acknowledged is there, and nothing that nobody was told of.
fn compare(room: &Room, replay: &Replay, sales: &[&Sale], unanswered: usize, violations: &mut Violations) {
    let mut owned: HashMap<&CompactString, Vec<u32>> = HashMap::new();
    for (number, seat) in (0u32..).zip(&replay.seats) {
        if let Some(owner) = &seat.owner {
            owned.entry(owner).or_default().push(number);
        }
    }
    let mut known = HashSet::new();
    let mut owners: HashMap<u32, &CompactString> = HashMap::new();
    for sale in sales {
        let hold = &sale.hold;
        if !known.insert(hold) {
            violations.add(format!("hold {hold} was given to two patrons"));
        }
        if !replay.held.contains(hold) {
            violations.add(format!("hold {hold} was acknowledged, but the log does not have it"));
        }
        let status = match &sale.state {
            State::Held => "held",
            State::Booked(booking, _) => {
                if replay.bookings.get(hold) != Some(booking) {
                    violations
                        .add(format!("booking {booking} was acknowledged, but the log does not have it"));
                }
                "booked"
            }
            State::Released => {
                if let Some(seats) = owned.get(hold) {
                    let seats = labels(room, seats);
                    violations.add(format!("hold {hold} was given back, but still has {seats}"));
                }
                continue;
            }
            State::InDoubt => continue,
        };
        for seat in &sale.seats {
            if let Some(other) = owners.insert(*seat, hold) {
                let label = &room.labels[*seat as usize];
                violations.add(format!("seat {label} was acknowledged to two: {other} and {hold}"));
            }
        }
        let mut seats = sale.seats.to_vec();
        seats.sort_unstable();
        let there = owned.get(hold).map_or(&[][..], Vec::as_slice);
        if seats != there || seats.iter().any(|seat| replay.seats[*seat as usize].status != status) {
            violations.add(format!(
                "hold {hold} should have {} {status}, the log gives it {}",
                labels(room, &seats),
                labels(room, there)
            ));
        }
    }
    let strangers = replay.held.iter().filter(|hold| !known.contains(*hold)).count();
    if strangers > unanswered {
        violations.add(format!(
            "the log has {strangers} holds that were acknowledged to nobody, but only {unanswered} requests were unanswered"
        ));
    }
}

fn labels(room: &Room, seats: &[u32]) -> String {
    let labels: Vec<&str> = seats.iter().map(|seat| room.labels[*seat as usize].as_str()).collect();
    if labels.is_empty() { "nothing".to_owned() } else { labels.join(" ") }
}

#[cfg(test)]
mod tests;
