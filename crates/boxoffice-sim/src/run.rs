//! One run: from a seed to a verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::audit::{Case, Findings, audit};
use crate::faults::{Fault, FaultCounts, Faults};
use crate::lots::Lots;
use crate::outcomes::Outcomes;
use crate::rows::Mutation;
use crate::watcher::Watcher;
use crate::workload::Workload;
use crate::world::World;
use crate::{client, drain};

/// When faults end at the latest, in milliseconds.
const STORM_MS: u64 = 60_000;
/// How long after that the last request must be answered.
const ANSWER_MS: u64 = 120_000;
/// More steps than any run needs that comes to rest.
const MOST_STEPS: u64 = 2_000_000;

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// What to leave out of the system.
    pub mutation: Option<Mutation>,
    /// Faults to leave out.
    pub without: Vec<Fault>,
    /// The only ops to keep, as (client, place).
    pub only: Option<Vec<(usize, usize)>>,
    /// Whether to keep the trace as text.
    pub trace: bool,
}

/// What came out of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Broken promises.
    pub violations: Vec<String>,
    /// What was reached.
    pub outcomes: Outcomes,
    /// What was injected.
    pub faults: FaultCounts,
    /// How many steps it took.
    pub steps: u64,
    /// The hash of every step.
    pub hash: u64,
    /// The trace, if it was kept.
    pub lines: Vec<String>,
}

/// The workload of a run.
pub fn workload(options: &Options) -> Workload {
    let mut workload = Workload::draw(options.seed);
    if let Some(only) = &options.only {
        workload.keep(only);
    }
    workload
}

type Verdict = Arc<Mutex<Option<Vec<String>>>>;

/// Lets everybody do what they want, ends the faults, waits for rest.
async fn conduct(world: Arc<World>, workload: Workload, verdict: Verdict) {
    world.start_all();
    world.executor.spawn(0, Box::pin(Arc::clone(&world).storm()));
    let mut working = Vec::new();
    for (number, client) in workload.clients.into_iter().enumerate() {
        let (sender, done) = oneshot::channel();
        working.push(done);
        world.executor.spawn(0, Box::pin(client::run(Arc::clone(&world), number, client, sender)));
    }
    let mut watching = Vec::new();
    let ids: Vec<_> = workload.rows.keys().copied().collect();
    for number in 0..workload.watchers {
        let (sender, done) = oneshot::channel();
        watching.push(done);
        let watcher = Watcher::new(&world, ids[number % ids.len()]);
        let lots = Lots::new(world.seed, 100 + number as u64);
        world.executor.spawn(0, Box::pin(watcher.run(lots, sender)));
    }
    let all_done = async move {
        for done in working {
            // A client that ended without a word panicked, which ends the run.
            let _ = done.await;
        }
    };
    tokio::pin!(all_done);
    let storm = world.executor.sleep(STORM_MS);
    let mut answered = tokio::select! { biased;
        () = &mut all_done => true,
        () = storm => false,
    };
    world.faults.end();
    world.note(format_args!("faults end"));
    if !answered {
        let patience = world.executor.sleep(ANSWER_MS);
        answered = tokio::select! { biased;
            () = &mut all_done => true,
            () = patience => false,
        };
    }
    let found = if answered {
        let mut watchers = Vec::new();
        for watcher in watching {
            watchers.extend(watcher.await);
        }
        drain::drain(&world, watchers).await
    } else {
        vec!["requests are never answered".into()]
    };
    *verdict.lock() = Some(found);
}

/// Runs one seed.
pub fn run(options: &Options) -> Report {
    let workload = workload(options);
    let first = workload.rows.clone();
    let faults = Faults::new(options.seed, &options.without);
    let world = World::new(options.seed, first.clone(), faults, options.mutation, options.trace);
    let verdict = Verdict::default();
    let conductor = conduct(Arc::clone(&world), workload, Arc::clone(&verdict));
    world.executor.spawn(0, Box::pin(conductor));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        while verdict.lock().is_none() {
            match world.executor.step() {
                Some((task, now_ms)) => world.trace.step(task, now_ms),
                None => return Some("nothing can go on"),
            }
            if world.executor.steps() > MOST_STEPS {
                return Some("it does not come to rest");
            }
        }
        None
    }));
    let mut violations = verdict.lock().take().unwrap_or_default();
    match ended {
        Ok(fault) => violations.extend(fault.map(String::from)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            violations.push(format!("panic: {}", text.unwrap_or_default()));
        }
    }
    let counts = world.faults.counts();
    let last = world.truth.look(Clone::clone);
    let Findings { violations: found, outcomes } = audit(&Case {
        first: &first,
        last: &last,
        history: &world.history.lock(),
        is_exclusive: world.setup.is_exclusive,
        takeover_margin_ms: world.setup.limits.takeover_margin_ms,
        is_calm: counts.iter().all(|count| *count == 0),
    });
    violations.extend(found);
    let report = Report {
        violations,
        outcomes,
        faults: counts,
        steps: world.executor.steps(),
        hash: world.trace.hash(),
        lines: world.trace.lines(),
    };
    world.end();
    report
}
