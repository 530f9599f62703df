//! What the engine counts for those who watch it, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use boxoffice_core::change::EventKind;

/// Something counted: name (labels included), kind (counter or gauge), help, value.
pub type Figure = (&'static str, &'static str, &'static str, u64);

const EVENTS: &str = "Changes of showtimes committed by this node, by kind of event.";
const TICKS: &str = "Times that the watchers of a showtime were told of changes.";
const HITS: &str = "Times that a limit turned something away, by the limit's key in the config.";
const GAPS: &str = "Times that a change of another node came and one before it did not: the log was read.";
const BEHIND: &str = "Boards found behind the store with no word from another node: the log was read.";

const KIND_COUNT: usize = 11;

/// The kinds of events, each with its metric.
static KINDS: [(EventKind, &str); KIND_COUNT] = [
    (EventKind::HELD, "boxoffice_events_total{kind=\"held\"}"),
    (EventKind::HOLD_CHANGED, "boxoffice_events_total{kind=\"hold_changed\"}"),
    (EventKind::RELEASED, "boxoffice_events_total{kind=\"released\"}"),
    (EventKind::EXPIRED, "boxoffice_events_total{kind=\"expired\"}"),
    (EventKind::BOOKED, "boxoffice_events_total{kind=\"booked\"}"),
    (EventKind::CANCELLED, "boxoffice_events_total{kind=\"cancelled\"}"),
    (EventKind::BLOCKED, "boxoffice_events_total{kind=\"blocked\"}"),
    (EventKind::UNBLOCKED, "boxoffice_events_total{kind=\"unblocked\"}"),
    (EventKind::SHOWTIME_CHANGED, "boxoffice_events_total{kind=\"showtime_changed\"}"),
    (EventKind::SHOWTIME_CANCELLED, "boxoffice_events_total{kind=\"showtime_cancelled\"}"),
    (EventKind::WOUND_UP, "boxoffice_events_total{kind=\"wound_up\"}"),
];

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Counters {
    events: [AtomicU64; KIND_COUNT],
    /// The commit queue was full.
    pub(crate) queue_full: AtomicU64,
    /// No board could be evicted for another.
    pub(crate) boards_full: AtomicU64,
    /// Too many waited for their turn at one hold.
    pub(crate) turns_full: AtomicU64,
    /// Changes of other nodes that came before those that go before them, and these did not come in time.
    pub(crate) bus_gaps: AtomicU64,
    /// Boards that were found to be behind the store without a word from another node.
    pub(crate) boards_behind: AtomicU64,
    /// A command lost too many conflicts in a row.
    pub(crate) retries_over: AtomicU64,
    /// Watchers of a showtime were told that it changed.
    pub(crate) feed_ticks: AtomicU64,
}

/// Counts one more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn committed(&self, kind: &EventKind) {
        if let Some(at) = KINDS.iter().position(|(known, _)| known == kind) {
            count(&self.events[at]);
        }
    }

    /// All of them.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let events =
            KINDS.iter().zip(&self.events).map(|((_, name), count)| (*name, "counter", EVENTS, get(count)));
        let hits = [
            ("boxoffice_limit_hits_total{limit=\"engine.commit_queue\"}", &self.queue_full),
            ("boxoffice_limit_hits_total{limit=\"engine.max_boards\"}", &self.boards_full),
            ("boxoffice_limit_hits_total{limit=\"turns of one hold\"}", &self.turns_full),
            ("boxoffice_limit_hits_total{limit=\"retries of one command\"}", &self.retries_over),
        ];
        let nodes = [
            ("boxoffice_bus_gaps_total", GAPS, &self.bus_gaps),
            ("boxoffice_boards_behind_total", BEHIND, &self.boards_behind),
            ("boxoffice_live_ticks_total", TICKS, &self.feed_ticks),
        ];
        let hits = hits.map(|(name, count)| (name, "counter", HITS, get(count)));
        let nodes = nodes.map(|(name, help, count)| (name, "counter", help, get(count)));
        events.chain(hits).chain(nodes).collect()
    }
}
