//! The binary form in which plans are kept, and of which the hash is taken.
//!
//! Format 1: categories, rows (name, zone, number of seats), seats in order, screen. Coordinates are whole
//! thousandths and seats do not repeat what their row says. Equal plans have equal bytes.

use compact_str::CompactString;

use super::arrange::{screen_of, thousandths};
use super::{Category, MAX_CATEGORIES, MAX_EXTENT, MAX_SEATS, Plan, PlanSeat, Row, SeatKind, label};
use crate::codec::{Malformed, Reader, Writer};

const FORMAT: u8 = 1;

impl Plan {
    /// The plan as bytes; its hash is taken of these.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// A plan from its bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if these are not the bytes of a plan.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("plan", bytes);
        if reader.uint::<u8>()? != FORMAT {
            return Err(reader.malformed());
        }
        let categories: Vec<Category> = reader.list(category)?;
        let rows = rows(&mut reader)?;
        let seats = seats(&mut reader, &rows, categories.len())?;
        let screen = reader.option(|r| Ok([length(r)?, length(r)?, length(r)?]))?;
        let end = reader.malformed();
        reader.finish()?;
        let labels: Vec<&CompactString> = seats.iter().map(|seat| &seat.label).collect();
        if categories.len() > MAX_CATEGORIES || !label::duplicates(&labels).is_empty() {
            return Err(end);
        }
        Ok(Self::of_parts(categories, rows, seats, screen.map(screen_of)))
    }
}

pub(super) fn encode(plan: &Plan) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64 + plan.seats.len() * 24);
    writer.uint(FORMAT);
    writer.list(plan.categories.iter(), |w, category| {
        w.text(&category.key);
        w.text(&category.name);
        w.option(category.color.as_ref(), |w, color| w.text(color));
    });
    writer.list(plan.rows.iter(), |w, row| {
        w.text(&row.name);
        w.option(row.zone.as_ref(), |w, zone| w.text(zone));
        w.uint(row.seats.end - row.seats.start);
    });
    for seat in &plan.seats {
        writer.text(&seat.label);
        writer.text(&seat.number);
        writer.int(thousandths(seat.x).into());
        writer.int(thousandths(seat.y).into());
        writer.uint(seat.category);
        writer.uint(kind_code(seat.kind));
        writer.option(seat.group, Writer::uint);
        writer.bool(seat.blocked);
        writer.option(seat.source_id.as_ref(), |w, id| w.text(id));
    }
    writer.option(Some(plan.screen), |w, screen| {
        for value in [screen.x, screen.y, screen.width] {
            w.int(thousandths(value).into());
        }
    });
    writer.finish()
}

fn category(reader: &mut Reader<'_>) -> Result<Category, Malformed> {
    Ok(Category { key: reader.text()?, name: reader.text()?, color: reader.option(Reader::text)? })
}

fn rows(reader: &mut Reader<'_>) -> Result<Vec<Row>, Malformed> {
    let mut next = 0u32;
    reader.list(|r| {
        let (name, zone) = (r.text()?, r.option(Reader::text)?);
        let count: u32 = r.uint()?;
        let end = next.checked_add(count).filter(|&end| count > 0 && end as usize <= MAX_SEATS);
        let seats = next..end.ok_or_else(|| r.malformed())?;
        next = seats.end;
        Ok(Row { name, zone, seats })
    })
}

fn seats(reader: &mut Reader<'_>, rows: &[Row], categories: usize) -> Result<Vec<PlanSeat>, Malformed> {
    let mut seats = Vec::new();
    let mut groups = 0;
    for (row, name) in (0u32..).zip(rows) {
        for _ in name.seats.clone() {
            let seat = PlanSeat {
                label: reader.text()?,
                number: reader.text()?,
                row,
                x: super::arrange::in_seats(length(reader)?),
                y: super::arrange::in_seats(length(reader)?),
                category: reader.uint()?,
                kind: kind(reader)?,
                group: reader.option(Reader::uint)?,
                blocked: reader.bool()?,
                source_id: reader.option(Reader::text)?,
            };
            // A group is the one before or the next one: its members follow each other.
            let last_group = seats.last().and_then(|seat: &PlanSeat| seat.group);
            if let Some(group) = seat.group.filter(|group| last_group != Some(*group)) {
                if group != groups {
                    return Err(reader.malformed());
                }
                groups += 1;
            }
            if usize::from(seat.category) >= categories {
                return Err(reader.malformed());
            }
            seats.push(seat);
        }
    }
    Ok(seats)
}

/// A coordinate in thousandths, within the largest room.
fn length(reader: &mut Reader<'_>) -> Result<i32, Malformed> {
    let value = reader.int()?;
    let limit = thousandths(MAX_EXTENT);
    i32::try_from(value).ok().filter(|value| (0..=limit).contains(value)).ok_or_else(|| reader.malformed())
}

fn kind_code(kind: SeatKind) -> u8 {
    match kind {
        SeatKind::Standard => 0,
        SeatKind::Wheelchair => 1,
        SeatKind::Companion => 2,
        SeatKind::LoveSeat => 3,
    }
}

fn kind(reader: &mut Reader<'_>) -> Result<SeatKind, Malformed> {
    let code: u8 = reader.uint()?;
    SeatKind::ALL.into_iter().find(|kind| kind_code(*kind) == code).ok_or_else(|| reader.malformed())
}
