//! Reading showtimes, events and holds.

use std::sync::{Arc, Weak};

use boxoffice_core::change::{Change, Event};
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Snapshot;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::store::{Loaded, StoredHold, TokenKey, UsedKey};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio_postgres::{Client, Row};

use crate::error::Failure;
use crate::log::unpack;
use crate::state::State;
use crate::values::{bytes, get, number, row, rows, values};

/// Plans that boards in memory share.
#[derive(Default)]
pub(crate) struct Plans(Mutex<HashMap<PlanHash, Weak<Plan>, FixedState>>);

impl Plans {
    pub(crate) async fn read(&self, client: &Client, hash: PlanHash) -> Result<Option<Arc<Plan>>, Failure> {
        if let Some(plan) = self.0.lock().get(&hash).and_then(Weak::upgrade) {
            return Ok(Some(plan));
        }
        let sql = "SELECT body FROM plan WHERE hash = $1";
        let Some(row) = row(client, sql, values![&hash.as_bytes()[..]]).await? else { return Ok(None) };
        let plan = Arc::new(Plan::decode(get(&row, 0)?)?);
        let mut plans = self.0.lock();
        plans.retain(|_, plan| plan.strong_count() > 0);
        plans.insert(hash, Arc::downgrade(&plan));
        Ok(Some(plan))
    }
}

/// A showtime's number as it stands in the tables.
pub(crate) fn key_of(id: ShowtimeId) -> i64 {
    id.number() as i64
}

/// All of a showtime in one statement, and so of one moment: its row, then its snapshot, the log after that, and its
/// requests' keys, unless the time is the last of all. What a row is, is said by its first column.
pub(crate) const LOAD: &str = "
    SELECT 0::int2, c.revision, c.settings_version, c.ever_held, 0::int8, s.plan, s.settings
    FROM clock c JOIN showtime s ON s.id = c.showtime_id WHERE c.showtime_id = $1 AND s.id = $1
    UNION ALL
    SELECT 1::int2, revision, 0, false, 0::int8, NULL, body FROM snapshot WHERE showtime_id = $1
    UNION ALL
    SELECT 2::int2, revision, events, false, 0::int8, NULL, body FROM log
    WHERE showtime_id = $1 AND revision > coalesce((SELECT revision FROM snapshot WHERE showtime_id = $1), 0)
    UNION ALL
    SELECT 3::int2, revision, 0, false, at_ms, NULL, key
    FROM request_key WHERE showtime_id = $1 AND at_ms >= $2 AND $2 < 9223372036854775807";

/// A showtime with everything that is stored of it but its plan.
pub(crate) struct Stored {
    /// The hash of its plan.
    pub(crate) plan: PlanHash,
    pub(crate) settings: Arc<Settings>,
    pub(crate) ever_held: bool,
    /// What its clock says.
    pub(crate) revision: u64,
    /// What snapshot and log make.
    pub(crate) state: Result<State, Failure>,
    pub(crate) keys: Vec<UsedKey>,
}

/// Reads a showtime; keys used before a time are left out, and at [`Timestamp::MAX`] they are not looked at.
pub(crate) async fn stored(
    client: &Client,
    id: ShowtimeId,
    keys_since: Timestamp,
) -> Result<Option<Stored>, Failure> {
    let (mut head, mut snapshot, mut log, mut keys) = (None, None, Vec::new(), Vec::new());
    let found = rows(client, LOAD, values![key_of(id), keys_since.as_ms()]).await?;
    for row in &found {
        let revision = number(row, 1)?;
        match get::<i16>(row, 0)? {
            0 => head = Some((revision, row)),
            1 => snapshot = Some((revision, get::<&[u8]>(row, 6)?)),
            2 => log.push((revision, get::<i32>(row, 2)?, get::<&[u8]>(row, 6)?)),
            _ => keys.push(UsedKey { key: bytes(row, 6)?, revision, at: Timestamp::from_ms(get(row, 4)?) }),
        }
    }
    let Some((revision, row)) = head else { return Ok(None) };
    let settings = Settings::decode(get(row, 6)?)?;
    if get::<i32>(row, 2)? as u32 != settings.version {
        return Err(Failure::Damaged(format!("{id}: its clock has other settings than its row")));
    }
    log.sort_unstable_by_key(|(revision, ..)| *revision);
    let state = || {
        let begun = snapshot.map_or(Ok(State::default()), |(revision, body)| State::decode(revision, body));
        let mut state =
            begun.map_err(|failure| Failure::Damaged(format!("{id}: its snapshot: {failure}")))?;
        for (revision, events, body) in log {
            state
                .follow(revision, events, body)
                .map_err(|failure| Failure::Damaged(format!("{id}: {failure}")))?;
        }
        match state.revision {
            found if found == revision => Ok(state),
            found => {
                Err(Failure::Damaged(format!("{id} is at revision {revision}, but its log ends at {found}")))
            }
        }
    };
    Ok(Some(Stored {
        plan: PlanHash::from_bytes(bytes(row, 5)?),
        settings: Arc::new(settings),
        ever_held: get(row, 3)?,
        revision,
        state: state(),
        keys,
    }))
}

