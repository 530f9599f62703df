//! What the store counts, as metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use boxoffice_engine::counters::Figure;

use crate::readers::Readers;
use crate::watch::Watch;
use crate::writer::{Counters, Shared};

/// All of it.
pub(crate) fn figures(shared: &Shared, readers: &Readers, watch: &Watch) -> Vec<Figure> {
    let Counters { batches, transitions, conflicts, failures, busy_us, again, doubts, creations_full } =
        &shared.counters;
    let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let hits = "Times that a limit turned something away, by the limit's key in the config.";
    let busy = "How long the committed database transactions took in all, in microseconds.";
    let twice = "Database transactions that failed, mostly at something that another node had done, and were written a second time.";
    let in_doubt = "Database transactions whose COMMIT was not answered, so that a fence had to decide.";
    let error = "By how much this node's measure of the database's clock may be wrong, in milliseconds.";
    let available = shared.trouble().is_none();
    vec![
        ("boxoffice_commit_batches_total", "counter", "Database transactions committed.", get(batches)),
        ("boxoffice_commit_microseconds_total", "counter", busy, get(busy_us)),
        ("boxoffice_commits_total", "counter", "Changes committed.", get(transitions)),
        ("boxoffice_commit_conflicts_total", "counter", "Changes that lost a conflict.", get(conflicts)),
        ("boxoffice_commit_failures_total", "counter", "Database transactions that failed.", get(failures)),
        ("boxoffice_store_reads_total", "counter", "Reads of the store.", readers.reads()),
        ("boxoffice_commit_rewrites_total", "counter", twice, get(again)),
        ("boxoffice_commit_doubts_total", "counter", in_doubt, get(doubts)),
        ("boxoffice_store_available", "gauge", "1 while the store takes changes.", available.into()),
        ("boxoffice_clock_error_milliseconds", "gauge", error, watch.error_ms()),
        (
            "boxoffice_limit_hits_total{limit=\"postgres.max_waiting_reads\"}",
            "counter",
            hits,
            readers.turned_away(),
        ),
        (
            "boxoffice_limit_hits_total{limit=\"postgres.max_waiting_creations\"}",
            "counter",
            hits,
            get(creations_full),
        ),
    ]
}
