//! From a draft to a plan: every check first, then the assembly, which cannot fail.

use compact_str::CompactString;
use hashbrown::HashTable;

use super::arrange::{self, Arranged, Placed};
use super::draft::{Origin, PlanDraft};
use super::fault::{PlanFault, Problem};
use super::group::Member;
use super::{Category, LabelRule, Plan, PlanHash, PlanSeat, Row, Screen};
use super::{check, encoding, group, label, text};

impl Plan {
    /// Checks and normalises a draft.
    ///
    /// # Errors
    ///
    /// Every fault of the draft, not only the first. (Faults of the arrangement, such as two seats in one place,
    /// can only be found once all positions are sound.)
    pub fn build(draft: PlanDraft) -> Result<(Self, LabelRule), Vec<PlanFault>> {
        check::counts(&draft).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        check::rows(&draft, &mut faults);
        check::categories(&draft, &mut faults);
        check::identities(&draft, &mut faults);
        let (labels, rule) = label::labels(&draft, &mut faults);
        let categories = check::categories_of_seats(&draft, &labels, &mut faults);
        if !check::positions(&draft, &mut faults) {
            return Err(faults);
        }
        let arranged = match arrange::arrange(&draft) {
            Ok(arranged) => arranged,
            Err(fault) => {
                faults.push(fault);
                return Err(faults);
            }
        };
        let names = Names::new(&draft, labels, categories);
        same_places(&draft, &arranged, &names, &mut faults);
        screen_in_front(&arranged, &mut faults);
        let groups = groups(&draft, &arranged, &names, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }

        // From here it succeeds.
        Ok((assemble(draft, &arranged, names, &groups), rule))
    }

    /// A plan of checked parts: looks up what is derived, and names it.
    pub(super) fn of_parts(
        categories: Vec<Category>,
        rows: Vec<Row>,
        seats: Vec<PlanSeat>,
        screen: Option<Screen>,
    ) -> Self {
        let mut by_label = HashTable::with_capacity(seats.len());
        let mut groups: Vec<std::ops::Range<u32>> = Vec::new();
        for (no, seat) in (0u32..).zip(&seats) {
            let rehash = |&other: &u32| label::hash(&seats[other as usize].label);
            by_label.insert_unique(label::hash(&seat.label), no, rehash);
            match seat.group {
                Some(group) if group as usize == groups.len() => groups.push(no..no + 1),
                Some(group) => groups[group as usize].end = no + 1,
                None => {}
            }
        }
        let size = size(&seats, screen);
        let mut plan = Self {
            hash: PlanHash::from_bytes([0; 16]),
            size,
            joined: joined(&seats),
            categories,
            rows,
            seats,
            screen: screen.unwrap_or(Screen { x: 0.0, y: 0.0, width: size.0 }),
            groups,
            by_label,
        };
        plan.hash = PlanHash::of(&encoding::encode(&plan));
        plan
    }
}

/// What was found out about the draft's seats, by row and place in the row.
struct Names {
    /// Where each row's seats begin in the lists below.
    starts: Vec<usize>,
    labels: Vec<CompactString>,
    categories: Vec<usize>,
}

impl Names {
    fn new(draft: &PlanDraft, labels: Vec<CompactString>, categories: Vec<usize>) -> Self {
        let starts = draft.rows.iter().scan(0, |next, row| {
            let start = *next;
            *next += row.seats.len();
            Some(start)
        });
        Self { starts: starts.collect(), labels, categories }
    }

    fn label(&self, row: usize, seat: usize) -> &CompactString {
        &self.labels[self.starts[row] + seat]
    }
}

fn same_places(draft: &PlanDraft, arranged: &Arranged, names: &Names, faults: &mut Vec<PlanFault>) {
    let seats = arranged.rows.iter().flat_map(|(row, seats)| seats.iter().map(move |seat| (*row, *seat)));
    let mut places: Vec<(usize, Placed)> = seats.collect();
    places.sort_by_key(|(row, place)| (place.x, place.y, *row, place.seat));
    for pair in places.windows(2) {
        let [(other_row, other), (row, seat)] = [pair[0], pair[1]];
        if (other.x, other.y) == (seat.x, seat.y) {
            let [at, before] = [(row, seat), (other_row, other)]
                .map(|(row, place)| Origin::Seat(draft.rows[row].seats[place.seat].origin));
            let [seat, other] =
                [(row, seat), (other_row, other)].map(|(row, place)| text::cut(names.label(row, place.seat)));
            faults.push(PlanFault::between(at, before, Problem::SamePlace { seat, other }));
        }
    }
}

