//! Moving the write-ahead log into the database: small steps beside the writer, the short rest by the writer.
//!
//! A checkpoint beside a busy writer never catches up with it, so the log would never start again from its
//! beginning and grow for ever. Hence: when the log passes a bound, another thread copies what is there, twice (the
//! second pass has little left); then the writer copies the short rest between two batches, and its next commit
//! starts the log anew. Only when the log passes four times the bound does the writer do all of it by itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use crate::connection::open_writer;
use crate::error::{At, OpenError};

/// When to checkpoint, and who does it now.
pub(crate) struct Checkpoints {
    /// Pages in the log after the last commit.
    log_pages: Arc<AtomicU32>,
    bound_pages: u32,
    /// Set by the thread when it has left only a short rest.
    rest_is_short: Arc<AtomicBool>,
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    /// Watches the writer's connection and starts the thread beside it.
    pub(crate) fn start(writer: &mut Connection, path: &Path, bound_kib: u32) -> Result<Self, OpenError> {
        let log_pages = Arc::new(AtomicU32::new(0));
        let pages = Arc::clone(&log_pages);
        let note = move |_: &mut _, count: i32| {
            pages.store(count.max(0) as u32, Ordering::Release);
            Ok(())
        };
        writer.wal_hook(Some(note)).at(path)?;
        let page_size: u32 = writer.pragma_query_value(None, "page_size", |row| row.get(0)).at(path)?;
        let connection = open_writer(path, 2048)?;
        let rest_is_short = Arc::new(AtomicBool::new(false));
        let short = Arc::clone(&rest_is_short);
        let (wake, woken) = sync_channel::<()>(1);
        let work = move || {
            while woken.recv().is_ok() {
                // Errors show again, and louder, at the writer's own checkpoint.
                for _ in 0..2 {
                    let _ = passive(&connection);
                }
                short.store(true, Ordering::Release);
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".into()).spawn(work).at(path)?;
        Ok(Self {
            log_pages,
            bound_pages: (bound_kib / (page_size / 1024).max(1)).max(64),
            rest_is_short,
            wake,
            thread,
        })
    }

    /// Ends the thread, so that nobody else is at the log: SQLite does not wait for another checkpoint.
    pub(crate) fn end(self) {
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the checkpointer panicked");
        }
    }

    /// Called by the writer between two batches.
    pub(crate) fn between_batches(&self, writer: &Connection) {
        let pages = self.log_pages.load(Ordering::Acquire);
        if pages < self.bound_pages {
            return;
        }
        if self.rest_is_short.swap(false, Ordering::AcqRel) || pages >= self.bound_pages.saturating_mul(4) {
            match passive(writer) {
                Ok(true) => self.log_pages.store(0, Ordering::Release),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "a checkpoint failed"),
            }
        } else {
            // Full: the thread is at it already.
            let _ = self.wake.try_send(());
        }
    }
}

/// Copies what can be copied without waiting; true if nothing is left.
fn passive(connection: &Connection) -> rusqlite::Result<bool> {
    let (log, copied) = connection.wal_checkpoint_v2::<&str>(None, CheckpointMode::PASSIVE)?;
    Ok(log >= 0 && log == copied)
}
