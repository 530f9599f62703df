//! Plays a script: each command is decided, committed and applied at once; each question is answered from the state.
//!
//! Questions: `seats A1 A2` · `record a` · `event` · `claims` · `relies` (the settings' version that the last change
//! relies on) · `counts` · `since 3` · `revision` · `tickets a` · `meta a` ·
//! `contact` (handed to the store with the last change). Directions: `tick 90s`, `claim A1`
//! (transitions in flight have these seats alone), `settle` (none is in flight), `margin 250ms`, `read a@2` (the next command
//! finds the record as it was then; a change that does not follow the newest version is a `conflict`, as in a store). After each script the log, written and read back, must replay to the same state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boxoffice_core::change::{Actor, Change, Event, RequestKey, Transition};
use boxoffice_core::command::Command;
use boxoffice_core::decide::{Context, Decision, decide};
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::{Reference, Serial};
use boxoffice_core::plan::SeatNo;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Showtime;
use boxoffice_core::time::Timestamp;

use super::ask::{Line, duration};
use super::{room, tell, view};

/// The serial of whoever no hold was made for.
const NOBODY: Serial = 999;

/// Plays a script in the usual room; panics at the first line that is answered otherwise than it says.
pub(crate) fn play(script: &str) {
    play_with(room::settings(), script);
}

/// Plays a script in a room of other settings.
pub(crate) fn play_with(settings: Settings, script: &str) {
    play_in(view::showtime(settings), script);
}

/// Plays a script from a showtime of which nothing has happened yet.
pub(crate) fn play_in(showtime: Showtime, script: &str) {
    let mut stage = Stage::new(showtime);
    for (no, text) in script.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = Line::parse(text);
        let answer = stage.perform(&line);
        let expected = line.expected.as_deref().unwrap_or("done");
        assert_eq!(answer, expected, "line {}: {}", no + 1, text.trim());
    }
    stage.replay();
}

struct Stage {
    first: Showtime,
    showtime: Showtime,
    now: Timestamp,
    margin_ms: i64,
    names: BTreeMap<String, Serial>,
    /// Every version of every record, as a store has them.
    records: BTreeMap<Serial, Vec<Arc<Hold>>>,
    read: Option<Arc<Hold>>,
    claimed: BTreeSet<SeatNo>,
    log: Vec<Event>,
    last: Option<(Transition, Vec<SeatNo>)>,
}

impl Stage {
    fn new(showtime: Showtime) -> Self {
        Self {
            first: showtime.clone(),
            showtime,
            now: room::START,
            margin_ms: 0,
            names: BTreeMap::new(),
            records: BTreeMap::new(),
            read: None,
            claimed: BTreeSet::new(),
            log: Vec::new(),
            last: None,
        }
    }

    fn perform(&mut self, line: &Line<'_>) -> String {
        match line.verb {
            "tick" => self.now = self.now.plus_ms(duration(line.args[0])),
            "margin" => self.margin_ms = duration(line.args[0]),
            "claim" => self.claimed = line.args.iter().map(|label| self.no(label)).collect(),
            "settle" => self.claimed.clear(),
            "read" => {
                let (name, version) = line.args[0].split_once('@').expect("name@version");
                let version: usize = version.parse().expect("a version");
                self.read = Some(Arc::clone(&self.records[&self.names[name]][version - 1]));
            }
            _ => return self.answer(line).unwrap_or_else(|| self.command(line)),
        }
        "done".to_owned()
    }

    fn command(&mut self, line: &Line<'_>) -> String {
        let serial_of = |name: &str| self.names.get(name).copied().unwrap_or(NOBODY);
        let command = line.command(serial_of).unwrap_or_else(|| panic!("unknown verb {}", line.verb));
        let serial = self.records.len() as Serial + 1;
        let key = RequestKey { key: [serial as u8; 16], fingerprint: [9; 16] };
        let context = Context {
            now: self.now,
            takeover_margin_ms: self.margin_ms,
            actor: line.option("by").map_or(Actor::Patron, |name| Actor::Key(name.into())),
            serial,
            reference: Reference::from_number(serial * 1_000_003),
            key_id: 5,
            request: (line.option("key") != Some("none")).then_some(key),
            keys_since: self.now,
        };
        let before = view::picture(&self.showtime);
        let claimed = |no| self.claimed.contains(&no);
        let decided = decide(&self.showtime, &claimed, &self.records_for(&command), &command, &context);
        self.read = None;
        match decided {
            Err(refusal) => tell::refusal(self.showtime.plan(), &refusal),
            Ok(Decision::Unchanged(_)) => "unchanged".to_owned(),
            Ok(Decision::Commit(decided)) => {
                assert_eq!(before, view::picture(&self.showtime), "deciding changes nothing");
                let next =
                    |hold: &Arc<Hold>| self.records.get(&hold.serial).map_or(1, |known| known.len() + 1);
                if decided.transition.change.holds.iter().any(|hold| hold.version as usize != next(hold)) {
                    return "conflict".to_owned();
                }
                if let Command::Hold(_) = command {
                    self.names.insert(line.args[0].to_owned(), serial);
                }
                self.commit(decided.transition, decided.claims.to_vec());
                "done".to_owned()
            }
        }
    }

