//! Where each showtime's events are.
//!
//! Events are appended in the order of time, whichever showtime they are of. An index by showtime and revision would
//! cost each sale a page of its own: as much again as its seats do. So the places of new events are kept in memory,
//! and every so many events they are written as runs: one row says where a showtime's events of that stretch are.
//! After a start the newest stretch is read from the events themselves.
//!
//! A stretch of many showtimes is as many rows, all over the table, so it is written a slice at a time. Its runs count
//! only from the last slice on, which moves meta's `events_in_runs` beyond them; after a crash before that they are
//! written again, in the same rows.
//!
//! Whether an event is in the runs is told by its row alone. So a new event's row is after every row that the runs
//! have (`Heads::next_seq`), also when a showtime has left with the newest events of all.

use boxoffice_core::codec::{Malformed, Reader, Writer};
use boxoffice_core::id::ShowtimeId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use rusqlite::{Connection, params};

use crate::readers::ReadError;

/// How many events are kept in memory before they are written as runs.
const STRETCH: usize = 8_192;

/// An event's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its revision.
    pub(crate) revision: u64,
    /// Its row.
    pub(crate) seq: i64,
}

type Stretch = HashMap<ShowtimeId, Vec<Place>, FixedState>;

/// The places of the newest events, shared by the writer, who notes them, and the readers.
#[derive(Debug, Default)]
pub(crate) struct EventPlaces(Mutex<Newest>);

#[derive(Debug, Default)]
struct Newest {
    /// Every event after this row is in one of the stretches.
    after_seq: i64,
    /// Written as runs already, but a reader's snapshot may be from before that.
    older: Stretch,
    /// Being written as runs.
    closed: Stretch,
    /// Those of `closed` whose runs are still to be written, the next one last.
    unwritten: Vec<ShowtimeId>,
    /// The last row of `closed`.
    closed_at: i64,
    /// After those.
    newer: Stretch,
    /// How many events `newer` has.
    count: usize,
    /// The last row that runs have, which is where `closed` begins, or `newer` if there is none.
    in_runs: i64,
    /// The last row of all.
    last_seq: i64,
}

impl Newest {
    fn note(&mut self, showtime: ShowtimeId, place: Place) {
        self.newer.entry(showtime).or_default().push(place);
        self.count += 1;
        self.last_seq = place.seq;
    }

    /// The newer stretch is to be written, and another one begins.
    fn close(&mut self) {
        self.closed = std::mem::take(&mut self.newer);
        self.unwritten = self.closed.keys().copied().collect();
        self.unwritten.sort_unstable_by(|one, other| other.cmp(one));
        self.closed_at = self.last_seq;
        self.count = 0;
    }
}

