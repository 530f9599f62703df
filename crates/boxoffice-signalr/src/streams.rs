//! The streams that one client has open: each item is sent when there is room for it.

use std::task::{Context, Poll};

use futures_util::stream::BoxStream;

use crate::hub::Failure;
use crate::payload::Payload;
use crate::protocol::message::{Completion, Record};

pub(crate) struct Streams {
    open: Vec<Open>,
    most: usize,
    /// Which stream is asked first, so that a busy one does not silence the others.
    turn: usize,
}

struct Open {
    id: Box<str>,
    target: String,
    stream: BoxStream<'static, Result<Payload, Failure>>,
}

impl Streams {
    pub(crate) fn new(most: usize) -> Self {
        Self { open: Vec::new(), most, turn: 0 }
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.open.iter().any(|open| *open.id == *id)
    }

    /// Gives the id back if too many are open.
    pub(crate) fn add(
        &mut self,
        id: String,
        target: String,
        stream: BoxStream<'static, Result<Payload, Failure>>,
    ) -> Result<(), String> {
        if self.open.len() >= self.most {
            return Err(id);
        }
        self.open.push(Open { id: id.into(), target, stream });
        Ok(())
    }

    /// Whether there was such a stream.
    pub(crate) fn cancel(&mut self, id: &str) -> bool {
        let before = self.open.len();
        self.open.retain(|open| *open.id != *id);
        self.open.len() < before
    }

    /// The next item, or the end, of any stream.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Record> {
        for _ in 0..self.open.len() {
            self.turn = (self.turn + 1) % self.open.len();
            let open = &mut self.open[self.turn];
            let Poll::Ready(next) = open.stream.as_mut().poll_next(context) else { continue };
            let completion = match next {
                Some(Ok(item)) => return Poll::Ready(Record::Item { id: open.id.clone(), item }),
                Some(Err(failure)) => Completion::Error(failure.text(&open.target)),
                None => Completion::Void,
            };
            let ended = self.open.remove(self.turn);
            return Poll::Ready(Record::Completion { id: ended.id, completion });
        }
        Poll::Pending
    }
}
