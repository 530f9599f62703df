//! Moving the write-ahead log into the database: small steps beside the writer, the short rest by the writer.
//!
//! A checkpoint beside a busy writer never catches up with it, so the log would never start again from its
//! beginning and grow for ever. Hence: when the log passes a bound, another thread copies what is there, at least twice
//! and until little comes meanwhile; then the writer copies the short rest between two batches, and its next commit
//! starts the log anew. When the log passes four times the bound before that, the writer waits for the thread.
//!
//! A reader that stays keeps the log from being copied beyond its snapshot, and waiting for it would help nobody. So a
//! log that could not start anew may double before the writer waits: the thread copies what has piled up once the
//! reader has gone.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use crate::connection::open_writer;
use crate::error::{At, OpenError};

/// At how many times the bound the writer waits for the thread.
const PATIENCE: u32 = 4;
/// A rest is short that is at most this part of the bound.
const SHORT: u32 = 4;

/// When to checkpoint, and who does it now.
pub(crate) struct Checkpoints {
    /// Pages in the log after the last commit.
    log_pages: Arc<AtomicU32>,
    bound_pages: u32,
    /// At this size of the log the writer waits for the thread.
    most_pages: u32,
    wake: Sender<()>,
    /// What the thread has left, each time that it was woken.
    left: Receiver<Left>,
    /// The thread was woken and has not answered.
    is_copying: bool,
    thread: JoinHandle<()>,
}

