//! Seating plans in any of the formats, and what their faults point at.

use boxoffice::plans::{Options, draw, import, wire};
use boxoffice_core::plan::{MAX_SEATS, Plan, SeatKind};

/// A plan that is read is the same plan stored and loaded, and answered by the API and sent back. One that is not
/// read has 1 to 101 faults, each with a JSON Pointer that is none or begins with a slash.
pub(super) fn plans(input: &[u8]) {
    let options = Options {
        blocked_categories: vec!["blocked".to_owned()],
        seat_types: vec![("2".to_owned(), SeatKind::Wheelchair)],
        ..Options::default()
    };
    let read = match import(input, &options) {
        Ok(read) => read,
        Err(faults) => {
            assert!((1..=101).contains(&faults.len()), "{} faults", faults.len());
            for fault in faults {
                assert!(fault.pointer.is_empty() || fault.pointer.starts_with('/'), "{fault:?}");
                assert!(!fault.detail.is_empty(), "{fault:?}");
                assert!(fault.pointer.len() + fault.detail.len() < 8192, "a fault is as long as its file");
            }
            return;
        }
    };
    let plan = &read.plan;
    assert!((1..=MAX_SEATS).contains(&plan.seats().len()), "{} seats", plan.seats().len());
    assert!(read.warnings.len() <= 101, "{} warnings", read.warnings.len());
    assert_eq!(Plan::decode(&plan.encode()).as_ref(), Ok(plan), "stored and loaded");
    assert!(!draw(plan).is_empty());
    let text = serde_json::to_vec(&wire(plan)).expect("a plan is JSON");
    let again = import(&text, &Options::default()).map(|again| again.plan.hash());
    assert_eq!(again, Ok(plan.hash()), "answered and sent back:\n{}", String::from_utf8_lossy(&text));
}
