//! Random histories: every answer and every state is compared with a ledger written from the contract alone.

#[path = "scripts/asks.rs"]
mod asks;
#[path = "scripts/ledger.rs"]
mod ledger;
#[path = "scripts/room.rs"]
mod room;
#[path = "scripts/tell.rs"]
mod tell;
#[path = "scripts/view.rs"]
mod view;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::{Actor, Change, Event, SeatChange};
use boxoffice_core::decide::{Context, Decided, Decision, decide};
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::Reference;
use boxoffice_core::seat::{SeatState, SeatStatus};
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::{Misapplied, Showtime, Snapshot};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use asks::{Ask, LABELS, Label, Step, command, steps};
use ledger::{Ledger, Record};
use room::START;
use view::picture;

/// Plays a history in both; what was answered is added to `reached`.
fn compare(margin_ms: i64, steps: &[Step], cut: usize, reached: &RefCell<BTreeMap<String, u32>>) {
    let mut ledger = Ledger::new(margin_ms);
    let mut store = Store::new(&ledger);
    for (no, step) in steps.iter().enumerate() {
        let mut step = step.clone();
        ledger.now += step.wait_ms;
        ledger.claimed = step.claimed.into_iter().collect();
        aim(&mut step, &ledger);
        let serial = store.records.len() as u64 + 1;
        let expected = ledger.answer(&step.ask, serial);
        let answer = store.answer(&step.ask, serial, &ledger);
        assert_eq!(answer.clone().map_err(sorted), expected.map_err(sorted), "step {no}: {:?}", step.ask);
        let code = |text: &String| text.split(' ').next().unwrap_or_default().to_owned();
        let kind = format!("{:?}", step.ask).chars().take_while(|c| c.is_alphabetic()).collect::<String>();
        *reached
            .borrow_mut()
            .entry(answer.as_ref().map_or_else(code, |changed| format!("{kind} {changed}")))
            .or_default() += 1;
        store.is_the_ledger(&ledger);
        store.audit();
    }
    store.replay(cut);
}

/// The order in which repeated seats are named is nobody's promise.
fn sorted(refusal: String) -> Vec<String> {
    let mut words: Vec<String> = refusal.split(' ').map(str::to_owned).collect();
    if words[0] == "duplicate_seat" {
        words[1..].sort_unstable();
    }
    words
}

/// Turns what a step is about into what there is: "how far off" into versions, a small number into one of the newest
/// holds (or one that there never was).
fn aim(step: &mut Step, ledger: &Ledger) {
    if let Ask::Hold { versions, .. } | Ask::Edit { versions, .. } = &mut step.ask {
        let actual = |label: &Label| ledger.seats.get(label).map_or(0, |seat| seat.version);
        versions.extend(step.believed.iter().map(|(label, off)| (*label, actual(label) + off)));
    }
    if let Ask::Edit { serial, .. }
    | Ask::Release(serial)
    | Ask::Expire(serial)
    | Ask::Confirm(serial)
    | Ask::Cancel { serial, .. } = &mut step.ask
    {
        *serial =
            (ledger.records.len() as u64).checked_sub(*serial).filter(|serial| *serial > 0).unwrap_or(999);
    }
}

/// The rules' side of a history: a showtime, every record, the log.
struct Store {
    first: Settings,
    showtime: Showtime,
    records: BTreeMap<u64, Arc<Hold>>,
    log: Vec<Event>,
}

impl Store {
    fn new(ledger: &Ledger) -> Self {
        let first = Settings {
            hold_ttl_ms: ledger.ttl_ms,
            max_hold_ttl_ms: ledger.max_ttl_ms,
            max_seats_per_hold: ledger.limit,
            off_sale_at: START.plus_ms(ledger.closes),
            starts_at: START.plus_ms(ledger.begins),
            ..room::settings()
        };
        Self { showtime: view::showtime(first.clone()), first, records: BTreeMap::new(), log: Vec::new() }
    }

