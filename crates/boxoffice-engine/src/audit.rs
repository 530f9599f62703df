//! The audit: every invariant of the stored data against the event log, whatever the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, SeatNo};
use boxoffice_core::seat::{SeatState, SeatStatus};
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Showtime;

use crate::store::UsedKey;

/// A showtime's row.
pub struct AuditedShowtime {
    /// Its room.
    pub plan: Arc<Plan>,
    /// Its settings.
    pub settings: Settings,
    /// Whether the row says that there ever was a hold.
    pub ever_held: bool,
    /// Its revision.
    pub revision: u64,
}

/// How many rows the tables have in all: rows that belong to no showtime would not be met otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows of seats.
    pub seats: u64,
    /// Holds and bookings.
    pub holds: u64,
    /// Events.
    pub events: u64,
}

/// One consistent look at everything that is stored.
pub trait AuditSource {
    /// What can go wrong in reading.
    type Error: std::fmt::Display;

    /// All showtimes.
    fn showtimes(&mut self) -> Result<Vec<ShowtimeId>, Self::Error>;
    /// A showtime's row.
    fn showtime(&mut self, id: ShowtimeId) -> Result<AuditedShowtime, Self::Error>;
    /// A page of a showtime's events after a revision; empty at the end.
    fn events(&mut self, id: ShowtimeId, after: u64) -> Result<Vec<Event>, Self::Error>;
    /// A showtime's rows of seats.
    fn seats(&mut self, id: ShowtimeId) -> Result<Vec<(SeatNo, SeatState)>, Self::Error>;
    /// A hold or booking.
    fn hold(&mut self, id: ShowtimeId, serial: Serial) -> Result<Option<Arc<Hold>>, Self::Error>;
    /// The kept keys of a showtime's requests.
    fn keys(&mut self, id: ShowtimeId) -> Result<Vec<UsedKey>, Self::Error>;
    /// All rows.
    fn totals(&mut self) -> Result<Totals, Self::Error>;
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct AuditReport {
    /// How many showtimes were looked at.
    pub showtimes: u64,
    /// How many rows.
    pub totals: Totals,
    /// Every broken invariant, in words.
    pub violations: Vec<String>,
}

/// How long idempotency keys are kept at least, in milliseconds. One that was forgotten may be used again.
const KEYS_KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// The most violations that are listed.
const MOST: usize = 1000;

impl AuditReport {
    fn note(&mut self, id: ShowtimeId, what: impl std::fmt::Display) {
        if self.violations.len() < MOST {
            self.violations.push(format!("{id}: {what}"));
        }
    }
}

/// Checks everything. `progress` is called after each showtime with how many are done, of how many.
pub fn audit<S: AuditSource>(
    source: &mut S,
    mut progress: impl FnMut(u64, u64),
) -> Result<AuditReport, S::Error> {
    let mut report = AuditReport::default();
    let showtimes = source.showtimes()?;
    let count = showtimes.len() as u64;
    for id in showtimes {
        check_showtime(source, id, &mut report)?;
        report.showtimes += 1;
        progress(report.showtimes, count);
    }
    let totals = source.totals()?;
    let Totals { seats, holds, events } = report.totals;
    for (what, met, stored) in
        [("seats", seats, totals.seats), ("holds", holds, totals.holds), ("events", events, totals.events)]
    {
        if met != stored && report.violations.len() < MOST {
            report
                .violations
                .push(format!("{stored} rows of {what} are stored, but {met} belong to the event log"));
        }
    }
    Ok(report)
}

fn check_showtime<S: AuditSource>(
    source: &mut S,
    id: ShowtimeId,
    report: &mut AuditReport,
) -> Result<(), S::Error> {
    let AuditedShowtime { plan, settings: stored, ever_held, revision } = source.showtime(id)?;
    // A showtime begins with version 1 of its settings; each event that changes them carries the next.
    let first = Settings { version: 1, ..stored.clone() };
    let mut showtime = Showtime::new(id, plan, Arc::new(first));
    let mut holds: BTreeMap<Serial, Arc<Hold>> = BTreeMap::new();
    let mut keys = BTreeMap::new();
    loop {
        let events = source.events(id, showtime.revision())?;
        if events.is_empty() {
            break;
        }
        for event in events {
            if let Err(misapplied) = showtime.apply(&event) {
                report.note(id, misapplied);
                return Ok(());
            }
            report.totals.events += 1;
            for hold in &event.change.holds {
                let before = holds.insert(hold.serial, Arc::clone(hold)).map_or(0, |hold| hold.version);
                if hold.version != before + 1 {
                    report.note(
                        id,
                        format!(
                            "event {} makes hold {} version {} after {before}",
                            event.revision, hold.serial, hold.version
                        ),
                    );
                }
            }
            let at = event.change.at;
            if let Some(request) = event.change.request
                && let Some((_, before)) = keys.insert(request.key, (event.revision, at))
                && at.since_ms(before) < KEYS_KEPT_MS
            {
                report.note(
                    id,
                    format!("event {} uses an idempotency key for the second time", event.revision),
                );
            }
        }
    }
    if revision != showtime.revision() {
        report.note(
            id,
            format!("its rows are of revision {revision}, its last event of {}", showtime.revision()),
        );
    }
    if **showtime.settings() != stored {
        report.note(id, "its settings are not those of its last change");
    }
    if ever_held != showtime.ever_held() {
        report.note(id, "its row is wrong about whether there ever was a hold");
    }
    check_seats(source, &showtime, report)?;
    check_holds(source, &showtime, &holds, report)?;
    for used in source.keys(id)? {
        if keys.get(&used.key).is_none_or(|(revision, _)| *revision != used.revision) {
            report.note(
                id,
                format!("an idempotency key names revision {}, which was not made under it", used.revision),
            );
        }
    }
    Ok(())
}

fn check_seats<S: AuditSource>(
    source: &mut S,
    showtime: &Showtime,
    report: &mut AuditReport,
) -> Result<(), S::Error> {
    let id = showtime.id();
    let mut stored: BTreeMap<SeatNo, SeatState> = source.seats(id)?.into_iter().collect();
    report.totals.seats += stored.len() as u64;
    for (no, seat) in (0..).zip(showtime.seats()) {
        let row = stored.remove(&no).unwrap_or_default();
        if row != *seat {
            let label = &showtime.plan().seat(no).label;
            report.note(id, format!("seat {label} is {row:?}, but its events make it {seat:?}"));
        }
    }
    for no in stored.keys() {
        report.note(id, format!("there is a row of seat number {no}, which the plan does not have"));
    }
    Ok(())
}

fn check_holds<S: AuditSource>(
    source: &mut S,
    showtime: &Showtime,
    holds: &BTreeMap<Serial, Arc<Hold>>,
    report: &mut AuditReport,
) -> Result<(), S::Error> {
    let id = showtime.id();
    let mut owned = 0;
    for (serial, hold) in holds {
        match source.hold(id, *serial)? {
            Some(stored) if stored == *hold => report.totals.holds += 1,
            Some(_) => {
                report.totals.holds += 1;
                report.note(id, format!("hold {serial} is not as its last event made it"));
            }
            None => report.note(id, format!("hold {serial} is missing")),
        }
        let status = match hold.status {
            HoldStatus::Active => SeatStatus::Held,
            HoldStatus::Booked => SeatStatus::Booked,
            HoldStatus::Released | HoldStatus::Expired => continue,
        };
        for held in hold.seats.iter().filter(|seat| !seat.cancelled) {
            owned += 1;
            let seat = showtime.seats().get(held.no as usize).copied().unwrap_or_default();
            if (seat.owner, seat.status) != (*serial, status) {
                report.note(
                    id,
                    format!("{} {serial} has seat number {}, which is {seat:?}", status.as_str(), held.no),
                );
            }
        }
    }
    let taken = |seat: &&SeatState| matches!(seat.status, SeatStatus::Held | SeatStatus::Booked);
    let taken = showtime.seats().iter().filter(taken).count();
    if taken != owned {
        report.note(id, format!("{taken} seats are held or booked, but holds and bookings have {owned}"));
    }
    Ok(())
}
