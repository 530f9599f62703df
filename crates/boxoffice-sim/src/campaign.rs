//! Many seeds on several threads, each run on one; what they reached is added up.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::faults::{Fault, FaultCounts};
use crate::outcomes::Outcomes;
use crate::rows::Mutation;
use crate::run::{Options, run};

/// What a campaign reached.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many seeds were run.
    pub seeds: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// Faults that were injected.
    pub faults: FaultCounts,
    /// Outcomes that were reached.
    pub outcomes: Outcomes,
    /// The lowest of the seeds that failed, and what was wrong.
    pub failed: Option<(u64, Vec<String>)>,
}

impl Summary {
    /// Faults and outcomes of which there were none: such a campaign proves little.
    pub fn missing(&self) -> Vec<&'static str> {
        let faults = Fault::ALL.iter().filter(|fault| self.faults[**fault as usize] == 0);
        faults.map(|fault| fault.as_str()).chain(self.outcomes.missing()).collect()
    }
}

/// Runs seeds from `start` on until one fails. `progress` hears after each how many are done.
pub fn campaign(
    start: u64,
    seeds: u64,
    threads: usize,
    mutation: Option<Mutation>,
    progress: impl Fn(u64) + Sync,
) -> Summary {
    let next = AtomicU64::new(start);
    let summary = Mutex::new(Summary::default());
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= start.saturating_add(seeds) || summary.lock().failed.is_some() {
            return;
        }
        let report = run(&Options { seed, mutation, ..Options::default() });
        let mut summary = summary.lock();
        summary.seeds += 1;
        summary.steps += report.steps;
        for (sum, count) in summary.faults.iter_mut().zip(report.faults) {
            *sum += count;
        }
        summary.outcomes.merge(&report.outcomes);
        let lowest = summary.failed.as_ref().is_none_or(|(failed, _)| seed < *failed);
        if !report.violations.is_empty() && lowest {
            summary.failed = Some((seed, report.violations));
        }
        progress(summary.seeds);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    summary.into_inner()
}
