//! What the auditor is given: every request with its reply, and every look at a seat map, with the times of both.

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::change::{Actor, Event, RequestKey};
use boxoffice_core::command::Command;
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::Refused;

/// A moment, as it matters for one showtime and one node.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// In virtual time.
    pub ms: u64,
    /// On the node's clock.
    pub clock: Timestamp,
    /// The showtime's revision in the database.
    pub head: u64,
    /// The newest revision of the showtime that anybody had been told.
    pub told: u64,
}

/// What was asked.
#[derive(Debug, Clone)]
pub enum Question {
    /// To carry out a command.
    Do(Arc<Command>, Option<RequestKey>, Actor),
    /// To show a hold or booking.
    Show(Serial),
}

/// What was answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It is done.
    Done {
        /// The change; `None` if nothing had to be changed.
        event: Option<Arc<Event>>,
        /// The hold or booking.
        hold: Option<Arc<Hold>>,
        /// The buyer.
        contact: Option<Contact>,
        /// Whether it is the answer to an earlier request.
        replayed: bool,
        /// The showtime's revision.
        revision: u64,
    },
    /// Here it is, if there is one.
    Shown(Option<Arc<Hold>>, Option<Contact>),
    /// It is refused.
    Refused(Refused),
    /// Nobody waited for an answer any more.
    Vanished,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Client and place among what it does.
    pub by: (usize, usize),
    /// The machine that was asked.
    pub machine: usize,
    /// Which showtime.
    pub showtime: ShowtimeId,
    /// What was asked.
    pub question: Question,
    /// When it came in.
    pub began: Moment,
    /// What was answered, and when. Without it the node crashed, or the request hangs.
    pub ended: Option<(Moment, Answer)>,
}

/// What a watcher knew after a poll.
#[derive(Debug, Clone)]
pub struct Look {
    /// Of which showtime.
    pub showtime: ShowtimeId,
    /// Of which revision.
    pub revision: u64,
    /// Version and status of each seat.
    pub seats: Vec<(u32, SeatStatus)>,
}

/// Everything that was asked, answered and seen.
#[derive(Debug, Default)]
pub struct History {
    /// Requests in the order in which they came in.
    pub requests: Vec<Request>,
    /// Looks in the order in which they were taken.
    pub looks: Vec<Look>,
    told: BTreeMap<ShowtimeId, u64>,
}

impl History {
    /// A request comes in. Its number.
    pub fn begin(&mut self, request: Request) -> usize {
        self.requests.push(request);
        self.requests.len() - 1
    }

    /// It is answered.
    pub fn end(&mut self, number: usize, moment: Moment, answer: Answer) {
        let request = &mut self.requests[number];
        if let Answer::Done { revision, .. } = &answer {
            let told = self.told.entry(request.showtime).or_default();
            *told = (*told).max(*revision);
        }
        request.ended = Some((moment, answer));
    }

    /// The newest revision of a showtime that anybody was told.
    pub fn told(&self, showtime: ShowtimeId) -> u64 {
        self.told.get(&showtime).copied().unwrap_or(0)
    }
}
