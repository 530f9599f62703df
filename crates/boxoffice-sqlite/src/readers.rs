//! Threads that read, each on a connection of its own, beside the writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::StoreError;
use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::connection::open_reader;
use crate::error::{At, OpenError, read_error};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A bounded queue of reads, and the threads that do them. They end when this is dropped.
pub(crate) struct Readers {
    jobs: SyncSender<Job>,
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
        for number in 0..threads {
            let connection = open_reader(path)?;
            let receiver = Arc::clone(&receiver);
            let builder = std::thread::Builder::new().name(format!("reader-{number}"));
            builder.spawn(move || work(connection, &receiver)).at(path)?;
        }
        Ok(Self { jobs })
    }

    /// Reads in one database snapshot.
    pub(crate) fn read<T, F>(&self, read: F) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = connection
                .transaction_with_behavior(TransactionBehavior::Deferred)
                .map_err(ReadError::from)
                .and_then(|transaction| read(&transaction));
            // Whoever asked may have gone.
            let _ = sender.send(result.map_err(StoreError::from));
        });
        let queued = self.jobs.try_send(job);
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
            Ok(job) => job(&mut connection),
            Err(_) => return,
        }
    }
}
