//! One batch as one database transaction: everybody who loses is found under the lock, before anything is committed.

use boxoffice_core::change::Transition;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::SeatNo;
use boxoffice_engine::queue::{Outcome, Sealed};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tokio_postgres::Client;

use super::rows::{Rows, Showtimes, write};
use super::statements::{MANY, ONE, Statements};
use super::whole::Whole;
use crate::error::Failure;
use crate::history::READ_EPOCH;
use crate::reads::key_of;
use crate::session::{BEGIN, BY_KEY, COMMIT, END, STEP, within};
use crate::values::{bytes, get, number, row, rows, typed};

/// Why a batch came to nothing.
#[derive(Debug)]
pub(crate) enum BatchError {
    /// It failed before COMMIT was sent: nothing of it was done, nor ever will be.
    NotCommitted(Failure),
    /// COMMIT was sent: if it was done, these are the outcomes.
    InDoubt(Failure, Vec<Outcome>),
}

impl From<Failure> for BatchError {
    fn from(failure: Failure) -> Self {
        Self::NotCommitted(failure)
    }
}

/// A showtime's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) revision: u64,
    pub(crate) settings_version: u32,
    pub(crate) ever_held: bool,
}

pub(crate) type Map<K, V> = HashMap<K, V, FixedState>;

/// What is looked at before a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing: the database itself refuses the whole batch if anything is not as it relies on. What cannot be written so
    /// is looked at as [`Old`](Self::Old).
    Nothing,
    /// The rows that are to change. What is to be new is inserted unseen: it is new nearly always, and a row that is there
    /// all the same fails the whole transaction. In which words depends on who says it: an extension that passes rows on
    /// to other servers has its own.
    Old,
    /// The places of new rows, too.
    All,
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

/// What is stored of all that a batch relies on, and then what the batch has made of it so far.
#[derive(Default)]
pub(crate) struct Known {
    /// The history that the server goes on with: after a failover the same versions may mean other things.
    pub(crate) epoch: String,
    pub(crate) heads: Map<ShowtimeId, Head>,
    seats: Map<(ShowtimeId, SeatNo), u32>,
    holds: Map<(ShowtimeId, Serial), u32>,
    keys: Map<(ShowtimeId, [u8; 16]), i64>,
}

/// What a batch relies on, as parameters.
struct Relied {
    showtimes: Vec<i64>,
    seats: (Vec<i64>, Vec<i32>),
    holds: (Vec<i64>, Vec<i64>),
    keys: (Vec<i64>, Vec<Vec<u8>>),
}

impl Relied {
    fn on(batch: &[Sealed], look: Look) -> Self {
        let seen = |version: u32| version > 1 || look == Look::All;
        let mut relied = Self {
            showtimes: Vec::new(),
            seats: <_>::default(),
            holds: <_>::default(),
            keys: <_>::default(),
        };
        for Sealed { transition, .. } in batch {
            let (id, change) = (key_of(transition.showtime), &transition.change);
            relied.showtimes.push(id);
            for seat in change.seats.iter().filter(|seat| seen(seat.version)) {
                relied.seats.0.push(id);
                relied.seats.1.push(seat.no as i32);
            }
            for hold in change.holds.iter().filter(|hold| seen(hold.version)) {
                relied.holds.0.push(id);
                relied.holds.1.push(hold.serial as i64);
            }
            if let Some(request) = change.request {
                relied.keys.0.push(id);
                relied.keys.1.push(request.key.to_vec());
            }
        }
        relied.showtimes.sort_unstable();
        relied.showtimes.dedup();
        relied
    }
}

/// Which statements a batch is written with.
fn statements(batch: &[Sealed]) -> (&'static Statements, Option<i64>) {
    let mut ids = batch.iter().map(|sealed| sealed.transition.showtime);
    match ids.next() {
        Some(first) if ids.all(|id| id == first) => (&ONE, Some(key_of(first))),
        _ => (&MANY, None),
    }
}

