//! Showtimes that leave: gone at once for everybody, their rows removed in small steps between batches.
//!
//! Holds that were never booked stand in no index, so the log is what leads to them: a step takes the next events of
//! a showtime, with the holds that they made. Until nothing is left of it, the showtime stands in the table `leaving`,
//! by which the audit knows whose rows these are.

use boxoffice_core::change::Change;
use boxoffice_core::id::ShowtimeId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::event_places::EventPlaces;
use crate::readers::ReadError;
use crate::reads::seats_of;
use crate::writer::Heads;

/// How many events one step takes, or how many seats, or how many keys.
const STEP: usize = 128;

/// Takes a showtime out, within the writer's transaction: from its commit on there is no such showtime.
pub(crate) fn take_out(connection: &Connection, id: ShowtimeId, heads: &mut Heads) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM showtime WHERE id = ?1")?.execute([id.number()])?;
    let sql = "INSERT INTO leaving (showtime, revision) VALUES (?1, 0)";
    connection.prepare_cached(sql)?.execute([id.number()])?;
    heads.take_out(id);
    Ok(())
}

/// Whether a showtime of this id has left, but not with all its rows.
pub(crate) fn is_leaving(connection: &Connection, id: ShowtimeId) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM leaving WHERE showtime = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([id.number()], |_| Ok(())).optional()?.is_some())
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// No showtime is leaving.
    Nothing,
    /// Some rows were removed.
    Some,
    /// The last rows of a showtime were removed.
    Last(ShowtimeId),
}

/// Removes some rows of a showtime that left, within the writer's transaction.
pub(crate) fn step(connection: &Connection, places: &EventPlaces) -> Result<Step, ReadError> {
    let sql = "SELECT showtime, revision FROM leaving ORDER BY showtime LIMIT 1";
    let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let first: Option<(u64, u64)> = connection.prepare_cached(sql)?.query_row([], columns).optional()?;
    let Some((showtime, revision)) = first else { return Ok(Step::Nothing) };
    let id = ShowtimeId::from_number(showtime);
    if let Some(revision) = remove_events(connection, places, id, revision)? {
        let sql = "UPDATE leaving SET revision = ?2 WHERE showtime = ?1";
        connection.prepare_cached(sql)?.execute(params![showtime, revision])?;
        return Ok(Step::Some);
    }
    let sql =
        "DELETE FROM request_key WHERE seq IN (SELECT seq FROM request_key WHERE showtime = ?1 LIMIT ?2)";
    if connection.prepare_cached(sql)?.execute(params![showtime, STEP])? == STEP {
        return Ok(Step::Some);
    }
    let (first, last) = seats_of(id);
    let sql = "DELETE FROM seat WHERE id IN (SELECT id FROM seat WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)";
    if connection.prepare_cached(sql)?.execute(params![first, last, STEP])? == STEP {
        return Ok(Step::Some);
    }
    connection.prepare_cached("DELETE FROM event_run WHERE showtime = ?1")?.execute([showtime])?;
    connection.prepare_cached("DELETE FROM leaving WHERE showtime = ?1")?.execute([showtime])?;
    Ok(Step::Last(id))
}

