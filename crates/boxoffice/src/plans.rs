//! Seating plans from outside: recognising the format, reading it, and saying exactly what is wrong with it.
//!
//! [`import`] reads our own format, pretix's, Vista's `SeatLayoutData` and Major Cineplex's variant of that. Each
//! format has one file, which turns its data into a [`Sketch`]; checking, scaling and ordering are the business of
//! [`boxoffice_core::plan`]. [`draw`] shows a plan as text, [`wire`] as the API's JSON.

mod draw;
mod faults;
mod grid;
mod json;
mod major;
mod own;
mod pretix;
mod shape;
mod side;
mod vista;
mod wire;

use std::collections::HashSet;
use std::fmt;

use boxoffice_core::plan::{LabelRule, Plan, PlanDraft, SeatKind};
use compact_str::CompactString;

pub use self::draw::draw;
pub use self::faults::Fault;
pub use self::side::Side;
pub use self::wire::wire;

use self::faults::Places;

/// The largest file that is read.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The formats that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Our own, which is also what the API answers.
    Boxoffice,
    /// pretix's seating plans.
    Pretix,
    /// Vista's `SeatLayoutData`, in its envelope or bare.
    Vista,
    /// Major Cineplex's variant of Vista's data.
    Major,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boxoffice => "boxoffice",
            Self::Pretix => "pretix",
            Self::Vista => "vista",
            Self::Major => "major",
        })
    }
}

/// What a file cannot say by itself. The default suits most files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Seats of these categories (by key or name) are blocked, as in pretix's convention `NOT AVAILABLE`.
    pub blocked_categories: Vec<String>,
    /// pretix: where the stage is in the drawing. Else it is looked for.
    pub screen_side: Option<Side>,
    /// Vista: columns grow to the right as seen from the seats. Else they run from right to left.
    pub columns_rightward: bool,
    /// Vista: what `SeatType` codes mean; installations differ.
    pub seat_types: Vec<(String, SeatKind)>,
}

/// A plan, and what is worth knowing about how it was read.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The plan.
    pub plan: Plan,
    /// The room's name, where the file has one.
    pub name: Option<String>,
    /// The format that was recognised.
    pub format: Format,
    /// What was guessed, left out or looks strange; at most about a hundred sentences.
    pub warnings: Vec<String>,
    /// How the labels came about.
    pub label_rule: LabelRule,
}

/// What a format's reader makes of a file.
struct Sketch {
    format: Format,
    name: Option<String>,
    draft: PlanDraft,
    places: Places,
    /// Faults that only the format knows; the plan's own are found later.
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

/// Reads a seating plan of any known format.
///
/// # Errors
///
/// What is wrong, each with a JSON Pointer into `bytes`: at most 100 faults, then one that counts the rest.
pub fn import(bytes: &[u8], options: &Options) -> Result<Imported, Vec<Fault>> {
    let text = json::text(bytes).map_err(|fault| vec![fault])?;
    let sketch = match shape::recognise(text).map_err(|fault| vec![fault])? {
        Format::Boxoffice => own::read(text),
        Format::Pretix => pretix::read(text, options),
        Format::Vista => vista::read(text, options),
        Format::Major => major::read(text, options),
    };
    finish(sketch.map_err(faults::limited)?, options)
}

fn finish(mut sketch: Sketch, options: &Options) -> Result<Imported, Vec<Fault>> {
    block_categories(&mut sketch, &options.blocked_categories);
    warn_of_unused_categories(&mut sketch);
    let mut faults = sketch.faults;
    match Plan::build(sketch.draft) {
        Ok((plan, label_rule)) if faults.is_empty() => {
            let (name, format) = (sketch.name, sketch.format);
            Ok(Imported { plan, name, format, warnings: limited_warnings(sketch.warnings), label_rule })
        }
        Ok(_) => Err(faults::limited(faults)),
        Err(more) => {
            faults.extend(more.iter().map(|fault| sketch.places.fault(fault)));
            Err(faults::limited(faults))
        }
    }
}

fn block_categories(sketch: &mut Sketch, blocked: &[String]) {
    for wanted in blocked {
        let draft = &mut sketch.draft;
        let keys: Vec<CompactString> = draft
            .categories
            .iter()
            .filter(|category| category.key == wanted || category.name == wanted)
            .map(|category| category.key.clone())
            .collect();
        if keys.is_empty() {
            sketch
                .warnings
                .push(format!("category `{wanted}` was to be blocked, but the plan does not have it"));
        }
        for seat in draft.rows.iter_mut().flat_map(|row| &mut row.seats) {
            seat.blocked |= keys.contains(&seat.category);
        }
    }
}

fn warn_of_unused_categories(sketch: &mut Sketch) {
    let seats = sketch.draft.rows.iter().flat_map(|row| &row.seats);
    let used: HashSet<&str> = seats.map(|seat| seat.category.as_str()).collect();
    for category in sketch.draft.categories.iter().filter(|category| !used.contains(category.key.as_str())) {
        let key = faults::short(&category.key);
        sketch.warnings.push(format!("category `{key}` has no seats and was left out"));
    }
}

fn limited_warnings(mut warnings: Vec<String>) -> Vec<String> {
    let more = warnings.len().saturating_sub(faults::MAX_LISTED);
    if more > 0 {
        warnings.truncate(faults::MAX_LISTED);
        warnings.push(format!("and {more} more warnings"));
    }
    warnings
}
