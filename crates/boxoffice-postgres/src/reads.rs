//! Reading showtimes, events and holds.

use std::sync::{Arc, Weak};

use boxoffice_core::change::{Change, Event};
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash, SeatNo};
use boxoffice_core::seat::{SeatState, SeatStatus};
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Snapshot;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::store::{Loaded, StoredHold, TokenKey, UsedKey};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio_postgres::{Client, Row};

use crate::error::Failure;
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

/// All of a showtime in one statement, and so of one moment: its row, then its seats, the holds that have any of them,
/// and its requests' keys. What a row is, is said by its first column.
pub(crate) const LOAD: &str = "
    SELECT 0::int2, c.revision, c.settings_version, c.ever_held, 0::int8, s.plan, s.settings
    FROM clock c JOIN showtime s ON s.id = c.showtime_id WHERE c.showtime_id = $1 AND s.id = $1
    UNION ALL
    SELECT 1::int2, no::int8, version, false, owner, NULL, int8send(revision << 8 | status)
    FROM seat WHERE showtime_id = $1
    UNION ALL
    SELECT 2::int2, h.serial, h.version, false, 0::int8, NULL, h.body
    FROM hold h WHERE h.showtime_id = $1
        AND h.serial IN (SELECT owner FROM seat WHERE showtime_id = $1 AND status = 1)
    UNION ALL
    SELECT 3::int2, revision, 0, false, at_ms, NULL, key
    FROM request_key WHERE showtime_id = $1 AND at_ms >= $2";

/// Reads a showtime with everything that a board needs.
pub(crate) async fn load(
    client: &Client,
    plans: &Plans,
    id: ShowtimeId,
    keys_since: Timestamp,
) -> Result<Option<Loaded>, Failure> {
    let mut head = None;
    let (mut seats, mut holds, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows(client, LOAD, values![key_of(id), keys_since.as_ms()]).await? {
        let revision = number(&row, 1)?;
        match get::<i16>(&row, 0)? {
            0 => {
                let settings = Settings::decode(get(&row, 6)?)?;
                if get::<i32>(&row, 2)? as u32 != settings.version {
                    return Err(Failure::Damaged(format!("{id}: its clock has other settings than its row")));
                }
                let hash = PlanHash::from_bytes(bytes(&row, 5)?);
                head = Some((revision, Arc::new(settings), get::<bool>(&row, 3)?, hash));
            }
            1 => {
                let packed = i64::from_be_bytes(bytes(&row, 6)?) as u64;
                seats.push((
                    revision as SeatNo,
                    SeatState {
                        version: get::<i32>(&row, 2)? as u32,
                        status: status(packed as u8)?,
                        owner: number(&row, 4)?,
                        changed: packed >> 8,
                    },
                ));
            }
            2 => holds.push(Arc::new(Hold::decode(get(&row, 6)?)?)),
            _ => keys.push(UsedKey { key: bytes(&row, 6)?, revision, at: Timestamp::from_ms(get(&row, 4)?) }),
        }
    }
    let Some((revision, settings, ever_held, hash)) = head else { return Ok(None) };
    let missing = || Failure::Damaged(format!("{id}: its plan {hash} is missing"));
    let plan = plans.read(client, hash).await?.ok_or_else(missing)?;
    Ok(Some(Loaded { plan, snapshot: Snapshot { settings, revision, seats, holds, ever_held }, keys }))
}

pub(crate) fn status(number: u8) -> Result<SeatStatus, Failure> {
    SeatStatus::from_number(number)
        .ok_or_else(|| Failure::Damaged(format!("{number} is no status of a seat")))
}

/// The events of a showtime after a revision.
pub(crate) const EVENTS: &str = "
    SELECT revision, body FROM event WHERE showtime_id = $1 AND revision > $2 ORDER BY revision LIMIT $3";

/// Reads events after a revision.
pub(crate) async fn events(
    client: &Client,
    id: ShowtimeId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, Failure> {
    let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut events: Vec<Event> = Vec::new();
    for row in rows(client, EVENTS, values![key_of(id), after, limit]).await? {
        let revision = number(&row, 0)?;
        if revision != events.last().map_or(after as u64, |last| last.revision) + 1 {
            return Err(Failure::Damaged(format!("{id}: its log has a gap before revision {revision}")));
        }
        events.push(Event { revision, change: Arc::new(Change::decode(get(&row, 1)?)?) });
    }
    Ok(events)
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

/// A hold or booking.
pub(crate) const HOLD: &str = "SELECT body, contact FROM hold WHERE showtime_id = $1 AND serial = $2";

/// Reads a hold or booking.
pub(crate) async fn hold(
    client: &Client,
    id: ShowtimeId,
    serial: Serial,
) -> Result<Option<StoredHold>, Failure> {
    let found = row(client, HOLD, values![key_of(id), serial as i64]).await?;
    found.map(|row| stored_hold(&row, 0)).transpose()
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
