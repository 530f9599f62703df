//! The auditor: written apart from the engine, it sees requests, replies, looks and the store's rows, and nothing else.
//!
//! It replays the log with plain maps of its own ([`replay`]), compares the rows ([`rows`]), and asks of every reply
//! whether some order of the requests explains it ([`answers`], [`refusals`]). Everything is judged by windows: a
//! reply belongs to a revision between the one that was certain to be seen when the request came in and the one that
//! the showtime had when the reply went out.

pub mod answers;
pub mod fits;
pub mod refusals;
pub mod replay;
pub mod rows;

use std::collections::BTreeMap;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::time::Timestamp;

use crate::history::{Answer, History, Look, Question, Request};
use crate::outcomes::Outcomes;
use crate::rows::Rows;
use replay::Log;

/// For how long a board may be behind from which a stranger is refused, in milliseconds of the node's clock.
const STALENESS_MS: i64 = 1_000;

/// What is to be judged.
pub struct Case<'a> {
    /// The rows at the beginning.
    pub first: &'a Rows,
    /// The rows at the end.
    pub last: &'a Rows,
    /// Requests, replies and looks.
    pub history: &'a History,
    /// Whether there is one node that nobody writes beside.
    pub is_exclusive: bool,
    /// How long past its deadline a hold must be before others may take its seats.
    pub takeover_margin_ms: i64,
    /// Whether no fault was injected.
    pub is_calm: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Broken promises, in words.
    pub violations: Vec<String>,
    /// What was reached.
    pub outcomes: Outcomes,
}

/// A request with what is known about its showtime.
pub(crate) struct Asked<'a> {
    pub(crate) number: usize,
    pub(crate) request: &'a Request,
    pub(crate) log: &'a Log,
    /// The oldest revision that it may have seen.
    pub(crate) floor: u64,
    pub(crate) case: &'a Case<'a>,
}

impl Asked<'_> {
    pub(crate) fn fault(&self, what: impl std::fmt::Display) -> String {
        let question = crate::words::question(&self.request.question);
        format!("#{} at {} ({question}): {what}", self.number, self.request.showtime)
    }
}

/// Judges a run.
pub fn audit(case: &Case<'_>) -> Findings {
    let mut findings = Findings::default();
    let mut logs = BTreeMap::new();
    for (id, last) in case.last {
        let Some(first) = case.first.get(id) else { continue };
        let log = Log::replay(first, last, case.takeover_margin_ms, &mut findings.violations);
        rows::compare(*id, last, &log, &mut findings.violations);
        findings.outcomes.note_log(&log);
        logs.insert(*id, log);
    }
    for (number, request) in case.history.requests.iter().enumerate() {
        let Some(log) = logs.get(&request.showtime) else { continue };
        let asked = Asked { number, request, log, floor: floor(case, request, log), case };
        findings.outcomes.note_request(request);
        findings.violations.extend(answers::check(&asked));
    }
    answers::check_effects(case.history, &logs, &mut findings.violations);
    for look in &case.history.looks {
        if let Some(log) = logs.get(&look.showtime) {
            findings.violations.extend(check_look(look, log));
        }
    }
    findings
}

/// The oldest revision from which a request may have been answered: for a stranger one from a second ago, by the
/// clock of the node; a node that is alone with its store may not know what nobody was told yet.
fn floor(case: &Case<'_>, request: &Request, log: &Log) -> u64 {
    if case.is_exclusive {
        return request.began.told;
    }
    let Question::Do(command, key, _) = &request.question else { return request.began.head };
    let refused = matches!(request.ended, Some((_, Answer::Refused(_))));
    if !(refused && is_stranger(command) && key.is_none()) {
        return request.began.head;
    }
    let known_since: Timestamp = request.began.clock.plus_ms(-STALENESS_MS);
    let seen = log.stamps.iter().take_while(|stamp| stamp.clocks[request.machine] < known_since);
    (seen.count() as u64).min(request.began.head)
}

fn is_stranger(command: &boxoffice_core::command::Command) -> bool {
    matches!(command, boxoffice_core::command::Command::Hold(request) if request.versions.is_empty())
}

/// A watcher's map is that of its revision; a hold whose time is over may be shown as gone.
fn check_look(look: &Look, log: &Log) -> Option<String> {
    let id: ShowtimeId = look.showtime;
    let Some(state) = log.states.get(look.revision as usize) else {
        return Some(format!("{id}: a watcher saw revision {}, which is not in the log", look.revision));
    };
    let differs = |((version, status), seat): (&(u32, SeatStatus), &replay::Seat)| {
        let expired = seat.status == SeatStatus::Held && *status == SeatStatus::Available;
        *version != seat.version || (*status != seat.status && !expired)
    };
    let wrong = look.seats.iter().zip(&state.seats).position(differs)?;
    let (seen, is) = (look.seats[wrong], state.seats[wrong]);
    Some(format!("{id}: a watcher saw seat {wrong} as {seen:?} at revision {}, it was {is:?}", look.revision))
}