impl EventPlaces {
    /// Reads the events that no run has.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let in_runs = events_in_runs(connection)?;
        let mut newest = Newest { after_seq: in_runs, in_runs, last_seq: in_runs, ..Newest::default() };
        let mut statement =
            connection.prepare("SELECT showtime, revision, seq FROM event WHERE seq > ?1 ORDER BY seq")?;
        let mut rows = statement.query([in_runs])?;
        while let Some(row) = rows.next()? {
            let place = Place { revision: row.get(1)?, seq: row.get(2)? };
            newest.note(ShowtimeId::from_number(row.get(0)?), place);
        }
        Ok(Self(Mutex::new(newest)))
    }

    /// Notes committed events, in the order of their rows. To be called before anybody is told of them.
    pub(crate) fn note(&self, places: impl IntoIterator<Item = (ShowtimeId, Place)>) {
        let mut newest = self.0.lock();
        for (showtime, place) in places {
            newest.note(showtime, place);
        }
    }

    /// Whether it is time to write runs.
    pub(crate) fn are_many(&self) -> bool {
        let newest = self.0.lock();
        newest.count >= STRETCH || !newest.unwritten.is_empty()
    }

    /// Writes the next runs of a stretch, at most so many, within the writer's transaction. Does no harm if it was done
    /// before.
    pub(crate) fn write_runs(&self, connection: &Connection, most: usize) -> rusqlite::Result<()> {
        let mut newest = self.0.lock();
        if newest.unwritten.is_empty() {
            newest.close();
        }
        let sql = "INSERT OR REPLACE INTO event_run (showtime, first, seqs) VALUES (?1, ?2, ?3)";
        let mut statement = connection.prepare_cached(sql)?;
        for showtime in newest.unwritten.iter().rev().take(most) {
            // A showtime may have left meanwhile.
            let places = newest.closed.get(showtime).map(Vec::as_slice).unwrap_or_default();
            if let Some(first) = places.first() {
                statement.execute(params![showtime.number(), first.revision, encode(places)])?;
            }
        }
        if newest.unwritten.len() <= most {
            let sql = "UPDATE meta SET value = ?1 WHERE name = 'events_in_runs'";
            connection.prepare_cached(sql)?.execute([newest.closed_at.to_string()])?;
        }
        Ok(())
    }

    /// At most so many runs were committed.
    pub(crate) fn runs_are_written(&self, most: usize) {
        let mut newest = self.0.lock();
        let left = newest.unwritten.len().saturating_sub(most);
        newest.unwritten.truncate(left);
        if left == 0 {
            newest.after_seq = newest.in_runs;
            newest.in_runs = newest.closed_at;
            newest.older = std::mem::take(&mut newest.closed);
        }
    }

    /// Forgets a showtime of which no event is left.
    pub(crate) fn forget(&self, showtime: ShowtimeId) {
        let mut newest = self.0.lock();
        newest.older.remove(&showtime);
        newest.closed.remove(&showtime);
        newest.newer.remove(&showtime);
    }

    /// Up to `limit` places of a showtime's events after a revision, in order, as of the reader's snapshot or a
    /// little later: the last of them may not be there for it yet.
    pub(crate) fn find(
        &self,
        connection: &Connection,
        showtime: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Place>, ReadError> {
        let in_runs = events_in_runs(connection)?;
        let mut places = find_in_runs(connection, showtime, in_runs, after, limit)?;
        let wanted = |place: &Place| place.seq > in_runs && place.revision > after;
        {
            let newest = self.0.lock();
            if newest.after_seq <= in_runs {
                let stretches = [&newest.older, &newest.closed, &newest.newer];
                let recent = stretches.into_iter().filter_map(|stretch| stretch.get(&showtime));
                let recent = recent.flatten().copied().filter(wanted);
                places.extend(recent.take(limit - places.len()));
                return Ok(places);
            }
        }
        // A snapshot that two stretches were written after: its own events tell.
        let sql = "SELECT revision, seq FROM event WHERE seq > ?1 AND showtime = ?2 AND revision > ?3
                   ORDER BY seq LIMIT ?4";
        let values = params![in_runs, showtime.number(), after as i64, (limit - places.len()) as i64];
        let columns = |row: &rusqlite::Row<'_>| Ok(Place { revision: row.get(0)?, seq: row.get(1)? });
        for place in connection.prepare_cached(sql)?.query_map(values, columns)? {
            places.push(place?);
        }
        Ok(places)
    }
}

/// The row of the last event that runs have.
fn events_in_runs(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'events_in_runs'";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// Places up to the row `in_runs`: runs of later events are of a stretch that is not written to its end.
fn find_in_runs(
    connection: &Connection,
    showtime: ShowtimeId,
    in_runs: i64,
    after: u64,
    limit: usize,
) -> Result<Vec<Place>, ReadError> {
    let sql = "SELECT first, seqs FROM event_run WHERE showtime = ?1 AND first >= coalesce(
                   (SELECT max(first) FROM event_run WHERE showtime = ?1 AND first <= ?2), 0) ORDER BY first";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![showtime.number(), i64::try_from(after).unwrap_or(i64::MAX)])?;
    let mut places = Vec::new();
    while places.len() < limit
        && let Some(row) = rows.next()?
    {
        let seqs = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let run = decode(row.get(0)?, seqs)?;
        let wanted = run.into_iter().filter(|place| place.seq <= in_runs && place.revision > after);
        places.extend(wanted.take(limit - places.len()));
    }
    Ok(places)
}

fn encode(places: &[Place]) -> Vec<u8> {
    let mut out = Writer::with_capacity(places.len() + 8);
    let mut before = 0;
    for place in places {
        out.uint((place.seq - before) as u64);
        before = place.seq;
    }
    out.finish()
}

