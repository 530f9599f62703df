//! Connections that read, shared by all who ask. What must be of one moment is read by one statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use boxoffice_engine::runtime::BoxFuture;
use boxoffice_engine::store::StoreError;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::Address;
use crate::error::Failure;
use crate::session::{READ, before, connect};

/// A place for a connection, made when it is needed.
#[derive(Default)]
struct Slot {
    client: Mutex<Option<Arc<Client>>>,
    /// Held by whoever connects, and by nobody who only takes a connection or gives one up.
    connecting: tokio::sync::Mutex<()>,
}

impl Slot {
    fn open(&self) -> Option<Arc<Client>> {
        self.client.lock().as_ref().filter(|client| !client.is_closed()).cloned()
    }

    async fn client(&self, address: &Address) -> Result<Arc<Client>, Failure> {
        if let Some(client) = self.open() {
            return Ok(client);
        }
        let _turn = self.connecting.lock().await;
        if let Some(client) = self.open() {
            return Ok(client);
        }
        let client = Arc::new(connect(address).await?);
        *self.client.lock() = Some(Arc::clone(&client));
        Ok(client)
    }

    fn give_up(&self, client: &Arc<Client>) {
        self.client.lock().take_if(|held| Arc::ptr_eq(held, client));
    }
}

/// The reading connections.
pub(crate) struct Readers {
    address: Address,
    slots: Vec<Slot>,
    next: AtomicUsize,
    room: Semaphore,
    reads: AtomicU64,
    turned_away: AtomicU64,
}

impl Readers {
    pub(crate) fn new(address: Address, connections: usize, waiting: usize) -> Self {
        Self {
            address,
            slots: (0..connections.max(1)).map(|_| Slot::default()).collect(),
            next: AtomicUsize::new(0),
            room: Semaphore::new(waiting.max(1)),
            reads: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        }
    }

    /// How many reads were taken in.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// How many reads found no room to wait.
    pub(crate) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Reads. A connection that turns out to be gone is replaced once: nothing was changed by the first try.
    pub(crate) async fn read<T: Send>(
        &self,
        read: impl for<'c> Fn(&'c Client) -> BoxFuture<'c, Result<T, Failure>> + Send + Sync,
    ) -> Result<T, StoreError> {
        let Ok(_room) = self.room.try_acquire() else {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Overloaded);
        };
        self.reads.fetch_add(1, Ordering::Relaxed);
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        // Connecting, and waiting for somebody else who connects, is part of it: behind a cut wire nobody waits for
        // the failures of all before.
        let deadline = Instant::now() + READ;
        let mut failure = None;
        for _ in 0..2 {
            let client = match before(deadline, slot.client(&self.address)).await {
                Ok(client) => client,
                Err(why) => return Err(failure.unwrap_or(why).into()),
            };
            match before(deadline, read(&client)).await {
                Err(Failure::Lost(why)) => {
                    slot.give_up(&client);
                    failure = Some(Failure::Lost(why));
                }
                other => return other.map_err(Into::into),
            }
        }
        Err(failure.map_or(StoreError::Overloaded, Into::into))
    }
}
