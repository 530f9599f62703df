//! The room that is sold: its plan, which pairs people like best, and what one client knows of its seats.

use std::collections::HashMap;

use compact_str::{CompactString, format_compact};
use serde_json::{Value, json};

use super::answers::SeatMap;

/// How much a row away from the best one counts against a seat to the side.
const ROW_WEIGHT: f64 = 1.6;
/// The best row, as a part of the way from the screen to the back.
const BEST_ROW: f64 = 0.6;

/// A room of plain rows.
#[derive(Debug)]
pub(super) struct Room {
    /// Labels in the plan's order.
    pub(super) labels: Vec<CompactString>,
    /// Neighbours, the best liked first: around the middle, a little behind it.
    pub(super) pairs: Vec<[u32; 2]>,
    /// All seats, the best liked first.
    pub(super) singles: Vec<u32>,
    numbers: HashMap<CompactString, u32>,
    rows: Vec<(CompactString, u32)>,
}

impl Room {
    /// A room of so many seats, a third wider than deep; the last row may be shorter.
    pub(super) fn of(seats: u32) -> Self {
        let width = ((f64::from(seats) * 4.0 / 3.0).sqrt().round() as u32).clamp(1, 60);
        let rows: Vec<(CompactString, u32)> =
            (0..seats.div_ceil(width)).map(|row| (row_name(row), width.min(seats - row * width))).collect();
        let (best, middle) = (BEST_ROW * rows.len() as f64, f64::from(width) / 2.0);
        let (mut labels, mut pairs, mut singles) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (row, length)) in rows.iter().enumerate() {
            let row_cost = (number as f64 + 0.5 - best).abs() * ROW_WEIGHT;
            for place in 0..*length {
                let seat = labels.len() as u32;
                labels.push(format_compact!("{row}{}", place + 1));
                singles.push((row_cost + (f64::from(place) + 0.5 - middle).abs(), seat));
                if place + 1 < *length {
                    pairs.push((row_cost + (f64::from(place) + 1.0 - middle).abs(), [seat, seat + 1]));
                }
            }
        }
        pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
        singles.sort_by(|one, other| one.0.total_cmp(&other.0));
        let numbers = (0u32..).zip(&labels).map(|(number, label)| (label.clone(), number)).collect();
        Self {
            numbers,
            pairs: pairs.into_iter().map(|(_, pair)| pair).collect(),
            singles: singles.into_iter().map(|(_, seat)| seat).collect(),
            labels,
            rows,
        }
    }

    /// The plan in our own format.
    pub(super) fn plan(&self) -> Value {
        let rows = self.rows.iter().map(|(row, seats)| json!({"row": row, "seats": seats}));
        json!({"rows": rows.collect::<Vec<_>>()})
    }

    /// The number of a label.
    pub(super) fn find(&self, label: &str) -> Option<u32> {
        self.numbers.get(label).copied()
    }

    /// How many seats it has.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The body of a request to hold these seats.
    pub(super) fn hold_body(&self, seats: &[u32]) -> String {
        let mut body = String::from("{\"seats\":[");
        for (place, seat) in seats.iter().enumerate() {
            body.push_str(if place == 0 { "\"" } else { ",\"" });
            body.push_str(&self.labels[*seat as usize]);
            body.push('"');
        }
        body.push_str("]}");
        body
    }
}

/// A, B … Z, AA, AB …
fn row_name(mut number: u32) -> CompactString {
    let mut letters = Vec::new();
    loop {
        letters.insert(0, char::from(b'A' + (number % 26) as u8));
        if number < 26 {
            return letters.into_iter().collect();
        }
        number = number / 26 - 1;
    }
}

/// What a client knows of a showtime's seats.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The revision that it is of.
    pub(super) revision: u64,
    /// Which seats are free.
    pub(super) free: Vec<bool>,
    /// How many are.
    pub(super) left: usize,
}

impl Known {
    /// Before anything was sold.
    pub(super) fn empty_house(room: &Room) -> Self {
        Self { revision: 0, free: vec![true; room.len()], left: room.len() }
    }

    /// Takes over what changed.
    pub(super) fn update(&mut self, room: &Room, map: &SeatMap<'_>) {
        if map.reset {
            *self = Self::empty_house(room);
        }
        self.revision = map.revision;
        for seat in &map.seats {
            let Some(number) = room.find(seat.seat) else { continue };
            let free = seat.status == "available";
            let before = std::mem::replace(&mut self.free[number as usize], free);
            self.left = self.left + usize::from(free) - usize::from(before);
        }
    }

    /// Picks up to two seats as people do: good ones, beside each other if there are any, but not all the same.
    /// `spread` is a random number from 0 to 1. Seats to `avoid` are left out.
    pub(super) fn pick(&self, room: &Room, avoid: &[u32], spread: f64) -> Vec<u32> {
        let may = |seat: &u32| self.free[*seat as usize] && !avoid.contains(seat);
        if self.left == 0 {
            return Vec::new();
        }
        let pairs: Vec<&[u32; 2]> = room.pairs.iter().filter(|pair| may(&pair[0]) && may(&pair[1])).collect();
        // The square prefers the front of the list.
        if let Some(pair) = pairs.get((spread * spread * pairs.len() as f64) as usize) {
            return pair.to_vec();
        }
        room.singles.iter().copied().filter(may).take(2).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_the_seats_asked_for_and_each_label_once() {
        for seats in [1, 2, 7, 60, 300, 2_000] {
            let room = Room::of(seats);
            assert_eq!((room.len(), room.numbers.len()), (seats as usize, seats as usize));
            assert_eq!(room.singles.len(), room.len());
        }
        let room = Room::of(300);
        let [left, right] = room.pairs[0].map(|seat| room.labels[seat as usize].as_str());
        assert!(
            left.starts_with(['I', 'J']),
            "the best pair is in the middle, a little behind: {left} {right}"
        );
    }

    #[test]
    fn nobody_picks_what_is_gone() {
        let room = Room::of(6);
        let mut known = Known::empty_house(&room);
        let text = |number: u32| room.labels[number as usize].to_string();
        for turn in 0..3 {
            let seats = known.pick(&room, &[], 0.5);
            assert_eq!(seats.len(), 2, "turn {turn}");
            let names = [text(seats[0]), text(seats[1])];
            let gone =
                names.iter().map(|seat| super::super::answers::MapSeat { seat, status: "held", version: 1 });
            known.update(&room, &SeatMap { revision: turn + 1, reset: false, seats: gone.collect() });
            assert!(seats.iter().all(|seat| !known.free[*seat as usize]));
        }
        assert!(known.pick(&room, &[], 0.5).is_empty());
        assert_eq!((known.left, known.revision), (0, 3));
    }
}
