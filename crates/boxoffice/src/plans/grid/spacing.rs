//! Aisles on a grid are columns without seats. Rectangles of unequal areas may draw such a gap narrower than a seat
//! elsewhere, or seats side by side as far apart as an aisle; then the row is spaced anew.

use boxoffice_core::plan::RowDraft;

use super::Column;

/// The farthest that seats of following columns may be apart, in usual columns.
const BESIDE: f64 = 1.5;
/// The nearest that seats with a column between may be.
const APART: f64 = 1.8;

/// Moves the seats of a row so that its aisles are where columns are missing; most rows stay as they are.
pub(super) fn keep_aisles(row: &mut RowDraft, columns: &[Column]) {
    let mut order: Vec<usize> = (0..row.seats.len()).collect();
    order.sort_by(|&a, &b| row.seats[a].x.total_cmp(&row.seats[b].x));
    let mut shift = 0.0;
    let mut shifts = vec![0.0; order.len()];
    for pair in order.windows(2) {
        let (left, right) = (pair[0], pair[1]);
        let gap = row.seats[right].x - row.seats[left].x;
        if columns[left].area == columns[right].area {
            let wanted = match columns[left].index.abs_diff(columns[right].index) {
                1 => gap.min(BESIDE),
                0 => gap,
                _ => gap.max(APART),
            };
            shift += wanted - gap;
        }
        shifts[right] = shift;
    }
    if shifts.iter().any(|&shift| shift != 0.0) {
        // The row's middle stays where it was.
        let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
        for (seat, shift) in row.seats.iter_mut().zip(&shifts) {
            seat.x += shift - mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use boxoffice_core::plan::SeatDraft;

    use super::*;

    fn spaced(seats: &[(f64, i64)]) -> Vec<f64> {
        let drafts = seats.iter().map(|&(x, _)| SeatDraft { x, ..SeatDraft::default() }).collect();
        let mut row = RowDraft { name: "A".into(), zone: None, seats: drafts, origin: 0 };
        let columns: Vec<Column> = seats.iter().map(|&(_, index)| Column { area: 1, index }).collect();
        keep_aisles(&mut row, &columns);
        row.seats.windows(2).map(|pair| ((pair[1].x - pair[0].x) * 100.0).round() / 100.0).collect()
    }

    #[test]
    fn even_rows_stay() {
        assert_eq!(spaced(&[(0.0, 4), (1.0, 3), (3.0, 1)]), [1.0, 2.0]);
    }

    #[test]
    fn wide_seats_are_moved_together_and_narrow_aisles_apart() {
        assert_eq!(spaced(&[(0.0, 0), (2.0, 1), (4.0, 2)]), [1.5, 1.5]);
        assert_eq!(spaced(&[(0.0, 0), (0.5, 1), (1.5, 3)]), [0.5, 1.8]);
    }
}
