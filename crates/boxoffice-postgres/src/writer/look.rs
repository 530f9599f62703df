//! Looking at what a batch relies on: without a lock where it may be much, and under the lock of its clocks at what has come
//! since.

use std::collections::HashSet;

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::queue::Sealed;
use tokio::time::Instant;
use tokio_postgres::{Client, Row};

use super::known::Known;
use super::rows::place_in;
use super::statements::{EPOCH, KEYS, LOCK, STATE};
use crate::error::Failure;
use crate::reads::key_of;
use crate::session::{READ, before};
use crate::state::{Map, State};
use crate::values::{Typed, bytes, get, number, rows, values};

/// When idempotency keys were used, in milliseconds.
pub(crate) type Keys = Map<(ShowtimeId, [u8; 16]), i64>;

/// How many showtimes that are not known yet are read at once.
const COLD: usize = 16;

/// What is asked of showtimes.
struct Question {
    /// Whether their clocks are locked first.
    locking: bool,
    /// Ascending.
    ids: Vec<i64>,
    /// The revisions that are known of; -1 for nothing.
    known: Vec<i64>,
    /// The batches that made them.
    tips: Vec<Vec<u8>>,
    /// The places of the showtimes whose keys are asked for, from 1, and the keys.
    keys: (Vec<i32>, Vec<Vec<u8>>),
}

impl Question {
    fn of(showtimes: &[ShowtimeId], known: &Known) -> Self {
        let revision = |id: &ShowtimeId| known.get(*id).map_or(-1, |stored| stored.state.revision as i64);
        let tip = |id: &ShowtimeId| known.get(*id).map_or_else(Vec::new, |stored| stored.tip.clone());
        Self {
            locking: false,
            ids: showtimes.iter().map(|id| key_of(*id)).collect(),
            known: showtimes.iter().map(revision).collect(),
            tips: showtimes.iter().map(tip).collect(),
            keys: <_>::default(),
        }
    }

    /// One that locks, and asks for the keys of a batch, too.
    fn locking(self, batch: &[Sealed]) -> Self {
        let key = |sealed: &Sealed| {
            let place = place_in(&self.ids, key_of(sealed.transition.showtime));
            Some((place, sealed.transition.change.request?.key.to_vec()))
        };
        let keys = batch.iter().filter_map(key).unzip();
        Self { locking: true, keys, ..self }
    }

    /// Asks by one call of a function, or, where the tables are spread, by statements of one showtime: a plan for any showtime
    /// has all parts in it.
    async fn ask(&self, client: &Client, is_spread: bool) -> Result<Vec<Row>, Failure> {
        if is_spread {
            // Boxed: all its statements are on their way at once.
            return Box::pin(self.ask_one(client)).await;
        }
        let Self { locking, ids, known, tips, keys } = self;
        let sql = "SELECT * FROM lock_batch($1, $2, $3, $4, $5, $6)";
        rows(client, sql, values![*locking, *ids, *known, *tips, keys.0, keys.1]).await
    }

    async fn ask_one(&self, client: &Client) -> Result<Vec<Row>, Failure> {
        let ([showtime], [known], [tip]) = (&self.ids[..], &self.known[..], &self.tips[..]) else {
            let count = self.ids.len();
            return Err(Failure::Damaged(format!("a batch of {count} showtimes where tables are spread")));
        };
        let some = async |wanted: bool, sql: &str, values: &[Typed<'_>]| {
            if wanted { rows(client, sql, values).await } else { Ok(Vec::new()) }
        };
        let (lock, state) = (values![*showtime], values![*showtime, *known, *tip]);
        let keys = values![*showtime, self.keys.1];
        let (mut found, lock, state, keys) = tokio::try_join!(
            biased;
            rows(client, EPOCH, &[]),
            some(self.locking, LOCK, lock),
            some(true, STATE, state),
            some(!self.keys.1.is_empty(), KEYS, keys),
        )?;
        found.extend(lock.into_iter().chain(state).chain(keys));
        Ok(found)
    }
}

/// The showtimes of a batch, ascending.
fn showtimes(batch: &[Sealed]) -> Vec<ShowtimeId> {
    let mut showtimes: Vec<_> = batch.iter().map(|sealed| sealed.transition.showtime).collect();
    showtimes.sort_unstable_by_key(|id| key_of(*id));
    showtimes.dedup();
    showtimes
}

