//! What is counted, without a lock on the way of a request, and its Prometheus form.

mod links;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boxoffice_engine::counters::Figure;
use http::{Method, StatusCode};

use super::App;
use super::problem::{CODES, Code};

/// Upper bounds of the latency buckets, in microseconds.
const BOUNDS_US: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

const SUM: &str = "boxoffice_http_request_duration_seconds";
const LAG: &str = "boxoffice_live_lag_seconds";

/// What a request is about, as far as its duration is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hold,
    Seats,
    Change,
    Read,
    Other,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Hold, "hold"),
    (Kind::Seats, "seats"),
    (Kind::Change, "change"),
    (Kind::Read, "read"),
    (Kind::Other, "other"),
];

impl Kind {
    fn of(method: &Method, path: &str) -> Self {
        match (method, path) {
            (_, path) if !path.starts_with("/v1/") => Self::Other,
            (&Method::POST, path) if path.ends_with("/holds") => Self::Hold,
            (&Method::GET, path) if path.ends_with("/seats") => Self::Seats,
            (&Method::GET | &Method::HEAD, _) => Self::Read,
            (&Method::OPTIONS, _) => Self::Other,
            _ => Self::Change,
        }
    }
}

/// How long requests of a kind took.
#[derive(Debug, Default)]
pub struct Durations {
    /// Answers that took at most so long; the last has all above.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

/// Counters of the HTTP side.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Answers by the first digit of their status.
    statuses: [AtomicU64; 6],
    /// By kind, in the order of [`KINDS`].
    durations: [Durations; KINDS.len()],
    /// Problems by their place among the codes.
    problems: Counts<{ CODES.len() }>,
    /// Connections that are open.
    pub connections: AtomicU64,
    /// Connections that were one too many.
    pub connections_full: AtomicU64,
    /// Seating plans that came while as many as may were being read.
    pub plans_full: AtomicU64,
    /// Heads that took too long, and connections that were idle for as long.
    pub heads_slow: AtomicU64,
    /// Bodies that took too long.
    pub bodies_slow: AtomicU64,
}

#[derive(Debug)]
struct Counts<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Counts one more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Metrics {
    /// A request was answered, perhaps with a problem.
    pub fn answered(
        &self,
        asked: &(Method, Box<str>),
        status: StatusCode,
        code: Option<Code>,
        took: Duration,
    ) {
        count(&self.statuses[usize::from(status.as_u16() / 100).min(5)]);
        if let Some(code) = code {
            count(&self.problems.0[code as usize]);
        }
        self.durations[Kind::of(&asked.0, &asked.1) as usize].note(took);
    }

