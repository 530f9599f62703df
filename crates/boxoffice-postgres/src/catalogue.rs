//! Cinemas, movies, auditoriums and the list of showtimes in PostgreSQL.

use std::sync::Arc;

use boxoffice_core::change::Transition;
use boxoffice_core::id::{CinemaId, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::settings::{SaleStatus, Settings};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::catalogue::{
    CatalogueKey, Created, Entry, EntryFilter, Kind, New, NotCreated, ShowtimeEntry, ShowtimeFilter,
};
use boxoffice_engine::queue::{Outcome, Sealed};
use compact_str::CompactString;
use tokio_postgres::{Client, Row};

use crate::condition::Condition;
use crate::errand::Undo;
use crate::error::Failure;
use crate::reads::key_of;
use crate::values::{bytes, execute, get, number, row, rows, values};
use crate::writer::batch::judge;
use crate::writer::known::Known;
use crate::writer::look::lock_and_read;
use crate::writer::rows::write;

type NotDone = Undo<NotCreated>;

/// Adds something, within a transaction.
pub(crate) async fn create(client: &Client, new: New, key: Option<CatalogueKey>) -> Result<Created, NotDone> {
    if let Some(first) = answered(client, key.as_ref()).await? {
        return Ok(first);
    }
    let number = match new {
        New::Entry(entry) => add_entry(client, &entry).await,
        New::Auditorium(auditorium, plan) => {
            add_plan(client, &plan).await?;
            add_entry(client, &Entry::Auditorium(auditorium)).await
        }
        New::Showtime(entry, first) => add_showtime(client, &entry, first).await,
    }?;
    keep_answer(client, key.as_ref(), number).await?;
    Ok(Created::now(number))
}

/// What was done under this key, if anything was.
pub(crate) async fn answered(
    client: &Client,
    key: Option<&CatalogueKey>,
) -> Result<Option<Created>, NotDone> {
    let Some(key) = key else { return Ok(None) };
    let sql = "SELECT fingerprint, number, answer FROM catalogue_key WHERE caller = $1 AND key = $2";
    let Some(row) = row(client, sql, values![key.caller.as_str(), &key.key[..]]).await? else {
        return Ok(None);
    };
    if bytes::<16>(&row, 0)? != key.fingerprint {
        return Err(Undo::Refused(NotCreated::KeyReused));
    }
    Ok(Some(Created { number: number(&row, 1)?, replayed: true, answer: get(&row, 2)? }))
}

/// Keeps what is answered under a key.
pub(crate) async fn keep_answer(
    client: &Client,
    key: Option<&CatalogueKey>,
    number: u64,
) -> Result<(), Failure> {
    let Some(key) = key else { return Ok(()) };
    let sql = "INSERT INTO catalogue_key (caller, key, fingerprint, number, at_ms, answer)
               VALUES ($1, $2, $3, $4, $5, $6)";
    execute(
        client,
        sql,
        values![
            key.caller.as_str(),
            &key.key[..],
            &key.fingerprint[..],
            number as i64,
            key.at.as_ms(),
            &key.answer[..],
        ],
    )
    .await?;
    Ok(())
}

pub(crate) async fn add_plan(client: &Client, plan: &Plan) -> Result<(), Failure> {
    let sql = "INSERT INTO plan (hash, body) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    execute(client, sql, values![&plan.hash().as_bytes()[..], plan.encode()]).await?;
    Ok(())
}

/// Refuses an entry whose external id another of its kind has.
pub(crate) async fn refuse_taken(client: &Client, entry: &Entry) -> Result<(), NotDone> {
    let sql = "SELECT number FROM entry WHERE kind = $1 AND external_id = $2 AND number <> $3";
    match row(client, sql, values![entry.kind() as i16, entry.external_id(), entry.number() as i64]).await? {
        Some(row) => Err(Undo::Refused(NotCreated::ExternalIdTaken { number: number(&row, 0)? })),
        None => Ok(()),
    }
}

async fn add_entry(client: &Client, entry: &Entry) -> Result<u64, NotDone> {
    refuse_taken(client, entry).await?;
    let sql =
        "INSERT INTO entry (kind, number, external_id, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    match execute(
        client,
        sql,
        values![entry.kind() as i16, entry.number() as i64, entry.external_id(), entry.encode()],
    )
    .await?
    {
        1 => Ok(entry.number()),
        _ => Err(Undo::Refused(NotCreated::IdTaken)),
    }
}

async fn add_showtime(
    client: &Client,
    entry: &ShowtimeEntry,
    first: Option<Transition>,
) -> Result<u64, NotDone> {
    let sql = "SELECT id FROM showtime WHERE external_id = $1";
    if let Some(row) = row(client, sql, values![entry.external_id.as_deref()]).await? {
        return Err(Undo::Refused(NotCreated::ExternalIdTaken { number: number(&row, 0)? }));
    }
    if !insert_showtime(client, entry).await? {
        return Err(Undo::Refused(NotCreated::IdTaken));
    }
    let sql = "INSERT INTO clock (showtime_id, settings_version) VALUES ($1, $2)";
    execute(client, sql, values![key_of(entry.id), entry.settings.version as i32]).await?;
    if let Some(first) = first {
        let batch = [Sealed::from(first)];
        let mut known = Known::default();
        let keys = lock_and_read(client, &batch, &mut known, true).await?;
        let (outcomes, rows) = judge(&batch, &known, keys);
        if outcomes != [Outcome::Committed { revision: 1 }] {
            return Err(Failure::Damaged(format!("{} had a log before it was made", entry.id)).into());
        }
        write(client, &rows, None).await?;
    }
    Ok(entry.id.number())
}

