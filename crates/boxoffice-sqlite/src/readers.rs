//! Threads that read, each on a connection of its own, beside the writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::StoreError;
use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::connection::open_reader;
use crate::error::{At, OpenError, read_error};

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

enum Job {
    Read(Work),
    /// The thread that gets this ends.
    End,
}

/// A bounded queue of reads, and the threads that do them. They have ended, and closed their connections, when this
/// has been dropped.
pub(crate) struct Readers {
    jobs: SyncSender<Job>,
    /// Reads that were taken in.
    reads: AtomicU64,
    /// Reads that found no room to wait.
    full: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why a read gave nothing: SQLite's error, or bytes that cannot be understood.
#[derive(Debug)]
pub(crate) enum ReadError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<boxoffice_core::codec::Malformed> for ReadError {
    fn from(error: boxoffice_core::codec::Malformed) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) => read_error(&error),
            ReadError::Store(error) => error,
        }
    }
}

impl Readers {
    /// Starts `threads` readers of the database at `path`, for which at most `waiting` reads may wait.
    pub(crate) fn start(path: &Path, threads: usize, waiting: usize) -> Result<Self, OpenError> {
        let (jobs, receiver) = sync_channel::<Job>(waiting);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut readers =
            Self { jobs, reads: AtomicU64::default(), full: AtomicU64::default(), threads: Mutex::default() };
        for number in 0..threads {
            let connection = open_reader(path)?;
            let receiver = Arc::clone(&receiver);
            let builder = std::thread::Builder::new().name(format!("reader-{number}"));
            let thread = builder.spawn(move || work(connection, &receiver)).at(path)?;
            readers.threads.get_mut().push(thread);
        }
        Ok(readers)
    }

    /// Does what waits, and then no more: every connection is closed. SQLite removes its files only when a connection
    /// that may write is the last one to be closed, so the writer calls this before it closes its own.
    pub(crate) fn end(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for _ in &threads {
            // All may have ended already.
            let _ = self.jobs.send(Job::End);
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a reader panicked");
            }
        }
    }

    /// How many reads were taken in.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// How many reads found no room to wait.
    pub(crate) fn turned_away(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// Reads in one database snapshot.
    pub(crate) fn read<T, F>(&self, read: F) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = connection
                .transaction_with_behavior(TransactionBehavior::Deferred)
                .map_err(ReadError::from)
                .and_then(|transaction| read(&transaction));
            // Whoever asked may have gone.
            let _ = sender.send(result.map_err(StoreError::from));
        });
        let queued = self.jobs.try_send(Job::Read(work));
        match queued {
            Ok(()) => _ = self.reads.fetch_add(1, Ordering::Relaxed),
            Err(TrySendError::Full(_)) => _ = self.full.fetch_add(1, Ordering::Relaxed),
            Err(TrySendError::Disconnected(_)) => {}
        }
        Box::pin(async move {
            match queued {
                Ok(()) => {
                    answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("a reader ended".into())))
                }
                Err(TrySendError::Full(_)) => Err(StoreError::Overloaded),
                Err(TrySendError::Disconnected(_)) => {
                    Err(StoreError::Unavailable("the readers ended".into()))
                }
            }
        })
    }
}

fn work(mut connection: Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().recv();
        match job {
            Ok(Job::Read(work)) => work(&mut connection),
            Ok(Job::End) | Err(_) => return,
        }
    }
}
