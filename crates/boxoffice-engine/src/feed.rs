//! The feed: a showtime's committed changes on their way to everyone who watches it.
//!
//! It is keyed state, not a queue. A watcher is a cursor, the revision up to which it knows the seats; when it can be
//! written to, it is given the newest state of the seats that changed after that ([`Board::update_since`]). However
//! slowly somebody reads, and however much changes meanwhile, nothing is kept for them.
//!
//! Changes are gathered: the first one after a quiet time is told at once, what follows within a tick of it is told
//! together at the tick's end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use boxoffice_core::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::board::{Board, SeatView};
use crate::box_office::{BoxOffice, Refused};
use crate::counters::count;

/// What a watcher has to be given to be level with the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// After which revision; `None` for a snapshot: every seat that ever changed.
    pub from: Option<u64>,
    /// The revision that the seats are of.
    pub revision: u64,
    /// The seats changed since, by number.
    pub seats: Vec<SeatView>,
    /// Whether the settings may have changed since.
    pub settings_changed: bool,
    /// Whether the public may see the showtime.
    pub published: bool,
    /// Why there will be no further update, if so.
    pub ended: Option<Ended>,
}

/// Why a feed ends for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The showtime was called off, and its last seat was let go.
    Cancelled,
    /// There is no such showtime any more.
    Deleted,
    /// This board is of no use any more; another one will be loaded for whoever comes back.
    Reloading,
}

/// What is told to all watchers at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The board's revision.
    pub revision: u64,
    /// When the first of the changes since the last time was decided.
    pub oldest_at: Timestamp,
}

/// The part of a board that wakes its watchers.
pub(crate) struct Feed {
    watchers: AtomicUsize,
    ticking: AtomicBool,
    moved: Notify,
    /// When the first change that was not told yet was decided, in milliseconds.
    oldest_ms: AtomicI64,
    /// How often something was told, and what the last time.
    told: Mutex<(u64, Told)>,
    /// Wakes those who wait for it, in the order in which they came: a simulator must see the same each time.
    bell: Notify,
}

impl Feed {
    /// Of a board that was just loaded.
    pub(crate) fn new(revision: u64) -> Self {
        Self {
            watchers: AtomicUsize::new(0),
            ticking: AtomicBool::new(false),
            moved: Notify::new(),
            oldest_ms: AtomicI64::new(i64::MAX),
            told: Mutex::new((0, Told { revision, oldest_at: Timestamp::MAX })),
            bell: Notify::new(),
        }
    }

    /// A change was applied that was decided at this time.
    pub(crate) fn note(&self, at: Timestamp) {
        self.oldest_ms.fetch_min(at.as_ms(), Ordering::AcqRel);
    }

    /// There is something to tell.
    pub(crate) fn wake(&self) {
        if self.watchers.load(Ordering::Acquire) > 0 {
            self.moved.notify_one();
        }
    }

    fn tell(&self, revision: u64) {
        let oldest_at = Timestamp::from_ms(self.oldest_ms.swap(i64::MAX, Ordering::AcqRel));
        {
            let mut told = self.told.lock();
            *told = (told.0 + 1, Told { revision, oldest_at });
        }
        self.bell.notify_waiters();
    }
}

/// Tells the watchers of a board what there is, at most once a tick, for as long as there are any.
async fn tick(engine: BoxOffice, board: Arc<Board>) {
    let feed = board.feed();
    loop {
        feed.moved.notified().await;
        if feed.watchers.load(Ordering::Acquire) == 0 {
            feed.ticking.store(false, Ordering::SeqCst);
            // Somebody may have come who found it still ticking.
            if feed.watchers.load(Ordering::SeqCst) == 0 || feed.ticking.swap(true, Ordering::SeqCst) {
                return;
            }
        }
        feed.tell(board.revision());
        count(&engine.0.counters.feed_ticks);
        engine.ports().runtime.sleep(engine.0.limits.feed_tick_ms).await;
    }
}

/// Somebody watches a showtime. Its board stays in memory as long as this lives.
pub struct Watch {
    board: Arc<Board>,
    /// How often something had been told when this looked last.
    heard: u64,
}

impl Watch {
    /// The showtime.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// What was told last.
    pub fn last_told(&self) -> Told {
        self.board.feed().told.lock().1
    }

    /// Waits until something was told that this was not told before. Ask the board for what it is.
    pub async fn told(&mut self) -> Told {
        let feed = self.board.feed();
        loop {
            let mut bell = pin!(feed.bell.notified());
            // Before looking, so that nothing is missed in between.
            bell.as_mut().enable();
            let (count, told) = *feed.told.lock();
            if count != self.heard {
                self.heard = count;
                return told;
            }
            bell.await;
        }
    }
}

impl Clone for Watch {
    fn clone(&self) -> Self {
        self.board.feed().watchers.fetch_add(1, Ordering::SeqCst);
        Self { board: Arc::clone(&self.board), heard: self.heard }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let feed = self.board.feed();
        if feed.watchers.fetch_sub(1, Ordering::SeqCst) == 1 {
            // So that the ticking ends.
            feed.moved.notify_one();
        }
    }
}

impl BoxOffice {
    /// Watches a showtime from now on.
    pub fn watch(&self, board: Arc<Board>) -> Watch {
        let feed = board.feed();
        feed.watchers.fetch_add(1, Ordering::SeqCst);
        let heard = feed.told.lock().0;
        if !feed.ticking.swap(true, Ordering::SeqCst) {
            self.0.ports.runtime.spawn(Box::pin(tick(self.clone(), Arc::clone(&board))));
        }
        Watch { board, heard }
    }

    /// Makes sure that a board is not behind a revision that somebody knows of: another node may have told them.
    pub async fn catch_up_to(&self, board: &Arc<Board>, revision: u64) -> Result<(), Refused> {
        if revision > board.revision() && !self.0.exclusive {
            self.catch_up(board).await?;
        }
        Ok(())
    }
}