    /// The Prometheus text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
    pub fn render(&self, app: &App) -> String {
        let mut out = String::with_capacity(16 * 1024);
        header(&mut out, "boxoffice_build_info", "gauge", "1; the label tells the version.");
        sample(&mut out, concat!("boxoffice_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0);
        let name = "boxoffice_http_requests_total";
        header(&mut out, name, "counter", "Answered requests by class of status.");
        for (class, count) in self.statuses.iter().enumerate().skip(1) {
            sample(&mut out, &format!("{name}{{status=\"{class}xx\"}}"), get(count) as f64);
        }
        header(&mut out, SUM, "histogram", "How long requests took, by what they were about.");
        for (durations, (_, kind)) in self.durations.iter().zip(KINDS) {
            durations.render(&mut out, SUM, &format!("kind=\"{kind}\""));
        }
        let lag = "From the decision of the oldest change that is told until its watchers were written to.";
        header(&mut out, LAG, "histogram", lag);
        app.live.counters.lag.render(&mut out, LAG, "");
        let name = "boxoffice_problems_total";
        header(&mut out, name, "counter", "Answers that said no, by their code.");
        for (code, count) in CODES.iter().zip(&self.problems.0) {
            sample(&mut out, &format!("{name}{{code=\"{}\"}}", code.info().code), get(count) as f64);
        }
        links::render_durations(&mut out, &app.office.ports().gate.figures());
        let mut figures = self.figures(app);
        figures.extend(app.live.figures());
        figures.extend(app.office.figures());
        let ports = app.office.ports();
        figures.extend(ports.store.figures());
        figures.extend(links::figures(ports));
        // All samples of a metric stand together.
        figures.sort_by_key(|(name, ..)| base(name));
        let mut last = "";
        for (name, kind, help, value) in figures {
            if base(name) != last {
                last = base(name);
                header(&mut out, last, kind, help);
            }
            sample(&mut out, name, value as f64);
        }
        out
    }

    fn figures(&self, app: &App) -> Vec<Figure> {
        let hits = "Times that a limit turned something away, by the limit's key in the config.";
        let large = get(&self.problems.0[Code::BodyTooLarge as usize]);
        let ready = !app.draining.load(Ordering::Acquire);
        let config = &app.config;
        let full = "How much there may be of what the metric without _limit counts.";
        let mut figures = vec![
            ("boxoffice_ready", "gauge", "1 while the node takes requests, 0 while it drains.", ready.into()),
            ("boxoffice_boards_loaded", "gauge", "Showtimes in memory.", app.office.boards() as u64),
            ("boxoffice_boards_limit", "gauge", full, config.engine.max_boards as u64),
            (
                "boxoffice_commit_queue_length",
                "gauge",
                "Changes that wait to be committed.",
                app.office.waiting() as u64,
            ),
            ("boxoffice_commit_queue_limit", "gauge", full, config.engine.commit_queue as u64),
            ("boxoffice_http_connections", "gauge", "Connections that are open.", get(&self.connections)),
            ("boxoffice_http_connections_limit", "gauge", full, config.http.max_connections as u64),
            (
                "boxoffice_limit_hits_total{limit=\"http.max_connections\"}",
                "counter",
                hits,
                get(&self.connections_full),
            ),
            (
                "boxoffice_limit_hits_total{limit=\"http.max_plans_at_once\"}",
                "counter",
                hits,
                get(&self.plans_full),
            ),
            (
                "boxoffice_limit_hits_total{limit=\"http.header_timeout_ms\"}",
                "counter",
                hits,
                get(&self.heads_slow),
            ),
            (
                "boxoffice_limit_hits_total{limit=\"http.body_timeout_ms\"}",
                "counter",
                hits,
                get(&self.bodies_slow),
            ),
            ("boxoffice_limit_hits_total{limit=\"bodies\"}", "counter", hits, large),
        ];
        figures.extend(process());
        figures
    }
}

impl Durations {
    /// Counts one more.
    pub fn note(&self, took: Duration) {
        let us = took.as_micros() as u64;
        count(&self.buckets[BOUNDS_US.partition_point(|bound| *bound < us)]);
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// As a histogram of this name, with these labels or none.
    fn render(&self, out: &mut String, name: &str, labels: &str) {
        let (comma, braced) =
            if labels.is_empty() { ("", String::new()) } else { (",", format!("{{{labels}}}")) };
        let mut below = 0;
        for (bound, count) in BOUNDS_US.iter().zip(&self.buckets) {
            below += get(count);
            let bound = *bound as f64 / 1e6;
            sample(out, &format!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}}"), below as f64);
        }
        let all = below + get(&self.buckets[BOUNDS_US.len()]);
        sample(out, &format!("{name}_bucket{{{labels}{comma}le=\"+Inf\"}}"), all as f64);
        sample(out, &format!("{name}_sum{braced}"), get(&self.total_us) as f64 / 1e6);
        sample(out, &format!("{name}_count{braced}"), all as f64);
    }
}

/// What the system knows of the process, where it says so.
fn process() -> Vec<Figure> {
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    };
    let files = || std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
    let memory = memory()
        .map(|bytes| ("process_resident_memory_bytes", "gauge", "Memory that the process has.", bytes));
    let files =
        files().map(|count| ("process_open_fds", "gauge", "Files and connections that are open.", count));
    memory.into_iter().chain(files).collect()
}

/// The name of a metric without its labels.
fn base(name: &str) -> &str {
    name.split_once('{').map_or(name, |(base, _)| base)
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, value: f64) {
    let _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_codes_are_counted_at_their_own_place() {
        for (at, (kind, _)) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
        for (at, code) in CODES.iter().enumerate() {
            assert_eq!(*code as usize, at);
        }
    }

    #[test]
    fn a_request_is_of_one_kind() {
        let kind = |method: &Method, path: &str| Kind::of(method, path);
        assert_eq!(kind(&Method::POST, "/v1/showtimes/sho_1/holds"), Kind::Hold);
        assert_eq!(kind(&Method::GET, "/v1/showtimes/sho_1/seats"), Kind::Seats);
        assert_eq!(kind(&Method::POST, "/v1/bookings"), Kind::Change);
        assert_eq!(kind(&Method::PATCH, "/v1/holds/hld_1"), Kind::Change);
        assert_eq!(kind(&Method::GET, "/v1/holds/hld_1"), Kind::Read);
        assert_eq!(kind(&Method::GET, "/livez"), Kind::Other);
    }
}
