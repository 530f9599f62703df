//! Every target for about a second, with the same lots each time; and every input that once failed.

use std::time::{Duration, Instant};

use boxoffice_fuzz::mutate::Mutator;
use boxoffice_fuzz::seeds;
use boxoffice_fuzz::targets::{TARGETS, find};

/// Inputs that failed once, as (target, input).
const FOUND: &[(&str, &[u8])] = &[
    // A path that is not UTF-8 was answered in plain text.
    ("queries", b"ks%00esin%ce=me*rnt12"),
    // A layout without areas was a panic.
    ("plans", br#"{"Areas":[]}"#),
    // A list in a list was taken for a plain hold, which the router refuses.
    ("doors", br#"[[]]"#),
    ("doors", br#"[["A3"]]"#),
];

#[test]
fn no_target_fails_within_a_second() {
    for target in TARGETS {
        let corpus = seeds::of(target.name);
        assert!(!corpus.is_empty(), "{} has no seeds", target.name);
        corpus.iter().for_each(|seed| (target.run)(seed));
        let words = seeds::words();
        let mutator = Mutator::new(1, &words);
        let end = Instant::now() + Duration::from_secs(1);
        // At least so many, however busy the machine is.
        for number in 0.. {
            if number >= 50 && Instant::now() > end {
                break;
            }
            (target.run)(&mutator.mutate(&corpus, target.json));
        }
    }
}

#[test]
fn what_was_found_stays_mended() {
    for (name, input) in FOUND {
        let target = find(name).unwrap_or_else(|| panic!("there is no target {name}"));
        (target.run)(input);
    }
}
