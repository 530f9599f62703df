//! One batch as one database transaction: it is decided who loses, by what is known or after a look under the lock, and the
//! rest is committed if all is so.

use boxoffice_core::change::Transition;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::SeatNo;
use boxoffice_engine::queue::{Outcome, Sealed};
use tokio_postgres::Client;

use super::known::Known;
use super::look::{Keys, lock_and_read, read_cold};
use super::rows::{Rows, write, write_settings};
use super::whole::write_whole;
use crate::error::Failure;
use crate::session::{BEGIN, BY_KEY, COMMIT, END, STEP, within};
use crate::state::Map;

/// Why a batch came to nothing.
#[derive(Debug)]
pub(crate) enum BatchError {
    /// It failed, which is certain: nothing of it was done, nor ever will be.
    NotCommitted(Failure),
    /// COMMIT was sent, and nobody knows more: if it was done, these are the outcomes.
    InDoubt(Failure, Vec<Outcome>),
}

impl From<Failure> for BatchError {
    fn from(failure: Failure) -> Self {
        Self::NotCommitted(failure)
    }
}

/// A batch that was committed.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) outcomes: Vec<Outcome>,
    /// The history that they belong to.
    pub(crate) epoch: String,
    /// Whether it was written a second time, because the first one failed.
    pub(crate) again: bool,
}

/// A showtime's clock, as the batch has made it so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) revision: u64,
    pub(super) settings_version: u32,
    pub(super) ever_held: bool,
}

/// A batch while it is decided: what it relies on, and what it has made of that so far.
struct Turn<'k> {
    known: &'k Known,
    heads: Map<ShowtimeId, Head>,
    seats: Map<(ShowtimeId, SeatNo), u32>,
    holds: Map<(ShowtimeId, Serial), u32>,
    keys: Keys,
}

impl Turn<'_> {
    /// The revision that a transition gets, if everything that it relies on is as it was.
    fn decide(&mut self, sealed: &Sealed) -> Option<u64> {
        let Transition { showtime, change, .. } = &sealed.transition;
        let stored = self.known.get(*showtime)?;
        let (settings_version, ever_held) = stored.clock?;
        let head = self.heads.entry(*showtime).or_insert(Head {
            revision: stored.state.revision,
            settings_version,
            ever_held,
        });
        let seat = |no| {
            let changed = self.seats.get(&(*showtime, no)).copied();
            changed.unwrap_or_else(|| stored.state.seat_version(no))
        };
        let hold = |serial| {
            let changed = self.holds.get(&(*showtime, serial)).copied();
            changed.unwrap_or_else(|| stored.state.hold_version(serial))
        };
        let is_current = sealed.epoch.as_ref().is_none_or(|epoch| **epoch == *self.known.epoch())
            && !(sealed.transition.never_held && head.ever_held)
            && sealed.transition.settings_version.is_none_or(|version| version == head.settings_version)
            && change.seats.iter().all(|change| seat(change.no) + 1 == change.version)
            && change.holds.iter().all(|change| hold(change.serial) + 1 == change.version)
            && change.request.is_none_or(|request| {
                let used = self.keys.get(&(*showtime, request.key));
                used.is_none_or(|at_ms| *at_ms < sealed.transition.keys_since.as_ms())
            });
        if !is_current {
            return None;
        }
        head.revision += 1;
        head.ever_held |= !change.holds.is_empty();
        if let Some(settings) = &change.settings {
            head.settings_version = settings.version;
        }
        self.seats.extend(change.seats.iter().map(|seat| ((*showtime, seat.no), seat.version)));
        self.holds.extend(change.holds.iter().map(|hold| ((*showtime, hold.serial), hold.version)));
        if let Some(request) = change.request {
            self.keys.insert((*showtime, request.key), change.at.as_ms());
        }
        Some(head.revision)
    }
}

