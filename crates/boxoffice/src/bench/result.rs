//! The result of a run: the figures, the verdict on the load generator itself, and their form as JSON and as a table.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::cli::{Job, Settings};
use super::inspect::Findings;
use super::load::Pace;
use super::machine::Machine;
use super::record::{Counts, Latencies, Measured};

/// From how late on the generator is called late, in milliseconds at the 99th percentile.
const LATE_MS: f64 = 5.0;
/// From which part of its threads' time on the generator is called busy.
const BUSY: f64 = 0.9;
/// From which part of the machine's time on other processes are told of.
const OTHERS: f64 = 0.1;

/// A run, measured and checked.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What was asked for.
    pub(super) settings: Settings,
    /// The server's address.
    pub(super) url: String,
    /// What was measured.
    pub(super) measured: Measured,
    /// What the check found.
    pub(super) findings: Findings,
    /// How long the load took, in seconds.
    pub(super) duration_s: f64,
    /// Processor time of the load generator, in seconds.
    pub(super) own_cpu_s: f64,
    /// Processor time of a server of our own, in seconds.
    pub(super) server_cpu_s: Option<f64>,
    /// Processor time of all other processes of the machine, in seconds, where the server is on it.
    pub(super) others_cpu_s: Option<f64>,
    /// The memory of a server of our own that each idle watcher took, in bytes.
    pub(super) watcher_bytes: Option<f64>,
    /// How long it took until all watchers were told where they stand, in seconds.
    pub(super) opening_s: f64,
    /// Whether somebody ended it early.
    pub(super) interrupted: bool,
    /// Where it ran.
    pub(super) machine: Machine,
}

