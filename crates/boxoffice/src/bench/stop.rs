//! Ending early: Ctrl-C and SIGTERM end the load, but not the check and the result.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

/// Whether somebody asked to end.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Nobody did.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Asks to end.
    pub(super) fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody did.
    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until somebody does.
    pub(super) async fn asked(&self) {
        // The sender lives as long as this does.
        drop(self.0.subscribe().wait_for(|asked| *asked).await);
    }

    /// Waits until then, or until somebody asks to end.
    pub(super) async fn sleep_until(&self, when: Instant) {
        tokio::select! { biased;
            () = self.asked() => {}
            () = tokio::time::sleep_until(when.into()) => {}
        }
    }
}
