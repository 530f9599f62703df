//! Rows of a copy as columns, as statements take them, with the columns that repeat what stands in records.

use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::settings::Settings;
use boxoffice_engine::store::copy::Row;
use tokio_postgres::Client;

use crate::bookings::Columns;
use crate::error::Failure;
use crate::log::LogRow;
use crate::values::{OfType, Typed, execute, typed};

/// A column of any type.
trait Column: Send + Sync {
    fn typed(&self) -> Typed<'_>;
}

impl<T> Column for Vec<T>
where
    Vec<T>: OfType + Send,
{
    fn typed(&self) -> Typed<'_> {
        typed(self)
    }
}

macro_rules! tables {
    ($($table:ident ($name:literal) { $($column:ident: $kind:ty,)* })*) => {
        /// Rows for all tables.
        #[derive(Default)]
        pub(super) struct Batch {
            $($table: $table::Columns,)*
        }

        impl Batch {
            /// Writes all rows, each table's by one statement.
            pub(super) async fn write(&self, client: &Client) -> Result<(), Failure> {
                $(self.$table.write(client).await?;)*
                Ok(())
            }
        }

        $(mod $table {
            use super::{Client, Column, Failure, Typed, execute};

            #[derive(Default)]
            pub(super) struct Columns {
                count: u64,
                $($column: Vec<$kind>,)*
            }

            impl Columns {
                #[allow(clippy::too_many_arguments, reason = "a row has as many columns as it has")]
                pub(super) fn push(&mut self, $($column: $kind,)*) {
                    self.count += 1;
                    $(self.$column.push($column);)*
                }

                pub(super) async fn write(&self, client: &Client) -> Result<(), Failure> {
                    if self.count == 0 {
                        return Ok(());
                    }
                    let columns: &[(&str, &dyn Column)] = &[$((stringify!($column), &self.$column)),*];
                    let values: Vec<Typed<'_>> = columns.iter().map(|(_, column)| column.typed()).collect();
                    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
                    let arrays: Vec<_> = (1..=names.len()).map(|number| format!("${number}")).collect();
                    let (names, arrays) = (names.join(", "), arrays.join(", "));
                    let sql = format!("INSERT INTO {} ({names}) SELECT {names} FROM unnest({arrays}) AS i({names})", $name);
                    match execute(client, &sql, &values).await? {
                        written if written == self.count => Ok(()),
                        written => Err(Failure::Damaged(format!("{written} of {} rows were written", self.count))),
                    }
                }
            }
        })*
    };
}

tables! {
    plan ("plan") { hash: Vec<u8>, body: Vec<u8>, }
    entry ("entry") { kind: i16, number: i64, external_id: Option<String>, body: Vec<u8>, }
    showtime ("showtime") {
        id: i64,
        plan: Vec<u8>,
        cinema: Option<i64>,
        external_id: Option<String>,
        settings: Vec<u8>,
        starts_at_ms: i64,
        on_sale_at_ms: i64,
        off_sale_at_ms: i64,
        movie: i64,
        auditorium: i64,
        published: bool,
        cancelled: bool,
    }
    clock ("clock") { showtime_id: i64, revision: i64, settings_version: i32, ever_held: bool, }
    hold ("hold") {
        showtime_id: i64,
        serial: i64,
        version: i32,
        status: i16,
        body: Vec<u8>,
        reference: Option<i64>,
        booked_at_ms: Option<i64>,
        cancelled: Option<i16>,
        email: Option<String>,
        contact: Option<Vec<u8>>,
    }
    request_key ("request_key") { showtime_id: i64, key: Vec<u8>, revision: i64, at_ms: i64, }
    log ("log") { showtime_id: i64, revision: i64, events: i32, body: Vec<u8>, }
    catalogue_key ("catalogue_key") {
        caller: String,
        key: Vec<u8>,
        fingerprint: Vec<u8>,
        number: i64,
        at_ms: i64,
        answer: Option<Vec<u8>>,
    }
    token_key ("token_key") { id: i32, secret: Vec<u8>, made_at_ms: i64, revoked_at_ms: Option<i64>, }
}

impl Batch {
    /// Adds a row of the log.
    pub(super) fn add_log(&mut self, showtime: i64, row: LogRow) {
        self.log.push(showtime, row.revision as i64, row.events as i32, row.body);
    }

    /// Adds a row of any kind but events.
    pub(super) fn add(&mut self, row: Row) -> Result<(), Failure> {
        match row {
            Row::Plan { hash, body } => self.plan.push(hash, body),
            Row::Entry { kind, number, external_id, body } => {
                self.entry.push(kind, number, external_id, body);
            }
            Row::Showtime { id, plan, cinema, external_id, settings: body, revision, ever_held } => {
                let settings = Settings::decode(&body)?;
                self.clock.push(id, revision, settings.version as i32, ever_held);
                self.showtime.push(
                    id,
                    plan,
                    cinema,
                    external_id,
                    body,
                    settings.starts_at.as_ms(),
                    settings.on_sale_at.as_ms(),
                    settings.off_sale_at.as_ms(),
                    settings.movie.number() as i64,
                    settings.auditorium.number() as i64,
                    settings.published,
                    settings.cancelled,
                );
            }
            Row::Hold { showtime, serial, body, contact } => {
                let hold = Hold::decode(&body)?;
                if hold.status == HoldStatus::Active {
                    return Ok(());
                }
                let known = contact.as_deref().map(Contact::decode).transpose()?;
                let Columns { reference, booked_at_ms, cancelled, email } =
                    Columns::of(&hold, known.as_ref());
                let (version, status) = (hold.version as i32, hold.status as i16);
                self.hold.push(
                    showtime,
                    serial,
                    version,
                    status,
                    body,
                    reference,
                    booked_at_ms,
                    cancelled,
                    email.map(String::from),
                    contact,
                );
            }
            Row::RequestKey { showtime, key, revision, at_ms } => {
                self.request_key.push(showtime, key, revision, at_ms);
            }
            // They are in the log.
            Row::Seat { .. } | Row::Event { .. } => {}
            Row::CatalogueKey { caller, key, fingerprint, number, at_ms, answer } => {
                self.catalogue_key.push(caller, key, fingerprint, number, at_ms, answer);
            }
            Row::TokenKey { id, secret, made_at_ms, revoked_at_ms } => {
                self.token_key.push(id, secret, made_at_ms, revoked_at_ms);
            }
        }
        Ok(())
    }
}
