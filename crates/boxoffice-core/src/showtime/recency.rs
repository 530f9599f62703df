//! Seats in the order of their last change: a doubly linked list threaded through an array.

use crate::plan::SeatNo;

const NONE: u32 = u32::MAX;

/// Which seats changed last. Moving a seat to the end and walking back from it cost the same however large the room.
#[derive(Debug, Clone)]
pub(super) struct Recency {
    /// Each seat's neighbours in the list: (the one changed before it, the one changed after it).
    links: Box<[(u32, u32)]>,
    latest: u32,
}

impl Recency {
    /// A list of which no seat is part yet.
    pub(super) fn new(seats: u32) -> Self {
        Self { links: vec![(NONE, NONE); seats as usize].into_boxed_slice(), latest: NONE }
    }

    /// Makes `no` the seat changed last.
    pub(super) fn touch(&mut self, no: SeatNo) {
        if self.latest == no {
            return;
        }
        let (before, after) = self.links[no as usize];
        if before != NONE {
            self.links[before as usize].1 = after;
        }
        if after != NONE {
            self.links[after as usize].0 = before;
        }
        if self.latest != NONE {
            self.links[self.latest as usize].1 = no;
        }
        self.links[no as usize] = (self.latest, NONE);
        self.latest = no;
    }

    /// All seats that ever changed, the one changed last first.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = SeatNo> {
        let known = |no: u32| (no != NONE).then_some(no);
        std::iter::successors(known(self.latest), move |no| known(self.links[*no as usize].0))
    }
}

#[cfg(test)]
mod tests {
    use super::Recency;

    #[test]
    fn the_seat_touched_last_comes_first() {
        let mut list = Recency::new(5);
        for no in [3, 1, 4, 1, 3, 3, 0] {
            list.touch(no);
        }
        assert_eq!(list.latest_first().collect::<Vec<_>>(), [0, 3, 1, 4]);
    }
}
