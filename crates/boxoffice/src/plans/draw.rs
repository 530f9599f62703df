//! A room as text: the screen on top, one character for each seat, aisles as spaces, and counts.

use std::fmt::Write;

use boxoffice_core::plan::{Plan, Row, SeatKind, SeatNo};

/// Beyond this the drawing would fit no terminal.
const MAX_WIDTH: usize = 240;
/// Beyond this nobody would scroll.
const MAX_ROWS: usize = 300;
/// The longest row name that is shown.
const MAX_NAME: usize = 16;

/// The room as text of several lines. Curved rows are drawn straight, each seat at its distance along the row; a
/// room that is too large to draw is only counted.
pub fn draw(plan: &Plan) -> String {
    let lines: Vec<Vec<i64>> = plan.rows().iter().map(|row| columns(plan, row)).collect();
    let left = lines.iter().filter_map(|line| line.first()).min().copied().unwrap_or(0);
    let right = lines.iter().filter_map(|line| line.last()).max().copied().unwrap_or(0);
    let lines: Vec<Vec<usize>> =
        lines.iter().map(|line| line.iter().map(|column| (column - left) as usize).collect()).collect();
    let width = (right - left + 1) as usize;
    let mut text = String::new();
    if width > MAX_WIDTH || lines.len() > MAX_ROWS {
        let _ = writeln!(text, "(too large to draw: {} rows, up to {width} seats wide)", lines.len());
    } else {
        picture(&mut text, plan, &lines, width);
    }
    text.push('\n');
    counts(&mut text, plan);
    text
}

fn picture(text: &mut String, plan: &Plan, lines: &[Vec<usize>], width: usize) {
    let zones = plan.rows().iter().any(|row| row.zone != plan.rows()[0].zone);
    let names: Vec<String> = plan.rows().iter().map(|row| name(row, zones)).collect();
    let margin = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let depths: Vec<f32> = plan.rows().iter().map(|row| depth(plan, row)).collect();
    let usual = usual_step(&depths);

    let screen = if width >= 12 { format!("{:=^width$}", " SCREEN ") } else { "=".repeat(width) };
    let _ = writeln!(text, "{:margin$}  {screen}\n", "");
    for (no, (row, line)) in plan.rows().iter().zip(lines).enumerate() {
        // A cross aisle is an empty line.
        if no > 0 && depths[no] - depths[no - 1] > 1.6 * usual {
            text.push('\n');
        }
        let mut seats = vec![' '; width];
        for (seat, &column) in row.seats.clone().zip(line) {
            seats[column] = symbol(plan, seat);
        }
        let seats: String = seats.into_iter().collect();
        let _ = writeln!(text, "{0:>margin$}  {seats}  {0:<margin$}  {1:>4}", names[no], row.seats.len());
    }
}

/// Where each seat of a row stands in its line; a long curve may begin left of everything else.
fn columns(plan: &Plan, row: &Row) -> Vec<i64> {
    let seats = || row.seats.clone().map(|no| plan.seat(no));
    // Along the row instead of across the room: the same for straight rows, and steep ones do not pile up.
    let mut along = vec![0.0f32];
    for (a, b) in seats().zip(seats().skip(1)) {
        along.push(along[along.len() - 1] + (a.x - b.x).hypot(a.y - b.y));
    }
    let count = along.len() as f32;
    let middle = seats().map(|seat| seat.x).sum::<f32>() / count - along.iter().sum::<f32>() / count;
    let mut columns: Vec<i64> = Vec::with_capacity(along.len());
    for (no, distance) in row.seats.clone().zip(along) {
        let wanted = (middle + distance - 0.5).round() as i64;
        columns.push(match columns.last() {
            Some(last) if plan.neighbours(no).0.is_some() => last + 1,
            Some(last) => wanted.max(last + 2),
            None => wanted,
        });
    }
    columns
}

fn depth(plan: &Plan, row: &Row) -> f32 {
    let sum: f32 = row.seats.clone().map(|no| plan.seat(no).y).sum();
    sum / row.seats.len() as f32
}

fn usual_step(depths: &[f32]) -> f32 {
    let mut steps: Vec<f32> = depths.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_by(f32::total_cmp);
    steps.get(steps.len() / 2).copied().unwrap_or(1.0)
}

/// The row's name, after its zone where there are several.
fn name(row: &Row, zones: bool) -> String {
    let name = match &row.zone {
        Some(zone) if zones => format!("{zone} {}", row.name),
        _ => row.name.to_string(),
    };
    // The row tells neighbours apart, so a long zone is cut at its beginning.
    let extra = name.chars().count().saturating_sub(MAX_NAME);
    name.chars().skip(extra).collect()
}

/// Categories are letters; what is special about a seat goes first.
fn symbol(plan: &Plan, no: SeatNo) -> char {
    let seat = plan.seat(no);
    let letter = category_letter(seat.category.into());
    match seat.kind {
        _ if seat.blocked => 'x',
        SeatKind::Wheelchair => '&',
        SeatKind::Companion => '+',
        SeatKind::LoveSeat => letter.to_ascii_uppercase(),
        SeatKind::Standard => letter,
    }
}

/// `a` to `w`; what comes after shares `?`.
fn category_letter(no: usize) -> char {
    (b'a'..=b'w').nth(no).map_or('?', char::from)
}

fn counts(text: &mut String, plan: &Plan) {
    let seats = plan.seats();
    let count = |of: &dyn Fn(&&boxoffice_core::plan::PlanSeat) -> bool| seats.iter().filter(of).count();
    let _ = writeln!(text, "{} seats in {} rows", seats.len(), plan.rows().len());
    let mut by_category = vec![0usize; plan.categories().len()];
    for seat in seats {
        by_category[usize::from(seat.category)] += 1;
    }
    let listed = plan.categories().iter().zip(by_category).enumerate();
    for (no, (category, count)) in listed.take(MAX_ROWS) {
        let letter = category_letter(no);
        let name = if category.name == category.key { "" } else { category.name.as_str() };
        let _ = writeln!(text, "{letter} {count:>6}  category {} {name}", category.key);
    }
    let kinds = [
        ('&', SeatKind::Wheelchair, "wheelchair"),
        ('+', SeatKind::Companion, "companion"),
        ('A', SeatKind::LoveSeat, "love seats (capital letters)"),
    ];
    for (symbol, kind, name) in kinds {
        let count = count(&|seat| seat.kind == kind);
        if count > 0 {
            let _ = writeln!(text, "{symbol} {count:>6}  {name}");
        }
    }
    let groups = plan.group_count();
    if groups > 0 {
        let _ = writeln!(text, "  {groups:>6}  sofas");
    }
    let blocked = count(&|seat| seat.blocked);
    if blocked > 0 {
        let _ = writeln!(text, "x {blocked:>6}  blocked");
    }
}
