//! The port to the gate across nodes: it turns people away before the store is touched, and is never the truth.

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::SeatNo;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::link::{GateFigures, LinkHealth};
use crate::runtime::BoxFuture;

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Go on to the store: the seats are claimed, or nobody can say and the gate stands open.
    Admitted,
    /// Somebody else is about to change one of the seats.
    Taken,
    /// Nobody can say, and the gate is to stay shut then.
    Shut,
}

/// A seat that a commit is about to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateSeat {
    /// Which seat of the plan.
    pub no: SeatNo,
    /// The version that the commit gives it.
    pub version: u32,
}

/// Claims seats for one commit among all nodes.
///
/// A claim is over with its commit, also if whoever made it was killed before it could let go: whoever is about to give a
/// seat a higher version has seen what became of all lower ones, and takes over from their claims.
pub trait Gate: Send + Sync {
    /// Whether a board's own claims are gate enough, so that no call is worth it: when there is one node.
    fn is_local(&self) -> bool {
        false
    }

    /// Claims all the seats for `token`, or none. May admit everyone. It answers soon, whatever became of the servers
    /// that it asks.
    fn claim(&self, showtime: ShowtimeId, seats: Vec<GateSeat>, token: u64) -> BoxFuture<'_, Passage>;

    /// Lets go of what `token` claimed. It does not wait.
    fn release(&self, showtime: ShowtimeId, seats: Vec<SeatNo>, token: u64);

    /// How its servers are; `None` if it has none.
    fn health(&self) -> Option<LinkHealth> {
        None
    }

    /// What it counts.
    fn figures(&self) -> GateFigures {
        GateFigures::default()
    }
}

/// The gate of a single node: its boards' claims turn people away already, so it admits everyone.
#[derive(Debug, Default)]
pub struct LocalGate;

impl Gate for LocalGate {
    fn is_local(&self) -> bool {
        true
    }

    fn claim(&self, _: ShowtimeId, _: Vec<GateSeat>, _: u64) -> BoxFuture<'_, Passage> {
        Box::pin(std::future::ready(Passage::Admitted))
    }

    fn release(&self, _: ShowtimeId, _: Vec<SeatNo>, _: u64) {}
}

/// Who claims a seat, to give it which version.
#[derive(Debug)]
struct Claim {
    version: u32,
    token: u64,
}

/// A gate for several nodes in one process.
#[derive(Debug, Default)]
pub struct InProcessGate {
    claims: Mutex<HashMap<(ShowtimeId, SeatNo), Claim, FixedState>>,
}

impl Gate for InProcessGate {
    fn claim(&self, showtime: ShowtimeId, seats: Vec<GateSeat>, token: u64) -> BoxFuture<'_, Passage> {
        let mut claims = self.claims.lock();
        let free = |seat: &GateSeat| {
            let claim = claims.get(&(showtime, seat.no));
            claim.is_none_or(|claim| claim.token == token || claim.version < seat.version)
        };
        let admitted = seats.iter().all(free);
        if admitted {
            let claim = |seat: GateSeat| ((showtime, seat.no), Claim { version: seat.version, token });
            claims.extend(seats.into_iter().map(claim));
        }
        let passage = if admitted { Passage::Admitted } else { Passage::Taken };
        Box::pin(std::future::ready(passage))
    }

    fn release(&self, showtime: ShowtimeId, seats: Vec<SeatNo>, token: u64) {
        let mut claims = self.claims.lock();
        for no in seats {
            if claims.get(&(showtime, no)).is_some_and(|claim| claim.token == token) {
                claims.remove(&(showtime, no));
            }
        }
    }
}
