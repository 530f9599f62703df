//! The threads that write to watchers: the system gives them a turn after those that sell.

use std::future::Future;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::priority::stand_back;

/// The threads, ended when this is dropped.
pub(super) struct Workers(Option<Runtime>);

impl Workers {
    /// One for every two cores, which stand back so far. Without threads of their own, watchers are written to by those
    /// that sell.
    pub(super) fn start(steps: i32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads((cores / 2).max(1))
            .thread_name("boxoffice-feed")
            .on_thread_start(move || stand_back(steps))
            .enable_time()
            .build();
        if let Err(error) = &runtime {
            tracing::warn!(%error, "no threads for watchers alone");
        }
        Self(runtime.ok())
    }

    /// Runs something on them.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.0 {
            Some(runtime) => drop(runtime.spawn(task)),
            None => drop(Handle::current().spawn(task)),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // It may be dropped where nothing may wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
