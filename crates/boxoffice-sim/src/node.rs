//! The life of a node: it starts with empty boards, and after a crash again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use boxoffice_engine::box_office::{BoxOffice, Limits, Ports};
use boxoffice_engine::random::Randomness;
use boxoffice_engine::runtime::{BoxFuture, Runtime};
use boxoffice_engine::store::memory::MemoryStore;

use crate::bus::NodeBus;
use crate::executor::Owner;
use crate::faults::Fault;
use crate::gate::NodeGate;
use crate::lots::Lots;
use crate::store::NodeStore;
use crate::world::World;

/// One life of a node. Once it is over, nothing that is left of it reaches the world.
pub struct Link {
    /// The machine that it runs on.
    pub index: usize,
    /// Whose its tasks are.
    pub owner: Owner,
    alive: AtomicBool,
}

impl Link {
    /// Whether it has not crashed.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }
}

/// How the nodes of a run are set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// How many there are.
    pub nodes: usize,
    /// A single node that nobody else writes beside.
    pub is_exclusive: bool,
    /// A single node whose boards are gate enough.
    pub has_local_gate: bool,
    /// Most transitions in one batch.
    pub batch: usize,
    /// The engine's limits.
    pub limits: Limits,
}

impl Setup {
    /// Draws a setup.
    pub fn draw(seed: u64) -> Self {
        let lots = Lots::new(seed, 3);
        let nodes = lots.between(1, 4) as usize;
        let alone = nodes == 1;
        Self {
            nodes,
            is_exclusive: alone,
            has_local_gate: alone && lots.permille(700),
            batch: lots.pick(&[1, 2, 8, 64]),
            limits: Limits {
                commit_queue: lots.pick(&[4, 4, 8, 1024]),
                boards: lots.pick(&[1, 2, 100, 100]),
                takeover_margin_ms: if alone { 0 } else { lots.pick(&[0, 250, 1000]) },
                ..Limits::default()
            },
        }
    }
}

struct NodeRuntime {
    world: Arc<World>,
    link: Arc<Link>,
}

impl Runtime for NodeRuntime {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.world.spawn_on(&self.link, task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        let faults = &self.world.faults;
        let stall = if faults.strikes(Fault::SleepStalls) { faults.between(500, 6000) } else { 0 };
        Box::pin(self.world.executor.sleep(ms + stall))
    }
}

struct NodeLots {
    lots: Lots,
    repeats: bool,
}

impl Randomness for NodeLots {
    fn next(&self) -> u64 {
        let drawn = self.lots.draw();
        // Three different ones, which differ in their highest bits: those that serials are made of.
        if self.repeats { (drawn % 3) << 62 } else { drawn }
    }
}

/// Starts a node on a machine.
pub(crate) fn start(
    world: &Arc<World>,
    index: usize,
    catalogue: &Arc<MemoryStore>,
) -> (Arc<Link>, BoxOffice) {
    let owner = world.draw_owner();
    let link = Arc::new(Link { index, owner, alive: AtomicBool::new(true) });
    let Setup { is_exclusive, has_local_gate, batch, ref limits, .. } = world.setup;
    let repeats = world.faults.strikes(Fault::LotsRepeat);
    let lots = Lots::new(world.seed, if repeats { 1000 } else { 1000 + owner });
    let ports = Ports {
        store: Arc::new(NodeStore {
            world: Arc::clone(world),
            link: Arc::clone(&link),
            is_exclusive,
            batch,
            catalogue: Arc::clone(catalogue),
        }),
        gate: Arc::new(NodeGate {
            world: Arc::clone(world),
            link: Arc::clone(&link),
            is_local: has_local_gate,
        }),
        bus: Arc::new(NodeBus { world: Arc::clone(world), link: Arc::clone(&link) }),
        clock: Arc::clone(&world.clocks[index]) as _,
        random: Arc::new(NodeLots { lots, repeats }),
        runtime: Arc::new(NodeRuntime { world: Arc::clone(world), link: Arc::clone(&link) }),
    };
    let office = BoxOffice::start(ports, limits.clone(), 1);
    (link, office)
}

/// Ends a node's life: what it runs is gone at once. Says whether it was alive.
pub(crate) fn kill(world: &World, link: &Link) -> bool {
    let was_alive = link.alive.swap(false, Ordering::Relaxed);
    if was_alive {
        world.executor.end(link.owner);
    }
    was_alive
}
