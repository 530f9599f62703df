//! The rows that a batch writes, column by column, as the statements take them.

use std::sync::Arc;

use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::settings::Settings;
use boxoffice_engine::queue::Sealed;
use tokio_postgres::Client;

use super::batch::Head;
use super::known::Known;
use super::statements::{
    WRITE_CLOCK, WRITE_FENCE, WRITE_HOLDS, WRITE_KEYS, WRITE_LOG, WRITE_SETTINGS, WRITE_SNAPSHOT,
};
use crate::bookings::Columns;
use crate::error::Failure;
use crate::log::LogRow;
use crate::reads::key_of;
use crate::state::Map;
use crate::values::{Typed, execute, typed, values};

/// Bookings, and holds that have ended.
#[derive(Default)]
pub(super) struct Holds<'b> {
    pub(super) ids: Vec<i64>,
    pub(super) serials: Vec<i64>,
    pub(super) versions: Vec<i32>,
    pub(super) statuses: Vec<i16>,
    pub(super) bodies: Vec<&'b [u8]>,
    pub(super) references: Vec<Option<i64>>,
    pub(super) booked: Vec<Option<i64>>,
    pub(super) cancelled: Vec<Option<i16>>,
    pub(super) emails: Vec<Option<String>>,
    pub(super) contacts: Vec<Option<Vec<u8>>>,
    places: Map<(ShowtimeId, u64), usize>,
}

#[derive(Default)]
pub(super) struct Keys<'b> {
    pub(super) ids: Vec<i64>,
    pub(super) keys: Vec<&'b [u8]>,
    pub(super) revisions: Vec<i64>,
    pub(super) at_ms: Vec<i64>,
    places: Map<(ShowtimeId, [u8; 16]), usize>,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) ids: Vec<i64>,
    pub(super) revisions: Vec<i64>,
    pub(super) events: Vec<i32>,
    pub(super) bodies: Vec<Vec<u8>>,
}

#[derive(Default)]
pub(super) struct Snapshots {
    pub(super) ids: Vec<i64>,
    pub(super) revisions: Vec<i64>,
    pub(super) bodies: Vec<Vec<u8>>,
}

#[derive(Default)]
pub(super) struct Clocks {
    pub(super) ids: Vec<i64>,
    /// Revision and batch that are relied on.
    pub(super) befores: Vec<i64>,
    pub(super) tips: Vec<Vec<u8>>,
    pub(super) revisions: Vec<i64>,
    pub(super) settings_versions: Vec<i32>,
    pub(super) ever_held: Vec<bool>,
    pub(super) at_ms: Vec<i64>,
}

/// What a batch does to a showtime.
#[derive(Default)]
struct Deed {
    /// The last row of its log.
    row: LogRow,
    /// The time of its newest change.
    at_ms: i64,
}

/// All rows of a batch, each once, as they are in the end.
#[derive(Default)]
pub(crate) struct Rows<'b> {
    pub(super) log: Log,
    pub(super) snapshots: Snapshots,
    pub(super) holds: Holds<'b>,
    pub(super) keys: Keys<'b>,
    pub(super) clocks: Clocks,
    settings: Vec<(ShowtimeId, &'b Settings)>,
    deeds: Map<ShowtimeId, Deed>,
}

/// Puts a value at a place, which may be the one after the last.
fn put<T>(column: &mut Vec<T>, place: usize, value: T) {
    match column.get_mut(place) {
        Some(old) => *old = value,
        None => column.push(value),
    }
}

/// The place of a showtime in a list of them, ascending, as functions count: from 1.
pub(super) fn place_in(ids: &[i64], id: i64) -> i32 {
    ids.binary_search(&id).map_or(0, |place| place as i32 + 1)
}

impl Holds<'_> {
    /// All columns but the showtimes, in the order in which function and statement take them.
    pub(super) fn columns(&self) -> [Typed<'_>; 9] {
        [
            typed(&self.serials),
            typed(&self.versions),
            typed(&self.statuses),
            typed(&self.bodies),
            typed(&self.references),
            typed(&self.booked),
            typed(&self.cancelled),
            typed(&self.emails),
            typed(&self.contacts),
        ]
    }
}

