//! Finding the stage in pretix's drawings, which do not say where it is, and turning it to the top.

use std::cmp::Ordering;

use boxoffice_core::plan::{RowDraft, ScreenDraft};
use serde::Deserialize;

use super::{Position, Zone};
use crate::plans::json::Text;
use crate::plans::side::Side;

/// What is written on stages and screens; compared without spaces and case.
const WORDS: [&str; 16] = [
    "stage",
    "screen",
    "bühne",
    "buehne",
    "leinwand",
    "scène",
    "scene",
    "écran",
    "ecran",
    "escenario",
    "pantalla",
    "palco",
    "palcoscenico",
    "schermo",
    "panggung",
    "layar",
];

/// Decoration: a wall, a text, or the stage.
#[derive(Deserialize)]
pub(super) struct Area<'a> {
    #[serde(default)]
    position: Position,
    #[serde(borrow)]
    text: Option<AreaText<'a>>,
    rectangle: Option<Rectangle>,
    rotation: Option<f64>,
}

#[derive(Deserialize)]
struct AreaText<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    position: Option<Position>,
}

#[derive(Clone, Copy, Deserialize)]
struct Rectangle {
    width: f64,
    height: f64,
}

/// A stage as drawn.
struct Stage {
    centre: Position,
    /// Its corner and size, if it is an upright rectangle.
    rectangle: Option<(Position, Rectangle)>,
}

/// Turns the seats so that the stage is at the top; gives the stage's front as the screen where it has one.
pub(super) fn turn_to_top(
    zones: &[Zone<'_>],
    rows: &mut [RowDraft],
    wanted: Option<Side>,
    warnings: &mut Vec<String>,
) -> Option<ScreenDraft> {
    let stage = find(zones);
    let side = match (wanted, &stage) {
        (Some(side), _) => side,
        (None, Some(stage)) => side_of(stage.centre, rows),
        (None, None) => {
            let side = side_by_names(rows);
            let guess = if side == Side::Top { "top" } else { "bottom" };
            warnings.push(format!(
                "the file does not say where the stage is; by its rows' names it was taken to be at the {guess}"
            ));
            side
        }
    };
    for seat in rows.iter_mut().flat_map(|row| &mut row.seats) {
        (seat.x, seat.y) = side.to_top((seat.x, seat.y));
    }
    stage.and_then(|stage| front(&stage, side)).filter(|screen| {
        // A stage in the middle of its audience has no front.
        rows.iter().flat_map(|row| &row.seats).all(|seat| seat.y > screen.y)
    })
}

fn find(zones: &[Zone<'_>]) -> Option<Stage> {
    let areas = zones.iter().flat_map(|zone| zone.areas.iter().flatten().map(move |area| (zone, area)));
    areas.into_iter().find_map(|(zone, area)| {
        let text = area.text.as_ref()?;
        let letters = text.text.as_ref()?.as_str().chars().filter(|c| c.is_alphabetic());
        let word: String = letters.flat_map(char::to_lowercase).take(40).collect();
        let corner = Position::default().plus(zone.position).plus(Some(area.position));
        let rectangle = area.rectangle.filter(|_| area.rotation.unwrap_or(0.0) == 0.0);
        let centre = match rectangle {
            Some(size) => corner.plus(Some(Position { x: size.width / 2.0, y: size.height / 2.0 })),
            None => corner.plus(text.position),
        };
        let stage = Stage { centre, rectangle: rectangle.map(|size| (corner, size)) };
        WORDS.contains(&word.as_str()).then_some(stage)
    })
}

/// The side of the seats on which the stage is, by the larger offset from their middle.
fn side_of(stage: Position, rows: &[RowDraft]) -> Side {
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for seat in rows.iter().flat_map(|row| &row.seats) {
        low = (low.0.min(seat.x), low.1.min(seat.y));
        high = (high.0.max(seat.x), high.1.max(seat.y));
    }
    let offset = |at: f64, low: f64, high: f64| (at - f64::midpoint(low, high)) / (high - low).max(1.0);
    let (x, y) = (offset(stage.x, low.0, high.0), offset(stage.y, low.1, high.1));
    match (x.abs() > y.abs(), x > 0.0, y > 0.0) {
        (true, true, _) => Side::Right,
        (true, false, _) => Side::Left,
        (false, _, true) => Side::Bottom,
        (false, _, false) => Side::Top,
    }
}

/// Where the first rows by name are: the front, in most houses.
fn side_by_names(rows: &[RowDraft]) -> Side {
    let mean = |row: &RowDraft| row.seats.iter().map(|seat| seat.y).sum::<f64>() / row.seats.len() as f64;
    let mut by_name: Vec<(&RowDraft, f64)> = rows.iter().map(|row| (row, mean(row))).collect();
    by_name.sort_by(|(a, _), (b, _)| natural(&a.name, &b.name));
    let steps =
        |to: Ordering| by_name.windows(2).filter(|pair| pair[1].1.total_cmp(&pair[0].1) == to).count();
    if steps(Ordering::Less) > steps(Ordering::Greater) { Side::Bottom } else { Side::Top }
}

/// A before B, Z before AA, 9 before 10.
fn natural(a: &str, b: &str) -> Ordering {
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
    }
}

/// The edge of a stage that faces the seats once it is at the top.
fn front(stage: &Stage, side: Side) -> Option<ScreenDraft> {
    let (corner, size) = stage.rectangle?;
    let (ax, ay) = side.to_top((corner.x, corner.y));
    let (bx, by) = side.to_top((corner.x + size.width, corner.y + size.height));
    let width = (bx - ax).abs();
    (width > 0.0).then(|| ScreenDraft { x: ax.min(bx), y: ay.max(by), width })
}
