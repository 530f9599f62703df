//! One batch as one database transaction: a losing transition leaves it without harming the others.

use boxoffice_core::hold::{Contact, HoldStatus};
use boxoffice_engine::queue::{Commit, Outcome, Sealed};
use rusqlite::{CachedStatement, Connection, ErrorCode, params};

use super::heads::{Head, Heads};
use crate::bookings::Columns;
use crate::reads::seat_key;

/// Why a batch came to nothing.
#[derive(Debug)]
pub(crate) enum BatchError {
    /// It failed before COMMIT and was rolled back.
    NotCommitted(rusqlite::Error),
    /// COMMIT failed: what was written may come back after a crash.
    InDoubt(rusqlite::Error),
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        Self::NotCommitted(error)
    }
}

/// How a transition fared within the transaction.
enum Written {
    /// All of it is written.
    Whole(u64),
    /// It lost before anything of it was written.
    Lost,
    /// It lost half way: what is written must be undone.
    LostHalfWay,
}

/// Writes a batch and commits it. Usually nobody loses, so the first pass sets no savepoints; a loser half way
/// makes it start again with one for each transition.
pub(crate) fn write_batch(
    connection: &Connection,
    batch: &[Commit],
    heads: &mut Heads,
) -> Result<Vec<Outcome>, BatchError> {
    let result = in_transaction(connection, heads, |heads| match write_all(connection, batch, heads)? {
        Some(outcomes) => Ok(outcomes),
        None => {
            connection.execute_batch("ROLLBACK; BEGIN IMMEDIATE")?;
            heads.roll_back();
            write_each(connection, batch, heads)
        }
    });
    if result.is_ok() {
        heads.commit();
    } else {
        heads.roll_back();
    }
    result
}

/// Runs `write` in a transaction of its own and commits it.
pub(crate) fn in_transaction<T, E: From<rusqlite::Error> + Into<BatchError>>(
    connection: &Connection,
    heads: &mut Heads,
    write: impl FnOnce(&mut Heads) -> Result<T, E>,
) -> Result<T, BatchError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let written = write(heads);
    let value = match written {
        Ok(value) => value,
        Err(error) => {
            roll_back(connection);
            return Err(error.into());
        }
    };
    let committed = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
    if let Err(error) = committed {
        roll_back(connection);
        return Err(BatchError::InDoubt(error));
    }
    Ok(value)
}

/// Leaves the transaction, if SQLite has not done so by itself.
pub(crate) fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a rollback failed");
    }
}

/// Writes all transitions; `None` if one lost half way.
fn write_all(
    connection: &Connection,
    batch: &[Commit],
    heads: &mut Heads,
) -> rusqlite::Result<Option<Vec<Outcome>>> {
    let mut statements = Statements::prepare(connection)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for commit in batch {
        outcomes.push(match statements.write(connection, &commit.sealed, heads)? {
            Written::Whole(revision) => Outcome::Committed { revision },
            Written::Lost => Outcome::Conflict,
            Written::LostHalfWay => return Ok(None),
        });
    }
    Ok(Some(outcomes))
}

