//! Rooms on grids, as Vista's services describe them: from cells seen from behind to a draft.
//!
//! Row index 0 is the back row, and columns run from right to left for who faces the screen, so the room is turned
//! half around. A seat's identity is `area:row:column`; its printed number says nothing about its place.

mod codes;
mod sofas;
mod spacing;

use std::collections::HashMap;

use boxoffice_core::plan::{CategoryDraft, PlanDraft, RowDraft, SeatDraft, SeatKind};
use compact_str::{CompactString, format_compact};
use serde::Deserialize;

use self::codes::Codes;
use self::sofas::Sofas;
use super::faults::{Fault, Places, short};
use super::json::Text;
use super::{Format, Options, Sketch};

/// A seat, in all spellings that are about; numbers may be strings.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GridSeat<'a> {
    #[serde(borrow, alias = "id")]
    pub id: Option<Text<'a>>,
    #[serde(alias = "position")]
    pub position: GridPosition<'a>,
    #[serde(alias = "status")]
    pub status: Option<Text<'a>>,
    #[serde(alias = "seatStyle")]
    pub seat_style: Option<Text<'a>>,
    #[serde(alias = "seatType")]
    pub seat_type: Option<Text<'a>>,
    #[serde(default, alias = "seatsInGroup")]
    pub seats_in_group: Option<Vec<GridPosition<'a>>>,
    /// Where rows mix categories, the seat's own.
    #[serde(rename = "AreaCategoryCode", alias = "areaCategoryCode")]
    pub category: Option<Text<'a>>,
    /// Its place in its list, where that also counts empty cells.
    #[serde(skip)]
    pub cell: Option<u32>,
}

/// The key of a seat at the box office.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GridPosition<'a> {
    #[serde(borrow, alias = "areaNumber")]
    pub area_number: Option<Text<'a>>,
    #[serde(alias = "rowIndex")]
    pub row_index: Option<Text<'a>>,
    #[serde(alias = "columnIndex")]
    pub column_index: Text<'a>,
}

/// Area, row and column.
pub(super) type Key = (i64, i64, i64);

/// What the seats of a listed row have in common.
pub(super) struct GridRow {
    /// Its name; rows of one name are one row of the room.
    pub name: CompactString,
    /// Its place in the file.
    pub indices: [u32; 3],
    /// Area and row index, for seats that do not say.
    pub area: i64,
    pub row: i64,
}

/// A seat's column, for telling aisles from wide seats.
#[derive(Clone, Copy)]
struct Column {
    area: i64,
    index: i64,
}

/// The room as far as it has been read.
pub(super) struct Grid<'a> {
    options: &'a Options,
    format: Format,
    categories: Vec<CategoryDraft>,
    known_categories: HashMap<CompactString, usize>,
    rows: Vec<RowDraft>,
    rows_by_name: HashMap<CompactString, usize>,
    /// For each row its seats' columns.
    columns: Vec<Vec<Column>>,
    codes: Codes,
    sofas: Sofas,
    places: Places,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

