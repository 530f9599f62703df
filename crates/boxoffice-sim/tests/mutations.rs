//! The judge is judged: a system that is broken on purpose must be caught, and the failing history cut short.

use boxoffice_sim::campaign::campaign;
use boxoffice_sim::rows::Mutation;
use boxoffice_sim::run::{Options, run, workload};
use boxoffice_sim::shrink::{command, shrink};

#[test]
fn each_mutation_is_caught_within_a_thousand_seeds() {
    for mutation in Mutation::ALL {
        let summary = campaign(0, 1000, 2, Some(mutation), |_| {});
        assert!(summary.failed.is_some(), "{} was not noticed", mutation.as_str());
    }
}

#[test]
fn a_failing_history_is_cut_down_to_one_that_still_fails() {
    let summary = campaign(0, 1000, 1, Some(Mutation::NoVersionCheck), |_| {});
    let (seed, _) = summary.failed.expect("the mutation is noticed");
    let failed = Options { seed, mutation: Some(Mutation::NoVersionCheck), ..Options::default() };
    let shortest = shrink(&failed);
    let ops = |options: &Options| workload(options).ops().len();
    assert!(ops(&shortest) < ops(&failed), "{} of {} ops are left", ops(&shortest), ops(&failed));
    assert!(!run(&shortest).violations.is_empty(), "it still fails");
    let again = command(&shortest);
    assert!(again.contains(&format!("--seed {seed} --trace --mutation no-version-check")), "{again}");
    assert!(again.contains("--only"), "{again}");
}

/// Two patrons may not get the same seat: of all that the auditor says, that is what this crate is for.
#[test]
fn a_gate_alone_sells_a_seat_twice_and_the_auditor_says_so() {
    let twice = |violations: &[String]| {
        violations.iter().any(|violation| violation.contains("seat") && violation.contains(" is in "))
    };
    let caught = (0..1000).any(|seed| {
        let report = run(&Options { seed, mutation: Some(Mutation::GateOnly), ..Options::default() });
        twice(&report.violations)
    });
    assert!(caught, "no seat was sold twice");
}