/// Seats may reach past the ends of a screen, but most are behind it.
fn screen_in_front(arranged: &Arranged, faults: &mut Vec<PlanFault>) {
    let Some([_, screen, width]) = arranged.screen else { return };
    let seats = || arranged.rows.iter().flat_map(|(_, seats)| seats);
    let sum: i64 = seats().map(|seat| i64::from(seat.y)).sum();
    if width == 0 {
        faults.push(PlanFault::new(Origin::Screen, Problem::BadScreen { why: "has no width" }));
    }
    if sum <= i64::from(screen) * seats().count() as i64 {
        let why = "is behind the seats: y grows away from the screen";
        faults.push(PlanFault::new(Origin::Screen, Problem::BadScreen { why }));
    }
}

fn groups(
    draft: &PlanDraft,
    arranged: &Arranged,
    names: &Names,
    faults: &mut Vec<PlanFault>,
) -> Vec<Option<u32>> {
    if !group::any(draft) {
        return vec![None; names.labels.len()];
    }
    let mut members = Vec::with_capacity(names.labels.len());
    for (row_no, (row, seats)) in arranged.rows.iter().enumerate() {
        for (no, place) in seats.iter().enumerate() {
            let seat = &draft.rows[*row].seats[place.seat];
            members.push(Member {
                group: seat.group,
                row: row_no,
                label: names.label(*row, place.seat),
                origin: seat.origin,
                joins_left: no > 0 && seats[no - 1].joins(*place),
            });
        }
    }
    group::numbered(&members, faults)
}

fn assemble(mut draft: PlanDraft, arranged: &Arranged, mut names: Names, groups: &[Option<u32>]) -> Plan {
    let (categories, numbers) = used_categories(&draft, &names.categories);
    let mut rows = Vec::with_capacity(arranged.rows.len());
    let mut seats = Vec::with_capacity(groups.len());
    for (row, places) in &arranged.rows {
        let start = seats.len() as u32;
        for place in places {
            let from = &mut draft.rows[*row].seats[place.seat];
            let no = names.starts[*row] + place.seat;
            seats.push(PlanSeat {
                label: std::mem::take(&mut names.labels[no]),
                number: text::nfc(&from.number),
                row: rows.len() as u32,
                x: arrange::in_seats(place.x),
                y: arrange::in_seats(place.y),
                category: numbers[names.categories[no]],
                kind: from.kind,
                group: groups[seats.len()],
                blocked: from.blocked,
                source_id: from.source_id.take(),
            });
        }
        let (name, zone) = (&draft.rows[*row].name, &draft.rows[*row].zone);
        let seats = start..seats.len() as u32;
        rows.push(Row { name: text::nfc(name), zone: zone.as_deref().map(text::nfc), seats });
    }
    Plan::of_parts(categories, rows, seats, arranged.screen.map(arrange::screen_of))
}

/// The categories that have seats, and each draft category's number among them: what nobody sits in needs no price.
fn used_categories(draft: &PlanDraft, of_seats: &[usize]) -> (Vec<Category>, Vec<u16>) {
    let mut used = vec![false; draft.categories.len()];
    of_seats.iter().for_each(|&no| used[no] = true);
    let mut categories = Vec::new();
    let mut numbers = vec![0; used.len()];
    for (no, category) in draft.categories.iter().enumerate().filter(|(no, _)| used[*no]) {
        numbers[no] = categories.len() as u16;
        let (key, name, color) = (category.key.clone(), category.name.clone(), category.color.clone());
        categories.push(Category { key, name, color });
    }
    (categories, numbers)
}

fn size(seats: &[PlanSeat], screen: Option<Screen>) -> (f32, f32) {
    let start = screen.map_or((0.0, 0.0), |screen| (screen.x + screen.width, screen.y));
    seats.iter().fold(start, |size, seat| (size.0.max(seat.x + 0.5), size.1.max(seat.y + 0.5)))
}

/// Whether each seat and the one after it are beside each other.
fn joined(seats: &[PlanSeat]) -> Vec<bool> {
    let place = |seat: &PlanSeat| Placed {
        seat: 0,
        x: arrange::thousandths(seat.x),
        y: arrange::thousandths(seat.y),
    };
    let beside = |pair: &[PlanSeat]| pair[0].row == pair[1].row && place(&pair[0]).joins(place(&pair[1]));
    seats.windows(2).map(beside).collect()
}