impl<'a> Grid<'a> {
    pub(super) fn new(format: Format, prefix: &'static str, options: &'a Options) -> Self {
        Self {
            options,
            format,
            categories: Vec::new(),
            known_categories: HashMap::new(),
            rows: Vec::new(),
            rows_by_name: HashMap::new(),
            columns: Vec::new(),
            codes: Codes::default(),
            sofas: Sofas::default(),
            places: Places { prefix, ..Places::default() },
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The names on the way to a seat.
    pub(super) fn spelled(&mut self, to_seat: &'static [&'static str]) {
        self.places.to_seat = to_seat;
        self.places.to_row = &to_seat[..to_seat.len() - 1];
        // Vista's areas define the categories; where there are none, it is the first seat of one.
        self.places.to_category = if self.format == Format::Vista { &to_seat[..1] } else { to_seat };
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Notes a category; the first name that is not empty is kept.
    pub(super) fn category(&mut self, key: CompactString, name: &str, indices: [u32; 3]) {
        if let Some(&known) = self.known_categories.get(&key) {
            let category = &mut self.categories[known];
            if category.name == category.key && !name.is_empty() {
                category.name = name.into();
            }
            return;
        }
        let origin = self.places.category(indices);
        self.known_categories.insert(key.clone(), self.categories.len());
        let name = if name.is_empty() { key.clone() } else { name.into() };
        self.categories.push(CategoryDraft { key, name, color: None, origin });
    }

    /// Adds the seats of a listed row; `place` says where a column and row of the grid are in the room.
    pub(super) fn row(
        &mut self,
        at: &GridRow,
        seats: Vec<GridSeat<'_>>,
        category: Option<&Text<'_>>,
        place: impl Fn(i64, i64) -> (f64, f64),
    ) {
        if seats.is_empty() {
            return;
        }
        let row = *self.rows_by_name.entry(at.name.clone()).or_insert_with(|| {
            let origin = self.places.row(at.indices);
            self.rows.push(RowDraft { name: at.name.clone(), zone: None, seats: Vec::new(), origin });
            self.columns.push(Vec::new());
            self.rows.len() - 1
        });
        for (no, seat) in (0u32..).zip(seats) {
            let mut indices = at.indices;
            indices[self.places.to_seat.len() - 1] = seat.cell.unwrap_or(no);
            let origin = self.places.seat(indices);
            let Some(key) = key(&seat.position, at) else {
                let pointer = self.places.pointer(boxoffice_core::plan::Origin::Seat(origin));
                self.faults.push(Fault::new(pointer, "the members of the seat's position must be integers"));
                continue;
            };
            let (x, y) = place(key.2, key.1);
            let x = if self.options.columns_rightward { x } else { -x };
            let group = self.sofas.note(key, origin, seat.seats_in_group.as_deref().unwrap_or_default(), at);
            let label = format_compact!("{}{}", at.name, seat.id.as_ref().map_or("", Text::as_str));
            let category = seat.category.as_ref().or(category).map(Text::compact).unwrap_or_default();
            let kind = self.kind(&seat, group.is_some(), &label);
            self.columns[row].push(Column { area: key.0, index: key.2 });
            self.rows[row].seats.push(SeatDraft {
                number: seat.id.as_ref().map(Text::compact).unwrap_or_default(),
                x,
                y: -y,
                category,
                kind,
                group,
                blocked: self.codes.blocked(seat.status.as_ref(), &label),
                source_id: Some(format_compact!("{}:{}:{}", key.0, key.1, key.2)),
                origin,
                ..SeatDraft::default()
            });
        }
    }

    fn kind(&mut self, seat: &GridSeat<'_>, in_group: bool, label: &str) -> SeatKind {
        let style = seat.seat_style.as_ref().map_or("", Text::as_str);
        let sofa = in_group || self.codes.is_sofa(style, label);
        let code = seat.seat_type.as_ref().map_or("0", Text::as_str);
        let configured = self.options.seat_types.iter().find(|(wanted, _)| wanted == code);
        match configured {
            Some((_, kind)) => *kind,
            None if sofa => SeatKind::LoveSeat,
            None => {
                self.codes.note_type(code, label);
                SeatKind::Standard
            }
        }
    }

    /// The whole room.
    pub(super) fn finish(mut self) -> Result<Sketch, Vec<Fault>> {
        self.warn_of_uneven_rows();
        for (row, columns) in self.rows.iter_mut().zip(&self.columns) {
            spacing::keep_aisles(row, columns);
        }
        self.faults.extend(self.sofas.faults(&self.places));
        self.warnings.extend(self.codes.warnings());
        let draft = PlanDraft { categories: self.categories, rows: self.rows, screen: None };
        let (format, places, faults, warnings) = (self.format, self.places, self.faults, self.warnings);
        Ok(Sketch { format, name: None, draft, places, faults, warnings })
    }

    /// A row name in two areas is one row; at two depths it may be two rows after all.
    fn warn_of_uneven_rows(&mut self) {
        for row in &self.rows {
            let depths = row.seats.iter().map(|seat| seat.y);
            let (low, high) = depths.fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
            if high - low > 0.6 {
                let name = short(&row.name);
                let warning = format!("row `{name}` has seats at several depths; they were taken as one row");
                self.warnings.push(warning);
            }
        }
    }
}

/// The seat's key; area and row are the listed row's where the position does not say.
fn key(position: &GridPosition<'_>, at: &GridRow) -> Option<Key> {
    let or = |text: &Option<Text<'_>>, other: i64| text.as_ref().map_or(Some(other), Text::integer);
    let key = (
        or(&position.area_number, at.area)?,
        or(&position.row_index, at.row)?,
        position.column_index.integer()?,
    );
    // Far beyond any room, but small enough to calculate with.
    let sound = |value: i64| value.unsigned_abs() <= 1_000_000;
    (sound(key.0) && sound(key.1) && sound(key.2)).then_some(key)
}