    fn answer(&mut self, ask: &Ask, serial: u64, ledger: &Ledger) -> ledger::Answer {
        let by_key = matches!(ask, Ask::Cancel { by_key: true, .. });
        let context = Context {
            now: START.plus_ms(ledger.now),
            takeover_margin_ms: ledger.margin_ms,
            actor: if by_key { Actor::Key("desk".into()) } else { Actor::Patron },
            serial,
            reference: Reference::from_number(serial),
            key_id: 1,
            request: None,
            keys_since: START,
        };
        let plan = Arc::clone(self.showtime.plan());
        let claimed = |no| ledger.claimed.contains(plan.seat(no).label.as_str());
        // A winding up reads the records that still have seats.
        let standing = |hold: &&Arc<Hold>| self.showtime.seats().iter().any(|seat| seat.owner == hold.serial);
        let records: Vec<_> = match ask {
            Ask::WindUp => self.records.values().filter(standing).cloned().collect(),
            _ => self.records.values().cloned().collect(),
        };
        let before = picture(&self.showtime);
        let decision = decide(&self.showtime, &claimed, &records, &command(ask), &context);
        assert_eq!(before, picture(&self.showtime), "a decision changes nothing by itself");
        match decision {
            Err(refusal) => Err(tell::refusal(&plan, &refusal)),
            Ok(Decision::Unchanged(record)) => {
                assert!(record.is_none_or(|record| self.records[&record.serial] == record));
                Ok(false)
            }
            Ok(Decision::Commit(decided)) => {
                self.commit(decided);
                Ok(true)
            }
        }
    }

    fn commit(&mut self, Decided { transition, claims }: Decided) {
        let change = transition.change;
        assert!(change.seats.iter().all(|seat| claims.contains(&seat.no)), "every changed seat is claimed");
        let relied = transition.settings_version;
        assert!(relied.is_none_or(|version| version == self.showtime.settings().version));
        assert!(change.settings.is_none() || relied.is_some());
        for hold in &change.holds {
            let before = self.records.insert(hold.serial, Arc::clone(hold));
            assert_eq!(hold.version, before.as_ref().map_or(0, |before| before.version) + 1);
            let seats = before.iter().flat_map(|before| &before.seats).chain(&hold.seats);
            assert!(seats.filter(|seat| !seat.cancelled).all(|seat| claims.contains(&seat.no)));
            assert_eq!(Hold::decode(&hold.encode()).as_ref(), Ok(&**hold));
        }
        let event = Event { revision: self.showtime.revision() + 1, change };
        self.showtime.apply(&event).expect("what was decided follows");
        self.log.push(event);
    }

    fn is_the_ledger(&self, ledger: &Ledger) {
        let owned = |label: &str| label.as_bytes()[0] != b'Z';
        for label in LABELS.into_iter().filter(|label| owned(label)) {
            let seat = self.showtime.seat(self.showtime.plan().find(label).expect("a seat"));
            let found =
                ledger::Seat { status: seat.status.as_str(), owner: seat.owner, version: seat.version };
            assert_eq!(found, ledger.seats[label], "{label}");
        }
        let records: BTreeMap<u64, Record> =
            self.records.iter().map(|(no, hold)| (*no, self.told(hold))).collect();
        assert_eq!(records, ledger.records);
        assert_eq!(self.showtime.revision() as usize, self.log.len());
        let settings = self.showtime.settings();
        assert_eq!((settings.version, settings.cancelled), (ledger.settings_version, ledger.cancelled));
        assert_eq!(Settings::decode(&settings.encode()).as_ref(), Ok(&**settings));
        let counts = self.showtime.counts(START.plus_ms(ledger.now));
        let over =
            |seat: &ledger::Seat| seat.status == "held" && ledger.records[&seat.owner].expires <= ledger.now;
        let held = ledger.seats.values().filter(|seat| seat.status == "held" && !over(seat)).count();
        assert_eq!((counts[1] as usize, counts.iter().sum::<u32>()), (held, 18));
    }

    fn told(&self, hold: &Hold) -> Record {
        let label =
            |no| *LABELS.iter().find(|label| self.showtime.plan().find(label) == Some(no)).expect("known");
        let seats = hold.seats.iter().map(|seat| (label(seat.no), seat.version, seat.price, seat.cancelled));
        Record {
            status: hold.status.as_str(),
            version: hold.version,
            seats: seats.collect(),
            expires: hold.expires_at.since_ms(START),
            cap: hold.extendable_until.since_ms(START),
            ended: hold.ended_at.map(|at| at.since_ms(START)),
        }
    }

    /// No seat in two records, no record without its seats, nothing that the showtime has forgotten.
    fn audit(&self) {
        let mut owners = vec![None; self.showtime.seats().len()];
        for hold in self.records.values() {
            let status = match hold.status {
                HoldStatus::Active => SeatStatus::Held,
                HoldStatus::Booked => SeatStatus::Booked,
                HoldStatus::Released | HoldStatus::Expired => continue,
            };
            for seat in hold.seats.iter().filter(|seat| !seat.cancelled) {
                let earlier = owners[seat.no as usize].replace((hold.serial, status, seat.version));
                assert_eq!(earlier, None, "seat {} belongs to two", seat.no);
            }
            assert_eq!(self.showtime.hold(hold.serial).is_some(), hold.status == HoldStatus::Active);
        }
        for (seat, owner) in self.showtime.seats().iter().zip(owners) {
            let found = (seat.owner != 0).then_some((seat.owner, seat.status, seat.version));
            assert_eq!(found, owner);
        }
    }