    /// What would be fetched for a command: its target, or every record for a winding up.
    fn records_for(&self, command: &Command) -> Vec<Arc<Hold>> {
        let newest = |versions: &Vec<Arc<Hold>>| versions.last().cloned();
        match (&self.read, command, command.target()) {
            (Some(read), ..) => vec![Arc::clone(read)],
            (None, Command::WindUp, _) => self.records.values().filter_map(newest).collect(),
            (None, _, Some(serial)) => self.records.get(&serial).and_then(newest).into_iter().collect(),
            (None, _, None) => Vec::new(),
        }
    }

    fn commit(&mut self, transition: Transition, claims: Vec<SeatNo>) {
        let event = Event { revision: self.showtime.revision() + 1, change: Arc::clone(&transition.change) };
        self.showtime.apply(&event).expect("what was decided applies");
        for hold in &event.change.holds {
            self.records.entry(hold.serial).or_default().push(Arc::clone(hold));
        }
        self.log.push(event);
        self.last = Some((transition, claims));
    }

    fn answer(&self, line: &Line<'_>) -> Option<String> {
        let seats = |numbers: &mut dyn Iterator<Item = SeatNo>| {
            let numbers: BTreeSet<SeatNo> = numbers.collect();
            numbers.into_iter().map(|no| self.label(no).to_owned()).collect::<Vec<_>>()
        };
        let words = match line.verb {
            "seats" => line.args.iter().map(|label| self.seat(label)).collect(),
            "record" => self.describe(line.args[0]),
            "event" => self.event(),
            "claims" => seats(&mut self.last().1.iter().copied()),
            "relies" => {
                vec![self.last().0.settings_version.map_or("nothing".to_owned(), |v| format!("v{v}"))]
            }
            "counts" => self.showtime.counts(self.now).iter().map(u32::to_string).collect(),
            "since" => {
                let revision = line.args[0].parse().expect("a revision");
                seats(&mut self.showtime.changed_since(revision).map(|(no, _)| no))
            }
            "revision" => vec![self.showtime.revision().to_string()],
            "contact" => {
                let contact = self.last().0.contact.as_ref();
                contact.map(|contact| format!("{contact:?}")).into_iter().collect()
            }
            "tickets" => {
                let hold = self.record(line.args[0]);
                let sums = [hold.total(), hold.cancelled_total()].map(|sum| sum.to_string());
                let tickets = hold.seats.iter().map(|seat| format!("{}:{}", seat.ticket, seat.price));
                tickets.chain(sums).collect()
            }
            "meta" => {
                let metadata = &self.record(line.args[0]).metadata;
                metadata.iter().map(|(name, value)| format!("{name}={value}")).collect()
            }
            _ => return None,
        };
        Some(words.join(" "))
    }

    fn seat(&self, label: &str) -> String {
        let seat = self.showtime.seat(self.no(label));
        let owner = self.names.iter().find(|(_, serial)| **serial == seat.owner);
        assert_eq!(owner.is_some(), seat.owner != 0, "{label} names an owner of no record");
        let of = owner.map_or(String::new(), |(name, _)| format!(":{name}"));
        format!("{}:{}{of}", seat.status.as_str(), seat.version)
    }

    fn describe(&self, name: &str) -> Vec<String> {
        let hold = self.record(name);
        let seat = |seat: &boxoffice_core::hold::HeldSeat| {
            let cancelled = if seat.cancelled { ":cancelled" } else { "" };
            format!("{}:{}{cancelled}", self.label(seat.no), seat.version)
        };
        let mut words = vec![format!("v{}", hold.version)];
        words.extend(hold.seats.iter().map(seat));
        words.push(match (hold.status, &hold.booking) {
            (HoldStatus::Active, None) => format!("until {}", tell::time(hold.expires_at)),
            (HoldStatus::Booked, Some(_)) => hold.booking_status().as_str().to_owned(),
            (status, None) => status.as_str().to_owned(),
            (status, Some(booking)) => panic!("{status:?} with {booking:?}"),
        });
        words.extend(hold.ended_at.map(|at| format!("at {}", tell::time(at))));
        words
    }

    fn event(&self) -> Vec<String> {
        let change = &self.last().0.change;
        let seat = |seat: &boxoffice_core::change::SeatChange| {
            format!("{} {}>{}:{}", self.label(seat.no), seat.from.as_str(), seat.to.as_str(), seat.version)
        };
        let mut words = vec![change.kind.0.to_string(), format!("by {}", change.actor)];
        words.extend(change.reason.iter().map(|reason| format!("because {reason}")));
        words.extend(change.seats.iter().map(seat));
        words
    }

    fn last(&self) -> &(Transition, Vec<SeatNo>) {
        self.last.as_ref().expect("something was committed")
    }

    fn record(&self, name: &str) -> &Hold {
        self.records[&self.names[name]].last().expect("a version")
    }

    fn no(&self, label: &str) -> SeatNo {
        self.showtime.plan().find(label).unwrap_or_else(|| panic!("no seat {label}"))
    }

    fn label(&self, no: SeatNo) -> &str {
        &self.showtime.plan().seat(no).label
    }

    fn replay(&self) {
        let mut replayed = self.first.clone();
        for Event { revision, change } in &self.log {
            let change = Change::decode(&change.encode()).expect("its own bytes");
            replayed.apply(&Event { revision: *revision, change: Arc::new(change) }).expect("in order");
        }
        assert_eq!(view::picture(&replayed), view::picture(&self.showtime), "the log replays to the state");
    }
}
