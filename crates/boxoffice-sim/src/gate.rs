//! The gate between nodes, which lies: it admits and refuses at will, forgets its claims and takes its time.

use std::collections::BTreeMap;
use std::sync::Arc;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::SeatNo;
use boxoffice_engine::gate::{Gate, GateSeat, Passage};
use boxoffice_engine::runtime::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::faults::Fault;
use crate::node::Link;
use crate::rows::Mutation;
use crate::world::World;

/// How long a claim lasts that nobody lets go of, in milliseconds.
const CLAIM_MS: u64 = 10_000;

/// A claim of a seat: for which version, by which token, until when.
struct Claim {
    version: u32,
    token: u64,
    until_ms: u64,
}

/// What is claimed.
#[derive(Default)]
pub struct Claims(Mutex<BTreeMap<(ShowtimeId, SeatNo), Claim>>);

impl Claims {
    fn take(&self, showtime: ShowtimeId, seats: &[GateSeat], token: u64, now_ms: u64) -> bool {
        let mut claims = self.0.lock();
        claims.retain(|_, claim| claim.until_ms > now_ms);
        let free = |seat: &GateSeat| {
            let claim = claims.get(&(showtime, seat.no));
            claim.is_none_or(|claim| claim.token == token || claim.version < seat.version)
        };
        let admitted = seats.iter().all(free);
        if admitted {
            claims.extend(seats.iter().map(|seat| {
                let claim = Claim { version: seat.version, token, until_ms: now_ms + CLAIM_MS };
                ((showtime, seat.no), claim)
            }));
        }
        admitted
    }

    fn release(&self, showtime: ShowtimeId, seats: &[SeatNo], token: u64) {
        let mut claims = self.0.lock();
        for no in seats {
            if claims.get(&(showtime, *no)).is_some_and(|claim| claim.token == token) {
                claims.remove(&(showtime, *no));
            }
        }
    }

    fn forget(&self) {
        self.0.lock().clear();
    }
}

/// The gate as one node sees it.
pub struct NodeGate {
    pub(crate) world: Arc<World>,
    pub(crate) link: Arc<Link>,
    /// There is one node, whose boards are gate enough.
    pub(crate) is_local: bool,
}

impl Gate for NodeGate {
    fn is_local(&self) -> bool {
        self.is_local
    }

    fn claim(&self, showtime: ShowtimeId, seats: Vec<GateSeat>, token: u64) -> BoxFuture<'_, Passage> {
        let (answer, answered) = oneshot::channel();
        let world = Arc::clone(&self.world);
        // On its way even if the asker vanishes.
        self.world.executor.spawn(
            0,
            Box::pin(async move {
                world.latency().await;
                if world.faults.strikes(Fault::GateSlow) {
                    world.executor.sleep(world.faults.between(20, 3000)).await;
                }
                if world.faults.strikes(Fault::GateForgets) {
                    world.claims.forget();
                }
                let lies = world.mutation == Some(Mutation::GateOnly);
                let admitted = if lies || world.faults.strikes(Fault::GateAdmits) {
                    true
                } else if world.faults.strikes(Fault::GateRefuses) {
                    false
                } else {
                    world.claims.take(showtime, &seats, token, world.executor.now_ms())
                };
                // Whoever asked may have gone.
                let _ = answer.send(admitted);
            }),
        );
        Box::pin(
            async move { if answered.await.unwrap_or(true) { Passage::Admitted } else { Passage::Taken } },
        )
    }

    fn release(&self, showtime: ShowtimeId, seats: Vec<SeatNo>, token: u64) {
        if self.link.is_alive() {
            self.world.claims.release(showtime, &seats, token);
        }
    }
}
