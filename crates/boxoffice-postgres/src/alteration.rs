//! Changing the catalogue in PostgreSQL, and taking things out of it.

use boxoffice_core::id::{AuditoriumId, ShowtimeId};
use boxoffice_engine::catalogue::{
    Alteration, CatalogueKey, Created, Entry, Kind, NotAltered, NotCreated, Users,
};
use tokio_postgres::Client;

use crate::catalogue::{add_plan, answered, entry, keep_answer, refuse_taken};
use crate::errand::Undo;
use crate::error::Failure;
use crate::reads::key_of;
use crate::values::{execute, get, number as number_at, row, rows, values};

impl From<Undo<NotCreated>> for Undo<NotAltered> {
    fn from(undo: Undo<NotCreated>) -> Self {
        match undo {
            Undo::Refused(why) => Self::Refused(why.into()),
            Undo::Failed(failure) => Self::Failed(failure),
        }
    }
}

fn refused<T>(why: NotAltered) -> Result<T, Undo<NotAltered>> {
    Err(Undo::Refused(why))
}

/// Changes something or takes it away, within a transaction.
pub(crate) async fn alter(
    client: &Client,
    alteration: Alteration,
    key: Option<CatalogueKey>,
) -> Result<Created, Undo<NotAltered>> {
    if let Some(first) = answered(client, key.as_ref()).await? {
        return Ok(first);
    }
    let number = match alteration {
        Alteration::Replace { before, after, plan } => {
            if let Some(plan) = plan {
                add_plan(client, &plan).await?;
            }
            replace(client, &before, &after).await?
        }
        Alteration::Remove(kind, number) => remove(client, kind, number).await?,
        Alteration::RemoveShowtime(id) => remove_unheld(client, id).await?,
    };
    keep_answer(client, key.as_ref(), number).await?;
    Ok(Created::now(number))
}

async fn replace(client: &Client, before: &Entry, after: &Entry) -> Result<u64, Undo<NotAltered>> {
    let (kind, number) = (before.kind(), before.number());
    match entry(client, kind, number).await? {
        None => return refused(NotAltered::Absent),
        Some(stored) if stored != *before => return refused(NotAltered::Changed),
        Some(_) => {}
    }
    refuse_taken(client, after).await?;
    let sql = "UPDATE entry SET external_id = $3, body = $4 WHERE kind = $1 AND number = $2";
    execute(client, sql, values![kind as i16, number as i64, after.external_id(), after.encode()]).await?;
    if let (Entry::Auditorium(before), Entry::Auditorium(after)) = (before, after)
        && before.cinema != after.cinema
    {
        let sql = "UPDATE showtime SET cinema = $2 WHERE auditorium = $1";
        let cinema = after.cinema.map(|cinema| cinema.number() as i64);
        execute(client, sql, values![number as i64, cinema]).await?;
    }
    Ok(number)
}

async fn remove(client: &Client, kind: Kind, number: u64) -> Result<u64, Undo<NotAltered>> {
    let users = users(client, kind, number).await?;
    if !users.is_none() {
        return refused(NotAltered::InUse(users));
    }
    let sql = "DELETE FROM entry WHERE kind = $1 AND number = $2";
    match execute(client, sql, values![kind as i16, number as i64]).await? {
        0 => refused(NotAltered::Absent),
        _ => Ok(number),
    }
}

async fn users(client: &Client, kind: Kind, number: u64) -> Result<Users, Failure> {
    let column = match kind {
        Kind::Cinema => "cinema",
        Kind::Movie => "movie",
        Kind::Auditorium => "auditorium",
    };
    let sql = format!("SELECT count(*), min(id) FROM showtime WHERE {column} = $1");
    let mut users = Users::default();
    if let Some(row) = row(client, &sql, values![number as i64]).await? {
        users.showtimes = number_at(&row, 0)?;
        users.showtime = get::<Option<i64>>(&row, 1)?.map(|id| ShowtimeId::from_number(id as u64));
    }
    if kind == Kind::Cinema {
        // Which cinema an auditorium is in stands in its body; there are few of them, and this is rare.
        let sql = "SELECT number, body FROM entry WHERE kind = $1 ORDER BY number";
        for row in rows(client, sql, values![Kind::Auditorium as i16]).await? {
            let auditorium = number_at(&row, 0)?;
            if let Entry::Auditorium(entry) =
                Entry::decode(Kind::Auditorium, auditorium, None, get(&row, 1)?)?
                && entry.cinema.is_some_and(|cinema| cinema.number() == number)
            {
                users.auditoriums += 1;
                users.auditorium.get_or_insert(AuditoriumId::from_number(auditorium));
            }
        }
    }
    Ok(users)
}

/// Under its clock, so that nobody can hold from it meanwhile: who waits for the clock finds no showtime then.
async fn remove_unheld(client: &Client, id: ShowtimeId) -> Result<u64, Undo<NotAltered>> {
    let sql = "SELECT ever_held FROM clock WHERE showtime_id = $1 FOR UPDATE";
    match row(client, sql, values![key_of(id)]).await?.map(|row| get(&row, 0)).transpose()? {
        None => refused(NotAltered::Absent),
        Some(true) => refused(NotAltered::EverHeld),
        Some(false) => {
            take_out(client, id).await?;
            Ok(id.number())
        }
    }
}

/// Takes a showtime out with all that is of it: first its clock, for which whoever writes to it waits.
pub(crate) async fn take_out(client: &Client, id: ShowtimeId) -> Result<(), Failure> {
    for table in ["clock", "log", "snapshot", "hold", "request_key"] {
        let sql = format!("DELETE FROM {table} WHERE showtime_id = $1");
        execute(client, &sql, values![key_of(id)]).await?;
    }
    execute(client, "DELETE FROM showtime WHERE id = $1", values![key_of(id)]).await?;
    Ok(())
}
