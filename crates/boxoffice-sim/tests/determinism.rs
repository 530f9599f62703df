//! One seed is one history, step by step, in this process and in any other.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use std::collections::BTreeSet;
use std::process::Command;

use boxoffice_sim::run::{Options, run};

#[test]
fn a_seed_has_one_trace() {
    let mut hashes = BTreeSet::new();
    for seed in 0..60 {
        let first = run(&Options { seed, trace: true, ..Options::default() });
        let second = run(&Options { seed, trace: true, ..Options::default() });
        assert!(first.lines == second.lines, "seed {seed}");
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
        assert!(!first.lines.is_empty() && hashes.insert(first.hash), "seed {seed} is a history of its own");
    }
}

#[test]
fn another_process_has_the_same_trace() {
    for seed in ["3", "17", "42"] {
        let other = || {
            let sim = Command::new(env!("CARGO_BIN_EXE_boxoffice-sim"));
            let mut sim = sim;
            let output = sim.args(["--seed", seed, "--trace"]).output().unwrap();
            assert!(output.status.success(), "seed {seed}");
            output.stdout
        };
        let text = other();
        assert!(text == other(), "seed {seed}: two processes differ");
        let report = run(&Options { seed: seed.parse().unwrap(), ..Options::default() });
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(&format!("trace {:016x}", report.hash)), "seed {seed}: {text}");
    }
}