/// Locks the clocks of a batch's showtimes and reads what it relies on, within a transaction: all statements are sent at
/// once, and each sees what was committed before it began.
pub(crate) async fn lock_and_read(client: &Client, batch: &[Sealed], look: Look) -> Result<Known, Failure> {
    let (statements, one) = statements(batch);
    let relied = Relied::on(batch, look);
    let first = |ids: Vec<i64>| Showtimes::of(one, ids);
    let (locked, seat_ids, hold_ids, key_ids) =
        (first(relied.showtimes), first(relied.seats.0), first(relied.holds.0), first(relied.keys.0));
    let lock = [locked.value()];
    let seats = [seat_ids.value(), typed(&relied.seats.1)];
    let holds = [hold_ids.value(), typed(&relied.holds.1)];
    let keys = [key_ids.value(), typed(&relied.keys.1)];
    let some = async |wanted: bool, sql: &str, values: &[_]| {
        if wanted { rows(client, sql, values).await } else { Ok(Vec::new()) }
    };
    let (epoch, heads, seats, holds, keys) = tokio::try_join!(
        biased;
        row(client, READ_EPOCH, &[]),
        rows(client, &statements.lock, &lock),
        some(!relied.seats.1.is_empty(), &statements.seats, &seats),
        some(!relied.holds.1.is_empty(), &statements.holds, &holds),
        some(!relied.keys.1.is_empty(), &statements.keys, &keys),
    )?;
    let showtime = |row| number(row, 0).map(ShowtimeId::from_number);
    let epoch = epoch.ok_or_else(|| Failure::Damaged("the epoch is missing".into()))?;
    let mut known = Known { epoch: get(&epoch, 0)?, ..Known::default() };
    for row in &heads {
        let head = Head {
            revision: number(row, 1)?,
            settings_version: get::<i32>(row, 2)? as u32,
            ever_held: get(row, 3)?,
        };
        known.heads.insert(showtime(row)?, head);
    }
    for row in &seats {
        known.seats.insert((showtime(row)?, get::<i32>(row, 1)? as SeatNo), get::<i32>(row, 2)? as u32);
    }
    for row in &holds {
        known.holds.insert((showtime(row)?, number(row, 1)?), get::<i32>(row, 2)? as u32);
    }
    for row in &keys {
        known.keys.insert((showtime(row)?, bytes(row, 1)?), get(row, 2)?);
    }
    Ok(known)
}

impl Known {
    /// All that a batch relies on as if it were so, with revisions counted from 0 and a version of settings of 0 where
    /// none is relied on.
    pub(super) fn as_relied_on(batch: &[Sealed], epoch: &str) -> Self {
        let mut known = Self { epoch: epoch.to_owned(), ..Self::default() };
        for Sealed { transition, .. } in batch {
            let (showtime, change) = (transition.showtime, &transition.change);
            let head = known.heads.entry(showtime).or_insert(Head {
                revision: 0,
                settings_version: 0,
                ever_held: false,
            });
            if head.settings_version == 0 {
                head.settings_version = transition.settings_version.unwrap_or(0);
            }
            for seat in &change.seats {
                known.seats.entry((showtime, seat.no)).or_insert(seat.version.saturating_sub(1));
            }
            for hold in &change.holds {
                known.holds.entry((showtime, hold.serial)).or_insert(hold.version.saturating_sub(1));
            }
        }
        known
    }

    /// Whether everything that a transition relied on is as it was.
    fn is_current(&self, sealed: &Sealed) -> Option<Head> {
        let transition = &sealed.transition;
        let Transition { showtime, change, .. } = transition;
        let head = *self.heads.get(showtime)?;
        let seat = |no| self.seats.get(&(*showtime, no)).copied().unwrap_or(0);
        let hold = |serial| self.holds.get(&(*showtime, serial)).copied().unwrap_or(0);
        let current = sealed.epoch.as_ref().is_none_or(|epoch| **epoch == *self.epoch)
            && !(transition.never_held && head.ever_held)
            && transition.settings_version.is_none_or(|version| version == head.settings_version)
            && change.seats.iter().all(|change| seat(change.no) + 1 == change.version)
            && change.holds.iter().all(|change| hold(change.serial) + 1 == change.version)
            && change.request.is_none_or(|request| {
                let used = self.keys.get(&(*showtime, request.key));
                used.is_none_or(|at_ms| *at_ms < transition.keys_since.as_ms())
            });
        current.then_some(head)
    }

