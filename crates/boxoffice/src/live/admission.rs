//! How many may watch, in all and from one address, and how many may be told at once that they may not.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use boxoffice_engine::counters::Figure;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::config::Feed;

/// What is said of each count of what a limit turned away.
pub(super) const HITS: &str = "Times that a limit turned something away, by the limit's key in the config.";

/// How a watcher is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// The native WebSocket.
    WebSocket,
    /// The event stream.
    EventStream,
    /// The hub, whatever carries it.
    SignalR,
}

/// The places for watchers.
pub(super) struct Places(Arc<State>);

struct State {
    max_watchers: usize,
    max_per_address: usize,
    max_farewells: usize,
    taken: AtomicUsize,
    farewells: AtomicUsize,
    by_transport: [AtomicU64; 3],
    by_address: Mutex<HashMap<IpAddr, u32, RandomState>>,
    full: AtomicU64,
    address_full: AtomicU64,
    farewells_full: AtomicU64,
}

/// A place, free again when it is dropped.
pub(super) struct Place {
    state: Arc<State>,
    transport: Transport,
    address: Option<IpAddr>,
}

/// The right to tell somebody that they have to go.
pub(super) struct Farewell(Arc<State>);

impl Places {
    pub(super) fn new(config: &Feed) -> Self {
        Self(Arc::new(State {
            max_watchers: config.max_watchers,
            max_per_address: config.max_per_address,
            max_farewells: config.farewells,
            taken: AtomicUsize::new(0),
            farewells: AtomicUsize::new(0),
            by_transport: [const { AtomicU64::new(0) }; 3],
            by_address: Mutex::default(),
            full: AtomicU64::new(0),
            address_full: AtomicU64::new(0),
            farewells_full: AtomicU64::new(0),
        }))
    }

    /// A place for somebody from this address, if there is one.
    pub(super) fn take(&self, transport: Transport, address: IpAddr) -> Option<Place> {
        let state = &self.0;
        if !enter(&state.taken, state.max_watchers) {
            state.full.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        state.by_transport[transport as usize].fetch_add(1, Ordering::Relaxed);
        let mut place = Place { state: Arc::clone(state), transport, address: None };
        if state.max_per_address > 0 {
            let mut by_address = state.by_address.lock();
            let count = by_address.entry(address).or_insert(0);
            if *count as usize >= state.max_per_address {
                drop(by_address);
                state.address_full.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            *count += 1;
            place.address = Some(address);
        }
        Some(place)
    }

    /// Leave to say good-bye, unless that is being said to too many already.
    pub(super) fn farewell(&self) -> Option<Farewell> {
        if !enter(&self.0.farewells, self.0.max_farewells) {
            self.0.farewells_full.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Farewell(Arc::clone(&self.0)))
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        let help = "Connections that watch a showtime, or could, by transport.";
        let names = [
            "boxoffice_live_watchers{transport=\"websocket\"}",
            "boxoffice_live_watchers{transport=\"event_stream\"}",
            "boxoffice_live_watchers{transport=\"signalr\"}",
        ];
        let counts = names.iter().zip(&self.0.by_transport);
        let mut figures: Vec<Figure> =
            counts.map(|(name, count)| (*name, "gauge", help, count.load(Ordering::Relaxed))).collect();
        let full = "How much there may be of what the metric without _limit counts.";
        figures.push(("boxoffice_live_watchers_limit", "gauge", full, self.0.max_watchers as u64));
        let hits = [
            ("boxoffice_limit_hits_total{limit=\"feed.max_watchers\"}", &self.0.full),
            ("boxoffice_limit_hits_total{limit=\"feed.max_per_address\"}", &self.0.address_full),
            ("boxoffice_limit_hits_total{limit=\"feed.farewells\"}", &self.0.farewells_full),
        ];
        figures.extend(hits.map(|(name, count)| (name, "counter", HITS, count.load(Ordering::Relaxed))));
        figures
    }
}

fn enter(count: &AtomicUsize, most: usize) -> bool {
    if count.fetch_add(1, Ordering::AcqRel) < most {
        return true;
    }
    count.fetch_sub(1, Ordering::AcqRel);
    false
}

impl Drop for Place {
    fn drop(&mut self) {
        self.state.taken.fetch_sub(1, Ordering::AcqRel);
        self.state.by_transport[self.transport as usize].fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            let mut by_address = self.state.by_address.lock();
            if let Some(count) = by_address.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&address);
                }
            }
        }
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.farewells.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_by_address_and_come_back() {
        let config = Feed { max_watchers: 3, max_per_address: 2, farewells: 1, ..Feed::default() };
        let places = Places::new(&config);
        let [one, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        let first = places.take(Transport::WebSocket, one).unwrap();
        let _second = places.take(Transport::EventStream, one).unwrap();
        assert!(places.take(Transport::WebSocket, one).is_none(), "two from one address");
        let _third = places.take(Transport::SignalR, other).unwrap();
        assert!(places.take(Transport::WebSocket, other).is_none(), "three in all");
        drop(first);
        let again = places.take(Transport::WebSocket, one).unwrap();
        drop(again);
        assert_eq!(places.0.by_address.lock().len(), 2);

        let farewell = places.farewell().unwrap();
        assert!(places.farewell().is_none());
        drop(farewell);
        assert!(places.farewell().is_some());
    }
}
