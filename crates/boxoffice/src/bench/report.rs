//! The report: one HTML page that needs nothing else, with plots, figures and the machine.

use super::plot::{Axis, Line, Scale, bars, escape, lines};
use super::record::{Counts, Latencies, STEP_MS};
use super::result::Outcome;

/// How many points a plot over time has at most.
const MOST_POINTS: usize = 150;
/// Percentiles of the plot: as tails, one in so many is slower.
const TAILS: [f64; 24] = [
    1.1, 1.25, 1.5, 2.0, 2.5, 3.3, 4.0, 5.0, 7.0, 10.0, 14.0, 20.0, 33.0, 50.0, 70.0, 100.0, 200.0, 333.0,
    500.0, 1000.0, 2000.0, 3333.0, 5000.0, 10_000.0,
];
/// From this ratio on latencies are drawn by powers of ten.
const WIDE: f64 = 25.0;
/// How many kinds of requests are drawn.
const MOST_LINES: usize = 5;

/// The page.
pub(super) fn page(outcome: &Outcome) -> String {
    let measured = &outcome.measured;
    let title = format!("boxoffice bench {}", outcome.settings.kind);
    let mut figures = vec![latency(outcome), throughput(outcome)];
    if measured.sold.iter().any(|sold| *sold > 0) {
        figures.push(sold(outcome));
    }
    let outcomes = bars("Outcomes", "How each unit of work ended.", &list(&measured.outcomes));
    let refusals = bars(
        "Refusals by reason",
        "Requests that were told no. Claimed: another is taking the seat at this instant.",
        &list(&measured.refusals),
    );
    figures.push(format!("<div class='stack'>{outcomes}{refusals}</div>"));
    format!(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\
         <meta name='viewport' content='width=device-width,initial-scale=1'><title>{title}</title>\
         <style>{style}</style></head><body><main>\n<h1>{title}</h1>\
         <p>{load}; {showtimes} of {seats} seats.</p>\n{verdict}\n{tiles}\n<div class='figures'>{figures}</div>\n\
         {requests}\n{check}\n{machine}\n</main></body></html>\n",
        style = include_str!("report.css"),
        load = escape(&outcome.settings.job.describe()),
        showtimes = counted(outcome.settings.showtimes, "showtime"),
        seats = outcome.settings.seats,
        verdict = verdict(outcome),
        tiles = tiles(outcome),
        figures = figures.concat(),
        requests = requests(outcome),
        check = check(outcome),
        machine = machine(outcome),
    )
}

