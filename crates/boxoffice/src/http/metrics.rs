//! What is counted, without a lock on the way of a request, and its Prometheus form.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boxoffice_engine::box_office::BoxOffice;
use http::StatusCode;

/// Upper bounds of the latency buckets, in microseconds.
const BOUNDS_US: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Counters of the HTTP side.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Answers by the first digit of their status.
    statuses: [AtomicU64; 6],
    /// Answers that took at most so long; the last has all above.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).min(5);
        self.statuses[class].fetch_add(1, Ordering::Relaxed);
        let us = took.as_micros() as u64;
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The Prometheus text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
    pub fn render(&self, office: &BoxOffice) -> String {
        let mut out = String::with_capacity(4096);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        header(&mut out, "boxoffice_http_requests_total", "counter", "Answered requests by class of status.");
        for (class, count) in self.statuses.iter().enumerate().skip(1) {
            sample(
                &mut out,
                &format!("boxoffice_http_requests_total{{status=\"{class}xx\"}}"),
                get(count) as f64,
            );
        }
        let name = "boxoffice_http_request_duration_seconds";
        header(&mut out, name, "histogram", "How long requests took.");
        let mut below = 0;
        for (bound, count) in BOUNDS_US.iter().zip(&self.buckets) {
            below += get(count);
            sample(&mut out, &format!("{name}_bucket{{le=\"{}\"}}", *bound as f64 / 1e6), below as f64);
        }
        let all = below + get(&self.buckets[BOUNDS_US.len()]);
        sample(&mut out, &format!("{name}_bucket{{le=\"+Inf\"}}"), all as f64);
        sample(&mut out, &format!("{name}_sum"), get(&self.total_us) as f64 / 1e6);
        sample(&mut out, &format!("{name}_count"), all as f64);
        let figures = [
            ("boxoffice_boards_loaded", "gauge", "Showtimes in memory.", office.boards() as u64),
            (
                "boxoffice_commit_queue_length",
                "gauge",
                "Changes that wait to be committed.",
                office.waiting() as u64,
            ),
        ];
        for (name, kind, help, value) in figures.into_iter().chain(office.ports().store.figures()) {
            header(&mut out, name, kind, help);
            sample(&mut out, name, value as f64);
        }
        out
    }
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, value: f64) {
    let _ = writeln!(out, "{name} {value}");
}
