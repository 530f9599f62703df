//! The store that a command works on, by its address; and `boxoffice migrate`.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::audit::AuditReport;
use boxoffice_engine::store::TokenKey;
use boxoffice_engine::store::copy::{Outlet, Piece, Tally};
use boxoffice_postgres::Address;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::sync::mpsc::Receiver;
use tokio::task::spawn_blocking;

use super::{print_line, runtime};
use crate::config;

/// The flag that names it.
pub(super) fn store() -> Arg {
    Arg::new("store")
        .long("store")
        .value_name("STORE")
        .env("BOXOFFICE_STORE")
        .hide_env_values(true)
        .default_value("sqlite:boxoffice.db")
        .help("sqlite:FILE or postgres://…; BOXOFFICE_STORE_FILE names a file that has it")
}

/// A store, not opened yet.
pub(super) enum Chosen {
    Sqlite(PathBuf),
    Postgres(Box<Address>),
}

impl fmt::Display for Chosen {
    /// Without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

impl Chosen {
    /// Gives all that is in it.
    pub(super) async fn export(&self, outlet: Outlet) -> anyhow::Result<Tally> {
        Ok(match self {
            Self::Sqlite(path) => {
                let path = path.clone();
                spawn_blocking(move || boxoffice_sqlite::copy::export(&path, outlet)).await??
            }
            Self::Postgres(address) => boxoffice_postgres::copy::export(address, outlet).await?,
        })
    }

    /// Makes it of what arrives.
    pub(super) async fn import(&self, arriving: Receiver<Piece>) -> anyhow::Result<Tally> {
        Ok(match self {
            Self::Sqlite(path) => {
                let path = path.clone();
                spawn_blocking(move || boxoffice_sqlite::copy::import(&path, arriving)).await??
            }
            Self::Postgres(address) => boxoffice_postgres::copy::import(address, arriving).await?,
        })
    }

    /// Whether an import only says that what arrived had no end.
    pub(super) fn is_cut_short(error: &anyhow::Error) -> bool {
        use boxoffice_postgres::OpenError as OnPostgres;
        use boxoffice_sqlite::OpenError as OnSqlite;
        matches!(error.downcast_ref(), Some(OnSqlite::Incomplete))
            || matches!(error.downcast_ref(), Some(OnPostgres::Incomplete))
    }

    /// The one that `--store` names, or its variable, or the file that the variable's sister names.
    pub(super) fn from(matches: &ArgMatches) -> anyhow::Result<Self> {
        let file = std::env::var_os("BOXOFFICE_STORE_FILE").map(PathBuf::from);
        if let Some(file) = file
            && matches.value_source("store") == Some(ValueSource::DefaultValue)
        {
            let told = std::fs::read_to_string(&file)
                .with_context(|| format!("{}, by BOXOFFICE_STORE_FILE, cannot be read", file.display()))?;
            return Self::named(told.trim_end_matches(['\r', '\n']), "BOXOFFICE_STORE_FILE");
        }
        let named = match matches.value_source("store") {
            Some(ValueSource::EnvVariable) => "BOXOFFICE_STORE",
            _ => "--store",
        };
        Self::named(matches.get_one::<String>("store").map_or("", String::as_str), named)
    }

    /// The one at this address, given with this flag.
    pub(super) fn named(store: &str, flag: &str) -> anyhow::Result<Self> {
        if boxoffice_postgres::is_postgres(store) {
            return Ok(Self::Postgres(Box::new(Address::parse(store)?)));
        }
        let path = config::sqlite_path(store);
        Ok(Self::Sqlite(path.with_context(|| format!("{flag} must be sqlite:FILE or postgres://…"))?))
    }

    /// The file of an embedded store, for what only those have.
    pub(super) fn file(self) -> anyhow::Result<PathBuf> {
        match self {
            Self::Sqlite(path) => Ok(path),
            Self::Postgres(_) => bail!(
                "this is for sqlite:FILE; PostgreSQL has its own: pg_dump, pg_basebackup and archived logs \
                 (docs/postgres.md)"
            ),
        }
    }

    pub(super) fn audit(
        &self,
        progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> anyhow::Result<AuditReport> {
        Ok(match self {
            Self::Sqlite(path) => boxoffice_sqlite::audit::run(path, progress)?,
            Self::Postgres(address) => {
                runtime()?.block_on(boxoffice_postgres::audit::run(address, progress))?
            }
        })
    }

    pub(super) fn token_keys(&self) -> anyhow::Result<Vec<TokenKey>> {
        Ok(match self {
            Self::Sqlite(path) => boxoffice_sqlite::token_keys::list(path)?,
            Self::Postgres(address) => runtime()?.block_on(boxoffice_postgres::token_keys::list(address))?,
        })
    }

    pub(super) fn add_token_key(&self, now: Timestamp) -> anyhow::Result<u32> {
        Ok(match self {
            Self::Sqlite(path) => boxoffice_sqlite::token_keys::rotate(path, now)?,
            Self::Postgres(address) => {
                runtime()?.block_on(boxoffice_postgres::token_keys::rotate(address, now))?
            }
        })
    }

    pub(super) fn revoke_token_key(&self, id: u32, now: Timestamp) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(path) => boxoffice_sqlite::token_keys::revoke(path, id, now)?,
            Self::Postgres(address) => {
                runtime()?.block_on(boxoffice_postgres::token_keys::revoke(address, id, now))?;
            }
        }
        Ok(())
    }

    pub(super) fn renew_epoch(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Sqlite(path) => boxoffice_sqlite::epoch::renew(path)?,
            Self::Postgres(address) => runtime()?.block_on(boxoffice_postgres::renew_epoch(address))?,
        })
    }
}

/// `boxoffice migrate`
pub(super) fn migrate_command() -> Command {
    let distributed = Arg::new("distributed")
        .long("distributed")
        .action(ArgAction::SetTrue)
        .help("Spread the tables over the nodes of a database with the extension citus");
    Command::new("migrate")
        .about("Bring a store's tables up to this program's, which `serve` does too")
        .arg(store())
        .arg(distributed)
}

pub(super) fn migrate(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let distributed = matches.get_flag("distributed");
    let spread = if distributed { ", distributed by showtime" } else { "" };
    let (store, from, to) = match Chosen::from(matches)? {
        Chosen::Sqlite(_) if distributed => bail!("--distributed is for postgres://…: a file has one node"),
        Chosen::Sqlite(path) => {
            let (from, to) = boxoffice_sqlite::upgrade(&path)?;
            (path.display().to_string(), from, to)
        }
        Chosen::Postgres(address) => {
            let (from, to) = runtime()?.block_on(boxoffice_postgres::migrate(&address, distributed))?;
            (address.to_string(), from.into(), to.into())
        }
    };
    print_line(&match from {
        0 => format!("{store}: the tables were made, schema {to}{spread}"),
        from if from == to => format!("{store}: schema {to}, nothing was missing{spread}"),
        from => format!("{store}: from schema {from} to schema {to}{spread}"),
    });
    Ok(ExitCode::SUCCESS)
}
