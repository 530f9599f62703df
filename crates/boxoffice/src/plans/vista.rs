//! Vista's `SeatLayoutData`: areas of categories, each a rectangle with a grid of its own, seen from behind.
//!
//! Members are spelled `PascalCase`, by newer services `camelCase`. What belongs to one session (who sits where) is
//! not part of a plan and is left alone.

use serde::Deserialize;

use super::faults::{Fault, short};
use super::grid::{Grid, GridRow, GridSeat};
use super::json::{self, Text};
use super::{Format, Options, Sketch};

/// The answer of a service, or the bare layout.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "SeatLayoutData", alias = "seatLayoutData")]
    layout: Option<Layout<'a>>,
    #[serde(rename = "ResponseCode", alias = "responseCode")]
    response_code: Option<Text<'a>>,
    #[serde(rename = "Areas", alias = "areas")]
    areas: Option<Vec<Area<'a>>>,
}

#[derive(Deserialize)]
struct Layout<'a> {
    #[serde(borrow, rename = "Areas", alias = "areas")]
    areas: Vec<Area<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Area<'a> {
    #[serde(borrow, alias = "areaCategoryCode")]
    area_category_code: Text<'a>,
    #[serde(alias = "description")]
    description: Option<Text<'a>>,
    #[serde(alias = "number")]
    number: Option<i64>,
    #[serde(alias = "columnCount")]
    column_count: Option<f64>,
    #[serde(alias = "rowCount")]
    row_count: Option<f64>,
    #[serde(alias = "left")]
    left: Option<f64>,
    #[serde(alias = "top")]
    top: Option<f64>,
    #[serde(alias = "width")]
    width: Option<f64>,
    #[serde(alias = "height")]
    height: Option<f64>,
    #[serde(alias = "isAllocatedSeating")]
    is_allocated_seating: Option<bool>,
    #[serde(alias = "rows")]
    rows: Option<Vec<Row<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    #[serde(borrow, alias = "physicalName")]
    physical_name: Option<Text<'a>>,
    #[serde(alias = "seats")]
    seats: Option<Vec<GridSeat<'a>>>,
}

/// An area's rectangle, in columns and rows of the room.
struct Rectangle {
    left: f64,
    top: f64,
    column: f64,
    row: f64,
}

/// Reads Vista's format.
pub(super) fn read(text: &str, options: &Options) -> Result<Sketch, Vec<Fault>> {
    let envelope: Envelope<'_> = json::parse(text).map_err(|fault| vec![fault])?;
    let (areas, prefix) = match (envelope.layout, envelope.areas) {
        (Some(layout), _) if text.contains("\"SeatLayoutData\"") => (layout.areas, "/SeatLayoutData"),
        (Some(layout), _) => (layout.areas, "/seatLayoutData"),
        (None, Some(areas)) => (areas, ""),
        (None, None) => {
            let code = envelope.response_code.unwrap_or_default();
            let detail = format!(
                "the answer holds no `SeatLayoutData` (its ResponseCode is `{}`; 0 is success)",
                short(code.as_str())
            );
            return Err(vec![Fault::new("", detail)]);
        }
    };
    let mut grid = Grid::new(Format::Vista, prefix, options);
    if text.contains("\"AreaCategoryCode\"") {
        grid.spelled(&["Areas", "Rows", "Seats"]);
    } else {
        grid.spelled(&["areas", "rows", "seats"]);
    }
    let rectangles = rectangles(&areas);
    for ((area_no, area), rectangle) in (0u32..).zip(areas).zip(&rectangles) {
        let rows = area.rows.unwrap_or_default();
        if rows.iter().all(|row| row.seats.as_ref().is_none_or(Vec::is_empty)) {
            let name = area.description.as_ref().map_or("", Text::as_str);
            let free = if area.is_allocated_seating == Some(false) { " (free seating)" } else { "" };
            grid.warn(format!("area `{}` has no seats{free} and was left out", short(name)));
            continue;
        }
        let name = area.description.as_ref().map_or("", Text::as_str);
        grid.category(area.area_category_code.compact(), name, [area_no, 0, 0]);
        for (row_no, row) in (0u32..).zip(rows) {
            let at = GridRow {
                name: row.physical_name.unwrap_or_default().compact(),
                indices: [area_no, row_no, 0],
                area: area.number.unwrap_or(i64::from(area_no)),
                row: i64::from(row_no),
            };
            grid.row(&at, row.seats.unwrap_or_default(), Some(&area.area_category_code), |column, row| {
                let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
                (rectangle.left + rectangle.column * x, rectangle.top + rectangle.row * y)
            });
        }
    }
    grid.finish()
}

/// The areas' rectangles are in drawing units that differ across and down: usually percent, but rooms 10 wide that
/// begin at 90 are about. Dividing by the usual column and row makes the scale the same in both directions.
fn rectangles(areas: &[Area<'_>]) -> Vec<Rectangle> {
    let positive = |value: f64| (value > 0.0 && value.is_finite()).then_some(value);
    let share = |whole: Option<f64>, count: Option<f64>| positive(whole? / count?);
    let column = |area: &Area<'_>| share(area.width, area.column_count);
    let row = |area: &Area<'_>| share(area.height, area.row_count);
    let usual = |of: &dyn Fn(&Area<'_>) -> Option<f64>| {
        let mut found: Vec<f64> = areas.iter().filter_map(of).collect();
        found.sort_by(f64::total_cmp);
        // Only if every area has a rectangle are they drawn; else all seats are on one grid.
        found.get(found.len() / 2).copied().filter(|_| found.len() == areas.len())
    };
    let (Some(across), Some(down)) = (usual(&column), usual(&row)) else {
        return areas.iter().map(|_| Rectangle { left: 0.0, top: 0.0, column: 1.0, row: 1.0 }).collect();
    };
    let in_room = |area: &Area<'_>| Rectangle {
        left: area.left.unwrap_or(0.0) / across,
        top: area.top.unwrap_or(0.0) / down,
        column: column(area).unwrap_or(across) / across,
        row: row(area).unwrap_or(down) / down,
    };
    areas.iter().map(in_room).collect()
}
