//! The live seat map: one feed for each showtime that somebody watches, and three doors to it: WebSocket and event
//! stream at `/v1/showtimes/{id}/live`, SignalR at `/hubs/seats`.
//!
//! Whoever watches is a cursor and a socket. Changes are written once for each wire format and shared; watching never
//! slows a sale, since what a slow reader missed is read from the board when the reader can be written to.

mod admission;
mod audience;
mod broadcast;
mod door;
mod event_stream;
mod follower;
pub mod frame;
pub mod hub;
mod message;
mod watcher;
mod workers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::board::Board;
use boxoffice_engine::counters::Figure;
use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::watch;

pub use admission::Transport;
pub use door::live;

use crate::config::Config;
use crate::http::Shared;
use crate::http::metrics::{Durations, count};
use crate::priority;
use admission::{HITS, Places};
use audience::Audience;
use workers::Workers;

/// What is between two messages at most, in seconds.
const HEARTBEAT_S: u64 = 15;
/// How many bytes the system may keep for a watcher who does not read.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Those who are sent away come back within this time after the soonest moment, in milliseconds, not all at once.
const SPREAD_MS: u64 = 2_000;

/// What somebody is sent over a WebSocket who knows the seats up to a revision (`None`: knows nothing), as frames: for
/// those who count what writing it takes.
pub fn frames_since(board: &Board, from: Option<u64>, now: Timestamp) -> Vec<Bytes> {
    let update = board.update_since(from, now);
    let messages = message::seats((board.id(), board.plan()), board.epoch(), &update, message::PART_BYTES);
    messages.iter().map(|message| message.frame().clone()).collect()
}

/// Everything about watching that one node has: who watches, how many may, what was counted.
pub struct Live {
    audiences: Mutex<HashMap<ShowtimeId, Weak<Audience>, FixedState>>,
    places: Places,
    workers: Workers,
    /// Becomes true when the node goes down.
    leaving: watch::Sender<bool>,
    /// What was counted.
    pub counters: Counters,
}

/// What is counted about watching.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes handed to the system for watchers, framing included.
    pub bytes: AtomicU64,
    /// Committed changes that were told together with a later one.
    pub conflated: AtomicU64,
    /// Watchers who asked to resume and were given a snapshot.
    pub resyncs: AtomicU64,
    /// Watchers who took too long to read.
    pub cut_off: AtomicU64,
    /// Messages of clients that were too long.
    pub messages_long: AtomicU64,
    /// Showtimes that were one too many for a connection of the hub.
    pub showtimes_full: AtomicU64,
    /// From the decision of the oldest change that is told until the last watcher who keeps up was written to.
    pub lag: Durations,
}

impl Live {
    /// With these limits.
    pub fn new(config: &Config) -> Self {
        Self {
            audiences: Mutex::default(),
            places: Places::new(&config.feed),
            workers: Workers::start(priority::of_watching(config)),
            leaving: watch::Sender::new(false),
            counters: Counters::default(),
        }
    }

    /// Sends every watcher away, to come back to whoever then listens.
    pub fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Everybody who watches the showtime of this board.
    fn audience(&self, app: &Shared, board: Arc<Board>) -> Arc<Audience> {
        let mut audiences = self.audiences.lock();
        let known = audiences.get(&board.id()).and_then(Weak::upgrade);
        // A board may have been loaded anew.
        if let Some(known) = known.filter(|known| Arc::ptr_eq(known.board(), &board)) {
            return known;
        }
        let id = board.id();
        let audience = Arc::new(Audience::new(app, board));
        audiences.insert(id, Arc::downgrade(&audience));
        audience
    }

    /// Forgets an audience that nobody belongs to any more.
    fn forget(&self, id: ShowtimeId) {
        let mut audiences = self.audiences.lock();
        if audiences.get(&id).is_some_and(|known| known.strong_count() == 0) {
            audiences.remove(&id);
        }
    }

    /// What it counts.
    pub fn figures(&self) -> Vec<Figure> {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        let mut figures = self.places.figures();
        figures.extend([
            ("boxoffice_live_bytes_total", "counter", "Bytes written to watchers.", get(&counters.bytes)),
            (
                "boxoffice_live_conflated_total",
                "counter",
                "Changes of showtimes that watchers were told together with a later one.",
                get(&counters.conflated),
            ),
            (
                "boxoffice_live_resyncs_total",
                "counter",
                "Watchers who asked to resume and were given a snapshot.",
                get(&counters.resyncs),
            ),
            (
                "boxoffice_live_cut_off_total",
                "counter",
                "Watchers who were cut off because they did not read.",
                get(&counters.cut_off),
            ),
            (
                "boxoffice_limit_hits_total{limit=\"feed.max_message_bytes\"}",
                "counter",
                HITS,
                get(&counters.messages_long),
            ),
            (
                "boxoffice_limit_hits_total{limit=\"feed.max_showtimes\"}",
                "counter",
                HITS,
                get(&counters.showtimes_full),
            ),
        ]);
        figures
    }

    fn note_bytes(&self, bytes: usize) {
        self.counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn note_cut_off(&self) {
        count(&self.counters.cut_off);
    }

    fn note_long_message(&self) {
        count(&self.counters.messages_long);
    }
}