/// Reads what is not known yet of a batch's showtimes, without a lock, for which others would wait, and some at a time, so that
/// what was read stays if the rest takes too long.
pub(super) async fn read_cold(
    client: &Client,
    batch: &[Sealed],
    known: &mut Known,
    is_spread: bool,
) -> Result<(), Failure> {
    let cold: Vec<_> = showtimes(batch).into_iter().filter(|id| known.get(*id).is_none()).collect();
    let deadline = Instant::now() + READ;
    for some in cold.chunks(COLD) {
        let found = before(deadline, Question::of(some, known).ask(client, is_spread)).await?;
        known.enter_epoch(&epoch_of(&found)?);
        // Snapshot and log are not of one moment here: what does not fit together is read again under the lock.
        note(&found, known, false)?;
    }
    Ok(())
}

/// Locks the clocks of a batch's showtimes and reads what is not known yet of what it relies on, within a transaction: each
/// statement sees what was committed before it began.
pub(crate) async fn lock_and_read(
    client: &Client,
    batch: &[Sealed],
    known: &mut Known,
    is_spread: bool,
) -> Result<Keys, Failure> {
    let showtimes = showtimes(batch);
    let mut found = Question::of(&showtimes, known).locking(batch).ask(client, is_spread).await?;
    if known.enter_epoch(&epoch_of(&found)?) {
        // What was read continues what was known of another history.
        found = Question::of(&showtimes, known).locking(batch).ask(client, is_spread).await?;
    }
    showtimes.iter().for_each(|id| known.entry(*id).clock = None);
    let keys = note(&found, known, true)?;
    let gone = |id: &&ShowtimeId| known.get(**id).is_none_or(|stored| stored.clock.is_none());
    let gone: Vec<_> = showtimes.iter().filter(gone).collect();
    gone.into_iter().for_each(|id| known.forget(*id));
    Ok(keys)
}

fn epoch_of(found: &[Row]) -> Result<String, Failure> {
    let epoch: &[u8] = found.first().map_or(Ok(&[][..]), |row| get(row, 5))?;
    Ok(String::from_utf8_lossy(epoch).into_owned())
}

/// Adds what was read to what is known. A showtime that is not as its log says is not known then, so that who asks for it
/// loses, and the others do not notice.
fn note(found: &[Row], known: &mut Known, locked: bool) -> Result<Keys, Failure> {
    let mut keys = Keys::default();
    let mut clocks = Vec::new();
    let mut damaged = HashSet::new();
    for row in found {
        let (id, revision) = (ShowtimeId::from_number(number(row, 1)?), number(row, 2)?);
        let noted = match get::<i16>(row, 0)? {
            0 => Ok(()),
            1 => {
                let clock = (get::<i32>(row, 3)? as u32, get::<bool>(row, 4)?);
                clocks.push((id, revision, clock, get::<&[u8]>(row, 6)?));
                Ok(())
            }
            2 => {
                let snapshot: Option<&[u8]> = get(row, 5)?;
                let state = snapshot.map_or(Ok(State::default()), |body| State::decode(revision, body));
                let stored = known.entry(id);
                stored.tip.clear();
                state.map(|state| stored.state = state)
            }
            3 => {
                let stored = known.entry(id);
                get::<&[u8]>(row, 6)?.clone_into(&mut stored.tip);
                stored.state.follow(revision, get(row, 3)?, get(row, 5)?)
            }
            _ => {
                keys.insert((id, bytes(row, 5)?), revision as i64);
                Ok(())
            }
        };
        if let Err(failure) = noted
            && damaged.insert(id)
            && locked
        {
            tracing::error!(showtime = %id, %failure, "a showtime cannot be read, and so not be sold");
        }
    }
    for (id, revision, clock, tip) in clocks {
        let stored = known.entry(id);
        (stored.clock, stored.tip) = (Some(clock), tip.to_vec());
        let found = stored.state.revision;
        if found != revision && damaged.insert(id) {
            tracing::error!(showtime = %id, revision, found, "a showtime's log does not end at its revision");
        }
    }
    damaged.into_iter().for_each(|id| known.forget(id));
    Ok(keys)
}