/// What the thread has left to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// A short rest.
    Little,
    /// What a reader is in the way of.
    BehindReader,
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
        let bound_pages = (bound_kib / (page_size / 1024).max(1)).max(64);
        let (wake, woken) = channel();
        let (tell, left) = channel();
        let pages = Arc::clone(&log_pages);
        let work = move || {
            while woken.recv().is_ok() {
                // Nobody listens any more at the end.
                let _ = tell.send(copy(&connection, &pages, bound_pages / SHORT));
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".into()).spawn(work).at(path)?;
        Ok(Self {
            log_pages,
            bound_pages,
            most_pages: bound_pages.saturating_mul(PATIENCE),
            wake,
            left,
            is_copying: false,
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
    pub(crate) fn between_batches(&mut self, writer: &Connection) {
        let pages = self.log_pages.load(Ordering::Acquire);
        let patience = self.bound_pages.saturating_mul(PATIENCE);
        if pages < self.bound_pages {
            self.most_pages = patience;
            // What is said of an earlier log means nothing for this one.
            self.is_copying &= self.left.try_recv().is_err();
            return;
        }
        let was_kept = self.most_pages > patience;
        let left = if pages < self.most_pages {
            self.ask();
            match self.left.try_recv() {
                Err(TryRecvError::Empty) => return,
                answer => answer.ok(),
            }
        } else {
            self.most_pages = pages.saturating_mul(2);
            self.wait()
        };
        self.is_copying = false;
        if left == Some(Left::BehindReader) {
            if was_kept {
                self.most_pages = self.most_pages.max(pages.saturating_mul(2));
            }
            return;
        }
        // Without the thread the writer does it all.
        match passive(writer) {
            Ok((log, copied)) if log == copied => self.log_pages.store(0, Ordering::Release),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a checkpoint failed"),
        }
    }

    /// Has the thread copy, unless it is at it.
    fn ask(&mut self) {
        if !self.is_copying {
            self.is_copying = self.wake.send(()).is_ok();
        }
    }

    /// Waits until the thread has copied all that no reader is in the way of.
    fn wait(&mut self) -> Option<Left> {
        self.ask();
        let left = self.left.recv().ok();
        if left != Some(Left::BehindReader) {
            return left;
        }
        // That reader may have been the writer itself, which reads nothing now.
        self.is_copying = false;
        self.ask();
        self.left.recv().ok()
    }
}

/// Copies again and again, until at most `short` pages have come meanwhile or a reader is in the way of more.
fn copy(connection: &Connection, log_pages: &AtomicU32, short: u32) -> Left {
    for pass in 1.. {
        // An error shows again, and louder, at the writer's own checkpoint.
        let Ok((log, copied)) = passive(connection) else { break };
        if log.saturating_sub(copied) > short {
            return Left::BehindReader;
        }
        if pass > 1 && log_pages.load(Ordering::Acquire).saturating_sub(copied) <= short {
            break;
        }
    }
    Left::Little
}

/// Copies what can be copied without waiting: how many pages the log has, and how many of them are copied.
fn passive(connection: &Connection) -> rusqlite::Result<(u32, u32)> {
    let (log, copied) = connection.wal_checkpoint_v2::<&str>(None, CheckpointMode::PASSIVE)?;
    Ok((log.max(0) as u32, copied.max(0) as u32))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::connection::open_reader;

    struct Log {
        folder: tempfile::TempDir,
        connection: Connection,
        checkpoints: Checkpoints,
    }

    impl Log {
        /// A log whose bound is 64 pages, with five times as many that a reader is in the way of.
        fn behind_a_reader() -> (Self, Connection) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("b.db");
            let mut connection = open_writer(&path, 1000).unwrap();
            connection.execute_batch("CREATE TABLE x (y BLOB)").unwrap();
            let checkpoints = Checkpoints::start(&mut connection, &path, 1).unwrap();
            let reader = open_reader(&path).unwrap();
            reader.execute_batch("BEGIN; SELECT count(*) FROM x").unwrap();
            let log = Self { folder, connection, checkpoints };
            log.grow(5 * 64);
            (log, reader)
        }

        fn pages(&self) -> u32 {
            self.checkpoints.log_pages.load(Ordering::Acquire)
        }

        fn grow(&self, pages: u32) {
            let from = self.pages();
            while self.pages() < from + pages {
                self.write();
            }
        }

        /// Commits some ten pages.
        fn write(&self) {
            self.connection.execute("INSERT INTO x VALUES (zeroblob(20000))", []).unwrap();
        }

        fn between_batches(&mut self) {
            self.checkpoints.between_batches(&self.connection);
        }
    }

    #[test]
    fn the_writer_copies_only_a_short_rest() {
        let (mut log, reader) = Log::behind_a_reader();
        drop(reader);
        // The script is the thread.
        let ((wake, woken), (tell, left)) = (channel(), channel());
        (log.checkpoints.wake, log.checkpoints.left) = (wake, left);
        let pages = log.pages();
        // The writer waits, and does not believe at once that the reader is another.
        tell.send(Left::BehindReader).unwrap();
        tell.send(Left::BehindReader).unwrap();
        log.between_batches();
        assert_eq!(log.pages(), pages, "a reader was in the way: what has piled up is left to the thread");
        log.between_batches();
        assert_eq!(log.pages(), pages, "it may double before the writer waits for that");
        assert_eq!(woken.try_iter().count(), 3);
        tell.send(Left::Little).unwrap();
        log.between_batches();
        assert_eq!(log.pages(), 0, "the rest is copied");
        log.write();
        log.between_batches();
        assert!(log.pages() < 64, "the log starts anew");
        assert_eq!(log.checkpoints.most_pages, 4 * 64, "and may not grow as large again");

        log.grow(64);
        log.between_batches();
        passive(&log.connection).unwrap();
        log.write();
        assert!(log.pages() < 64, "it starts anew before the thread has said anything");
        tell.send(Left::Little).unwrap();
        log.between_batches();
        log.grow(64);
        log.between_batches();
        assert!(log.pages() > 64, "what was said of the one before means nothing");
    }

    #[test]
    fn a_log_that_a_reader_kept_starts_anew_when_it_has_gone() {
        let (mut log, reader) = Log::behind_a_reader();
        log.between_batches();
        assert!(log.pages() >= 5 * 64);
        reader.execute_batch("COMMIT").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while log.pages() > 0 {
            assert!(Instant::now() < deadline, "the log was never copied");
            log.between_batches();
        }
        log.write();
        assert!(log.pages() < 64);
        log.checkpoints.end();
        drop(log.folder);
    }

    #[test]
    fn the_log_is_left_to_the_writer_only_when_little_is_left() {
        let (log, reader) = Log::behind_a_reader();
        let (pages, other) = (&log.checkpoints.log_pages, open_writer(&log.folder.path().join("b.db"), 1000));
        let other = other.unwrap();
        assert_eq!(copy(&other, pages, 8), Left::BehindReader);
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(copy(&other, pages, 8), Left::Little);
        let (in_log, copied) = passive(&other).unwrap();
        assert_eq!((in_log, copied), (log.pages(), log.pages()), "nothing was left");
    }
}
