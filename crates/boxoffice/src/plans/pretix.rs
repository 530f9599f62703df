//! pretix's seating plans: zones of row objects in pixels.
//!
//! A physical row is often several row objects, one a block, and the order of objects says nothing about the room.
//! Positions add up from zone, row and seat. The format has no wheelchairs, sofas or blocked seats.

mod stage;

use std::collections::HashMap;

use boxoffice_core::plan::{CategoryDraft, PlanDraft, RowDraft, SeatDraft};
use compact_str::{CompactString, format_compact};
use serde::Deserialize;

use self::stage::Area;
use super::faults::{Fault, Places, short};
use super::json::{self, Text};
use super::{Format, Options, Sketch};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(default)]
    categories: Vec<CategoryEntry<'a>>,
    zones: Vec<Zone<'a>>,
}

#[derive(Deserialize)]
struct CategoryEntry<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    color: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Zone<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    position: Option<Position>,
    rows: Vec<RowEntry<'a>>,
    #[serde(default)]
    areas: Option<Vec<Area<'a>>>,
}

#[derive(Deserialize)]
struct RowEntry<'a> {
    #[serde(borrow)]
    row_number: Text<'a>,
    position: Option<Position>,
    seats: Vec<SeatEntry<'a>>,
}

#[derive(Deserialize)]
struct SeatEntry<'a> {
    #[serde(borrow)]
    seat_number: Text<'a>,
    seat_guid: Option<Text<'a>>,
    uuid: Option<Text<'a>>,
    category: Text<'a>,
    position: Position,
}

/// Pixels; y grows downward.
#[derive(Clone, Copy, Default, Deserialize)]
struct Position {
    x: f64,
    y: f64,
}

impl Position {
    fn plus(self, part: Option<Self>) -> Self {
        let part = part.unwrap_or_default();
        Self { x: self.x + part.x, y: self.y + part.y }
    }
}

/// Reads pretix's format.
pub(super) fn read(text: &str, options: &Options) -> Result<Sketch, Vec<Fault>> {
    let file: File<'_> = json::parse(text).map_err(|fault| vec![fault])?;
    let mut places = Places {
        to_seat: &["zones", "rows", "seats"],
        to_row: &["zones", "rows"],
        to_category: &["categories"],
        ..Places::default()
    };
    let mut warnings = Vec::new();
    let categories = categories(&file, &mut places, &mut warnings);
    let mut rows = rows(&file, &mut places);
    let screen = stage::turn_to_top(&file.zones, &mut rows, options.screen_side, &mut warnings);
    Ok(Sketch {
        format: Format::Pretix,
        name: file.name.map(|name| name.as_str().to_owned()).filter(|name| !name.is_empty()),
        draft: PlanDraft { categories, rows, screen },
        places,
        faults: Vec::new(),
        warnings,
    })
}

fn categories(file: &File<'_>, places: &mut Places, warnings: &mut Vec<String>) -> Vec<CategoryDraft> {
    let mut categories: Vec<CategoryDraft> = (0..)
        .zip(&file.categories)
        .map(|(no, entry)| CategoryDraft {
            key: entry.name.compact(),
            name: entry.name.compact(),
            color: entry.color.as_ref().map(Text::compact).filter(|color| !color.is_empty()),
            origin: places.category([no, 0, 0]),
        })
        .collect();
    // With an empty list nothing tells the seats' categories from typing errors.
    if categories.is_empty() {
        let key = CompactString::const_new("standard");
        warnings.push("the plan lists no categories; all seats are of one, `standard`".to_owned());
        categories.push(CategoryDraft {
            key: key.clone(),
            name: key,
            color: None,
            origin: places.category([0; 3]),
        });
    }
    categories
}

/// One row for each zone and row number, from however many row objects.
fn rows(file: &File<'_>, places: &mut Places) -> Vec<RowDraft> {
    let zones = zone_names(&file.zones);
    let mut rows: Vec<RowDraft> = Vec::new();
    let mut by_name: HashMap<(usize, &str), usize> = HashMap::new();
    for (zone_no, zone) in file.zones.iter().enumerate() {
        for (row_no, entry) in (0u32..).zip(&zone.rows) {
            if entry.seats.is_empty() {
                continue;
            }
            let name = entry.row_number.as_str();
            let row = *by_name.entry((zone_no, name)).or_insert_with(|| {
                let origin = places.row([zone_no as u32, row_no, 0]);
                rows.push(RowDraft {
                    name: json::kept(name).into(),
                    zone: zones[zone_no].clone(),
                    seats: Vec::new(),
                    origin,
                });
                rows.len() - 1
            });
            let corner = Position::default().plus(zone.position).plus(entry.position);
            for (seat_no, seat) in (0u32..).zip(&entry.seats) {
                let origin = places.seat([zone_no as u32, row_no, seat_no]);
                rows[row].seats.push(seat_draft(seat, corner, file.categories.is_empty(), origin));
            }
        }
    }
    rows
}

fn seat_draft(entry: &SeatEntry<'_>, corner: Position, one_category: bool, origin: u32) -> SeatDraft {
    let position = corner.plus(Some(entry.position));
    let id = [&entry.seat_guid, &entry.uuid].into_iter().flatten().find(|id| !id.as_str().is_empty());
    SeatDraft {
        number: entry.seat_number.compact(),
        x: position.x,
        y: position.y,
        category: if one_category { "standard".into() } else { entry.category.compact() },
        source_id: id.map(Text::compact),
        origin,
        ..SeatDraft::default()
    }
}

/// The zones' names; those without one, or with another's, are told apart by their number.
fn zone_names(zones: &[Zone<'_>]) -> Vec<Option<CompactString>> {
    let mut seen = HashMap::new();
    for zone in zones {
        *seen.entry(zone.name.as_ref().map_or("", Text::as_str)).or_insert(0) += 1;
    }
    let name = |(no, zone): (usize, &Zone<'_>)| match zone.name.as_ref().map_or("", Text::as_str) {
        "" if zones.len() == 1 => None,
        "" => Some(format_compact!("zone {}", no + 1)),
        name if seen[name] > 1 => Some(format_compact!("{} {}", short(name), no + 1)),
        name => Some(json::kept(name).into()),
    };
    zones.iter().enumerate().map(name).collect()
}
