//! Replies that say "done": the change is in the log, within the request's window, and is what was asked; and the
//! effects of a request over all its attempts.

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::{Actor, Event, RequestKey};
use boxoffice_core::command::Command;
use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::Refused;

use super::replay::Log;
use super::{Asked, fits, refusals};
use crate::history::{Answer, History, Moment, Question};

/// What is wrong with the reply to a request, if anything.
pub(crate) fn check(asked: &Asked<'_>) -> Vec<String> {
    // Without an answer nothing was promised; whether it may hang is not for the rows to say.
    let Some((ended, answer)) = &asked.request.ended else { return Vec::new() };
    let found = match (&asked.request.question, answer) {
        (
            Question::Do(command, key, actor),
            Answer::Done { event: Some(event), hold, contact, replayed, .. },
        ) => check_done(asked, ended, event, *replayed, (&**command, key.as_ref(), actor))
            .or_else(|| check_record(asked, event, hold.as_ref(), contact.as_ref(), command)),
        (Question::Do(command, ..), Answer::Done { event: None, hold, revision, .. }) => {
            check_unchanged(asked, ended, *revision, hold.as_ref(), command)
        }
        (Question::Show(serial), Answer::Shown(hold, contact)) => {
            let mut window = asked.log.window(asked.floor, ended.head);
            let was_so = window.any(|state| state.holds.get(serial) == hold.as_ref());
            let buyer =
                contact.as_ref().is_none_or(|contact| Some(contact) == stored(asked, *serial).as_ref());
            (!was_so || !buyer).then(|| "what was shown never was".into())
        }
        (_, Answer::Refused(why)) => refusals::check(asked, ended, why),
        (_, Answer::Vanished) => None,
        (Question::Do(..), Answer::Shown(..)) | (Question::Show(_), Answer::Done { .. }) => {
            Some("that was not the question".into())
        }
    };
    found.map(|fault| asked.fault(fault)).into_iter().collect()
}

/// The buyer as stored in the end.
fn stored(asked: &Asked<'_>, serial: u64) -> Option<Contact> {
    let row = asked.case.last.get(&asked.request.showtime)?.holds.get(&serial)?;
    row.decode().ok()?.contact
}

fn check_done(
    asked: &Asked<'_>,
    ended: &Moment,
    event: &Event,
    replayed: bool,
    (command, key, actor): (&Command, Option<&RequestKey>, &Actor),
) -> Option<String> {
    let revision = event.revision;
    let Some(logged) = asked.log.event(revision) else {
        return Some(format!("acknowledged as revision {revision}, which is not in the log"));
    };
    if logged != event {
        return Some(format!("acknowledged as revision {revision}, where the log has something else"));
    }
    if revision > ended.head || (!replayed && revision <= asked.request.began.head) {
        let (from, to) = (asked.request.began.head, ended.head);
        return Some(format!("revision {revision} is outside of the request's window {from}..{to}"));
    }
    let before = asked.log.states.get(revision as usize - 1)?;
    if event.change.request.as_ref() != key || (key.is_none() && event.change.actor != *actor) {
        return Some(format!("revision {revision} was somebody else's"));
    }
    if !fits::does(command, event, before) {
        return Some(format!("revision {revision} is not what was asked: {:?}", event.change));
    }
    None
}

fn check_record(
    asked: &Asked<'_>,
    event: &Event,
    hold: Option<&Arc<Hold>>,
    contact: Option<&Contact>,
    command: &Command,
) -> Option<String> {
    if hold != event.change.holds.last() {
        return Some("the record of the reply is not that of the event".into());
    }
    let booked = hold.filter(|hold| hold.status == HoldStatus::Booked)?;
    let given = match command {
        Command::Confirm { contact, .. } => Some(contact),
        _ => None,
    };
    let stored = stored(asked, booked.serial);
    let agrees = contact == stored.as_ref() && (given.is_none() || given == contact);
    (!agrees).then(|| format!("the buyer is {contact:?}, stored {stored:?}, given {given:?}"))
}

