//! A wire between a node and a server that can be cut: silently, so that what is sent waits on the way, as when a cable is
//! pulled; or with a word, so that connections end and new ones are refused.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What the wire does with what is sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passes {
    /// It passes.
    All,
    /// It waits on the way, and nobody is told.
    Nothing,
    /// Connections end, and so do new ones.
    Ends,
}

/// A wire. It ends with the test.
pub(crate) struct Wire {
    /// The near end.
    pub(crate) address: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    to: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    passes: Passes,
    /// Both ends of each connection, to end them.
    connections: Vec<[TcpStream; 2]>,
    over: bool,
}

impl Wire {
    /// From a free port of an address, or from this one, to a server.
    pub(crate) fn lay(from: (IpAddr, u16), to: SocketAddr) -> Self {
        let listener = TcpListener::bind(from).expect("a port for a wire");
        let address = listener.local_addr().expect("an address");
        let state = State { passes: Passes::All, connections: Vec::new(), over: false };
        let inside = Arc::new(Inside { to, state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&inside);
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if accepting.state().over {
                    return;
                }
                let inside = Arc::clone(&accepting);
                thread::spawn(move || inside.carry(near));
            }
        });
        Self { address, inside }
    }

    /// From now on.
    pub(crate) fn set(&self, passes: Passes) {
        self.inside.set(passes, false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.inside.set(Passes::Ends, true);
        // So that it looks up from listening.
        drop(TcpStream::connect(self.address));
    }
}

impl Inside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, passes: Passes, over: bool) {
        let mut state = self.state();
        state.passes = passes;
        state.over = over;
        if passes == Passes::Ends {
            for end in state.connections.drain(..).flatten() {
                // It may have ended by itself.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }

    /// Waits while nothing passes; false if connections are to end.
    fn may_pass(&self) -> bool {
        let waiting = |state: &mut State| state.passes == Passes::Nothing;
        let state = self.changed.wait_while(self.state(), waiting).unwrap_or_else(PoisonError::into_inner);
        state.passes == Passes::All
    }

    fn carry(self: Arc<Self>, near: TcpStream) {
        if !self.may_pass() {
            return;
        }
        let Ok(far) = TcpStream::connect(self.to) else { return };
        let clones = || Some([near.try_clone().ok()?, far.try_clone().ok()?]);
        let (Some(noted), Some([near_end, far_end])) = (clones(), clones()) else { return };
        for end in &noted {
            let _ = end.set_nodelay(true);
        }
        {
            let mut state = self.state();
            if state.passes == Passes::Ends {
                return;
            }
            state.connections.push(noted);
        }
        let back = Arc::clone(&self);
        thread::spawn(move || back.pump(far, near_end));
        self.pump(near, far_end);
    }

    /// Carries bytes one way until that way ends.
    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            // That one end has closed is not heard over a cut wire either.
            if !self.may_pass() || read == 0 || to.write_all(&buffer[..read]).is_err() {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