fn counted(number: u32, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn verdict(outcome: &Outcome) -> String {
    if outcome.is_right() {
        return "<span class='verdict'>Check clean</span>".to_owned();
    }
    format!("<span class='verdict bad'>Check failed: {} violations</span>", outcome.findings.violations.count)
}

fn tiles(outcome: &Outcome) -> String {
    let latency = &outcome.measured.latency;
    let tiles = [
        (format!("{:.2} s", outcome.duration_s), "duration".to_owned()),
        (format!("{:.0}/s", outcome.throughput()), outcome.unit().to_owned()),
        (format!("{:.0}/s", outcome.requests()), "requests".to_owned()),
        (in_ms(latency.ms(50.0)), "median latency".to_owned()),
        (in_ms(latency.ms(99.0)), "99th percentile".to_owned()),
        (in_ms(latency.ms(100.0)), "slowest".to_owned()),
    ];
    let tile = |(value, name): &(String, String)| {
        format!("<div class='tile'><b>{value}</b><span>{name}</span></div>")
    };
    format!("<div class='tiles'>{}</div>", tiles.iter().map(tile).collect::<String>())
}

fn in_ms(ms: f64) -> String {
    if ms >= 100.0 { format!("{ms:.0} ms") } else { format!("{ms:.2} ms") }
}

/// Latency by percentile; the tail is stretched.
fn latency(outcome: &Outcome) -> String {
    let line = |name: &str, latencies: &Latencies| {
        let count = latencies.0.len() as f64;
        // A percentile finer than the number of values says nothing.
        let tails = TAILS.iter().filter(|tail| **tail <= count.max(2.0));
        let points = tails.map(|tail| (*tail, latencies.ms(100.0 - 100.0 / tail).max(0.001)));
        Line { name: name.to_owned(), points: points.collect(), filled: false }
    };
    let mut all =
        vec![line(&format!("{}, from the intended start", outcome.unit()), &outcome.measured.latency)];
    let mut requests: Vec<_> = outcome.measured.requests.iter().collect();
    requests.sort_by_key(|(_, latencies)| std::cmp::Reverse(latencies.0.len()));
    all.extend(
        requests
            .into_iter()
            .take(MOST_LINES)
            .map(|(name, latencies)| line(&name.replace('_', " "), latencies)),
    );
    let values = || all.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
    let y = if most / least > WIDE {
        Axis::powers("milliseconds", least, most)
    } else {
        Axis::up_to("milliseconds", most)
    };
    let names = [(1.0, "0"), (2.0, "50"), (10.0, "90"), (100.0, "99"), (1000.0, "99.9"), (10_000.0, "99.99")];
    let most = all.iter().flat_map(|line| &line.points).map(|point| point.0).fold(2.0, f64::max);
    let ticks =
        names.iter().filter(|(tail, _)| *tail <= most).map(|(tail, name)| (*tail, (*name).to_owned()));
    let x =
        Axis { title: "percentile", scale: Scale::Logarithmic { least: 1.0, most }, ticks: ticks.collect() };
    lines("Latency by percentile", "So many percent took at most so long.", &x, &y, &all)
}

/// Steps put together to at most so many points: the end of each in seconds, and its sum.
fn over_time(outcome: &Outcome, steps: &[u32]) -> (f64, Vec<(f64, f64)>) {
    let step_s = STEP_MS as f64 / 1000.0;
    // Only whole steps: a part of one would look like a fall. What came later than the end is in the last.
    let whole = ((outcome.duration_s / step_s) as usize).max(1);
    let together = whole.div_ceil(MOST_POINTS);
    let (count, mut sums) = (whole.div_ceil(together), Vec::new());
    for number in 0..count {
        let from = (number * together).min(steps.len());
        let to = if number + 1 == count { steps.len() } else { ((number + 1) * together).min(steps.len()) };
        let sum = steps[from..to.max(from)].iter().map(|step| f64::from(*step)).sum();
        sums.push((((number + 1) * together) as f64 * step_s, sum));
    }
    (together as f64 * step_s, sums)
}

fn throughput(outcome: &Outcome) -> String {
    let line = |name: &str, steps: &[u32]| {
        let (width, mut points) = over_time(outcome, steps);
        // The last part is seldom whole: it has what is left of the time.
        if points.len() > 1 {
            points.pop();
        }
        let points = points.into_iter().map(|(at, sum)| (at - width / 2.0, sum / width)).collect();
        Line { name: name.to_owned(), points, filled: true }
    };
    let mut all = vec![line("requests answered", &outcome.measured.answered)];
    if outcome.measured.requests.len() > 1 {
        all.push(line(&format!("{} ended", outcome.unit()), &outcome.measured.finished));
    }
    let most = all.iter().flat_map(|line| &line.points).map(|point| point.1).fold(0.0, f64::max);
    let (x, y) = (Axis::exactly("seconds", outcome.duration_s), Axis::up_to("per second", most));
    lines("Throughput over time", "How many ended in each moment, as a rate.", &x, &y, &all)
}

fn sold(outcome: &Outcome) -> String {
    let (_, steps) = over_time(outcome, &outcome.measured.sold);
    let mut sum = 0.0;
    let mut points = vec![(0.0, 0.0)];
    for (at, sold) in steps {
        sum += sold;
        points.push((at.min(outcome.duration_s), sum));
    }
    let (x, y) = (Axis::exactly("seconds", outcome.duration_s), Axis::up_to("seats", sum));
    let line = Line { name: "seats held so far".to_owned(), points, filled: true };
    lines(
        "Seats sold over time",
        "Holds that were acknowledged; what was given back is not taken off.",
        &x,
        &y,
        &[line],
    )
}

fn list(counts: &Counts) -> Vec<(String, u64)> {
    counts.iter().map(|(name, count)| (name.to_string(), *count)).collect()
}

fn requests(outcome: &Outcome) -> String {
    let row = |name: &str, latencies: &Latencies| {
        let cells = [50.0, 90.0, 99.0, 99.9, 100.0].map(|part| format!("<td>{:.2}</td>", latencies.ms(part)));
        format!("<tr><td>{}</td><td>{}</td>{}</tr>", escape(name), latencies.0.len(), cells.concat())
    };
    let mut rows = row(&format!("{}, from the intended start", outcome.unit()), &outcome.measured.latency);
    for (name, latencies) in &outcome.measured.requests {
        rows += &row(&format!("request: {}", name.replace('_', " ")), latencies);
    }
    format!(
        "<section><h2>Latencies in milliseconds</h2><table><tr><th></th><th>count</th><th>p50</th><th>p90</th>\
         <th>p99</th><th>p99.9</th><th>max</th></tr>{rows}</table></section>"
    )
}

fn check(outcome: &Outcome) -> String {
    let found = &outcome.findings;
    let items: String = outcome
        .findings
        .violations
        .told
        .iter()
        .map(|told| format!("<li><b>Violation:</b> {}</li>", escape(told)))
        .chain(outcome.notes().iter().map(|note| format!("<li>{}</li>", escape(note))))
        .collect();
    format!(
        "<section><h2>Check and notes</h2><p>{} events of {} were replayed and compared with the seat maps; {} \
         acknowledged holds and bookings were found in them, {} of these read back one by one. In the end {} seats \
         are held and {} booked.</p><ul>{items}</ul></section>",
        found.events,
        counted(found.showtimes as u32, "showtime"),
        found.sales,
        found.read_back,
        found.held,
        found.booked
    )
}

fn machine(outcome: &Outcome) -> String {
    let server = outcome.server_cpu_s.map_or("not known".to_owned(), |seconds| format!("{seconds:.1} s"));
    let place = if outcome.settings.url.is_some() {
        outcome.url.as_str()
    } else {
        "started for this run, on the same machine"
    };
    let row =
        |name: &str, value: &str| format!("<tr><td>{name}</td><td class='text'>{}</td></tr>", escape(value));
    format!(
        "<section><h2>Machine</h2><table>{}{}{}{}{}</table></section>",
        row("load generator", &outcome.machine.describe()),
        row("server", place),
        row("processor time of the load generator", &format!("{:.1} s", outcome.own_cpu_s)),
        row("processor time of the server", &server),
        row("version", env!("CARGO_PKG_VERSION")),
    )
}
