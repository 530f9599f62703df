//! What the writer does beside transitions: each errand in a transaction of its own, for somebody who waits.

use boxoffice_engine::catalogue::{NotAltered, NotCreated};
use boxoffice_engine::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::writer::{BatchError, Heads, in_transaction};

/// Why an errand came to nothing through no fault of its own.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// Nothing was done.
    Store(StoreError),
    /// It may or may not have been done.
    InDoubt,
}

impl From<Trouble> for NotCreated {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Store(error) => Self::Store(error),
            Trouble::InDoubt => Self::InDoubt,
        }
    }
}

impl From<Trouble> for NotAltered {
    fn from(trouble: Trouble) -> Self {
        NotCreated::from(trouble).into()
    }
}

/// Work for the writer, and who waits for it.
pub(crate) trait Errand: Send {
    /// Does the work; a refusal is kept for whoever waits and is no error.
    fn write(&mut self, connection: &Connection, heads: &mut Heads) -> Result<(), BatchError>;

    /// Tells whoever waits what came of it.
    fn tell(self: Box<Self>, trouble: Option<Trouble>);
}

type Work<T, E> = Box<dyn FnOnce(&Connection, &mut Heads) -> Result<Result<T, E>, BatchError> + Send>;

/// An errand with an answer.
pub(crate) struct Asked<T, E> {
    work: Option<Work<T, E>>,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E> Asked<T, E> {
    /// The errand, and where its answer comes.
    pub(crate) fn new(
        work: impl FnOnce(&Connection, &mut Heads) -> Result<Result<T, E>, BatchError> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (answer, answered) = oneshot::channel();
        (Self { work: Some(Box::new(work)), result: None, answer }, answered)
    }
}

impl<T: Send, E: Send + From<Trouble>> Errand for Asked<T, E> {
    fn write(&mut self, connection: &Connection, heads: &mut Heads) -> Result<(), BatchError> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(connection, heads)?);
        }
        Ok(())
    }

    fn tell(self: Box<Self>, trouble: Option<Trouble>) {
        let result = match (trouble, self.result) {
            (Some(trouble), _) => Err(trouble.into()),
            (None, Some(result)) => result,
            (None, None) => Err(Trouble::InDoubt.into()),
        };
        // Whoever asked may have gone.
        let _ = self.answer.send(result);
    }
}

/// Why a transaction is undone.
#[derive(Debug)]
pub(crate) enum Undo<E> {
    /// The request is at fault.
    Refused(E),
    /// The database failed.
    Failed(rusqlite::Error),
}

impl<E> From<rusqlite::Error> for Undo<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Writes in a transaction of its own: all of it, or nothing if it is refused or fails.
pub(crate) fn transact<T, E>(
    connection: &Connection,
    heads: &mut Heads,
    write: impl FnOnce(&mut Heads) -> Result<T, Undo<E>>,
) -> Result<Result<T, E>, BatchError> {
    let mut refused = None;
    let result = in_transaction(connection, heads, |heads| match write(heads) {
        Ok(done) => Ok(done),
        Err(Undo::Failed(error)) => Err(error),
        Err(Undo::Refused(why)) => {
            refused = Some(why);
            Err(rusqlite::Error::StatementChangedRows(0))
        }
    });
    match (result, refused) {
        (Ok(done), _) => {
            heads.commit();
            Ok(Ok(done))
        }
        (Err(error), refused) => {
            heads.roll_back();
            refused.map_or(Err(error), |why| Ok(Err(why)))
        }
    }
}