/// Removes the next events, with the holds that they made; the revision of the last of them, if there was any.
fn remove_events(
    connection: &Connection,
    places: &EventPlaces,
    id: ShowtimeId,
    after: u64,
) -> Result<Option<u64>, ReadError> {
    let next = places.find(connection, id, after, STEP)?;
    let Some(last) = next.last() else { return Ok(None) };
    let sql = "DELETE FROM event WHERE seq = ?1 AND showtime = ?2 RETURNING body";
    let mut remove = connection.prepare_cached(sql)?;
    let mut remove_hold =
        connection.prepare_cached("DELETE FROM hold WHERE serial = ?1 AND showtime = ?2")?;
    for place in &next {
        let body = remove.query_row(params![place.seq, id.number()], |row| row.get::<_, Vec<u8>>(0));
        let Some(body) = body.optional()? else { continue };
        for hold in &Change::decode(&body)?.holds {
            remove_hold.execute(params![hold.serial, id.number()])?;
        }
    }
    Ok(Some(last.revision))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use boxoffice_core::change::{Actor, EventKind, SeatChange, Transition};
    use boxoffice_core::hold::{HeldSeat, Hold, HoldStatus};
    use boxoffice_core::seat::SeatStatus;
    use boxoffice_engine::catalogue::{New, ShowtimeEntry};
    use boxoffice_engine::queue::{Commit, Outcome, Ticket};
    use boxoffice_engine::store::conformance::room::{NOW, plan, settings};

    use super::*;
    use crate::connection::open_writer;
    use crate::migration::{MIGRATIONS, migrate};
    use crate::writer::{in_transaction, write_batch};

    struct Nobody;

    impl Ticket for Nobody {
        fn in_doubt(&mut self) {}
        fn settle(self: Box<Self>, _: Outcome) {}
    }

    /// A database as the writer has it.
    pub(crate) struct House {
        pub(crate) connection: Connection,
        places: Arc<EventPlaces>,
        pub(crate) heads: Heads,
    }

    impl House {
        pub(crate) fn open(path: &Path) -> Self {
            let mut connection = open_writer(path, 1000).unwrap();
            migrate(&mut connection, path, MIGRATIONS).unwrap();
            let places = Arc::new(EventPlaces::read(&connection).unwrap());
            Self { connection, heads: Heads::new(Arc::clone(&places)), places }
        }

        pub(crate) fn showtime(&mut self, number: u64) -> ShowtimeId {
            let id = ShowtimeId::from_number(number);
            let entry = ShowtimeEntry {
                id,
                plan: plan(300, None).hash(),
                cinema: None,
                settings: Arc::new(settings(1, 5)),
                external_id: None,
            };
            crate::catalogue::add_plan(&self.connection, &plan(300, None)).unwrap();
            let made = crate::catalogue::create(
                &self.connection,
                &New::Showtime(entry, None),
                None,
                &mut self.heads,
            );
            assert!(made.unwrap().is_ok());
            id
        }

        /// Holds one seat after another, each by a hold of its own.
        fn hold(&mut self, id: ShowtimeId, seats: std::ops::Range<u32>) {
            let commits: Vec<_> = seats.map(|no| commit(id, no)).collect();
            let outcomes = write_batch(&self.connection, &commits, &mut self.heads).unwrap();
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Committed { .. })));
        }

        fn write_runs(&mut self) {
            let Self { connection, places, heads } = self;
            in_transaction(connection, heads, |_| places.write_runs(connection, usize::MAX)).unwrap();
            places.runs_are_written(usize::MAX);
        }

        fn take_out(&mut self, id: ShowtimeId) {
            let Self { connection, heads, .. } = self;
            in_transaction(connection, heads, |heads| take_out(connection, id, heads)).unwrap();
            heads.commit();
        }

        fn remove_all(&mut self) -> usize {
            for steps in 0.. {
                match step(&self.connection, &self.places).unwrap() {
                    Step::Nothing => return steps,
                    Step::Some => {}
                    Step::Last(id) => self.places.forget(id),
                }
            }
            0
        }

        fn revisions(&self, id: ShowtimeId) -> Vec<u64> {
            let events = crate::reads::events(&self.connection, &self.places, id, 0, 10_000).unwrap();
            events.into_iter().map(|event| event.revision).collect()
        }

        pub(crate) fn count(&self, table: &str) -> u64 {
            self.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        }
    }

    pub(crate) fn commit(id: ShowtimeId, no: u32) -> Commit {
        Commit { sealed: transition(id, no).into(), ticket: Box::new(Nobody) }
    }

    /// A hold of its own for a seat that nobody had before.
    pub(crate) fn transition(id: ShowtimeId, no: u32) -> Transition {
        let serial = id.number() * 1000 + u64::from(no);
        let seat = HeldSeat {
            no,
            version: 1,
            category: 0,
            ticket: "standard".into(),
            price: 1000,
            cancelled: false,
        };
        let hold = Hold {
            serial,
            version: 1,
            status: HoldStatus::Active,
            seats: [seat].into_iter().collect(),
            currency: settings(1, 5).currency,
            created_at: NOW,
            expires_at: NOW.plus_ms(1000),
            extendable_until: NOW.plus_ms(1000),
            ended_at: None,
            key_id: 1,
            metadata: Vec::new(),
            booking: None,
        };
        let seat =
            SeatChange { no, from: SeatStatus::Available, to: SeatStatus::Held, version: 1, owner: serial };
        let change = Change {
            at: NOW,
            kind: EventKind::HELD,
            actor: Actor::Patron,
            seats: [seat].into_iter().collect(),
            holds: [Arc::new(hold)].into_iter().collect(),
            settings: None,
            request: None,
            reason: None,
        };
        Transition {
            showtime: id,
            change: Arc::new(change),
            settings_version: None,
            never_held: false,
            keys_since: NOW,
            contact: None,
        }
    }

    #[test]
    fn a_row_of_the_newest_events_is_not_given_again() {
        for runs_first in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("b.db");
            let mut house = House::open(&path);
            let (stays, goes) = (house.showtime(1), house.showtime(2));
            house.hold(stays, 0..3);
            house.hold(goes, 0..5);
            if runs_first {
                house.write_runs();
            }
            house.take_out(goes);
            if !runs_first {
                house.write_runs();
            }
            house.remove_all();
            house.hold(stays, 3..5);
            assert_eq!(house.revisions(stays), [1, 2, 3, 4, 5]);
            drop(house);
            let mut house = House::open(&path);
            assert_eq!(house.revisions(stays), [1, 2, 3, 4, 5], "after a restart, runs first: {runs_first}");
            house.hold(stays, 5..6);
            house.write_runs();
            assert_eq!(house.revisions(stays), [1, 2, 3, 4, 5, 6]);
            let next = house.showtime(3);
            house.hold(next, 0..2);
            drop(house);
            let house = House::open(&path);
            assert_eq!((house.revisions(stays).len(), house.revisions(next).len()), (6, 2));
        }
    }

    #[test]
    fn a_showtime_leaves_whole_in_steps_also_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let mut house = House::open(&path);
        let (stays, goes) = (house.showtime(1), house.showtime(2));
        house.hold(goes, 0..150);
        house.write_runs();
        house.hold(stays, 0..10);
        house.hold(goes, 150..300);
        house.take_out(goes);
        assert!(is_leaving(&house.connection, goes).unwrap());
        assert_eq!(step(&house.connection, &house.places).unwrap(), Step::Some);
        assert_eq!((house.count("hold"), house.count("event")), (182, 182), "a step is small");
        drop(house);
        let mut house = House::open(&path);
        let steps = house.remove_all();
        assert!(steps > 3, "{steps} steps");
        for table in ["hold", "event", "seat"] {
            assert_eq!(house.count(table), 10, "rows of {table} that belong to the other");
        }
        for table in ["leaving", "event_run"] {
            assert_eq!(house.count(table), 0, "{table}");
        }
        assert_eq!(house.revisions(stays).len(), 10);
        house.write_runs();
        assert_eq!(house.count("event_run"), 1, "nothing is written of what is gone");
        assert_eq!(step(&house.connection, &house.places).unwrap(), Step::Nothing);
    }
}
