//! Where each showtime's log stands, as the writer knows it: only one process writes, so memory may answer.

use boxoffice_core::id::ShowtimeId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rusqlite::{Connection, OptionalExtension};

use crate::reads;

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
#[derive(Default)]
pub(crate) struct Heads {
    committed: HashMap<ShowtimeId, Head, FixedState>,
    pending: HashMap<ShowtimeId, Head, FixedState>,
}

impl Heads {
    /// Where a showtime stands within the transaction; `None` if there is no such showtime.
    pub(crate) fn get(&mut self, connection: &Connection, id: ShowtimeId) -> rusqlite::Result<Option<Head>> {
        if let Some(head) = self.pending.get(&id).or_else(|| self.committed.get(&id)) {
            return Ok(Some(*head));
        }
        let mut statement =
            connection.prepare_cached("SELECT settings_version, ever_held FROM showtime WHERE id = ?1")?;
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let Some((settings_version, ever_held)) = statement.query_row([id.number()], columns).optional()?
        else {
            return Ok(None);
        };
        let head = Head { revision: reads::head(connection, id)?, settings_version, ever_held };
        self.pending.insert(id, head);
        Ok(Some(head))
    }

    /// Moves a showtime on within the transaction.
    pub(crate) fn set(&mut self, id: ShowtimeId, head: Head) {
        self.pending.insert(id, head);
    }

    /// The transaction was committed.
    pub(crate) fn commit(&mut self) {
        if self.committed.len() + self.pending.len() > MOST {
            self.committed.clear();
        }
        self.committed.extend(self.pending.drain());
    }

    /// The transaction was undone.
    pub(crate) fn roll_back(&mut self) {
        self.pending.clear();
    }
}
