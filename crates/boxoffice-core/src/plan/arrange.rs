//! Scale and order: from a source's pixels or percents to seats from the screen back, left to right.

use std::cmp::Ordering;

use super::draft::{Origin, PlanDraft, ScreenDraft};
use super::fault::{PlanFault, Problem};
use super::walk::{Point, distance, walk};
use super::{MAX_EXTENT, Screen};

/// A draft's seats in the plan's order.
pub(super) struct Arranged {
    /// Indices into the draft's rows, from the screen back, each with its seats.
    pub rows: Vec<(usize, Vec<Placed>)>,
    /// The screen in thousandths.
    pub screen: Option<[i32; 3]>,
}

/// A seat and its final position in thousandths of the distance of neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// Index into the seats of the draft's row.
    pub seat: usize,
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
}

impl Placed {
    /// Whether two seats of a row are beside each other: at most 1.6 apart, whatever the direction.
    pub(super) fn joins(self, next: Self) -> bool {
        const AISLE: i64 = (super::AISLE * 1000.0) as i64;
        let (dx, dy) = (i64::from(self.x - next.x), i64::from(self.y - next.y));
        dx * dx + dy * dy <= AISLE * AISLE
    }
}

/// A source's coordinates become whole thousandths by this.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
    /// One seat in the source's units.
    unit: f64,
}

impl Frame {
    /// Everything is to lie in positive coordinates: a seat reaches half a unit around its centre.
    fn around(points: &[Vec<Point>], screen: Option<ScreenDraft>, unit: f64) -> Self {
        let (mut left, mut top) = screen.map_or((f64::MAX, f64::MAX), |screen| (screen.x, screen.y));
        for &(x, y) in points.iter().flatten() {
            left = left.min(x - unit / 2.0);
            top = top.min(y - unit / 2.0);
        }
        Self { left, top, unit }
    }

    fn place(self, (x, y): Point) -> Point {
        (self.whole(x - self.left), self.whole(y - self.top))
    }

    fn whole(self, length: f64) -> f64 {
        (length / self.unit * 1000.0).round()
    }
}

/// Brings the seats into scale and order. All coordinates must be finite.
pub(super) fn arrange(draft: &PlanDraft) -> Result<Arranged, PlanFault> {
    let raw: Vec<Vec<Point>> =
        draft.rows.iter().map(|row| row.seats.iter().map(|seat| (seat.x, seat.y)).collect()).collect();
    let mut frame = Frame::around(&raw, draft.screen, 1.0);
    let mut points = placed(&raw, frame);
    // A plan that is to scale already stays as it is to the last digit, so that a plan read from its own wire form
    // is the same plan. Rounding moves the median by less than a hundredth.
    if pitch(&points).is_none_or(|pitch| (pitch - 1000.0).abs() > 10.0) {
        frame = Frame::around(&raw, draft.screen, pitch(&raw).unwrap_or(1.0));
        points = placed(&raw, frame);
    }
    let screen = draft.screen.map(|s| (frame.place((s.x, s.y)), frame.whole(s.width)));
    check_extent(&points, screen)?;
    let rows = in_order(&points);
    let screen = screen.map(|((x, y), width)| [x as i32, y as i32, width as i32]);
    Ok(Arranged { rows, screen })
}

/// A position in thousandths as a plan states it.
pub(super) fn screen_of([x, y, width]: [i32; 3]) -> Screen {
    Screen { x: in_seats(x), y: in_seats(y), width: in_seats(width) }
}

/// Thousandths as a number of seats.
pub(super) fn in_seats(thousandths: i32) -> f32 {
    (f64::from(thousandths) / 1000.0) as f32
}

/// The reverse of [`in_seats`]: exact, because rooms are small enough for a 32-bit float.
pub(super) fn thousandths(seats: f32) -> i32 {
    (f64::from(seats) * 1000.0).round() as i32
}

fn placed(raw: &[Vec<Point>], frame: Frame) -> Vec<Vec<Point>> {
    raw.iter().map(|row| row.iter().map(|&point| frame.place(point)).collect()).collect()
}

/// The median distance of seats that follow each other in a row; in a room of single seats, of its rows.
fn pitch(rows: &[Vec<Point>]) -> Option<f64> {
    let mut distances = Vec::new();
    for row in rows {
        distances.extend(steps(row));
    }
    if distances.is_empty() {
        let centres: Vec<Point> = rows.iter().filter_map(|row| row.first().copied()).collect();
        distances.extend(steps(&centres));
    }
    // Seats in one place are a fault of their own and say nothing about the scale.
    distances.retain(|&distance| distance > 0.0);
    let middle = distances.len().checked_sub(1)? / 2;
    Some(*distances.select_nth_unstable_by(middle, f64::total_cmp).1)
}

fn steps(row: &[Point]) -> Vec<f64> {
    let order = walk(row);
    order.windows(2).map(|pair| distance(row[pair[0] as usize], row[pair[1] as usize])).collect()
}

fn check_extent(points: &[Vec<Point>], screen: Option<(Point, f64)>) -> Result<(), PlanFault> {
    let (mut width, mut height) = screen.map_or((0.0, 0.0), |((x, y), width)| (x + width, y));
    for &(x, y) in points.iter().flatten() {
        width = f64::max(width, x + 500.0);
        height = f64::max(height, y + 500.0);
    }
    let (width, height) = (width / 1000.0, height / 1000.0);
    // Written so that a value that is not a number is refused as well.
    if width <= f64::from(MAX_EXTENT) && height <= f64::from(MAX_EXTENT) {
        Ok(())
    } else {
        Err(PlanFault::new(Origin::Plan, Problem::TooLarge { width, height }))
    }
}

/// Rows from the screen back; two at the same depth from left to right.
fn in_order(points: &[Vec<Point>]) -> Vec<(usize, Vec<Placed>)> {
    let mut rows: Vec<([f64; 3], usize)> = points
        .iter()
        .enumerate()
        .filter(|(_, row)| !row.is_empty())
        .map(|(no, row)| ([depth(row), mean(row, |p| p.1), mean(row, |p| p.0)], no))
        .collect();
    rows.sort_by(|(a, a_no), (b, b_no)| {
        let places = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
        places.fold(Ordering::Equal, Ordering::then).then(a_no.cmp(b_no))
    });
    rows.into_iter().map(|(_, no)| (no, left_to_right(&points[no]))).collect()
}

/// How far back a row is: three quarters of its seats are at most that far. The arms of a curved row reach past many
/// rows in front of it, so its mean would be too near; its rearmost seat may be one that was pushed back.
fn depth(row: &[Point]) -> f64 {
    let mut depths: Vec<f64> = row.iter().map(|p| p.1).collect();
    let quarter = (depths.len() - 1) * 3 / 4;
    *depths.select_nth_unstable_by(quarter, f64::total_cmp).1
}

fn mean(row: &[Point], of: fn(&Point) -> f64) -> f64 {
    row.iter().map(of).sum::<f64>() / row.len() as f64
}

fn left_to_right(row: &[Point]) -> Vec<Placed> {
    let placed = |no: u32| {
        let (x, y) = row[no as usize];
        Placed { seat: no as usize, x: x as i32, y: y as i32 }
    };
    walk(row).into_iter().map(placed).collect()
}
