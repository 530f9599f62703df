//! The rows that a batch writes, column by column, as the statements take them.

use boxoffice_core::hold::{Contact, HoldStatus};
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::SeatNo;
use boxoffice_core::settings::Settings;
use boxoffice_engine::queue::Sealed;
use tokio_postgres::Client;

use super::batch::{Head, Map};
use super::statements::{Statements, WRITE_FENCE, WRITE_SETTINGS};
use crate::bookings::Columns;
use crate::error::Failure;
use crate::reads::key_of;
use crate::values::{Typed, execute, typed, values};

/// The first parameter: the showtime, or those of the rows.
pub(crate) enum Showtimes {
    One(i64),
    Many(Vec<i64>),
}

impl Showtimes {
    pub(crate) fn of(one: Option<i64>, ids: Vec<i64>) -> Self {
        one.map_or(Self::Many(ids), Self::One)
    }

    pub(crate) fn value(&self) -> Typed<'_> {
        match self {
            Self::One(id) => typed(id),
            Self::Many(ids) => typed(ids),
        }
    }
}

/// Seats that have a row already, or those that get their first one: a plain insert costs the database half.
#[derive(Default)]
pub(super) struct Seats {
    pub(super) ids: Vec<i64>,
    pub(super) nos: Vec<i32>,
    /// The versions before the batch.
    pub(super) befores: Vec<i32>,
    pub(super) versions: Vec<i32>,
    pub(super) statuses: Vec<i16>,
    pub(super) owners: Vec<i64>,
    pub(super) revisions: Vec<i64>,
    places: Map<(ShowtimeId, SeatNo), usize>,
}

#[derive(Default)]
pub(super) struct Holds<'b> {
    pub(super) ids: Vec<i64>,
    pub(super) serials: Vec<i64>,
    /// The versions before the batch.
    pub(super) befores: Vec<i32>,
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

impl Seats {
    fn values<'v>(&'v self, ids: &'v Showtimes) -> [Typed<'v>; 6] {
        [
            ids.value(),
            typed(&self.nos),
            typed(&self.versions),
            typed(&self.statuses),
            typed(&self.owners),
            typed(&self.revisions),
        ]
    }
}

impl<'b> Holds<'b> {
    fn values<'v>(&'v self, ids: &'v Showtimes) -> [Typed<'v>; 10] {
        [
            ids.value(),
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

#[derive(Default)]
pub(super) struct Keys<'b> {
    pub(super) ids: Vec<i64>,
    pub(super) keys: Vec<&'b [u8]>,
    pub(super) revisions: Vec<i64>,
    pub(super) at_ms: Vec<i64>,
    places: Map<(ShowtimeId, [u8; 16]), usize>,
}

#[derive(Default)]
pub(super) struct Events<'b> {
    pub(super) ids: Vec<i64>,
    pub(super) revisions: Vec<i64>,
    pub(super) bodies: Vec<&'b [u8]>,
}

#[derive(Default)]
pub(super) struct Clocks {
    pub(super) ids: Vec<i64>,
    pub(super) revisions: Vec<i64>,
    pub(super) settings_versions: Vec<i32>,
    pub(super) ever_held: Vec<bool>,
    pub(super) at_ms: Vec<i64>,
}

/// All rows of a batch, each once, as they are in the end.
#[derive(Default)]
pub(crate) struct Rows<'b> {
    /// Whether new seats and holds stand with those that have a row already.
    together: bool,
    new_seats: Seats,
    pub(super) seats: Seats,
    new_holds: Holds<'b>,
    pub(super) holds: Holds<'b>,
    pub(super) keys: Keys<'b>,
    pub(super) events: Events<'b>,
    pub(super) clocks: Clocks,
    settings: Vec<(ShowtimeId, &'b Settings)>,
    newest: Map<ShowtimeId, i64>,
}

/// Puts a value at a place, which may be the one after the last.
fn put<T>(column: &mut Vec<T>, place: usize, value: T) {
    match column.get_mut(place) {
        Some(old) => *old = value,
        None => column.push(value),
    }
}

/// As [`put`], but a value that is there stays.
fn keep<T>(column: &mut Vec<T>, place: usize, value: T) {
    if place == column.len() {
        column.push(value);
    }
}