    /// The log alone gives the state; so do a snapshot at any point and the rest of the log.
    fn replay(&self, cut: usize) {
        let mut replayed = view::showtime(self.first.clone());
        for (no, event) in self.log.iter().enumerate() {
            if no == cut % self.log.len() {
                replayed = restored(&replayed);
            }
            let change = Change::decode(&event.change.encode()).expect("its own bytes");
            assert_eq!(change, *event.change);
            refuses_out_of_order(&mut replayed, event);
            let versions: Vec<u32> =
                change.seats.iter().map(|seat| replayed.seat(seat.no).version + 1).collect();
            assert_eq!(versions, change.seats.iter().map(|seat| seat.version).collect::<Vec<_>>());
            replayed.apply(&Event { revision: event.revision, change: Arc::new(change) }).expect("in order");
        }
        assert_eq!(picture(&replayed), picture(&self.showtime));
        assert_eq!(picture(&restored(&replayed)), picture(&self.showtime));
    }
}

fn restored(showtime: &Showtime) -> Showtime {
    let snapshot = Snapshot {
        settings: Arc::clone(showtime.settings()),
        revision: showtime.revision(),
        seats: (0..).zip(showtime.seats().iter().copied()).filter(|(_, seat)| seat.version > 0).collect(),
        holds: showtime.holds().cloned().collect(),
        ever_held: showtime.ever_held(),
    };
    Showtime::restore(showtime.id(), Arc::clone(showtime.plan()), snapshot).expect("seats of its own plan")
}

/// Neither another revision, nor an event that starts from seats in another state, changes anything.
fn refuses_out_of_order(showtime: &mut Showtime, event: &Event) {
    let before = picture(showtime);
    for revision in [0, event.revision - 1, event.revision + 1, u64::MAX] {
        let moved = Event { revision, ..event.clone() };
        assert!(matches!(showtime.apply(&moved), Err(Misapplied::Revision { .. })));
    }
    type Damage = fn(&mut SeatChange);
    let damages: [Damage; 3] = [
        |seat| seat.version += 1,
        |seat| seat.no = 18,
        |seat| seat.from = SeatStatus::ALL[(seat.from as usize + 1) % 4],
    ];
    for damage in damages {
        let mut change = Change::clone(&event.change);
        if let Some(last) = change.seats.last_mut() {
            damage(last);
            let damaged = Event { revision: event.revision, change: Arc::new(change) };
            assert!(showtime.apply(&damaged).is_err(), "{damaged:?}");
        }
    }
    assert_eq!(picture(showtime), before);
}

/// What random histories must have met, or they prove nothing.
const MUST_REACH: &str = "Hold true,Edit true,Edit false,Release true,Release false,Expire true,Expire false,\
    Confirm true,Confirm false,Cancel true,Cancel false,Block true,Block false,Unblock true,Unblock false,\
    Change true,CallOff true,WindUp true,WindUp false,not_on_sale,showtime_cancelled,unknown_seat,\
    duplicate_seat,no_seats,too_many_seats,unknown_ticket,missing_price,ttl_too_long,version_mismatch,\
    seat_unavailable,hold_not_found,booking_not_found,hold_expired,hold_not_active,hold_limit_reached,\
    seat_not_in_hold,too_late,showtime_in_use,invalid_field";

#[test]
fn random_histories_go_as_the_ledger_says_and_meet_every_answer() {
    let reached = RefCell::new(BTreeMap::new());
    let config = Config { cases: 600, failure_persistence: None, ..Config::default() };
    let histories = (prop_oneof![Just(0), Just(250i64)], steps(), any::<usize>());
    let outcome = TestRunner::new(config).run(&histories, |(margin_ms, steps, cut)| {
        compare(margin_ms, &steps, cut, &reached);
        Ok(())
    });
    outcome.unwrap_or_else(|fault| panic!("{fault}"));
    let reached = reached.into_inner();
    let missed: Vec<&str> = MUST_REACH.split(',').filter(|answer| !reached.contains_key(*answer)).collect();
    assert_eq!(missed, [""; 0], "answers that no history reached");
}

#[test]
fn a_snapshot_of_another_plan_is_refused() {
    let snapshot = Snapshot {
        settings: Arc::new(room::settings()),
        revision: 3,
        seats: vec![(18, SeatState::default())],
        holds: Vec::new(),
        ever_held: false,
    };
    let restored = Showtime::restore(view::SHOWTIME, room::plan(), snapshot);
    assert_eq!(restored.err(), Some(Misapplied::UnknownSeat { revision: 3, no: 18 }));
}