fn check_unchanged(
    asked: &Asked<'_>,
    ended: &Moment,
    revision: u64,
    hold: Option<&Arc<Hold>>,
    command: &Command,
) -> Option<String> {
    if revision < asked.floor || revision > ended.head {
        let (from, to) = (asked.floor, ended.head);
        return Some(format!("unchanged at revision {revision}, outside of {from}..{to}"));
    }
    let mut window = asked.log.window(asked.floor, ended.head);
    let fitting = |state: &super::replay::State| {
        let same = hold.is_none_or(|hold| state.holds.get(&hold.serial) == Some(hold));
        same && fits::is_done(command, state)
    };
    (!window.any(fitting)).then(|| "it never was as asked".into())
}

/// All attempts of one request: those under the same key and fingerprint, or the one without a key.
#[derive(Default)]
struct Attempts {
    /// Number and answer of each; `None` where nobody knows what the node did.
    answers: Vec<(usize, Option<Answer>)>,
}

/// Whom an effect belongs to.
type Owner = (ShowtimeId, Option<RequestKeyBytes>, Option<String>);
type RequestKeyBytes = ([u8; 16], [u8; 16]);

fn owner(showtime: ShowtimeId, key: Option<&RequestKey>, actor: &Actor) -> Owner {
    match (key, actor) {
        (Some(key), _) => (showtime, Some((key.key, key.fingerprint)), None),
        (None, actor) => (showtime, None, Some(actor.to_string())),
    }
}

/// Each request has one effect or none; one that was acknowledged has it, one that was refused each time has not;
/// and every acknowledgement names the same.
pub(crate) fn check_effects(history: &History, logs: &BTreeMap<ShowtimeId, Log>, faults: &mut Vec<String>) {
    let mut requests: BTreeMap<Owner, Attempts> = BTreeMap::new();
    for (number, request) in history.requests.iter().enumerate() {
        if let Question::Do(_, key, actor) = &request.question {
            let attempts = requests.entry(owner(request.showtime, key.as_ref(), actor)).or_default();
            let answer = request.ended.as_ref().map(|(_, answer)| answer.clone());
            attempts.answers.push((number, answer));
        }
    }
    let mut effects: BTreeMap<Owner, Vec<u64>> = BTreeMap::new();
    for (id, log) in logs {
        for event in log.events.iter().filter(|event| event.change.actor != Actor::System) {
            let change = &event.change;
            let owner = owner(*id, change.request.as_ref(), &change.actor);
            effects.entry(owner).or_default().push(event.revision);
        }
    }
    for (owner, revisions) in &effects {
        if !requests.contains_key(owner) {
            faults.push(format!("{}: nobody asked for revision {revisions:?}", owner.0));
        }
    }
    for (owner, attempts) in &requests {
        let had = effects.get(owner).map_or(&[][..], |revisions| revisions);
        faults.extend(check_attempts(attempts, had).map(|fault| format!("{}: {fault}", owner.0)));
    }
}

fn check_attempts(attempts: &Attempts, had: &[u64]) -> Option<String> {
    let numbers: Vec<_> = attempts.answers.iter().map(|(number, _)| number).collect();
    if had.len() > 1 {
        return Some(format!("the request of #{numbers:?} was carried out more than once: {had:?}"));
    }
    let told: Vec<u64> = attempts
        .answers
        .iter()
        .filter_map(|(_, answer)| match answer {
            Some(Answer::Done { event: Some(event), .. }) => Some(event.revision),
            _ => None,
        })
        .collect();
    if told.iter().any(|revision| had != [*revision]) {
        return Some(format!("#{numbers:?} were told {told:?}, the log has {had:?}"));
    }
    let nothing_done = |answer: &Option<Answer>| match answer {
        Some(Answer::Refused(why)) => *why != Refused::OutcomeUnknown,
        Some(Answer::Done { event: None, .. }) => true,
        _ => false,
    };
    let never = attempts.answers.iter().all(|(_, answer)| nothing_done(answer));
    (never && !had.is_empty()).then(|| format!("#{numbers:?} were all refused, but {had:?} was done"))
}