impl<'b> Rows<'b> {
    /// None yet; new seats and holds are to stand with those that have a row already.
    pub(super) fn together() -> Self {
        Self { together: true, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.ids.is_empty()
    }

    /// Adds what a transition writes as this revision.
    pub(crate) fn add(&mut self, sealed: &'b Sealed, revision: u64) {
        let (transition, change) = (&sealed.transition, &*sealed.transition.change);
        let (showtime, id, revision) = (transition.showtime, key_of(transition.showtime), revision as i64);
        for seat in &change.seats {
            let is_new = seat.version == 1 || self.new_seats.places.contains_key(&(showtime, seat.no));
            let seats = if is_new && !self.together { &mut self.new_seats } else { &mut self.seats };
            let place = *seats.places.entry((showtime, seat.no)).or_insert(seats.ids.len());
            keep(&mut seats.befores, place, seat.version as i32 - 1);
            put(&mut seats.ids, place, id);
            put(&mut seats.nos, place, seat.no as i32);
            put(&mut seats.versions, place, seat.version as i32);
            put(&mut seats.statuses, place, seat.to as i16);
            put(&mut seats.owners, place, seat.owner as i64);
            put(&mut seats.revisions, place, revision);
        }
        for (hold, body) in change.holds.iter().zip(&sealed.holds) {
            let contact = transition.contact.as_ref().filter(|_| hold.status == HoldStatus::Booked);
            let columns = Columns::of(hold, contact);
            let is_new = hold.version == 1 || self.new_holds.places.contains_key(&(showtime, hold.serial));
            let holds = if is_new && !self.together { &mut self.new_holds } else { &mut self.holds };
            let place = *holds.places.entry((showtime, hold.serial)).or_insert(holds.ids.len());
            keep(&mut holds.befores, place, hold.version as i32 - 1);
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
            put(&mut keys.revisions, place, revision);
            put(&mut keys.at_ms, place, change.at.as_ms());
        }
        self.events.ids.push(id);
        self.events.revisions.push(revision);
        self.events.bodies.push(&sealed.event);
        if let Some(settings) = &change.settings {
            self.settings.retain(|(other, _)| *other != showtime);
            self.settings.push((showtime, settings));
        }
        let newest = self.newest.entry(showtime).or_insert(0);
        *newest = change.at.as_ms().max(*newest);
    }

    /// Adds the clocks of all showtimes that something was added of, in the order in which they are locked.
    pub(crate) fn add_clocks(&mut self, heads: &Map<ShowtimeId, Head>) {
        let mut newest: Vec<_> = self.newest.iter().collect();
        newest.sort_unstable_by_key(|(showtime, _)| key_of(**showtime));
        for (showtime, at_ms) in newest {
            let Some(head) = heads.get(showtime) else { continue };
            self.clocks.ids.push(key_of(*showtime));
            self.clocks.revisions.push(head.revision as i64);
            self.clocks.settings_versions.push(head.settings_version as i32);
            self.clocks.ever_held.push(head.ever_held);
            self.clocks.at_ms.push(*at_ms);
        }
    }
}

/// Writes all rows, within a transaction that has the clocks: all statements are sent at once.
pub(crate) async fn write(
    client: &Client,
    statements: &Statements,
    one: Option<i64>,
    rows: &Rows<'_>,
    fence: Option<(i64, [u8; 16])>,
) -> Result<(), Failure> {
    let first = |ids: &Vec<i64>| Showtimes::of(one, ids.clone());
    let Rows { new_seats, seats, new_holds, holds, keys, events, clocks, .. } = rows;
    let (new_seat_ids, seat_ids) = (first(&new_seats.ids), first(&seats.ids));
    let (new_hold_ids, hold_ids) = (first(&new_holds.ids), first(&holds.ids));
    let (key_ids, event_ids, clock_ids) = (first(&keys.ids), first(&events.ids), first(&clocks.ids));
    let (new_seat_rows, seat_rows) = (new_seats.values(&new_seat_ids), seats.values(&seat_ids));
    let (new_hold_rows, hold_rows) = (new_holds.values(&new_hold_ids), holds.values(&hold_ids));
    let key_rows = [key_ids.value(), typed(&keys.keys), typed(&keys.revisions), typed(&keys.at_ms)];
    let event_rows = [event_ids.value(), typed(&events.revisions), typed(&events.bodies)];
    let clock_rows = [
        clock_ids.value(),
        typed(&clocks.revisions),
        typed(&clocks.settings_versions),
        typed(&clocks.ever_held),
        typed(&clocks.at_ms),
    ];
    let all = async |sql: &str, count: usize, values: &[Typed<'_>]| {
        if count == 0 {
            return Ok(());
        }
        match execute(client, sql, values).await? {
            written if written == count as u64 => Ok(()),
            written => Err(Failure::Damaged(format!(
                "{written} of {count} rows were written: something wrote to a showtime without its clock"
            ))),
        }
    };
    let write_fence = async {
        match fence {
            None => Ok(()),
            Some((showtime, id)) => all(WRITE_FENCE, 1, values![showtime, &id[..]]).await,
        }
    };
    tokio::try_join!(
        biased;
        all(&statements.new_seats, new_seats.ids.len(), &new_seat_rows),
        all(&statements.write_seats, seats.ids.len(), &seat_rows),
        all(&statements.new_holds, new_holds.ids.len(), &new_hold_rows),
        all(&statements.write_holds, holds.ids.len(), &hold_rows),
        all(&statements.write_keys, keys.ids.len(), &key_rows),
        all(&statements.write_events, events.ids.len(), &event_rows),
        all(&statements.write_clocks, clocks.ids.len(), &clock_rows),
        write_fence,
    )?;
    for (showtime, settings) in &rows.settings {
        let body = settings.encode();
        all(
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
