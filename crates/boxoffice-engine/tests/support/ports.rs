//! The engine's ports for tests: tasks and sleep on the test's own tokio runtime.

use std::time::Duration;

use boxoffice_engine::runtime::{BoxFuture, Runtime};

/// Tasks and sleep of the test.
#[derive(Debug)]
pub(crate) struct TestRuntime;

impl Runtime for TestRuntime {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }
}
