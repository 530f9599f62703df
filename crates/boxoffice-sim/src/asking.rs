//! One request to one node: it runs there, so that it ends when the node crashes, and is written down with its reply.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use boxoffice_core::id::{HoldId, ShowtimeId};
use boxoffice_engine::box_office::{BoxOffice, Caller, Refused};
use boxoffice_engine::runtime::BoxFuture;
use tokio::sync::oneshot;

use crate::faults::Fault;
use crate::history::{Answer, Question, Request};
use crate::world::{Node, World};

/// Who asks at the end of a run: none of the clients.
pub(crate) const NOBODY: usize = usize::MAX;

/// A request that is dropped at an await point.
struct Vanishing<'a, T> {
    request: BoxFuture<'a, T>,
    /// So often it may wait before.
    waits: u64,
}

impl<T> Future for Vanishing<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(answer) = self.request.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        if self.waits == 0 {
            return Poll::Ready(None);
        }
        self.waits -= 1;
        Poll::Pending
    }
}

async fn answer(office: &BoxOffice, showtime: ShowtimeId, question: Question) -> Answer {
    let answered = match question {
        Question::Do(command, request, actor) => {
            let caller = Caller { actor, request };
            office.execute(showtime, &command, &caller).await.map(|done| Answer::Done {
                event: done.event,
                hold: done.hold,
                contact: done.contact,
                replayed: done.replayed,
                revision: done.revision,
            })
        }
        Question::Show(serial) => office.hold(HoldId { showtime, serial }).await.map(|view| match view {
            Some(view) => Answer::Shown(Some(view.hold), view.contact),
            None => Answer::Shown(None, None),
        }),
    };
    answered.unwrap_or_else(Answer::Refused)
}

/// Asks a node. What comes back is what the client hears: nothing if the answer is lost.
pub(crate) fn ask(
    world: &Arc<World>,
    (link, office): Node,
    by: (usize, usize),
    showtime: ShowtimeId,
    question: Question,
) -> oneshot::Receiver<Option<Answer>> {
    let (sender, heard) = oneshot::channel();
    let faults = &world.faults;
    let waits = if faults.strikes(Fault::ClientVanishes) { faults.between(0, 12) } else { u64::MAX };
    let machine = link.index;
    let began = world.moment(machine, showtime);
    let noted = question.clone();
    let request = Request { by, machine, showtime, question: noted, began, ended: None };
    let number = world.history.lock().begin(request);
    let world_of_request = Arc::clone(world);
    let handled = async move {
        let world = world_of_request;
        let (client, place) = by;
        let who = if client == NOBODY { "the judge".into() } else { format!("client {client} op {place}") };
        // The judge's own looks are many, and no part of the history.
        let is_told = client != NOBODY || !matches!(question, Question::Show(_));
        if is_told {
            let what = crate::words::question(&question);
            world.note(format_args!("#{number} {who} asks node {machine} at {showtime}: {what}"));
        }
        let request = Box::pin(answer(&office, showtime, question));
        let answer = Vanishing { request, waits }.await.unwrap_or(Answer::Vanished);
        if is_told {
            world.note(format_args!("#{number} {}", crate::words::answer(&answer)));
        }
        let moment = world.moment(machine, showtime);
        world.history.lock().end(number, moment, answer.clone());
        let lost = matches!(answer, Answer::Vanished) || world.faults.strikes(Fault::AnswerLost);
        // A client that has gone hears nothing.
        let _ = sender.send((!lost).then_some(answer));
    };
    world.spawn_on(&link, Box::pin(handled));
    heard
}

/// Whether it makes sense to ask again under the same key.
pub(crate) fn is_worth_a_retry(heard: Option<&Answer>) -> bool {
    match heard {
        None | Some(Answer::Vanished) => true,
        Some(Answer::Refused(why)) => matches!(
            why,
            Refused::Overloaded
                | Refused::StoreUnavailable
                | Refused::OutcomeUnknown
                | Refused::Draining
                | Refused::IdempotencyInProgress
        ),
        Some(Answer::Done { .. } | Answer::Shown(..)) => false,
    }
}
