//! The engine's ports on tokio and the system's random source.

use std::time::Duration;

use boxoffice_engine::random::Randomness;
use boxoffice_engine::runtime::{BoxFuture, Runtime};
use parking_lot::Mutex;

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

/// Random bits from the system, fetched some at a time.
#[derive(Debug, Default)]
pub struct SystemRandom(Mutex<Vec<u64>>);

impl Randomness for SystemRandom {
    fn next(&self) -> u64 {
        const AT_ONCE: usize = 64;
        let mut drawn = self.0.lock();
        if let Some(number) = drawn.pop() {
            return number;
        }
        let mut bytes = [0; AT_ONCE * 8];
        // Without the system's random source no booking reference would be safe to give out.
        getrandom::fill(&mut bytes).expect("the system has a source of randomness");
        let (chunks, _) = bytes.as_chunks::<8>();
        drawn.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
        drawn.pop().unwrap_or_default()
    }
}
