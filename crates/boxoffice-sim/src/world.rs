//! Everything outside the engine in one run: time, database, gate, bus, clocks, and which nodes are up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::BoxOffice;
use boxoffice_engine::clock::Clock as _;
use boxoffice_engine::runtime::{BoxFuture, Runtime};
use boxoffice_engine::store::memory::MemoryStore;
use parking_lot::Mutex;

use crate::bus::Subscribers;
use crate::clock::MachineClock;
use crate::executor::{Executor, Owner};
use crate::faults::{Fault, Faults};
use crate::gate::Claims;
use crate::history::{History, Moment};
use crate::lots::Lots;
use crate::node::{self, Link, Setup};
use crate::rows::{Mutation, Rows, ShowtimeRows, Stamp};
use crate::trace::Trace;
use crate::truth::Truth;

/// A node that is up.
pub type Node = (Arc<Link>, BoxOffice);

/// One run's world.
pub struct World {
    /// Whose lots everything follows.
    pub seed: u64,
    /// Time and tasks.
    pub executor: Arc<Executor>,
    /// What goes wrong.
    pub faults: Faults,
    /// What happened, step by step.
    pub trace: Trace,
    /// The database.
    pub truth: Truth,
    /// A clock for each machine.
    pub clocks: Vec<Arc<MachineClock>>,
    /// What the gate knows.
    pub claims: Claims,
    /// Who listens on the bus.
    pub subscribers: Subscribers,
    /// Requests and replies, for the auditor.
    pub history: Mutex<History>,
    /// How nodes are set up.
    pub setup: Setup,
    /// What is left out on purpose.
    pub mutation: Option<Mutation>,
    nodes: Mutex<Vec<Option<Node>>>,
    owners: AtomicU64,
    lots: Lots,
    catalogue: Arc<MemoryStore>,
}

/// Tasks of the catalogue, which starts none.
struct NoTasks;

impl Runtime for NoTasks {
    fn spawn(&self, _: BoxFuture<'static, ()>) {}

    fn sleep(&self, _: u64) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl World {
    /// A world in which nothing has happened yet and no node is up.
    pub fn new(
        seed: u64,
        rows: Rows,
        faults: Faults,
        mutation: Option<Mutation>,
        keep_trace: bool,
    ) -> Arc<Self> {
        let executor = Executor::new(Lots::new(seed, 1));
        let setup = Setup::draw(seed);
        let error = |_| {
            let differs = setup.nodes > 1 && faults.strikes(Fault::ClockDiffers);
            let error = if differs { faults.between(0, 4000) as i64 - 2000 } else { 0 };
            Arc::new(MachineClock::new(Arc::clone(&executor), error))
        };
        Arc::new(Self {
            seed,
            clocks: (0..setup.nodes).map(error).collect(),
            trace: Trace::new(keep_trace),
            truth: Truth::new(rows, mutation),
            claims: Claims::default(),
            subscribers: Subscribers::default(),
            history: Mutex::default(),
            nodes: Mutex::new(vec![None; setup.nodes]),
            owners: AtomicU64::new(0),
            lots: Lots::new(seed, 4),
            catalogue: Arc::new(MemoryStore::new(Arc::new(NoTasks))),
            executor,
            faults,
            setup,
            mutation,
        })
    }

    /// The short time that anything takes, or none.
    pub async fn latency(&self) {
        if self.lots.permille(500) {
            self.executor.sleep(self.lots.between(1, 6)).await;
        }
    }

    /// A number for a new life of a node.
    pub(crate) fn draw_owner(&self) -> Owner {
        self.owners.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Runs a task on a node, if it is up.
    pub fn spawn_on(&self, link: &Link, task: BoxFuture<'static, ()>) {
        if link.is_alive() {
            self.executor.spawn(link.owner, task);
        }
    }

    /// Notes a line of the trace.
    pub fn note(&self, text: std::fmt::Arguments<'_>) {
        self.trace.line(self.executor.now_ms(), text);
    }

    /// Starts the node of every machine.
    pub fn start_all(self: &Arc<Self>) {
        for index in 0..self.setup.nodes {
            self.start(index);
        }
    }

    fn start(self: &Arc<Self>, index: usize) {
        let node = node::start(self, index, &self.catalogue);
        self.note(format_args!("node {index} is up"));
        self.nodes.lock()[index] = Some(node);
    }

    /// Crashes a node. It comes up again after a while, with empty boards.
    pub fn crash(self: &Arc<Self>, link: &Link) {
        if !node::kill(self, link) {
            return;
        }
        let (index, owner) = (link.index, link.owner);
        self.note(format_args!("node {index} crashes"));
        let gone = self.nodes.lock()[index].take();
        drop(gone);
        let world = Arc::clone(self);
        self.executor.spawn(
            0,
            Box::pin(async move {
                world.executor.sleep(world.lots.between(20, 2500)).await;
                if world.setup.is_exclusive {
                    world.recover(owner);
                }
                world.start(index);
            }),
        );
    }

    /// A database that only one node writes to is decided when it is opened: what was on its way is there, or not.
    fn recover(&self, owner: Owner) {
        for id in self.truth.on_their_way(owner) {
            if self.lots.permille(500) {
                self.truth.apply(id, &self.stamp());
            } else {
                self.truth.fence(id);
            }
        }
    }

    /// The nodes that are up.
    pub fn nodes(&self) -> Vec<Node> {
        self.nodes.lock().iter().flatten().cloned().collect()
    }

    /// A node that is up, once there is one; `prefer` chooses.
    pub async fn node(&self, prefer: u64) -> Node {
        loop {
            let nodes = self.nodes();
            if !nodes.is_empty() {
                return nodes[(prefer % nodes.len() as u64) as usize].clone();
            }
            self.executor.sleep(50).await;
        }
    }

    /// Crashes and jumping clocks, until there are no more faults.
    pub async fn storm(self: Arc<Self>) {
        while !self.faults.are_over() {
            self.executor.sleep(self.lots.between(100, 1500)).await;
            let nodes = self.nodes();
            if !nodes.is_empty() && self.faults.strikes(Fault::CrashAnytime) {
                let link = Arc::clone(&nodes[self.lots.below(nodes.len() as u64) as usize].0);
                drop(nodes);
                self.crash(&link);
            }
            if self.faults.strikes(Fault::ClockJumps) {
                let (machine, ms) =
                    (self.lots.below(self.clocks.len() as u64) as usize, self.lots.below(6000));
                self.note(format_args!("the clock of machine {machine} jumps by {} ms", ms as i64 - 3000));
                self.clocks[machine].jump(ms as i64 - 3000);
            }
        }
    }

    /// Now, on every clock.
    pub fn stamp(&self) -> Stamp {
        Stamp { ms: self.executor.now_ms(), clocks: self.clocks.iter().map(|clock| clock.now()).collect() }
    }

    /// Now, as the auditor wants to know it.
    pub fn moment(&self, machine: usize, showtime: ShowtimeId) -> Moment {
        Moment {
            ms: self.executor.now_ms(),
            clock: self.clocks[machine].now(),
            head: self.truth.look(|rows| rows.get(&showtime).map_or(0, ShowtimeRows::revision)),
            told: self.history.lock().told(showtime),
        }
    }

    /// Lets go of everything, so that nothing keeps the world alive.
    pub fn end(&self) {
        self.faults.end();
        let nodes = std::mem::take(&mut *self.nodes.lock());
        for (link, _) in nodes.iter().flatten() {
            node::kill(self, link);
        }
        drop(nodes);
        self.executor.finish();
        self.subscribers.clear();
    }
}
