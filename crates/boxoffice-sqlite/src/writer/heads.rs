//! Where each showtime's log stands, as the writer knows it: only one process writes, so memory may answer.

use std::sync::Arc;

use boxoffice_core::id::ShowtimeId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rusqlite::{Connection, OptionalExtension, params};

use crate::event_places::{EventPlaces, Place};
use crate::reads::seats_of;

/// How many are remembered; beyond that all are forgotten and read again.
const MOST: usize = 100_000;

/// A showtime's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) revision: u64,
    pub(crate) settings_version: u32,
    pub(crate) ever_held: bool,
}

/// The committed heads, and those of the transaction that is being put together.
pub(crate) struct Heads {
    committed: HashMap<ShowtimeId, Head, FixedState>,
    pending: HashMap<ShowtimeId, Head, FixedState>,
    events: Arc<EventPlaces>,
    pending_events: Vec<(ShowtimeId, Place)>,
    pending_gone: Vec<ShowtimeId>,
    /// Whether showtimes were taken out that nobody has been told of.
    have_left: bool,
    /// The row of the newest event, once it is known.
    last_seq: Option<i64>,
}

impl Heads {
    /// None is known yet. Committed events are noted in `events`.
    pub(crate) fn new(events: Arc<EventPlaces>) -> Self {
        Self {
            committed: HashMap::default(),
            pending: HashMap::default(),
            events,
            pending_events: Vec::new(),
            pending_gone: Vec::new(),
            have_left: false,
            last_seq: None,
        }
    }

    /// The row for the next event: after every row that the runs have, also when those events were removed, because
    /// by its row an event is known to be in the runs or after them.
    pub(crate) fn next_seq(&mut self, connection: &Connection) -> rusqlite::Result<i64> {
        if let Some((_, place)) = self.pending_events.last() {
            return Ok(place.seq + 1);
        }
        if let Some(last) = self.last_seq {
            return Ok(last + 1);
        }
        let sql = "SELECT max(coalesce((SELECT max(seq) FROM event), 0), CAST(value AS INTEGER))
                   FROM meta WHERE name = 'events_in_runs'";
        let last: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        self.last_seq = Some(last);
        Ok(last + 1)
    }

    /// Where a showtime stands within the transaction; `None` if there is no such showtime.
    pub(crate) fn get(&mut self, connection: &Connection, id: ShowtimeId) -> rusqlite::Result<Option<Head>> {
        if let Some(head) = self.pending.get(&id).or_else(|| self.committed.get(&id)) {
            return Ok(Some(*head));
        }
        let sql =
            "SELECT max(revision, coalesce((SELECT max(revision) FROM seat WHERE id BETWEEN ?2 AND ?3), 0)),
                       settings_version, ever_held FROM showtime WHERE id = ?1";
        let (first, last) = seats_of(id);
        let columns = |row: &rusqlite::Row<'_>| {
            Ok(Head { revision: row.get(0)?, settings_version: row.get(1)?, ever_held: row.get(2)? })
        };
        let mut statement = connection.prepare_cached(sql)?;
        let Some(head) = statement.query_row(params![id.number(), first, last], columns).optional()? else {
            return Ok(None);
        };
        self.pending.insert(id, head);
        Ok(Some(head))
    }

    /// Moves a showtime on within the transaction, by the event in the row `seq`.
    pub(crate) fn advance(&mut self, id: ShowtimeId, head: Head, seq: i64) {
        self.pending.insert(id, head);
        self.pending_events.push((id, Place { revision: head.revision, seq }));
    }

    /// A showtime is no more, within the transaction.
    pub(crate) fn take_out(&mut self, id: ShowtimeId) {
        self.pending.remove(&id);
        self.pending_gone.push(id);
    }

    /// Whether showtimes were taken out since this was last asked.
    pub(crate) fn have_left(&mut self) -> bool {
        std::mem::take(&mut self.have_left)
    }

    /// The transaction was committed.
    pub(crate) fn commit(&mut self) {
        if self.committed.len() + self.pending.len() > MOST {
            self.committed.clear();
        }
        self.committed.extend(self.pending.drain());
        for id in self.pending_gone.drain(..) {
            self.committed.remove(&id);
            self.have_left = true;
        }
        if let Some((_, place)) = self.pending_events.last() {
            self.last_seq = Some(place.seq);
        }
        self.events.note(self.pending_events.drain(..));
    }

    /// The transaction was undone.
    pub(crate) fn roll_back(&mut self) {
        self.pending.clear();
        self.pending_events.clear();
        self.pending_gone.clear();
    }

    /// Forgets all, so that they are read again.
    pub(crate) fn forget(&mut self) {
        self.committed.clear();
        self.last_seq = None;
        self.roll_back();
    }
}
