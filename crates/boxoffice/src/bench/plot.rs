//! Plots as inline SVG: lines over axes with readable ticks, and bars.

mod scale;

use std::fmt::Write as _;

pub(super) use scale::Scale;

/// The drawing's size; it is scaled to the page's width.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
/// Room around the area: for the y axis, the right end, the legend and the x axis.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;
/// Room for the name of a bar.
const BAR_NAME: f64 = 150.0;
const BAR_HEIGHT: f64 = 30.0;
/// How many colours the page has.
const COLOURS: usize = 6;

/// An axis.
#[derive(Debug)]
pub(super) struct Axis {
    /// What it shows, with its unit.
    pub(super) title: &'static str,
    /// From where to where.
    pub(super) scale: Scale,
    /// Where ticks are, and what stands there.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number not below `most`.
    pub(super) fn up_to(title: &'static str, most: f64) -> Self {
        let (step, end) = scale::round_steps(most);
        let count = (end / step).round() as usize;
        let ticks = (0..=count).map(|number| number as f64 * step);
        let ticks = ticks.map(|value| (value, scale::in_short(value, step))).collect();
        Self { title, scale: Scale::Linear { least: 0.0, most: end }, ticks }
    }

    /// From 0 to exactly `most`: for time, which ends where it ends.
    pub(super) fn exactly(title: &'static str, most: f64) -> Self {
        let mut axis = Self::up_to(title, most);
        axis.ticks.retain(|(value, _)| *value <= most * 1.001);
        axis.scale = Scale::Linear { least: 0.0, most };
        axis
    }

    /// Powers of ten around these values.
    pub(super) fn powers(title: &'static str, least: f64, most: f64) -> Self {
        let (first, last) = (least.log10().floor() as i32, most.log10().ceil() as i32);
        let last = last.max(first + 1);
        let ticks = (first..=last).map(|power| 10f64.powi(power));
        let ticks = ticks.map(|value| (value, scale::in_short(value, value))).collect();
        let (least, most) = (10f64.powi(first), 10f64.powi(last));
        Self { title, scale: Scale::Logarithmic { least, most }, ticks }
    }
}

/// A line.
#[derive(Debug)]
pub(super) struct Line {
    /// Its name in the legend.
    pub(super) name: String,
    /// Its points.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether the area below is filled.
    pub(super) filled: bool,
}

/// A figure with lines.
pub(super) fn lines(title: &str, note: &str, x: &Axis, y: &Axis, lines: &[Line]) -> String {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let place = |value: (f64, f64)| {
        let across = LEFT + x.scale.part(value.0) * (right - LEFT);
        (across, bottom - y.scale.part(value.1) * (bottom - TOP))
    };
    let mut svg = String::new();
    for (value, text) in &y.ticks {
        let (_, up) = place((0.0, *value));
        put(
            &mut svg,
            format_args!("<line class='grid' x1='{LEFT}' y1='{up:.1}' x2='{right}' y2='{up:.1}'/>"),
        );
        put(
            &mut svg,
            format_args!(
                "<text class='tick' x='{:.1}' y='{:.1}' text-anchor='end'>{text}</text>",
                LEFT - 8.0,
                up + 4.0
            ),
        );
    }
    for (value, text) in &x.ticks {
        let across = LEFT + x.scale.part(*value) * (right - LEFT);
        let below = bottom + 5.0;
        put(
            &mut svg,
            format_args!("<line class='axis' x1='{across:.1}' y1='{bottom}' x2='{across:.1}' y2='{below}'/>"),
        );
        put(
            &mut svg,
            format_args!(
                "<text class='tick' x='{across:.1}' y='{}' text-anchor='middle'>{text}</text>",
                bottom + 18.0
            ),
        );
    }
    put(&mut svg, format_args!("<line class='axis' x1='{LEFT}' y1='{bottom}' x2='{right}' y2='{bottom}'/>"));
    let mut legend = LEFT;
    for (number, line) in lines.iter().enumerate() {
        let colour = number % COLOURS + 1;
        let points: Vec<String> = line
            .points
            .iter()
            .map(|point| place(*point))
            .map(|(across, up)| format!("{across:.1},{up:.1}"))
            .collect();
        if let (true, Some((first, _)), Some((last, _))) =
            (line.filled, line.points.first(), line.points.last())
        {
            let (first, last) = (place((*first, 0.0)).0, place((*last, 0.0)).0);
            let points = points.join(" ");
            put(
                &mut svg,
                format_args!(
                    "<polygon class='area c{colour}' points='{first:.1},{bottom} {points} {last:.1},{bottom}'/>"
                ),
            );
        }
        put(&mut svg, format_args!("<polyline class='line c{colour}' points='{}'/>", points.join(" ")));
        put(
            &mut svg,
            format_args!("<rect class='key c{colour}' x='{legend:.1}' y='8' width='14' height='4' rx='2'/>"),
        );
        let name = escape(&line.name);
        put(&mut svg, format_args!("<text class='legend' x='{:.1}' y='14'>{name}</text>", legend + 20.0));
        legend += 44.0 + 7.6 * line.name.chars().count() as f64;
    }
    let middle = (LEFT + right) / 2.0;
    put(
        &mut svg,
        format_args!(
            "<text class='title' x='{middle}' y='{}' text-anchor='middle'>{}</text>",
            HEIGHT - 8.0,
            x.title
        ),
    );
    let up = (TOP + bottom) / 2.0;
    put(
        &mut svg,
        format_args!(
            "<text class='title' transform='translate(14 {up}) rotate(-90)' text-anchor='middle'>{}</text>",
            y.title
        ),
    );
    figure(title, note, HEIGHT, &svg)
}

