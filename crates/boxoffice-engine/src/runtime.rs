//! The port through which the engine starts tasks and waits for time to pass.

use std::future::Future;
use std::pin::Pin;

/// A boxed future, for ports that are trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts tasks and sleeps: on tokio in the server, in virtual time in a simulator.
pub trait Runtime: Send + Sync {
    /// Runs `task` to its end beside everything else.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Ends after `ms` milliseconds.
    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()>;
}
