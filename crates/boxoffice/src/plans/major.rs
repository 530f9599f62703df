//! Major Cineplex's variant of Vista's data: one grid for the room, rows as lists of cells, numbers as strings.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::faults::Fault;
use super::grid::{Grid, GridRow, GridSeat};
use super::json::{self, Text};
use super::{Format, Options, Sketch};

/// The answer of the service, or its bare result.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<Room<'a>>,
    #[serde(default)]
    seats: Option<Vec<Row<'a>>>,
    tickets: Option<Vec<HashMap<Text<'a>, Ticket<'a>>>>,
}

#[derive(Deserialize)]
struct Room<'a> {
    #[serde(borrow)]
    seats: Vec<Row<'a>>,
    tickets: Option<Vec<HashMap<Text<'a>, Ticket<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(default)]
    columns: Vec<Cell<'a>>,
}

/// A seat, or an empty list where there is none.
struct Cell<'a>(Option<GridSeat<'a>>);

/// A ticket on sale; its type names the category.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ticket<'a> {
    #[serde(borrow)]
    seat_type: Option<Text<'a>>,
    ticket: Option<Text<'a>>,
}

/// Reads Major's format.
pub(super) fn read(text: &str, options: &Options) -> Result<Sketch, Vec<Fault>> {
    let envelope: Envelope<'_> = json::parse(text).map_err(|fault| vec![fault])?;
    let (rows, tickets, prefix) = match (envelope.result, envelope.seats) {
        (Some(room), _) => (room.seats, room.tickets, "/result"),
        (None, Some(seats)) => (seats, envelope.tickets, ""),
        (None, None) => return Err(vec![Fault::new("", "neither `result` nor `seats` has any rows")]),
    };
    let names = category_names(tickets.as_deref().unwrap_or_default());
    let mut grid = Grid::new(Format::Major, prefix, options);
    grid.spelled(&["seats", "Columns"]);
    for (row_no, row) in (0u32..).zip(rows) {
        // Empty cells are counted: a seat's place in the file is its place in this list.
        let mut seats = Vec::new();
        for (cell_no, Cell(seat)) in (0u32..).zip(row.columns) {
            let Some(mut seat) = seat else { continue };
            seat.cell = Some(cell_no);
            let code = seat.category.clone().unwrap_or_default();
            let name = names.get(code.as_str().trim_start_matches('0')).copied().unwrap_or_default();
            grid.category(code.compact(), name, [row_no, cell_no, 0]);
            seats.push(seat);
        }
        let at = GridRow {
            name: row.name.unwrap_or_default().compact(),
            indices: [row_no, 0, 0],
            area: 0,
            row: -i64::from(row_no),
        };
        grid.row(&at, seats, None, |column, row| (column as f64, row as f64));
    }
    grid.finish()
}

/// The categories' names by their codes without leading zeros; of several tickets the first is taken.
fn category_names<'a>(tickets: &'a [HashMap<Text<'_>, Ticket<'_>>]) -> HashMap<&'a str, &'a str> {
    let mut names = HashMap::new();
    for (code, ticket) in tickets.iter().flatten() {
        let name = [&ticket.seat_type, &ticket.ticket].into_iter().flatten().map(Text::as_str);
        if let Some(name) = name.into_iter().find(|name| !name.is_empty()) {
            names.entry(code.as_str().trim_start_matches('0')).or_insert(name);
        }
    }
    names
}

impl<'de: 'a, 'a> Deserialize<'de> for Cell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a seat, or an empty list where there is none")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        GridSeat::deserialize(MapAccessDeserializer::new(map)).map(|seat| Cell(Some(seat)))
    }
}