/// Reads a showtime with everything that a board needs.
pub(crate) async fn load(
    client: &Client,
    plans: &Plans,
    id: ShowtimeId,
    keys_since: Timestamp,
) -> Result<Option<Loaded>, Failure> {
    let Some(found) = stored(client, id, keys_since).await? else { return Ok(None) };
    let Stored { plan: hash, settings, ever_held, revision, state, keys } = found;
    let state = state?;
    let missing = || Failure::Damaged(format!("{id}: its plan {hash} is missing"));
    let plan = plans.read(client, hash).await?.ok_or_else(missing)?;
    let (seats, holds) = (state.seats.into_iter().collect(), state.holds.into_values().collect());
    let snapshot = Snapshot { settings, revision, seats, holds, ever_held };
    Ok(Some(Loaded { plan, snapshot, keys }))
}

/// Rows of a showtime's log, from the one on that has the first event after a revision.
pub(crate) const LOG: &str = "
    SELECT revision, events, body FROM log WHERE showtime_id = $1 AND revision > $2 ORDER BY revision LIMIT $3";
/// How many of them are read at once.
const LOG_ROWS: usize = 64;

/// Reads up to `limit` events after a revision, as they are encoded.
pub(crate) async fn encoded_events(
    client: &Client,
    id: ShowtimeId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Vec<u8>)>, Failure> {
    let mut events: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut last = after;
    while events.len() < limit {
        let Ok(from) = i64::try_from(last) else { break };
        let wanted = (limit - events.len()).min(LOG_ROWS);
        let page = rows(client, LOG, values![key_of(id), from, wanted as i64]).await?;
        for row in &page {
            for (revision, event) in unpack(number(row, 0)?, get(row, 1)?, get(row, 2)?)? {
                if revision <= last || events.len() == limit {
                    continue;
                }
                if revision != last + 1 {
                    let what = format!("{id}: its log has a gap before revision {revision}");
                    return Err(Failure::Damaged(what));
                }
                last = revision;
                events.push((revision, event.to_vec()));
            }
        }
        if page.len() < wanted {
            break;
        }
    }
    Ok(events)
}

/// Reads events after a revision.
pub(crate) async fn events(
    client: &Client,
    id: ShowtimeId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, Failure> {
    let found = encoded_events(client, id, after, limit).await?;
    let event =
        |(revision, body): (u64, Vec<u8>)| Ok(Event { revision, change: Arc::new(Change::decode(&body)?) });
    found.into_iter().map(event).collect()
}

/// The revisions that showtimes are at.
pub(crate) const HEADS: &str = "SELECT showtime_id, revision FROM clock WHERE showtime_id = ANY($1)";

/// Reads where showtimes are, those that exist.
pub(crate) async fn heads(client: &Client, ids: &[ShowtimeId]) -> Result<Vec<(ShowtimeId, u64)>, Failure> {
    let keys: Vec<i64> = ids.iter().map(|id| key_of(*id)).collect();
    let found = rows(client, HEADS, values![keys]).await?;
    let head = |row| Ok((ShowtimeId::from_number(number(row, 0)?), number(row, 1)?));
    found.iter().map(head).collect()
}

/// A booking, or a hold that has ended.
pub(crate) const HOLD: &str = "SELECT body, contact FROM hold WHERE showtime_id = $1 AND serial = $2";

/// Reads a hold or booking.
pub(crate) async fn hold(
    client: &Client,
    id: ShowtimeId,
    serial: Serial,
) -> Result<Option<StoredHold>, Failure> {
    let ended = async || {
        let found = row(client, HOLD, values![key_of(id), serial as i64]).await?;
        found.map(|row| stored_hold(&row, 0)).transpose()
    };
    if let Some(hold) = ended().await? {
        return Ok(Some(hold));
    }
    // An active one is in the showtime's state, unless it ended in between.
    let Some(found) = stored(client, id, Timestamp::MAX).await? else { return Ok(None) };
    match found.state?.holds.get(&serial) {
        Some(hold) => Ok(Some(StoredHold { hold: Arc::clone(hold), contact: None })),
        None => ended().await,
    }
}

/// Reads a record and, from the column after it, its buyer.
pub(crate) fn stored_hold(row: &Row, column: usize) -> Result<StoredHold, Failure> {
    let contact: Option<&[u8]> = get(row, column + 1)?;
    let contact = contact.map(Contact::decode).transpose()?;
    Ok(StoredHold { hold: Arc::new(Hold::decode(get(row, column)?)?), contact })
}

/// Reads the keys for tokens, oldest first.
pub(crate) async fn token_keys(client: &Client) -> Result<Vec<TokenKey>, Failure> {
    let sql = "SELECT id, secret, made_at_ms, revoked_at_ms IS NOT NULL FROM token_key ORDER BY id";
    let found = rows(client, sql, &[]).await?;
    let key = |row: &Row| {
        Ok(TokenKey {
            id: get::<i32>(row, 0)? as u32,
            secret: bytes(row, 1)?,
            made_at: Timestamp::from_ms(get(row, 2)?),
            revoked: get(row, 3)?,
        })
    };
    found.iter().map(key).collect()
}
