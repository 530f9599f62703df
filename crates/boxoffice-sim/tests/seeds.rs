//! Two thousand seeds hold what the engine promises, and reach everything that they are to prove.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use boxoffice_sim::campaign::campaign;
use boxoffice_sim::faults::Fault;
use boxoffice_sim::run::{Options, run};

#[test]
fn nothing_is_lost_or_sold_twice_whatever_goes_wrong() {
    let summary = campaign(0, 2000, 2, None, |_| {});
    assert_eq!(summary.failed, None);
    assert_eq!(summary.seeds, 2000);
    assert_eq!(summary.missing(), Vec::<&str>::new(), "what was never reached proves nothing");
}

#[test]
fn without_faults_nobody_is_told_that_something_is_wrong() {
    let without = Fault::ALL.to_vec();
    for seed in 0..100 {
        let report = run(&Options { seed, without: without.clone(), ..Options::default() });
        assert_eq!(report.violations, Vec::<String>::new(), "seed {seed}");
        assert!(report.faults.iter().all(|count| *count == 0), "seed {seed}");
        for never in ["refused: store_unavailable", "refused: outcome_unknown", "no answer: crashed"] {
            assert_eq!(report.outcomes.0.get(never), None, "seed {seed}");
        }
    }
}