/// A figure with a bar for each count, the longest first.
pub(super) fn bars(title: &str, note: &str, counts: &[(String, u64)]) -> String {
    let mut sorted = counts.to_vec();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let all: u64 = sorted.iter().map(|(_, count)| count).sum();
    let most = sorted.first().map_or(1, |(_, count)| (*count).max(1));
    let widest = WIDTH - BAR_NAME - 150.0;
    let mut svg = String::new();
    for (number, (name, count)) in sorted.iter().enumerate() {
        let top = 6.0 + number as f64 * BAR_HEIGHT;
        let width = (*count as f64 / most as f64 * widest).max(2.0);
        let text = top + 15.0;
        let name = escape(&name.replace('_', " "));
        put(
            &mut svg,
            format_args!(
                "<text class='legend' x='{}' y='{text}' text-anchor='end'>{name}</text>",
                BAR_NAME - 10.0
            ),
        );
        put(
            &mut svg,
            format_args!(
                "<rect class='bar c1' x='{BAR_NAME}' y='{top}' width='{width:.1}' height='20' rx='3'/>"
            ),
        );
        put(
            &mut svg,
            format_args!(
                "<text class='legend' x='{:.1}' y='{text}'>{} <tspan class='tick'>{:.1} %</tspan></text>",
                BAR_NAME + width + 8.0,
                scale::grouped(*count),
                *count as f64 * 100.0 / all.max(1) as f64
            ),
        );
    }
    if sorted.is_empty() {
        put(&mut svg, format_args!("<text class='tick' x='{BAR_NAME}' y='20'>none</text>"));
    }
    figure(title, note, 12.0 + sorted.len().max(1) as f64 * BAR_HEIGHT, &svg)
}

fn figure(title: &str, note: &str, height: f64, svg: &str) -> String {
    let (title, note) = (escape(title), escape(note));
    format!(
        "<figure><figcaption><h2>{title}</h2><p>{note}</p></figcaption>\
         <svg viewBox='0 0 {WIDTH} {height}' role='img' aria-label='{title}'>{svg}</svg></figure>\n"
    )
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = svg.write_fmt(element);
}

/// A text that may stand in HTML and in its attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_stays_inside_and_is_escaped() {
        let (x, y) = (Axis::exactly("time", 2.0), Axis::up_to("count", 17.0));
        let line = Line { name: "<a>".to_owned(), points: vec![(0.0, 0.0), (2.0, 17.0)], filled: true };
        let drawn = lines("t", "n", &x, &y, &[line]);
        assert!(drawn.contains("&lt;a&gt;") && !drawn.contains("<a>"));
        let points = drawn.split("<polyline").nth(1).unwrap().split('\'').nth(3).unwrap();
        for number in points.split([',', ' ']).map(|number| number.parse::<f64>().unwrap()) {
            assert!((0.0..=WIDTH).contains(&number), "{points}");
        }
        assert!(bars("t", "n", &[]).contains("none"));
    }
}