/// Adds the row of a showtime; whether there was none of its id.
pub(crate) async fn insert_showtime(client: &Client, entry: &ShowtimeEntry) -> Result<bool, Failure> {
    let sql = "INSERT INTO showtime (id, plan, cinema, external_id, settings, starts_at_ms, on_sale_at_ms,
                   off_sale_at_ms, movie, auditorium, published, cancelled)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
    let settings = &entry.settings;
    Ok(execute(
        client,
        sql,
        values![
            key_of(entry.id),
            &entry.plan.as_bytes()[..],
            entry.cinema.map(|cinema| cinema.number() as i64),
            entry.external_id.as_deref(),
            settings.encode(),
            settings.starts_at.as_ms(),
            settings.on_sale_at.as_ms(),
            settings.off_sale_at.as_ms(),
            settings.movie.number() as i64,
            settings.auditorium.number() as i64,
            settings.published,
            settings.cancelled,
        ],
    )
    .await?
        == 1)
}

/// Reads one entry.
pub(crate) async fn entry(client: &Client, kind: Kind, number: u64) -> Result<Option<Entry>, Failure> {
    let sql = "SELECT number, external_id, body FROM entry WHERE kind = $1 AND number = $2";
    let found = row(client, sql, values![kind as i16, number as i64]).await?;
    found.map(|row| decode_entry(kind, &row)).transpose()
}

/// Lists entries by number.
pub(crate) async fn entries(
    client: &Client,
    kind: Kind,
    filter: &EntryFilter,
) -> Result<Vec<Entry>, Failure> {
    let sql = "SELECT number, external_id, body FROM entry
               WHERE kind = $1 AND number > $2 AND ($3 IS NULL OR external_id = $3) ORDER BY number LIMIT $4";
    let after = filter.after.map_or(-1, |number| number as i64);
    rows(
        client,
        sql,
        values![kind as i16, after, filter.external_id.as_deref(), filter.limit.min(1 << 30) as i64],
    )
    .await?
    .iter()
    .map(|row| decode_entry(kind, row))
    .collect()
}

fn decode_entry(kind: Kind, row: &Row) -> Result<Entry, Failure> {
    let external_id: Option<&str> = get(row, 1)?;
    Ok(Entry::decode(kind, number(row, 0)?, external_id.map(CompactString::from), get(row, 2)?)?)
}

const SHOWTIME_COLUMNS: &str = "SELECT id, plan, cinema, external_id, settings FROM showtime";

fn decode_showtime(row: &Row) -> Result<ShowtimeEntry, Failure> {
    let (cinema, external_id): (Option<i64>, Option<&str>) = (get(row, 2)?, get(row, 3)?);
    Ok(ShowtimeEntry {
        id: ShowtimeId::from_number(number(row, 0)?),
        plan: PlanHash::from_bytes(bytes(row, 1)?),
        cinema: cinema.map(|cinema| CinemaId::from_number(cinema as u64)),
        settings: Arc::new(Settings::decode(get(row, 4)?)?),
        external_id: external_id.map(CompactString::from),
    })
}

/// Reads one showtime's entry.
pub(crate) async fn showtime(client: &Client, id: ShowtimeId) -> Result<Option<ShowtimeEntry>, Failure> {
    let sql = format!("{SHOWTIME_COLUMNS} WHERE id = $1");
    row(client, &sql, values![key_of(id)]).await?.map(|row| decode_showtime(&row)).transpose()
}

/// Lists showtimes by start.
pub(crate) async fn showtimes(
    client: &Client,
    filter: &ShowtimeFilter,
) -> Result<Vec<ShowtimeEntry>, Failure> {
    let mut and = Condition::default();
    if let Some((starts_at, id)) = filter.after {
        and.add("(starts_at_ms, id) > (?, ?)", vec![Box::new(starts_at.as_ms()), Box::new(key_of(id))]);
    }
    for (column, wanted) in [
        ("cinema = ?", filter.cinema.map(|id| id.number() as i64)),
        ("movie = ?", filter.movie.map(|id| id.number() as i64)),
        ("auditorium = ?", filter.auditorium.map(|id| id.number() as i64)),
        ("starts_at_ms >= ?", filter.from.map(Timestamp::as_ms)),
        ("starts_at_ms < ?", filter.to.map(Timestamp::as_ms)),
    ] {
        if let Some(wanted) = wanted {
            and.add(column, vec![Box::new(wanted)]);
        }
    }
    if let Some(id) = &filter.external_id {
        and.add("external_id = ?", vec![Box::new(id.to_string())]);
    }
    if filter.published_only {
        and.add("published", Vec::new());
    }
    let now = || -> Box<i64> { Box::new(filter.now.as_ms()) };
    match filter.status {
        None => {}
        Some(SaleStatus::Cancelled) => and.add("cancelled", Vec::new()),
        Some(SaleStatus::Closed) => and.add("NOT cancelled AND off_sale_at_ms <= ?", vec![now()]),
        Some(SaleStatus::Upcoming) => {
            and.add("NOT cancelled AND off_sale_at_ms > ? AND on_sale_at_ms > ?", vec![now(), now()]);
        }
        Some(SaleStatus::OnSale) => {
            and.add("NOT cancelled AND off_sale_at_ms > ? AND on_sale_at_ms <= ?", vec![now(), now()]);
        }
    }
    let sql = and.finish(SHOWTIME_COLUMNS, "ORDER BY starts_at_ms, id", filter.limit);
    rows(client, &sql, &and.values()).await?.iter().map(decode_showtime).collect()
}