/// Decides one transition after the other: who wins, and what is to be written for all of them.
pub(crate) fn judge<'b>(batch: &'b [Sealed], known: &Known, keys: Keys) -> (Vec<Outcome>, Rows<'b>) {
    let mut turn = Turn { known, heads: Map::default(), seats: Map::default(), holds: Map::default(), keys };
    let mut rows = Rows::default();
    let mut outcomes = Vec::with_capacity(batch.len());
    for sealed in batch {
        outcomes.push(match turn.decide(sealed) {
            None => Outcome::Conflict,
            Some(revision) => {
                rows.add(sealed, revision);
                Outcome::Committed { revision }
            }
        });
    }
    rows.finish(known, &turn.heads);
    (outcomes, rows)
}

/// Writes a batch and commits it, under the id of its fence. If what is known may be trusted, nothing is read at first, and
/// the database refuses the whole batch if it is not so. What is refused, and what cannot be written so, is written after
/// a look under the lock. Where the tables are spread, always.
pub(crate) async fn write_batch(
    client: &Client,
    batch: &[Sealed],
    fence: (i64, [u8; 16]),
    known: &mut Known,
    (trusting, is_spread): (bool, bool),
    epoch: &str,
) -> Result<Written, BatchError> {
    let mut again = false;
    if !known.begin(batch, epoch) {
        Box::pin(read_cold(client, batch, known, is_spread)).await?;
    } else if trusting && !is_spread {
        let (outcomes, rows) = judge(batch, known, Keys::default());
        // Who loses has really lost if the database finds that showtime as it was known.
        let is_told = |(sealed, outcome): (&Sealed, &Outcome)| {
            *outcome != Outcome::Conflict || rows.has_clock(sealed.transition.showtime)
        };
        if !rows.has_settings() && batch.iter().zip(&outcomes).all(is_told) {
            match write_whole(client, &rows, known.epoch(), fence, false).await {
                Ok(()) => {
                    known.follow(batch, &outcomes, &rows, fence.1);
                    return Ok(Written { outcomes, epoch: epoch.to_owned(), again });
                }
                Err(Failure::Lost(why)) => return Err(BatchError::InDoubt(Failure::Lost(why), outcomes)),
                Err(Failure::InTheWay(why)) => {
                    tracing::debug!(why, "a batch is written again, after a look under the lock");
                }
                Err(failure) => {
                    tracing::warn!(%failure, "a batch failed, and is written again, after a look under the lock");
                }
            }
            again = true;
            roll_back(client).await?;
        }
    }
    let outcomes = Box::pin(write_looking(client, batch, fence, known, is_spread)).await?;
    Ok(Written { outcomes, epoch: known.epoch().to_owned(), again })
}

async fn write_looking(
    client: &Client,
    batch: &[Sealed],
    fence: (i64, [u8; 16]),
    known: &mut Known,
    is_spread: bool,
) -> Result<Vec<Outcome>, BatchError> {
    let by_key = async { if is_spread { Ok(client.batch_execute(BY_KEY).await?) } else { Ok(()) } };
    let read = lock_and_read(client, batch, known, is_spread);
    let read = async { tokio::try_join!(biased; begin(client), by_key, read) };
    let ((), (), keys) = within(STEP, read).await?;
    let (outcomes, rows) = judge(batch, known, keys);
    if rows.is_empty() {
        roll_back(client).await?;
        return Ok(outcomes);
    }
    within(STEP, write_settings(client, &rows)).await?;
    let ended = if is_spread {
        within(STEP, write(client, &rows, Some(fence))).await?;
        within(COMMIT, async { Ok(client.batch_execute(END).await?) }).await
    } else {
        match write_whole(client, &rows, known.epoch(), fence, true).await {
            Err(failure) if !matches!(failure, Failure::Lost(_)) => return Err(failure.into()),
            ended => ended,
        }
    };
    match ended {
        Ok(()) => {
            known.follow(batch, &outcomes, &rows, fence.1);
            Ok(outcomes)
        }
        Err(failure) => Err(BatchError::InDoubt(failure, outcomes)),
    }
}

async fn roll_back(client: &Client) -> Result<(), Failure> {
    within(STEP, async { Ok(client.batch_execute("ROLLBACK").await?) }).await
}

pub(super) async fn begin(client: &Client) -> Result<(), Failure> {
    Ok(client.batch_execute(BEGIN).await?)
}
