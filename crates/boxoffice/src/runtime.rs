//! The engine's ports on tokio and the system's random source.

use std::cell::RefCell;
use std::time::Duration;

use boxoffice_engine::random::Randomness;
use boxoffice_engine::runtime::{BoxFuture, Runtime};

/// Tasks and sleep on the current tokio runtime.
#[derive(Debug, Clone)]
pub struct TokioRuntime(tokio::runtime::Handle);

impl TokioRuntime {
    /// On the runtime that this is called on.
    pub fn current() -> Self {
        Self(tokio::runtime::Handle::current())
    }
}

impl Runtime for TokioRuntime {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }
}

/// Random bits from the system, fetched some at a time by each thread.
#[derive(Debug)]
pub struct SystemRandom;

thread_local! {
    static DRAWN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

impl Randomness for SystemRandom {
    fn next(&self) -> u64 {
        const AT_ONCE: usize = 64;
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.is_empty() {
                let mut bytes = [0; AT_ONCE * 8];
                // Without the system's random source no booking reference would be safe to give out.
                getrandom::fill(&mut bytes).expect("the system has a source of randomness");
                let (chunks, _) = bytes.as_chunks::<8>();
                drawn.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
            }
            drawn.pop().unwrap_or_default()
        })
    }
}
