//! Whether the work that a run claims was done: a run cannot pass by doing nothing.

use super::cli::Job;
use super::inspect::Findings;
use super::ledger::{Sales, State};
use super::record::Measured;

/// Adds what is missing to the findings. What was ended early need not be complete.
pub(super) fn verify(
    job: Job,
    seats: usize,
    measured: &Measured,
    sales: &Sales,
    interrupted: bool,
    findings: &mut Findings,
) {
    let outcome = |name: &str| measured.outcomes.get(name).copied().unwrap_or(0);
    let mut wrong = |what: String| findings.violations.add(what);
    for (fault, times) in &measured.faults {
        wrong(format!("{fault} ({times} times)"));
    }
    let done: u64 = measured.outcomes.iter().filter(|(name, _)| *name != "not_begun").map(|(_, n)| n).sum();
    if done == 0 && !interrupted {
        wrong("nothing was done".to_owned());
    }
    let acknowledged = |state: fn(&State) -> bool| -> usize {
        sales.sales.iter().filter(|sale| state(&sale.state)).map(|sale| sale.seats.len()).sum()
    };
    let (held, booked) = (
        acknowledged(|state| *state == State::Held),
        acknowledged(|state| matches!(state, State::Booked(..))),
    );
    let certain = sales.unanswered.is_empty() && sales.sales.iter().all(|sale| sale.state != State::InDoubt);
    let (there_held, there_booked) = (findings.held, findings.booked);
    if certain && (held, booked) != (there_held, there_booked) {
        wrong(format!(
            "{held} seats were acknowledged as held and {booked} as booked, the maps have {there_held} and {there_booked}"
        ));
    }
    match job {
        Job::Herd { patrons, .. } if !interrupted => {
            let (two, one) = (outcome("sold_2_seats"), outcome("sold_1_seat"));
            let answered = two + one + outcome("sold_out");
            if answered != patrons as u64 {
                wrong(format!("{answered} of {patrons} patrons have a final answer"));
            }
            if 2 * two + one != booked as u64 {
                wrong(format!("patrons have {} seats, the ledger {booked}", 2 * two + one));
            }
            let wanted = seats.min(patrons * 2);
            if certain && there_booked < wanted {
                wrong(format!("{there_booked} of {wanted} seats were sold"));
            }
        }
        Job::Holds(..) if outcome("held") * 2 != held as u64 || (held == 0 && !interrupted) => {
            wrong(format!("{} holds were counted, {held} seats are held", outcome("held")));
        }
        Job::Mix(..) if sales.sales.is_empty() && outcome("looked") < done && !interrupted => {
            wrong("nobody got a seat".to_owned());
        }
        Job::Reads(..) if outcome("right") + outcome("not_modified") == 0 && !interrupted => {
            wrong("no map was read".to_owned());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Recorder;
    use super::*;
    use std::time::Duration;

    fn told(job: Job, recorder: &Recorder, findings: Findings) -> String {
        let mut findings = findings;
        verify(job, 2, &recorder.measured(), &Sales::default(), false, &mut findings);
        findings.violations.told.join("\n")
    }

    #[test]
    fn doing_nothing_does_not_pass() {
        let herd = Job::Herd { patrons: 3, connections: 1 };
        let told_nothing = told(herd, &Recorder::new(), Findings::default());
        for wrong in ["nothing was done", "0 of 3 patrons", "0 of 2 seats were sold"] {
            assert!(told_nothing.contains(wrong), "{told_nothing}");
        }
    }

    #[test]
    fn sales_that_are_claimed_but_not_there_do_not_pass() {
        let recorder = Recorder::new();
        recorder.finished("sold_2_seats", Duration::ZERO);
        recorder.finished("sold_out", Duration::ZERO);
        let findings = Findings { booked: 2, ..Findings::default() };
        let told = told(Job::Herd { patrons: 2, connections: 1 }, &recorder, findings);
        assert!(told.contains("patrons have 2 seats, the ledger 0"), "{told}");
        assert!(told.contains("0 as booked, the maps have 0 and 2"), "{told}");
    }
}
