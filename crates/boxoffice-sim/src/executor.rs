//! Tasks on one thread in virtual time: which of those that could run does so is drawn by lot, and time passes only
//! when none can.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use boxoffice_engine::runtime::BoxFuture;
use parking_lot::Mutex;

use crate::lots::Lots;

/// Whose a task is: ending the owner drops all its tasks. 0 is the world, which does not end.
pub type Owner = u64;

struct TaskWaker {
    id: u64,
    queued: AtomicBool,
    ready: Arc<Mutex<Vec<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().push(self.id);
        }
    }
}

struct Task {
    owner: Owner,
    /// Away while it is polled.
    future: Option<BoxFuture<'static, ()>>,
    waker: Arc<TaskWaker>,
}

#[derive(Default)]
struct State {
    now_ms: u64,
    drawn: u64,
    tasks: BTreeMap<u64, Task>,
    timers: BTreeMap<(u64, u64), Waker>,
    ending: BTreeSet<Owner>,
    steps: u64,
}

/// Runs tasks.
pub struct Executor {
    state: Mutex<State>,
    ready: Arc<Mutex<Vec<u64>>>,
    lots: Lots,
}

impl Executor {
    /// An executor at time 0.
    pub fn new(lots: Lots) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), ready: Arc::default(), lots })
    }

    /// Virtual time in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.state.lock().now_ms
    }

    /// How often a task was polled.
    pub fn steps(&self) -> u64 {
        self.state.lock().steps
    }

    /// Starts a task.
    pub fn spawn(&self, owner: Owner, future: BoxFuture<'static, ()>) {
        let mut state = self.state.lock();
        state.drawn += 1;
        let id = state.drawn;
        let waker = Arc::new(TaskWaker { id, queued: AtomicBool::new(true), ready: Arc::clone(&self.ready) });
        state.tasks.insert(id, Task { owner, future: Some(future), waker });
        self.ready.lock().push(id);
    }

    /// Drops all tasks of an owner before anything else runs.
    pub fn end(&self, owner: Owner) {
        self.state.lock().ending.insert(owner);
    }

    /// Ends after `ms` milliseconds.
    pub fn sleep(self: &Arc<Self>, ms: u64) -> Sleep {
        let deadline = self.now_ms().saturating_add(ms);
        Sleep { executor: Arc::clone(self), deadline, place: None }
    }

    /// Polls one task, or moves time on to the next timer. Says which task and when; `None` when nothing will ever
    /// happen again.
    pub fn step(&self) -> Option<(u64, u64)> {
        self.bury();
        loop {
            let Some(id) = self.next_ready() else { if self.pass_time() { continue } else { return None } };
            let taken = {
                let mut state = self.state.lock();
                let taken = state.tasks.get_mut(&id).and_then(|task| {
                    task.waker.queued.store(false, Ordering::Relaxed);
                    Some((task.future.take()?, Waker::from(Arc::clone(&task.waker))))
                });
                state.steps += u64::from(taken.is_some());
                taken
            };
            let Some((mut future, waker)) = taken else { continue };
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                drop(future);
                self.state.lock().tasks.remove(&id);
            } else if let Some(task) = self.state.lock().tasks.get_mut(&id) {
                task.future = Some(future);
            }
            return Some((id, self.now_ms()));
        }
    }

    /// Drops everything that is left.
    pub fn finish(&self) {
        let tasks = std::mem::take(&mut self.state.lock().tasks);
        drop(tasks);
        self.state.lock().timers.clear();
    }

    fn next_ready(&self) -> Option<u64> {
        let mut ready = self.ready.lock();
        if ready.is_empty() {
            return None;
        }
        let place = self.lots.below(ready.len() as u64) as usize;
        Some(ready.swap_remove(place))
    }

    fn pass_time(&self) -> bool {
        let due = {
            let mut state = self.state.lock();
            let Some(((next, _), _)) = state.timers.first_key_value() else { return false };
            let next = *next;
            state.now_ms = state.now_ms.max(next);
            let later = state.timers.split_off(&(next, u64::MAX));
            std::mem::replace(&mut state.timers, later)
        };
        for waker in due.into_values() {
            waker.wake();
        }
        true
    }

    fn bury(&self) {
        let dead: Vec<Task> = {
            let mut state = self.state.lock();
            if state.ending.is_empty() {
                return;
            }
            let ending = std::mem::take(&mut state.ending);
            let ids: Vec<u64> = state
                .tasks
                .iter()
                .filter(|(_, task)| ending.contains(&task.owner))
                .map(|(id, _)| *id)
                .collect();
            ids.into_iter().filter_map(|id| state.tasks.remove(&id)).collect()
        };
        // What a task lets go of may wake others: not under the lock.
        drop(dead);
    }
}

/// Waits for virtual time to pass.
pub struct Sleep {
    executor: Arc<Executor>,
    deadline: u64,
    place: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let executor = Arc::clone(&self.executor);
        let mut state = executor.state.lock();
        if state.now_ms >= self.deadline {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or_else(|| {
            state.drawn += 1;
            (self.deadline, state.drawn)
        });
        state.timers.insert(place, context.waker().clone());
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.executor.state.lock().timers.remove(&place);
            drop(waker);
        }
    }
}
