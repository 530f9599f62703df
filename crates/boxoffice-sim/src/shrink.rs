//! Cutting a failing run down to a short one that still fails: fewer faults, fewer ops.

use crate::faults::Fault;
use crate::run::{Options, run, workload};

/// How many runs a search may take.
const MOST_RUNS: usize = 600;

/// The run cut down. It fails, if perhaps for another reason.
pub fn shrink(options: &Options) -> Options {
    let mut search = Search { best: Options { trace: false, ..options.clone() }, runs: 0 };
    search.cut_ops();
    search.cut_faults();
    search.cut_ops();
    search.best
}

struct Search {
    best: Options,
    runs: usize,
}

impl Search {
    /// Takes the shorter run if it fails.
    fn try_cut(&mut self, shorter: Options) -> bool {
        self.runs += 1;
        let fails = self.runs <= MOST_RUNS && !run(&shorter).violations.is_empty();
        if fails {
            self.best = shorter;
        }
        fails
    }

    fn cut_faults(&mut self) {
        for fault in Fault::ALL {
            let mut shorter = self.best.clone();
            shorter.without.push(*fault);
            self.try_cut(shorter);
        }
    }

    /// First the end is cut off, by halves, then pieces that become smaller and smaller.
    fn cut_ops(&mut self) {
        let mut piece = workload(&self.best).ops().len().div_ceil(2);
        while piece > 0 {
            let mut end = workload(&self.best).ops().len();
            while end > 0 {
                let begin = end.saturating_sub(piece);
                let mut kept = workload(&self.best).ops();
                kept.drain(begin..end);
                self.try_cut(Options { only: Some(kept), ..self.best.clone() });
                end = begin;
            }
            piece /= 2;
        }
    }
}

/// The command that repeats a run.
pub fn command(options: &Options) -> String {
    let mut command = format!("cargo run --release -p boxoffice-sim -- --seed {} --trace", options.seed);
    if let Some(mutation) = options.mutation {
        command += &format!(" --mutation {}", mutation.as_str());
    }
    if !options.without.is_empty() {
        let names: Vec<_> = options.without.iter().map(|fault| fault.as_str()).collect();
        command += &format!(" --without {}", names.join(","));
    }
    if let Some(only) = &options.only {
        let ops: Vec<_> = only.iter().map(|(client, place)| format!("{client}.{place}")).collect();
        command += &format!(" --only {}", ops.join(","));
    }
    command
}
