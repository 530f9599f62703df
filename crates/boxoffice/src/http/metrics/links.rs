//! Gate and bus as metrics: there from the start, also where there is neither.

use boxoffice_engine::box_office::Ports;
use boxoffice_engine::counters::Figure;
use boxoffice_engine::link::{BusFigures, GATE_BOUNDS_US, GateFigures, LinkHealth};

use super::{header, sample};

const CALLS: &str = "Holds that asked the gate, by what became of them.";
const LEFT: &str = "Deletions of claims that could not be sent: what was claimed ends by itself.";
const CHANGES: &str = "Changes on the bus: sent, received, and dropped on the way.";
const DURATION: &str = "boxoffice_gate_call_duration_seconds";

/// What is counted of gate and bus.
pub(super) fn figures(ports: &Ports) -> Vec<Figure> {
    let GateFigures { admitted, refused, opened, shut, left, .. } = ports.gate.figures();
    let BusFigures { published, received, dropped } = ports.bus.figures();
    let available =
        |health: Option<LinkHealth>| u64::from(health.is_none_or(|health| health.trouble.is_none()));
    let gate = "1 while the gate's servers answer, or there is no gate.";
    let bus = "1 while the bus carries to and from all its servers, or there is no bus.";
    vec![
        ("boxoffice_gate_available", "gauge", gate, available(ports.gate.health())),
        ("boxoffice_bus_available", "gauge", bus, available(ports.bus.health())),
        ("boxoffice_gate_calls_total{outcome=\"admitted\"}", "counter", CALLS, admitted),
        ("boxoffice_gate_calls_total{outcome=\"refused\"}", "counter", CALLS, refused),
        ("boxoffice_gate_calls_total{outcome=\"opened\"}", "counter", CALLS, opened),
        ("boxoffice_gate_calls_total{outcome=\"shut\"}", "counter", CALLS, shut),
        ("boxoffice_gate_claims_left_total", "counter", LEFT, left),
        ("boxoffice_bus_changes_total{way=\"published\"}", "counter", CHANGES, published),
        ("boxoffice_bus_changes_total{way=\"received\"}", "counter", CHANGES, received),
        ("boxoffice_bus_changes_total{way=\"dropped\"}", "counter", CHANGES, dropped),
    ]
}

/// How long calls of the gate took.
pub(super) fn render_durations(out: &mut String, figures: &GateFigures) {
    header(out, DURATION, "histogram", "How long calls of the gate took.");
    let mut below = 0;
    let bounds = GATE_BOUNDS_US.iter().map(|bound| (*bound as f64 / 1e6).to_string());
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(figures.durations) {
        below += count;
        sample(out, &format!("{DURATION}_bucket{{le=\"{bound}\"}}"), below as f64);
    }
    sample(out, &format!("{DURATION}_sum"), figures.total_us as f64 / 1e6);
    sample(out, &format!("{DURATION}_count"), below as f64);
}
