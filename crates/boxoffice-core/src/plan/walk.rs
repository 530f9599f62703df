//! The order of a row's seats from left to right, whatever the shape of the row.

/// A position.
pub(super) type Point = (f64, f64);

/// The indices of `points` in the order in which one would walk along the row.
///
/// Rows are straight, slanted, curved, a horseshoe, or (in boxes) run along a wall, so neither x alone nor the
/// main direction alone will do: of three ways to walk (by x, along the main direction, by y) the shortest is
/// taken, by x if there is no difference.
pub(super) fn walk(points: &[Point]) -> Vec<u32> {
    let mut best = sorted(points, (1.0, 0.0));
    let mut shortest = length(points, &best);
    for direction in [main_direction(points), (0.0, 1.0)] {
        let order = sorted(points, direction);
        let length = length(points, &order);
        if length < shortest * (1.0 - 1e-9) {
            (best, shortest) = (order, length);
        }
    }
    best
}

/// The distance of two positions.
pub(super) fn distance(a: Point, b: Point) -> f64 {
    let (dx, dy) = (a.0 - b.0, a.1 - b.1);
    (dx * dx + dy * dy).sqrt()
}

fn sorted(points: &[Point], (dx, dy): Point) -> Vec<u32> {
    let along = |no: &u32| {
        let (x, y) = points[*no as usize];
        (x * dx + y * dy, x, y)
    };
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    // The sort is stable and ends with all coordinates: only seats in one place keep the source's order.
    order.sort_by(|a, b| {
        let (a, b) = (along(a), along(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
    });
    order
}

fn length(points: &[Point], order: &[u32]) -> f64 {
    order.windows(2).map(|pair| distance(points[pair[0] as usize], points[pair[1] as usize])).sum()
}

/// The direction of the greatest spread (the first principal axis), pointing right, or down if it is steep: a
/// crooked row along a wall begins at the screen on either side of the room.
fn main_direction(points: &[Point]) -> Point {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0 / count, sum.1 + p.1 / count));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for p in points {
        xx += (p.0 - x) * (p.0 - x);
        xy += (p.0 - x) * (p.1 - y);
        yy += (p.1 - y) * (p.1 - y);
    }
    if xy.abs() <= 1e-9 * (xx + yy) {
        return if xx >= yy { (1.0, 0.0) } else { (0.0, 1.0) };
    }
    // The eigenvector of the larger eigenvalue of [[xx, xy], [xy, yy]].
    let half = (xx - yy) / 2.0;
    let eigenvalue = (xx + yy) / 2.0 + (half * half + xy * xy).sqrt();
    let (dx, dy) = if half >= 0.0 { (eigenvalue - yy, xy) } else { (xy, eigenvalue - xx) };
    let norm = (dx * dx + dy * dy).sqrt();
    let forward = if dx.abs() < 0.1 * norm { dy > 0.0 } else { dx > 0.0 };
    if forward { (dx / norm, dy / norm) } else { (-dx / norm, -dy / norm) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_slanted_and_vertical_rows_are_walked_from_end_to_end() {
        assert_eq!(walk(&[(2.0, 0.0), (0.0, 0.0), (1.0, 0.0)]), [1, 2, 0]);
        assert_eq!(walk(&[(2.0, 3.0), (0.0, 1.0), (1.0, 2.0)]), [1, 2, 0]);
        // Along a wall, a little crooked: by y, although x differs.
        assert_eq!(walk(&[(0.1, 0.0), (0.0, 1.0), (0.1, 2.0), (0.0, 3.0)]), [0, 1, 2, 3]);
        assert_eq!(walk(&[(0.0, 0.0)]), [0]);
        assert!(walk(&[]).is_empty());
    }

    #[test]
    fn a_deep_horseshoe_is_not_walked_back_and_forth() {
        let left = (0..10).map(|no| (f64::from(no) * 0.1, 10.0 - f64::from(no)));
        let right = (0..10).map(|no| (4.0 + f64::from(no) * 0.1, 1.0 + f64::from(no)));
        let base = (1..4).map(|no| (f64::from(no) + 0.5, 0.0));
        let points: Vec<Point> = left.chain(base).chain(right).collect();
        let expected: Vec<u32> = (0..points.len() as u32).collect();
        assert_eq!(walk(&points), expected);
    }
}