impl Outcome {
    /// What one unit of work is called.
    pub(super) fn unit(&self) -> &'static str {
        match self.settings.job {
            Job::Herd { .. } => "patrons",
            Job::Holds(..) => "holds",
            Job::Mix(..) => "sessions",
            Job::Reads(..) => "reads",
            Job::Live(..) => "tellings",
        }
    }

    /// Units that ended each second.
    pub(super) fn throughput(&self) -> f64 {
        let ended = self.measured.finished.iter().map(|ended| u64::from(*ended)).sum::<u64>();
        ended as f64 / self.duration_s
    }

    /// Requests that were answered each second.
    pub(super) fn requests(&self) -> f64 {
        let answered = self.measured.answered.iter().map(|answered| u64::from(*answered)).sum::<u64>();
        answered as f64 / self.duration_s
    }

    /// Whether nothing is wrong.
    pub(super) fn is_right(&self) -> bool {
        self.findings.violations.count == 0
    }

    /// What a reader of the figures must know.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.interrupted {
            notes.push("ended early, as asked: the figures are of the part that was done".to_owned());
        }
        if self.measured.lost > 0 {
            let first = self.measured.first_error.as_deref().unwrap_or_default();
            notes.push(format!("{} requests had no answer; the first: {first}", self.measured.lost));
        }
        let open = matches!(
            self.settings.job,
            Job::Holds(Pace::Open { .. }, _)
                | Job::Mix(Pace::Open { .. }, _)
                | Job::Reads(Pace::Open { .. }, ..)
        );
        let lag = self.measured.lag.ms(99.0);
        if open && lag > LATE_MS {
            notes.push(format!(
                "the load generator is a bottleneck: idle connections began {lag:.1} ms late at the 99th percentile"
            ));
        }
        if let Some(waiting) = self.measured.outcomes.get("not_begun") {
            notes.push(format!(
                "{waiting} were due but never begun, since all connections were busy; their latency counts up to the end"
            ));
        }
        if let Job::Holds(_, wanted) = self.settings.job
            && !self.interrupted
            && self.duration_s < wanted.as_secs_f64() * 0.95
        {
            notes.push(
                "every pair of seats was held before the time was over: see --showtimes and --seats"
                    .to_owned(),
            );
        }
        let busy = self.own_cpu_s / (self.duration_s * self.settings.threads as f64);
        if busy > BUSY {
            notes.push(format!(
                "the load generator is a bottleneck: it used {:.0} % of its {} threads' time (see --threads)",
                busy * 100.0,
                self.settings.threads
            ));
        }
        if let Some(server) = self.server_cpu_s.filter(|server| self.own_cpu_s > *server) {
            notes.push(format!(
                "the load generator used more processor time than the server ({:.1} s and {server:.1} s): the server alone could do more",
                self.own_cpu_s
            ));
        }
        let whole = self.duration_s * self.machine.cores as f64;
        if let Some(others) = self.others_cpu_s.filter(|others| *others > whole * OTHERS) {
            notes.push(format!(
                "the machine was not idle: other processes used {:.0} % of its processors' time meanwhile",
                others / whole * 100.0
            ));
        }
        notes
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        let (measured, found) = (&self.measured, &self.findings);
        let requests: serde_json::Map<String, Value> = measured
            .requests
            .iter()
            .map(|(name, latencies)| {
                let mut value = latency_json(latencies);
                value["count"] = latencies.0.len().into();
                ((*name).to_owned(), value)
            })
            .collect();
        json!({
            "kind": self.settings.kind,
            "url": self.url,
            "load": self.settings.job.describe(),
            "seats": self.settings.seats,
            "showtimes": self.settings.showtimes,
            "duration_s": round(self.duration_s),
            "unit": self.unit(),
            "throughput_per_s": round(self.throughput()),
            "requests_per_s": round(self.requests()),
            "latency_ms": latency_json(&measured.latency),
            "requests": requests,
            "outcomes": measured.outcomes,
            "refusals": measured.refusals,
            "connection_errors": measured.lost,
            "generator": {
                "threads": self.settings.threads,
                "cpu_s": round(self.own_cpu_s),
                "late_p99_ms": round(measured.lag.ms(99.0)),
            },
            "server_cpu_s": self.server_cpu_s.map(round),
            "others_cpu_s": self.others_cpu_s.map(round),
            "watchers": {
                "count": self.settings.watchers,
                "opening_s": round(self.opening_s),
                "idle_bytes_each": self.watcher_bytes.map(round),
            },
            "interrupted": self.interrupted,
            "check": {
                "ok": self.is_right(),
                "violations": found.violations.told,
                "violation_count": found.violations.count,
                "showtimes": found.showtimes,
                "events": found.events,
                "sales": found.sales,
                "read_back": found.read_back,
                "seats_held": found.held,
                "seats_booked": found.booked,
            },
            "notes": self.notes(),
            "machine": self.machine,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_BORDERS_ONLY);
        let mut row = |name: &str, value: String| {
            table.add_row([name.to_owned(), value]);
        };
        row("load", format!("{}: {}", self.settings.kind, self.settings.job.describe()));
        row("room", format!("{} showtimes of {} seats", self.settings.showtimes, self.settings.seats));
        row("time", format!("{:.3} s", self.duration_s));
        row(self.unit(), format!("{:.0}/s ({:.0} requests/s)", self.throughput(), self.requests()));
        row("latency", in_words(&self.measured.latency));
        for (name, latencies) in &self.measured.requests {
            row(&format!("  {name}"), format!("{} x  {}", latencies.0.len(), in_words(latencies)));
        }
        row("outcomes", counts_in_words(&self.measured.outcomes));
        row("refusals", counts_in_words(&self.measured.refusals));
        let server = self.server_cpu_s.map_or(String::new(), |server| format!(", server {server:.1} s"));
        row("processor", format!("load generator {:.1} s{server}", self.own_cpu_s));
        if self.settings.watchers > 0 {
            let each =
                self.watcher_bytes.map(|bytes| format!(", {bytes:.0} bytes of the server each when idle"));
            let opened = format!("{} let in within {:.1} s", self.settings.watchers, self.opening_s);
            row("watchers", opened + &each.unwrap_or_default());
        }
        let found = &self.findings;
        row(
            "check",
            format!(
                "{}: {} events of {} showtimes replayed, {} sales found, {} read back; {} seats held, {} booked",
                if self.is_right() { "clean" } else { "BROKEN" },
                found.events,
                found.showtimes,
                found.sales,
                found.read_back,
                found.held,
                found.booked
            ),
        );
        if let Some(column) = table.column_mut(0) {
            column.set_cell_alignment(CellAlignment::Left);
        }
        table.to_string()
    }
}

/// Three digits after the point are enough for everybody.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn latency_json(latencies: &Latencies) -> Value {
    json!({
        "p50": round(latencies.ms(50.0)),
        "p90": round(latencies.ms(90.0)),
        "p99": round(latencies.ms(99.0)),
        "p999": round(latencies.ms(99.9)),
        "max": round(latencies.ms(100.0)),
    })
}

fn in_words(latencies: &Latencies) -> String {
    format!(
        "p50 {:.1}  p90 {:.1}  p99 {:.1}  max {:.1} ms",
        latencies.ms(50.0),
        latencies.ms(90.0),
        latencies.ms(99.0),
        latencies.ms(100.0)
    )
}

fn counts_in_words(counts: &Counts) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}
