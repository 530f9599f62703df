//! Somebody who watches a showtime on one node all along, and comes back whenever the connection ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tungstenite::{Error, Message};

use crate::nodes::map;
use crate::server::{Showtime, Watcher, states, until};

/// What a watcher shows: each seat that ever changed, with its status and version, as of a revision.
#[derive(Default)]
struct Shown {
    revision: u64,
    map: BTreeMap<String, (String, u64)>,
}

/// A watcher on a thread of its own.
pub(crate) struct Follower {
    shown: Arc<Mutex<Shown>>,
    leave: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Begins to watch.
    pub(crate) fn of(showtime: &Showtime<'_>) -> Self {
        let (shown, leave) = (Arc::<Mutex<Shown>>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (shown, leave) = (Arc::clone(&shown), Arc::clone(&leave));
            let (address, path) = (showtime.server.address(), showtime.path("/live"));
            thread::spawn(move || follow(address, &path, &shown, &leave))
        };
        Self { shown, leave, thread: Some(thread) }
    }

    /// Waits until it shows what this node's map shows.
    pub(crate) fn agrees(&self, showtime: &Showtime<'_>, limit: Duration) {
        until("a live feed is level", limit, || {
            let map = map(showtime)?;
            let mut changed = states(&map["seats"]);
            changed.retain(|_, (_, version)| *version > 0);
            let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            (map["revision"] == shown.revision && shown.map == changed).then_some(())
        });
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let failed = thread.join().is_err();
            assert!(!failed || thread::panicking(), "a live feed told what cannot be");
        }
    }
}

fn follow(address: SocketAddr, path: &str, shown: &Mutex<Shown>, leave: &AtomicBool) {
    let mut known: Option<Watcher> = None;
    while !leave.load(Ordering::Relaxed) {
        let since = known.as_ref().map(|known| format!("?since={}-{}", known.epoch, known.revision));
        let path = format!("{path}{}", since.unwrap_or_default());
        let Some(mut watcher) = Watcher::try_socket_at(address, &path) else {
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        if let Some(known) = &known {
            watcher = watcher.resume(known);
        }
        watcher.raw().get_mut().set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
        while !leave.load(Ordering::Relaxed) {
            match watcher.raw().read() {
                Ok(Message::Text(text)) => {
                    watcher.take(&serde_json::from_str(&text).expect("JSON"));
                    let now = Shown { revision: watcher.revision, map: watcher.map.clone() };
                    *shown.lock().unwrap_or_else(PoisonError::into_inner) = now;
                }
                Ok(_) => {}
                Err(Error::Io(error)) if is_silence(&error) => {}
                Err(_) => break,
            }
        }
        // With nothing known yet there is nothing to go on from.
        known = (!watcher.epoch.is_empty()).then_some(watcher);
    }
}

fn is_silence(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