impl Log {
    fn push(&mut self, showtime: ShowtimeId, row: LogRow) {
        self.ids.push(key_of(showtime));
        self.revisions.push(row.revision as i64);
        self.events.push(row.events as i32);
        self.bodies.push(row.body);
    }
}

impl<'b> Rows<'b> {
    pub(crate) fn is_empty(&self) -> bool {
        self.clocks.ids.is_empty()
    }

    /// The snapshots, with their lengths in bytes.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = (ShowtimeId, usize)> {
        let lengths = self.snapshots.bodies.iter().map(Vec::len);
        self.snapshots.ids.iter().map(|id| ShowtimeId::from_number(*id as u64)).zip(lengths)
    }

    /// Whether a showtime's clock is moved on.
    pub(super) fn has_clock(&self, showtime: ShowtimeId) -> bool {
        place_in(&self.clocks.ids, key_of(showtime)) > 0
    }

    /// Whether settings are changed.
    pub(super) fn has_settings(&self) -> bool {
        !self.settings.is_empty()
    }

    /// Adds what a transition writes as this revision.
    pub(super) fn add(&mut self, sealed: &'b Sealed, revision: u64) {
        let (transition, change) = (&sealed.transition, &*sealed.transition.change);
        let (showtime, id) = (transition.showtime, key_of(transition.showtime));
        let ended = |(hold, _): &(&Arc<Hold>, _)| hold.status != HoldStatus::Active;
        for (hold, body) in change.holds.iter().zip(&sealed.holds).filter(ended) {
            let contact = transition.contact.as_ref().filter(|_| hold.status == HoldStatus::Booked);
            let columns = Columns::of(hold, contact);
            let holds = &mut self.holds;
            let place = *holds.places.entry((showtime, hold.serial)).or_insert(holds.ids.len());
            put(&mut holds.ids, place, id);
            put(&mut holds.serials, place, hold.serial as i64);
            put(&mut holds.versions, place, hold.version as i32);
            put(&mut holds.statuses, place, hold.status as i16);
            put(&mut holds.bodies, place, body);
            put(&mut holds.references, place, columns.reference);
            put(&mut holds.booked, place, columns.booked_at_ms);
            put(&mut holds.cancelled, place, columns.cancelled);
            // A buyer that an earlier transition of this batch brought stays.
            let email = columns.email.map(String::from);
            let email = email.or_else(|| holds.emails.get_mut(place).and_then(Option::take));
            put(&mut holds.emails, place, email);
            let contact = contact.map(Contact::encode);
            let contact = contact.or_else(|| holds.contacts.get_mut(place).and_then(Option::take));
            put(&mut holds.contacts, place, contact);
        }
        if let Some(request) = &change.request {
            let keys = &mut self.keys;
            let place = *keys.places.entry((showtime, request.key)).or_insert(keys.ids.len());
            put(&mut keys.ids, place, id);
            put(&mut keys.keys, place, &request.key[..]);
            put(&mut keys.revisions, place, revision as i64);
            put(&mut keys.at_ms, place, change.at.as_ms());
        }
        if let Some(settings) = &change.settings {
            self.settings.retain(|(other, _)| *other != showtime);
            self.settings.push((showtime, settings));
        }
        let deed = self.deeds.entry(showtime).or_default();
        deed.at_ms = change.at.as_ms().max(deed.at_ms);
        if !deed.row.has_room_for(&sealed.event) {
            self.log.push(showtime, std::mem::take(&mut deed.row));
        }
        deed.row.push(revision, &sealed.event);
    }

    /// Adds what is one row for each showtime: its clock, in the order in which they are locked, the end of its log, and
    /// its snapshot if that is due.
    pub(super) fn finish(&mut self, known: &Known, heads: &Map<ShowtimeId, Head>) {
        let mut deeds: Vec<_> = std::mem::take(&mut self.deeds).into_iter().collect();
        deeds.sort_unstable_by_key(|(showtime, _)| key_of(*showtime));
        for (showtime, Deed { row, at_ms }) in deeds {
            let (Some(head), Some(stored)) = (heads.get(&showtime), known.get(showtime)) else { continue };
            let before = stored.state.revision as i64;
            self.log.push(showtime, row);
            self.clocks.ids.push(key_of(showtime));
            self.clocks.befores.push(before);
            self.clocks.tips.push(stored.tip.clone());
            self.clocks.revisions.push(head.revision as i64);
            self.clocks.settings_versions.push(head.settings_version as i32);
            self.clocks.ever_held.push(head.ever_held);
            self.clocks.at_ms.push(at_ms);
            if stored.state.is_snapshot_due() {
                self.snapshots.ids.push(key_of(showtime));
                self.snapshots.revisions.push(before);
                self.snapshots.bodies.push(stored.state.encode());
            }
        }
    }
}