    /// Moves on by a transition that is current; says its revision.
    fn apply(&mut self, transition: &Transition, head: Head) -> u64 {
        let Transition { showtime, change, .. } = transition;
        let revision = head.revision + 1;
        let after = Head {
            revision,
            settings_version: change.settings.as_ref().map_or(head.settings_version, |new| new.version),
            ever_held: head.ever_held || !change.holds.is_empty(),
        };
        self.heads.insert(*showtime, after);
        self.seats.extend(change.seats.iter().map(|seat| ((*showtime, seat.no), seat.version)));
        self.holds.extend(change.holds.iter().map(|hold| ((*showtime, hold.serial), hold.version)));
        if let Some(request) = change.request {
            self.keys.insert((*showtime, request.key), change.at.as_ms());
        }
        revision
    }
}

/// Decides one transition after the other: who wins, and what is to be written for all of them.
pub(crate) fn judge<'b>(
    batch: &'b [Sealed],
    mut known: Known,
    mut rows: Rows<'b>,
) -> (Vec<Outcome>, Rows<'b>) {
    let mut outcomes = Vec::with_capacity(batch.len());
    for sealed in batch {
        outcomes.push(match known.is_current(sealed) {
            None => Outcome::Conflict,
            Some(head) => {
                let revision = known.apply(&sealed.transition, head);
                rows.add(sealed, revision);
                Outcome::Committed { revision }
            }
        });
    }
    rows.add_clocks(&known.heads);
    (outcomes, rows)
}

/// Writes a batch and commits it, under the id of its fence. One that fails unseen, most likely at rows where none were
/// expected, is undone and written again after a look at all.
pub(crate) async fn write_batch(
    client: &Client,
    batch: &[Sealed],
    fence: (i64, [u8; 16]),
    look: Look,
    epoch: &str,
) -> Result<Written, BatchError> {
    let written = |again| move |(outcomes, epoch)| Written { outcomes, epoch, again };
    let whole = (look == Look::Nothing).then(|| Whole::of(batch, epoch)).flatten();
    let first = match whole {
        Some(whole) => whole.write(client, fence).await.map(|outcomes| (outcomes, epoch.to_owned())),
        None => write_once(client, batch, fence, look).await,
    };
    match first {
        Err(BatchError::NotCommitted(failure))
            if look != Look::All && !matches!(failure, Failure::Lost(_)) =>
        {
            if let Failure::InTheWay(why) = failure {
                tracing::debug!(why, "a batch is written again, after a look at all of it");
            } else {
                tracing::warn!(%failure, "a batch failed, and is written again, after a look at all of it");
            }
            roll_back(client).await?;
            write_once(client, batch, fence, Look::All).await.map(written(true))
        }
        result => result.map(written(false)),
    }
}

async fn roll_back(client: &Client) -> Result<(), Failure> {
    within(STEP, async { Ok(client.batch_execute("ROLLBACK").await?) }).await
}

pub(super) async fn begin(client: &Client) -> Result<(), Failure> {
    Ok(client.batch_execute(BEGIN).await?)
}

/// Commits what was written with these outcomes.
pub(super) async fn commit(client: &Client, outcomes: Vec<Outcome>) -> Result<Vec<Outcome>, BatchError> {
    match within(COMMIT, async { Ok(client.batch_execute(END).await?) }).await {
        Ok(()) => Ok(outcomes),
        Err(failure) => Err(BatchError::InDoubt(failure, outcomes)),
    }
}

async fn write_once(
    client: &Client,
    batch: &[Sealed],
    fence: (i64, [u8; 16]),
    look: Look,
) -> Result<(Vec<Outcome>, String), BatchError> {
    let by_key = async { Ok(client.batch_execute(BY_KEY).await?) };
    let read = async { tokio::try_join!(biased; begin(client), by_key, lock_and_read(client, batch, look)) };
    let ((), (), known) = within(STEP, read).await?;
    let epoch = known.epoch.clone();
    let (outcomes, rows) = judge(batch, known, Rows::default());
    if rows.is_empty() {
        roll_back(client).await?;
        return Ok((outcomes, epoch));
    }
    let (statements, one) = statements(batch);
    within(STEP, write(client, statements, one, &rows, Some(fence))).await?;
    Ok((commit(client, outcomes).await?, epoch))
}
