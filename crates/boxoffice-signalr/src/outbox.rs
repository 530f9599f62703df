//! What waits to be sent to one client: bounded, and never waiting itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::hub::Close;
use crate::payload::Event;
use crate::protocol::message::Record;

/// Something for the pump to do, in its turn.
pub(crate) enum Item {
    Record { record: Record, size: usize },
    Attach { key: Arc<str>, source: BoxStream<'static, Event> },
    Detach { key: Arc<str> },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Ended,
}

/// Why a session must end, other than by its client's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Asked(Close),
    Lost,
}

pub(crate) struct Outbox {
    state: Mutex<State>,
    max_records: usize,
    max_bytes: usize,
}

struct State {
    items: VecDeque<Item>,
    records: usize,
    bytes: usize,
    /// While a method runs, the sources that it attached wait here for its answer.
    calling: bool,
    deferred: Vec<Item>,
    close: Option<Close>,
    /// Nothing more is taken; what waits is still sent.
    ended: bool,
    /// Nobody will send what waits.
    lost: bool,
    session: Option<Waker>,
    pump: Option<Waker>,
    last_pumped: Instant,
}

impl State {
    fn is_full(&self, max_records: usize, max_bytes: usize) -> bool {
        self.records >= max_records || self.bytes >= max_bytes
    }

    fn append(&mut self, record: Record, size: usize) {
        self.records += 1;
        self.bytes += size;
        self.items.push_back(Item::Record { record, size });
        wake(&mut self.pump);
    }

    /// Forgets what waits. Returns it, to be dropped where no lock is held.
    fn clear(&mut self) -> (VecDeque<Item>, Vec<Item>) {
        (self.records, self.bytes) = (0, 0);
        (std::mem::take(&mut self.items), std::mem::take(&mut self.deferred))
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Outbox {
    pub(crate) fn new(max_records: usize, max_bytes: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            records: 0,
            bytes: 0,
            calling: false,
            deferred: Vec::new(),
            close: None,
            ended: false,
            lost: false,
            session: None,
            pump: None,
            last_pumped: Instant::now(),
        };
        Self { state: Mutex::new(state), max_records, max_bytes }
    }

    pub(crate) fn push(&self, record: Record, size: usize) {
        let mut state = self.state.lock();
        if !state.ended && !state.lost {
            state.append(record, size);
        }
    }

    /// Queues an event if there is room: with `instead`, in the place of those with the same target that wait.
    pub(crate) fn push_within_limits(
        &self,
        event: &Event,
        size: usize,
        instead: bool,
    ) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.ended || state.lost || state.close.is_some() {
            return Err(Refused::Ended);
        }
        if instead {
            let is_older = |item: &Item| match item {
                Item::Record { record: Record::Event(older), .. } => older.target() == event.target(),
                _ => false,
            };
            let (mut records, mut bytes) = (0, 0);
            state.items.retain(|item| {
                if let (true, Item::Record { size, .. }) = (is_older(item), item) {
                    records += 1;
                    bytes += size;
                    return false;
                }
                true
            });
            state.records -= records;
            state.bytes -= bytes;
        }
        if state.is_full(self.max_records, self.max_bytes) {
            return Err(Refused::Full);
        }
        state.append(Record::Event(event.clone()), size);
        Ok(())
    }

    pub(crate) fn push_source(&self, item: Item) {
        let mut state = self.state.lock();
        if state.ended || state.lost {
            drop(state);
            return;
        }
        match item {
            item @ Item::Attach { .. } if state.calling => state.deferred.push(item),
            Item::Detach { key } => {
                let other =
                    |item: &Item| !matches!(item, Item::Attach { key: waiting, .. } if *waiting == key);
                let (kept, gone) = std::mem::take(&mut state.deferred).into_iter().partition(other);
                state.deferred = kept;
                state.items.push_back(Item::Detach { key });
                wake(&mut state.pump);
                drop(state);
                drop::<Vec<_>>(gone);
            }
            item => {
                state.items.push_back(item);
                wake(&mut state.pump);
            }
        }
    }

    /// A method begins, or its answer is queued.
    pub(crate) fn set_calling(&self, calling: bool) {
        let mut state = self.state.lock();
        state.calling = calling;
        if !calling && !state.deferred.is_empty() {
            let deferred = std::mem::take(&mut state.deferred);
            state.items.extend(deferred);
            wake(&mut state.pump);
        }
    }

    /// Asks the session to end with these words.
    pub(crate) fn ask_to_close(&self, close: Close) {
        let mut state = self.state.lock();
        state.close.get_or_insert(close);
        wake(&mut state.session);
    }

    /// As `ask_to_close`, without sending what waits.
    pub(crate) fn cut_off(&self, close: Close) {
        let mut state = self.state.lock();
        state.close.get_or_insert(close);
        wake(&mut state.session);
        let waiting = state.clear();
        drop(state);
        drop(waiting);
    }

    /// The transport is gone.
    pub(crate) fn lose(&self) {
        let mut state = self.state.lock();
        state.lost = true;
        wake(&mut state.session);
        wake(&mut state.pump);
        let waiting = state.clear();
        drop(state);
        drop(waiting);
    }

    /// The session is over, with these last words. What waits is still sent.
    pub(crate) fn finish(&self, last: Option<Record>) {
        let mut state = self.state.lock();
        if let (Some(record), false) = (last, state.lost) {
            state.append(record, 0);
        }
        state.ended = true;
        let deferred = std::mem::take(&mut state.deferred);
        wake(&mut state.pump);
        drop(state);
        drop(deferred);
    }

    /// The session has something to look at that does not stand here.
    pub(crate) fn wake_session(&self) {
        wake(&mut self.state.lock().session);
    }

    /// For the session: why it must end, and whether there is room for what answers its client.
    pub(crate) fn poll_session(&self, context: &Context<'_>) -> (Option<End>, bool) {
        let mut state = self.state.lock();
        let end = if state.lost { Some(End::Lost) } else { state.close.clone().map(End::Asked) };
        let room = !state.is_full(self.max_records, self.max_bytes);
        state.session = Some(context.waker().clone());
        (end, room)
    }

    /// For the pump: what is next, nothing while nothing waits, or `None` at the end.
    pub(crate) fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Item>> {
        let mut state = self.state.lock();
        state.last_pumped = Instant::now();
        match state.items.pop_front() {
            Some(item) => {
                if let Item::Record { size, .. } = item {
                    let was_full = state.is_full(self.max_records, self.max_bytes);
                    state.records -= 1;
                    state.bytes -= size;
                    if was_full {
                        wake(&mut state.session);
                    }
                }
                if state.items.is_empty() && state.items.capacity() > 16 {
                    state.items = VecDeque::new();
                }
                Poll::Ready(Some(item))
            }
            None if state.ended || state.lost => Poll::Ready(None),
            None => {
                state.pump = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Gives back what does not belong into the same message.
    pub(crate) fn put_back(&self, record: Record, size: usize) {
        let mut state = self.state.lock();
        if !state.lost {
            state.records += 1;
            state.bytes += size;
            state.items.push_front(Item::Record { record, size });
        }
    }

    pub(crate) fn last_pumped(&self) -> Instant {
        self.state.lock().last_pumped
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.state.lock().lost
    }
}