/// Writes the settings that a batch changes, within a transaction that has the clocks.
pub(super) async fn write_settings(client: &Client, rows: &Rows<'_>) -> Result<(), Failure> {
    for (showtime, settings) in &rows.settings {
        let body = settings.encode();
        all(
            client,
            WRITE_SETTINGS,
            1,
            values![
                key_of(*showtime),
                body,
                settings.starts_at.as_ms(),
                settings.on_sale_at.as_ms(),
                settings.off_sale_at.as_ms(),
                settings.movie.number() as i64,
                settings.auditorium.number() as i64,
                settings.published,
                settings.cancelled,
            ],
        )
        .await?;
    }
    Ok(())
}

/// Runs a statement that is to write so many rows.
async fn all(client: &Client, sql: &str, count: usize, values: &[Typed<'_>]) -> Result<(), Failure> {
    if count == 0 {
        return Ok(());
    }
    match execute(client, sql, values).await? {
        written if written == count as u64 => Ok(()),
        written => Err(Failure::Damaged(format!(
            "{written} of {count} rows were written: something wrote to a showtime without its clock"
        ))),
    }
}

/// Writes all rows of one showtime, but for its settings, by statements that are sent at once, within a transaction that has
/// its clock.
pub(crate) async fn write(
    client: &Client,
    rows: &Rows<'_>,
    fence: Option<(i64, [u8; 16])>,
) -> Result<(), Failure> {
    let Rows { log, snapshots, holds, keys, clocks, .. } = rows;
    let [showtime] = clocks.ids[..] else {
        return Err(Failure::Damaged(format!(
            "a batch of {} showtimes where tables are spread",
            clocks.ids.len()
        )));
    };
    let fence_id = fence.map_or_else(Vec::new, |(_, id)| id.to_vec());
    let clock = values![
        showtime,
        clocks.revisions[0],
        clocks.settings_versions[0],
        clocks.ever_held[0],
        clocks.at_ms[0],
        fence_id,
    ];
    let log_rows = values![showtime, fence_id, log.revisions, log.events, log.bodies];
    let snapshot = (snapshots.revisions.first().copied(), snapshots.bodies.first().map(Vec::as_slice));
    let snapshot_row = values![showtime, snapshot.0, snapshot.1];
    let hold_rows = [&[typed(&showtime)][..], &holds.columns()].concat();
    let key_rows = values![showtime, keys.keys, keys.revisions, keys.at_ms];
    let fence_row = values![showtime, fence_id];
    tokio::try_join!(
        biased;
        all(client, WRITE_CLOCK, 1, clock),
        all(client, WRITE_LOG, log.ids.len(), log_rows),
        all(client, WRITE_SNAPSHOT, snapshots.ids.len(), snapshot_row),
        all(client, WRITE_HOLDS, holds.ids.len(), &hold_rows),
        all(client, WRITE_KEYS, keys.ids.len(), key_rows),
        all(client, WRITE_FENCE, usize::from(fence.is_some()), fence_row),
    )?;
    Ok(())
}
