//! Our own format, documented in docs/seating-plans.md: short to write by hand, and what the API answers.

mod seats;

use std::collections::HashMap;

use boxoffice_core::plan::{CategoryDraft, MAX_SEATS, PlanDraft, RowDraft, ScreenDraft, SeatDraft, SeatKind};
use compact_str::CompactString;
use serde::Deserialize;
use serde::de::IgnoredAny;

use self::seats::{Element, Seats};
use super::faults::{Fault, Places, WHOLE, short};
use super::json::{self, Object, Text};
use super::{Format, Sketch};

/// The value of `format`, for those who state it.
const FORMAT: &str = "boxoffice-plan/1";
/// The category of everything where the file has no categories.
const DEFAULT_CATEGORY: &str = "standard";

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    format: Option<Text<'a>>,
    name: Option<Text<'a>>,
    /// The hash that the plan had when the API answered it; made anew from the contents.
    #[serde(rename = "plan")]
    _plan: Option<IgnoredAny>,
    /// Follows from the seats.
    #[serde(rename = "size")]
    _size: Option<IgnoredAny>,
    screen: Option<Object<ScreenLine>>,
    categories: Option<Vec<Object<CategoryEntry<'a>>>>,
    rows: Vec<Object<RowEntry<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScreenLine {
    x: f64,
    y: f64,
    width: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryEntry<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    name: Option<Text<'a>>,
    color: Option<Text<'a>>,
}

/// A row; `category` and `kind` are the default of its seats.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowEntry<'a> {
    #[serde(borrow)]
    row: Text<'a>,
    zone: Option<Text<'a>>,
    category: Option<Text<'a>>,
    kind: Option<Text<'a>>,
    x: Option<f64>,
    y: Option<f64>,
    gap: Option<f64>,
    seats: Seats<'a>,
}

/// Reads a file of our own format.
pub(super) fn read(text: &str) -> Result<Sketch, Vec<Fault>> {
    let file: File<'_> = json::parse(text).map_err(|fault| vec![fault])?;
    let mut reader = Reader::new(&file);
    if let Some(format) = file.format.as_ref().filter(|format| format.as_str() != FORMAT) {
        reader.fault("/format", format!("`{}` is not known; this is `{FORMAT}`", short(format.as_str())));
    }
    for (no, Object(row)) in (0u32..).zip(&file.rows) {
        reader.row(no, row);
    }
    if reader.seat_count > MAX_SEATS {
        let detail = format!("the plan has {} seats; at most {MAX_SEATS} are allowed", reader.seat_count);
        return Err(vec![Fault::new("", detail)]);
    }
    let screen =
        file.screen.map(|Object(screen)| ScreenDraft { x: screen.x, y: screen.y, width: screen.width });
    Ok(Sketch {
        format: Format::Boxoffice,
        name: file.name.map(|name| name.as_str().to_owned()).filter(|name| !name.is_empty()),
        draft: PlanDraft { categories: reader.categories, rows: reader.rows, screen },
        places: reader.places,
        faults: reader.faults,
        warnings: Vec::new(),
    })
}