fn decode(first: u64, seqs: &[u8]) -> Result<Vec<Place>, Malformed> {
    let mut input = Reader::new("event run", seqs);
    let (mut places, mut seq) = (Vec::new(), 0i64);
    while !input.is_at_end() {
        seq = seq.checked_add(input.uint()?).ok_or_else(|| input.malformed())?;
        places.push(Place { revision: first + places.len() as u64, seq });
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = usize::MAX >> 1;

    fn show(number: u64) -> ShowtimeId {
        ShowtimeId::from_number(number)
    }

    /// A database's connections, and what is in it.
    struct Log {
        _folder: tempfile::TempDir,
        connection: Connection,
        reader: Connection,
        revisions: [u64; 4],
        events: Vec<(ShowtimeId, Place)>,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let open = || Connection::open(folder.path().join("log.db")).expect("a database");
            let connection = open();
            connection.pragma_update(None, "journal_mode", "WAL").expect("a log");
            connection.execute_batch(include_str!("../migrations/0001_initial.sql")).expect("tables");
            Self { connection, reader: open(), revisions: [0; 4], events: Vec::new(), _folder: folder }
        }

        /// Appends an event of one of four showtimes.
        fn append(&mut self, places: &EventPlaces, showtime: usize) {
            self.revisions[showtime] += 1;
            let (id, revision) = (show(showtime as u64), self.revisions[showtime]);
            let sql = "INSERT INTO event (showtime, revision, body) VALUES (?1, ?2, x'')";
            self.connection.execute(sql, params![id.number(), revision]).expect("a row");
            let place = Place { revision, seq: self.connection.last_insert_rowid() };
            self.events.push((id, place));
            places.note([(id, place)]);
        }

        fn write_runs(&self, places: &EventPlaces) {
            self.write_slice(places, MOST);
        }

        fn write_slice(&self, places: &EventPlaces, most: usize) {
            places.write_runs(&self.connection, most).expect("runs");
            places.runs_are_written(most);
        }

        fn expected(&self, showtime: usize, after: u64, limit: usize) -> Vec<Place> {
            let its = self.events.iter().filter(|(id, _)| *id == show(showtime as u64));
            its.map(|(_, place)| *place).filter(|place| place.revision > after).take(limit).collect()
        }

        fn check(&self, places: &EventPlaces) {
            for showtime in 0..4 {
                for (after, limit) in [(0, MOST), (0, 3), (3, 4), (7, MOST), (self.revisions[showtime], MOST)]
                {
                    let found = places.find(&self.connection, show(showtime as u64), after, limit);
                    assert_eq!(found.expect("places"), self.expected(showtime, after, limit));
                }
            }
        }
    }

    #[test]
    fn events_are_found_in_runs_and_in_memory_and_after_a_restart() {
        let (mut log, mut places) = (Log::new(), EventPlaces::default());
        for step in 0..60usize {
            log.append(&places, (step * step + step / 3) % 4);
            if step % 17 == 16 {
                log.write_runs(&places);
            }
            log.check(&places);
            if step % 23 == 22 {
                places = EventPlaces::read(&log.connection).expect("places");
                log.check(&places);
            }
        }
    }

    #[test]
    fn runs_written_twice_do_no_harm() {
        let (mut log, places) = (Log::new(), EventPlaces::default());
        log.append(&places, 1);
        // The commit's outcome was not known, so it is done again, now with more.
        places.write_runs(&log.connection, MOST).expect("runs");
        log.append(&places, 1);
        log.check(&places);
        log.write_runs(&places);
        log.check(&places);
    }

    #[test]
    fn a_stretch_is_written_in_slices_also_over_a_restart() {
        for restart_after in 0..12 {
            let (mut log, mut places) = (Log::new(), EventPlaces::default());
            let rows = |log: &Log| -> usize {
                log.connection
                    .query_row("SELECT count(*) FROM event_run", [], |row| row.get(0))
                    .expect("rows")
            };
            for step in 0..12usize {
                for showtime in [step % 4, 0, 1, 2, 3] {
                    log.append(&places, showtime);
                }
                let before = rows(&log);
                log.write_slice(&places, 1);
                assert!(rows(&log) <= before + 1, "one row at a time");
                log.check(&places);
                log.append(&places, step % 3);
                log.check(&places);
                if step == restart_after {
                    places = EventPlaces::read(&log.connection).expect("places");
                    log.check(&places);
                }
            }
            while !places.0.lock().unwritten.is_empty() {
                log.write_slice(&places, 1);
            }
            assert!(places.0.lock().in_runs > 0 && rows(&log) >= 8, "stretches were written to their ends");
            log.check(&places);
        }
    }

    #[test]
    fn a_reader_whose_snapshot_is_older_than_the_stretches_finds_what_it_can_see() {
        let (mut log, places) = (Log::new(), EventPlaces::default());
        for _ in 0..5 {
            log.append(&places, 2);
        }
        log.reader.execute_batch("BEGIN; SELECT * FROM meta").expect("a snapshot");
        let seen = log.expected(2, 1, MOST);
        for _ in 0..2 {
            log.append(&places, 2);
            log.write_runs(&places);
        }
        assert_eq!(places.find(&log.reader, show(2), 1, MOST).expect("places"), seen);
        assert_eq!(places.find(&log.reader, show(2), 1, 2).expect("places"), seen[..2]);
        log.reader.execute_batch("COMMIT").expect("an end");
        assert_eq!(places.find(&log.reader, show(2), 1, MOST).expect("places"), log.expected(2, 1, MOST));
    }

    #[test]
    fn a_broken_run_is_said_to_be_damaged() {
        let (mut log, places) = (Log::new(), EventPlaces::default());
        log.append(&places, 3);
        log.write_runs(&places);
        log.connection.execute("UPDATE event_run SET seqs = x'ff'", []).expect("a row");
        assert!(places.find(&log.connection, show(3), 0, MOST).is_err());
    }
}
