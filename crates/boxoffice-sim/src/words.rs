//! Requests and replies in a few words, for the trace.

use boxoffice_core::command::{Command, HoldEdit};
use boxoffice_core::hold::Hold;
use boxoffice_core::plan::SeatNo;
use compact_str::CompactString;

use crate::history::{Answer, Question};

fn labels<'a>(labels: impl Iterator<Item = &'a str>) -> String {
    labels.collect::<Vec<_>>().join(" ")
}

fn edit(edit: &HoldEdit) -> String {
    let add = labels(edit.add.iter().map(|seat| seat.seat.as_str()));
    let remove = labels(edit.remove.iter().map(CompactString::as_str));
    let extend = if edit.extend { " extend" } else { "" };
    format!("edit +[{add}] -[{remove}]{extend}")
}

fn command(command: &Command) -> String {
    match command {
        Command::Hold(hold) => {
            let seen = if hold.versions.is_empty() { "" } else { " at versions" };
            format!("hold {}{seen}", labels(hold.seats.iter().map(|seat| seat.seat.as_str())))
        }
        Command::Edit(serial, change) => format!("{} of {serial:x}", edit(change)),
        Command::Release(serial) => format!("release {serial:x}"),
        Command::Expire(serial) => format!("expire {serial:x}"),
        Command::Confirm { hold, .. } => format!("confirm {hold:x}"),
        Command::Cancel { booking, seats: None } => format!("cancel {booking:x}"),
        Command::Cancel { booking, seats: Some(seats) } => {
            format!("cancel {} of {booking:x}", labels(seats.iter().map(CompactString::as_str)))
        }
        Command::Block { seats, .. } => format!("block {}", labels(seats.iter().map(CompactString::as_str))),
        Command::Unblock { seats, .. } => {
            format!("unblock {}", labels(seats.iter().map(CompactString::as_str)))
        }
        Command::ChangeShowtime(patch) => format!("change settings: {patch:?}"),
        Command::CancelShowtime => "call off".into(),
        Command::WindUp => "wind up".into(),
    }
}

/// What was asked.
pub fn question(question: &Question) -> String {
    match question {
        Question::Do(asked, None, _) => command(asked),
        Question::Do(asked, Some(key), _) => format!("{}, key {:02x?}", command(asked), &key.key[..3]),
        Question::Show(serial) => format!("show {serial:x}"),
    }
}

/// A record.
pub fn hold(hold: &Hold) -> String {
    let seats: Vec<SeatNo> = hold.seats.iter().filter(|seat| !seat.cancelled).map(|seat| seat.no).collect();
    format!("{:x} v{} {} {seats:?}", hold.serial, hold.version, hold.status.as_str())
}

/// What was answered.
pub fn answer(answer: &Answer) -> String {
    let of = |record: &Option<_>| record.as_deref().map_or_else(|| "no record".into(), hold);
    match answer {
        Answer::Done { event, hold, replayed, revision, .. } => {
            let how = match (event.is_some(), replayed) {
                (_, true) => "was done before",
                (true, false) => "is done",
                (false, false) => "was so already",
            };
            format!("{how}, revision {revision}: {}", of(hold))
        }
        Answer::Shown(record, _) => format!("is shown {}", of(record)),
        Answer::Refused(why) => format!("is refused: {why:?}"),
        Answer::Vanished => "vanished".into(),
    }
}