/// What has been read so far.
struct Reader<'a> {
    categories: Vec<CategoryDraft>,
    default_category: CompactString,
    rows: Vec<RowDraft>,
    groups: HashMap<Text<'a>, u32>,
    /// Where the next row is if it does not say: one behind the last.
    next_y: f64,
    /// All seats; those beyond the limit are only counted.
    seat_count: usize,
    places: Places,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn new(file: &File<'_>) -> Self {
        let mut places = Places {
            to_seat: &["rows", "seats"],
            to_row: &["rows"],
            to_category: &["categories"],
            screen: "/screen",
            ..Places::default()
        };
        let mut category = |no: u32, key: CompactString, name: CompactString, color| CategoryDraft {
            key,
            name,
            color,
            origin: places.category([no, 0, 0]),
        };
        let categories: Vec<CategoryDraft> = match &file.categories {
            Some(listed) => (0..)
                .zip(listed)
                .map(|(no, Object(entry))| {
                    let name = entry.name.as_ref().unwrap_or(&entry.key).compact();
                    category(no, entry.key.compact(), name, entry.color.as_ref().map(Text::compact))
                })
                .collect(),
            None => vec![category(0, DEFAULT_CATEGORY.into(), "Standard".into(), None)],
        };
        Self {
            default_category: categories.first().map(|first| first.key.clone()).unwrap_or_default(),
            categories,
            rows: Vec::with_capacity(file.rows.len()),
            groups: HashMap::new(),
            next_y: file.screen.as_ref().map_or(0.5, |Object(screen)| screen.y + 2.0),
            seat_count: 0,
            places,
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.faults.push(Fault::new(pointer, detail));
    }

    fn row(&mut self, no: u32, entry: &'a RowEntry<'a>) {
        let derived_y = self.next_y + entry.gap.unwrap_or(0.0);
        let seats_y = self.seats_y(&entry.seats);
        let y = entry.y.unwrap_or(derived_y);
        self.next_y = entry.y.or(seats_y).unwrap_or(derived_y) + 1.0;
        if let Some(kind) = &entry.kind {
            self.kind(&format!("/rows/{no}/kind"), kind);
        }
        let mut row = RowDraft {
            name: entry.row.compact(),
            zone: entry.zone.as_ref().map(Text::compact).filter(|zone| !zone.is_empty()),
            seats: Vec::new(),
            origin: self.places.row([no, 0, 0]),
        };
        let mut x = entry.x.unwrap_or(0.5);
        match &entry.seats {
            Seats::Count(count) => {
                let plain = Element { count: Some(*count), ..Element::default() };
                self.element([no, WHOLE, 0], entry, &plain, &mut row, &mut x, y);
            }
            Seats::List(elements) => {
                for (element_no, Object(element)) in (0u32..).zip(elements) {
                    self.element([no, element_no, 0], entry, element, &mut row, &mut x, y);
                }
            }
        }
        self.rows.push(row);
    }

    /// The rearmost of the seats that say where they are.
    fn seats_y(&self, seats: &Seats<'_>) -> Option<f64> {
        let Seats::List(elements) = seats else { return None };
        elements.iter().filter_map(|Object(element)| element.y).reduce(f64::max)
    }

    /// A seat, several alike, or an empty place.
    fn element(
        &mut self,
        place: [u32; 3],
        entry: &RowEntry<'_>,
        element: &Element<'a>,
        row: &mut RowDraft,
        x: &mut f64,
        y: f64,
    ) {
        let pointer = || format!("/rows/{}/seats/{}", place[0], place[1]);
        if let Some(problem) = element.contradiction() {
            return self.fault(pointer(), problem);
        }
        if let Some(gap) = element.gap {
            *x += gap;
            return;
        }
        self.seat_count += element.count.unwrap_or(1) as usize;
        if self.seat_count > MAX_SEATS {
            return;
        }
        let kind = match (&element.kind, &element.group, &entry.kind) {
            (Some(kind), ..) => self.kind(&format!("{}/kind", pointer()), kind),
            (None, Some(_), _) => SeatKind::LoveSeat,
            (None, None, Some(kind)) => SeatKind::from_name(kind.as_str()).unwrap_or_default(),
            (None, None, None) => SeatKind::Standard,
        };
        let category = element.category.as_ref().or(entry.category.as_ref());
        let group = element.group.as_ref().map(|group| {
            let next = self.groups.len() as u32;
            *self.groups.entry(group.clone()).or_insert(next)
        });
        *x = element.x.unwrap_or(*x);
        let origin = self.places.seat(place);
        let seat = SeatDraft {
            label: element.seat.as_ref().map(Text::compact),
            y: element.y.unwrap_or(y),
            category: category.map_or_else(|| self.default_category.clone(), Text::compact),
            kind,
            group,
            blocked: element.blocked.unwrap_or(false),
            source_id: element.source_id.as_ref().map(Text::compact).filter(|id| !id.is_empty()),
            origin,
            ..SeatDraft::default()
        };
        for _ in 0..element.count.unwrap_or(1) {
            let number = element.number_or(row.seats.len() + 1, &row.name);
            row.seats.push(SeatDraft { number, x: *x, ..seat.clone() });
            *x += 1.0;
        }
    }

    fn kind(&mut self, pointer: &str, name: &Text<'_>) -> SeatKind {
        SeatKind::from_name(name.as_str()).unwrap_or_else(|| {
            let known = SeatKind::ALL.map(SeatKind::as_str).join("`, `");
            self.fault(
                pointer,
                format!("`{}` is not a kind of seat; these are: `{known}`", short(name.as_str())),
            );
            SeatKind::Standard
        })
    }
}
