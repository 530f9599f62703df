//! Idempotency keys whose time is over: removed between batches, a few milliseconds at a time, faster than new ones come.
//!
//! Keys stand in the order in which they were used, so the oldest are at the front, and the last one says what time it
//! is. A step takes as many as were written since the step before, and some more: whatever the rate, fewer are left
//! after it. Only when most of what a step looks at is young is there a pause.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::writer::{BatchError, Heads, REST, in_transaction};

/// How many keys a step takes beside as many as were written since the last one.
const STEP: usize = 256;
/// When the oldest are young: how long until they are looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// When old keys are removed, and how many.
pub(crate) struct Pruning {
    keep_ms: i64,
    /// When the next step is due at the latest.
    at: Instant,
    /// The last step did not find all that are old.
    is_behind: bool,
    /// Keys that were written since the last step, if that was behind.
    written: usize,
}

impl Pruning {
    /// Removes keys that were used longer ago than `keep_ms`; first some time after `now`.
    pub(crate) fn new(keep_ms: i64, now: Instant) -> Self {
        Self { keep_ms, at: now + LOOK_EVERY, is_behind: false, written: 0 }
    }

    /// New keys were written.
    pub(crate) fn note(&mut self, keys: usize) {
        if self.is_behind {
            self.written += keys;
        }
    }

    /// When the next step is due at the latest.
    pub(crate) fn at(&self) -> Instant {
        self.at
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.at || self.written >= STEP
    }

    /// Removes some old keys, in a transaction of its own.
    pub(crate) fn step(&mut self, connection: &Connection, heads: &mut Heads) -> Result<usize, BatchError> {
        let began = Instant::now();
        let most = STEP + std::mem::take(&mut self.written);
        (self.at, self.is_behind) = (began + LOOK_EVERY, false);
        let keep_ms = self.keep_ms;
        let [requests, catalogue] = in_transaction(connection, heads, |_| remove(connection, keep_ms, most))?;
        if requests.max(catalogue) > most / 2 {
            (self.at, self.is_behind) = (Instant::now() + REST * began.elapsed(), true);
        }
        Ok(requests + catalogue)
    }
}

/// Removes the old ones among the `most` at the front: of requests, and of the catalogue.
fn remove(connection: &Connection, keep_ms: i64, most: usize) -> rusqlite::Result<[usize; 2]> {
    let requests = "DELETE FROM request_key WHERE seq IN (SELECT seq FROM request_key ORDER BY seq LIMIT ?2)
                    AND at_ms < (SELECT at_ms FROM request_key ORDER BY seq DESC LIMIT 1) - ?1";
    let catalogue = "DELETE FROM catalogue_key WHERE (caller, key) IN (SELECT caller, key FROM catalogue_key
                     WHERE at_ms < (SELECT max(at_ms) FROM catalogue_key) - ?1 ORDER BY at_ms LIMIT ?2)";
    let remove = |sql| connection.prepare_cached(sql)?.execute(params![keep_ms, most]);
    Ok([remove(requests)?, remove(catalogue)?])
}

#[cfg(test)]
mod tests {
    use boxoffice_core::change::RequestKey;
    use boxoffice_core::time::Timestamp;
    use boxoffice_engine::queue::{Commit, Outcome};
    use boxoffice_engine::store::conformance::room::NOW;

    use super::*;
    use crate::leaving::tests::{House, commit, transition};
    use crate::writer::write_batch;

    const KEEP_MS: i64 = 1000;

    impl House {
        fn keys(&mut self, numbers: std::ops::Range<u32>, at_ms: i64) {
            let sql = "INSERT INTO request_key (showtime, key, revision, at_ms) VALUES (1, ?1, 1, ?2)";
            self.connection.execute_batch("BEGIN").unwrap();
            for number in numbers {
                self.connection.execute(sql, params![number.to_be_bytes(), at_ms]).unwrap();
            }
            self.connection.execute_batch("COMMIT").unwrap();
        }

        fn step(&mut self, pruning: &mut Pruning) -> usize {
            pruning.step(&self.connection, &mut self.heads).unwrap()
        }
    }

    #[test]
    fn keys_are_removed_faster_than_new_ones_come() {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::open(&folder.path().join("b.db"));
        house.keys(0..4000, 0);
        house.keys(4000..4001, KEEP_MS + 1);
        let now = Instant::now();
        let mut pruning = Pruning::new(KEEP_MS, now);
        pruning.note(1_000_000);
        assert!(!pruning.is_due(now) && pruning.is_due(now + LOOK_EVERY), "first there is a pause");
        assert_eq!(house.step(&mut pruning), STEP, "a step is small, whatever was written in the pause");
        let (mut number, mut steps) = (4001, 1);
        while pruning.is_behind {
            // The time of the next step never comes: what is written alone brings it on.
            assert!(!pruning.is_due(now));
            house.keys(number..number + 500, KEEP_MS + 1);
            number += 500;
            pruning.note(500);
            assert!(pruning.is_due(now));
            house.step(&mut pruning);
            steps += 1;
        }
        let sql = "SELECT count(*) FROM request_key WHERE at_ms = 0";
        let old: u32 = house.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!((old, steps), (0, 7));
        assert_eq!(house.count("request_key"), u64::from(number) - 4000, "none of the young was removed");
        assert!(!pruning.is_due(now), "and then there is a pause");
    }

    #[test]
    fn a_key_is_kept_for_its_whole_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::open(&folder.path().join("b.db"));
        let mut pruning = Pruning::new(KEEP_MS, Instant::now());
        assert_eq!(house.step(&mut pruning), 0, "there is none");
        house.keys(0..3, 4);
        // One that is young among the old ones does not stand in their way.
        house.keys(3..4, 5);
        house.keys(4..6, 4);
        house.keys(6..7, KEEP_MS + 5);
        assert_eq!(house.step(&mut pruning), 5);
        assert_eq!(house.count("request_key"), 2);
        let sql = "INSERT INTO catalogue_key (caller, key, fingerprint, number, at_ms)
                   SELECT 'a', column1, x'', 1, column2 FROM (VALUES (x'01', 4), (x'02', 5), (x'03', ?1))";
        house.connection.execute(sql, [KEEP_MS + 5]).unwrap();
        assert_eq!(house.step(&mut pruning), 1);
        assert_eq!(house.count("catalogue_key"), 2);
    }

    #[test]
    fn a_key_that_is_used_again_moves_to_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::open(&folder.path().join("b.db"));
        let id = house.showtime(1);
        let mut sell = |no, key, at: Timestamp| {
            let mut transition = transition(id, no);
            let change = std::sync::Arc::make_mut(&mut transition.change);
            (change.at, change.request) = (at, Some(RequestKey { key: [key; 16], fingerprint: [0; 16] }));
            transition.keys_since = at.plus_ms(-KEEP_MS);
            let batch = [Commit { sealed: transition.into(), ..commit(id, no) }];
            let outcomes = write_batch(&house.connection, &batch, &mut house.heads).unwrap();
            assert!(matches!(outcomes[..], [Outcome::Committed { .. }]));
        };
        sell(0, 1, NOW);
        sell(1, 2, NOW);
        sell(2, 1, NOW.plus_ms(KEEP_MS + 1));
        let keys = |house: &House| -> Vec<[u8; 16]> {
            let mut statement = house.connection.prepare("SELECT key FROM request_key ORDER BY seq").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(keys(&house), [[2; 16], [1; 16]]);
        assert_eq!(house.step(&mut Pruning::new(KEEP_MS, Instant::now())), 1);
        assert_eq!(keys(&house), [[1; 16]]);
    }
}
