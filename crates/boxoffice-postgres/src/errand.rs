//! What is done beside transitions: changes of the catalogue, each in a transaction of its own, one after the other in
//! the whole cluster.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use boxoffice_engine::catalogue::{NotAltered, NotCreated};
use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::StoreError;
use tokio::sync::Semaphore;
use tokio_postgres::Client;

use crate::Address;
use crate::error::Failure;
use crate::fence::{Ids, Verdict, settle};
use crate::session::{BEGIN_ERRAND, COMMIT, END, ERRAND, connect, within};
use crate::values::{execute, rows, values};
use crate::writer::Shared;
use crate::writer::statements::WRITE_FENCE;

/// The key of the lock under which the catalogue changes.
const LOCK: i64 = 0x6361_7461_6c6f_6775;
/// How often, and how long apart, a fence is tried before the outcome stays unknown.
const TRIES: u32 = 20;
const APART: Duration = Duration::from_millis(100);

/// Why a transaction is undone.
#[derive(Debug)]
pub(crate) enum Undo<E> {
    /// The request is at fault.
    Refused(E),
    /// The database failed.
    Failed(Failure),
}

impl<E> From<Failure> for Undo<E> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

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

/// The work of an errand, within its transaction.
pub(crate) type Work<T, E> = Box<dyn for<'c> FnOnce(&'c Client) -> BoxFuture<'c, Result<T, Undo<E>>> + Send>;

/// The one connection for errands, and how many may wait for it.
pub(crate) struct Errands {
    address: Address,
    client: tokio::sync::Mutex<Option<Client>>,
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
    ids: Arc<Ids>,
}

impl Errands {
    pub(crate) fn new(address: Address, waiting: usize, shared: Arc<Shared>, ids: Arc<Ids>) -> Self {
        let room = Arc::new(Semaphore::new(waiting.max(1)));
        Self { address, client: tokio::sync::Mutex::new(None), room, shared, ids }
    }

    /// Does it to its end, also when whoever asked has gone.
    pub(crate) fn run<T, E>(self: &Arc<Self>, work: Work<T, E>) -> BoxFuture<'static, Result<T, E>>
    where
        T: Send + 'static,
        E: From<Trouble> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            self.shared.counters.creations_full.fetch_add(1, Ordering::Relaxed);
            return Box::pin(std::future::ready(Err(Trouble::Store(StoreError::Overloaded).into())));
        };
        let errands = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _place = place;
            errands.transact(work).await
        });
        Box::pin(async move { task.await.unwrap_or_else(|_| Err(Trouble::InDoubt.into())) })
    }

    async fn transact<T, E: From<Trouble>>(&self, work: Work<T, E>) -> Result<T, E> {
        let failed = |failure: Failure| E::from(Trouble::Store(failure.into()));
        let mut slot = self.client.lock().await;
        // Taken out, so that a connection in the middle of a transaction is never found there.
        let client = match slot.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => connect(&self.address).await.map_err(failed)?,
        };
        let fence = (0, self.ids.next());
        let begin = async {
            client.batch_execute(BEGIN_ERRAND).await?;
            rows(&client, "SELECT pg_advisory_xact_lock($1)", values![LOCK]).await?;
            execute(&client, WRITE_FENCE, values![fence.0, &fence.1[..]]).await
        };
        within(ERRAND, begin).await.map_err(failed)?;
        let worked = async {
            match work(&client).await {
                Ok(done) => Ok(Ok(done)),
                Err(Undo::Refused(why)) => Ok(Err(why)),
                Err(Undo::Failed(failure)) => Err(failure),
            }
        };
        let done = match within(ERRAND, worked).await.map_err(failed)? {
            Ok(done) => done,
            Err(why) => {
                if client.batch_execute("ROLLBACK").await.is_ok() {
                    *slot = Some(client);
                }
                return Err(why);
            }
        };
        if within(COMMIT, async { Ok(client.batch_execute(END).await?) }).await.is_ok() {
            *slot = Some(client);
            return Ok(done);
        }
        drop(client);
        for _ in 0..TRIES {
            match settle(&self.address, fence).await {
                Ok((client, verdict)) => {
                    *slot = Some(client);
                    let lost = || failed(Failure::Lost("the connection was lost; nothing was done".into()));
                    return if verdict == Verdict::Committed { Ok(done) } else { Err(lost()) };
                }
                Err(_) => tokio::time::sleep(APART).await,
            }
        }
        Err(Trouble::InDoubt.into())
    }
}
