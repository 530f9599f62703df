//! How careful a writer is: where several nodes want the same seats, one surprise is followed by others, and a look at all of a
//! batch costs less than writing it twice.

/// At most two to this many batches are looked at after a surprise.
const MOST: u32 = 6;

/// How many batches are looked at wholly because of surprises: two after one, more when others follow.
#[derive(Debug, Default)]
pub(crate) struct Caution {
    /// How many batches more.
    wary: u32,
    /// Surprises of late, less batches without one.
    level: u32,
}

impl Caution {
    /// Whether the next batch is to be looked at.
    pub(crate) fn is_wary(&self) -> bool {
        self.wary > 0
    }

    /// Notes a batch that had to be written a second time, or that failed.
    pub(crate) fn note_surprise(&mut self) {
        self.level = (self.level + 1).min(MOST);
        self.wary = 1 << self.level;
    }

    /// Notes a batch that went as it should, which says something only if it was not looked at.
    pub(crate) fn note_none(&mut self) {
        match self.wary {
            0 => self.level = self.level.saturating_sub(1),
            _ => self.wary -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many batches are looked at, where each that is not looked at meets a surprise or does not.
    fn looked_at(batches: usize, mut surprise: impl FnMut(usize) -> bool) -> usize {
        let mut caution = Caution::default();
        let looks = (0..batches).filter(|batch| {
            let wary = caution.is_wary();
            if !wary && surprise(*batch) {
                caution.note_surprise();
            } else {
                caution.note_none();
            }
            wary
        });
        looks.count()
    }

    #[test]
    fn rare_surprises_cost_little_and_frequent_ones_are_seen_in_time() {
        assert_eq!(looked_at(1_000, |_| false), 0);
        assert_eq!(looked_at(1_000, |batch| batch == 10), 2);
        let rare = looked_at(1_000, |batch| batch % 50 == 0);
        assert!((30..=50).contains(&rare), "{rare}");
        let all = looked_at(1_000, |_| true);
        assert!(all > 960, "{all}");
    }
}