/// Writes all transitions, each within a savepoint.
fn write_each(
    connection: &Connection,
    batch: &[Commit],
    heads: &mut Heads,
) -> rusqlite::Result<Vec<Outcome>> {
    let mut statements = Statements::prepare(connection)?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for commit in batch {
        connection.prepare_cached("SAVEPOINT transition")?.execute([])?;
        let outcome = match statements.write(connection, &commit.sealed, heads)? {
            Written::Whole(revision) => Outcome::Committed { revision },
            Written::Lost | Written::LostHalfWay => {
                connection.prepare_cached("ROLLBACK TO transition")?.execute([])?;
                Outcome::Conflict
            }
        };
        connection.prepare_cached("RELEASE transition")?.execute([])?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// The statements of a transition, prepared once for a batch.
pub(crate) struct Statements<'c> {
    first_seat: CachedStatement<'c>,
    next_seat: CachedStatement<'c>,
    first_hold: CachedStatement<'c>,
    next_hold: CachedStatement<'c>,
    booking: CachedStatement<'c>,
    event: CachedStatement<'c>,
    key: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            first_seat: connection.prepare_cached(
                "INSERT INTO seat (id, version, status, owner, revision) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            next_seat: connection.prepare_cached(
                "UPDATE seat SET version = ?2, status = ?3, owner = ?4, revision = ?5
                 WHERE id = ?1 AND version = ?2 - 1",
            )?,
            first_hold: connection.prepare_cached(
                "INSERT INTO hold (serial, showtime, version, status, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            next_hold: connection.prepare_cached(
                "UPDATE hold SET version = ?3, status = ?4, body = ?5
                 WHERE serial = ?1 AND showtime = ?2 AND version = ?3 - 1",
            )?,
            booking: connection.prepare_cached(
                "UPDATE hold SET version = ?3, status = ?4, body = ?5, reference = ?6, booked_at_ms = ?7,
                     cancelled = ?8, contact = coalesce(?9, contact), email = coalesce(?10, email)
                 WHERE serial = ?1 AND showtime = ?2 AND version = ?3 - 1",
            )?,
            event: connection.prepare_cached(
                "INSERT INTO event (seq, showtime, revision, body) VALUES (?1, ?2, ?3, ?4)",
            )?,
            key: connection.prepare_cached(
                "INSERT INTO request_key (showtime, key, revision, at_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (showtime, key) DO UPDATE SET seq = (SELECT max(seq) + 1 FROM request_key),
                     revision = excluded.revision, at_ms = excluded.at_ms
                     WHERE at_ms < ?5",
            )?,
        })
    }

    /// Writes one transition at its showtime's next revision.
    fn write(
        &mut self,
        connection: &Connection,
        sealed: &Sealed,
        heads: &mut Heads,
    ) -> rusqlite::Result<Written> {
        let (transition, change) = (&sealed.transition, &sealed.transition.change);
        let Some(head) = heads.get(connection, transition.showtime)? else { return Ok(Written::Lost) };
        if transition.settings_version.is_some_and(|version| version != head.settings_version)
            || (transition.never_held && head.ever_held)
        {
            return Ok(Written::Lost);
        }
        let showtime = transition.showtime.number();
        let revision = head.revision + 1;
        let mut rows = Rows::default();
        for seat in &change.seats {
            let key = seat_key(transition.showtime, seat.no);
            let statement = if seat.version == 1 { &mut self.first_seat } else { &mut self.next_seat };
            if let Some(lost) =
                rows.one(statement.execute(params![key, seat.version, seat.to as u8, seat.owner, revision]))?
            {
                return Ok(lost);
            }
        }
        for (hold, body) in change.holds.iter().zip(&sealed.holds) {
            let (serial, version, status) = (hold.serial, hold.version, hold.status as u8);
            let written = if hold.status == HoldStatus::Booked {
                let contact = transition.contact.as_ref();
                let columns = Columns::of(hold, contact);
                let (reference, email) = (
                    hold.booking.as_ref().map(|booking| booking.reference.number()),
                    columns.email.as_deref(),
                );
                let contact = contact.map(Contact::encode);
                let (at, cancelled) = (columns.booked_at_ms, columns.cancelled);
                if version == 1 {
                    // Booked as it is made: it is made first.
                    let active = HoldStatus::Active as u8;
                    let made = self.first_hold.execute(params![serial, showtime, 0, active, body]);
                    if let Some(lost) = rows.one(made)? {
                        return Ok(lost);
                    }
                }
                self.booking.execute(params![
                    serial, showtime, version, status, body, reference, at, cancelled, contact, email
                ])
            } else {
                // Nothing of these stands in an index: a hold that is not booked costs none of them a write.
                let statement = if version == 1 { &mut self.first_hold } else { &mut self.next_hold };
                statement.execute(params![serial, showtime, version, status, body])
            };
            if let Some(lost) = rows.one(written)? {
                return Ok(lost);
            }
        }
        if let Some(request) = change.request {
            let at = change.at.as_ms();
            let key = params![showtime, request.key, revision, at, transition.keys_since.as_ms()];
            if let Some(lost) = rows.one(self.key.execute(key))? {
                return Ok(lost);
            }
        }
        let seq = heads.next_seq(connection)?;
        self.event.execute(params![seq, showtime, revision, sealed.event])?;
        if change.seats.is_empty() {
            connection
                .prepare_cached("UPDATE showtime SET revision = ?2 WHERE id = ?1")?
                .execute(params![showtime, revision])?;
        }
        let mut after = Head { revision, ever_held: head.ever_held || !change.holds.is_empty(), ..head };
        if let Some(settings) = &change.settings {
            crate::catalogue::update_settings(connection, transition.showtime, settings)?;
            after.settings_version = settings.version;
        }
        if after.ever_held && !head.ever_held {
            connection
                .prepare_cached("UPDATE showtime SET ever_held = 1 WHERE id = ?1")?
                .execute([showtime])?;
        }
        heads.advance(transition.showtime, after, seq);
        Ok(Written::Whole(revision))
    }

    /// Writes a transition that cannot lose: the first one of a new showtime.
    pub(crate) fn write_first(
        &mut self,
        connection: &Connection,
        sealed: &Sealed,
        heads: &mut Heads,
    ) -> rusqlite::Result<()> {
        match self.write(connection, sealed, heads)? {
            Written::Whole(1) => Ok(()),
            _ => Err(rusqlite::Error::StatementChangedRows(0)),
        }
    }
}

/// Watches that each statement changes its one row: it does not when the version was another, or the key was there
/// already.
#[derive(Default)]
struct Rows {
    changed: bool,
}

impl Rows {
    /// How the transition is lost, if this statement did not change its row.
    fn one(&mut self, result: rusqlite::Result<usize>) -> rusqlite::Result<Option<Written>> {
        let one = match result {
            Ok(count) => count == 1,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => false,
            Err(error) => return Err(error),
        };
        let before = std::mem::replace(&mut self.changed, true);
        Ok(match (one, before) {
            (true, _) => None,
            (false, true) => Some(Written::LostHalfWay),
            (false, false) => Some(Written::Lost),
        })
    }
}
