//! `boxoffice copy`: a whole database into a new one of any kind, checked on both sides.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use boxoffice_engine::store::copy::{Piece, Tally, way};
use clap::{Arg, ArgMatches, Command};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::stores::Chosen;
use super::{describe, print_line, runtime};

/// How often it says how far it is.
const SAID_EVERY: Duration = Duration::from_secs(2);

/// `boxoffice copy`
pub(super) fn command() -> Command {
    let store = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("STORE").required(true).help(help)
    };
    Command::new("copy")
        .about("Copy a whole database into a new one, also of the other kind; while no server runs on either")
        .after_help(
            "Everything is copied: rooms, showtimes, seats, holds, bookings, events with their revisions, the answers kept \
             for repeated requests, and the keys of tokens. Tokens stay good; clients read their maps anew, for the copy \
             gets an epoch of its own. What is not copied to its end is undone.",
        )
        .arg(store("from", "sqlite:FILE or postgres://…"))
        .arg(store("to", "sqlite:FILE, which must not exist, or postgres://…, in which nothing may be"))
}

pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let given = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str).to_owned();
    let (from, to) = (given("from"), given("to"));
    if from == to {
        bail!("--from and --to are the same");
    }
    let source = Chosen::named(&from, "--from")?;
    let target = Chosen::named(&to, "--to")?;
    let tally = runtime()?.block_on(Box::pin(copy(&source, &target)))?;
    print_line(&format!("copied {tally}"));
    eprintln!("{} rows are copied and the same; checking both databases", tally.rows());
    let audited = |store: &Chosen, what: &str| {
        let report = store.audit(|_, _| {}).with_context(|| format!("{what} {store}"))?;
        for violation in &report.violations {
            print_line(violation);
        }
        print_line(&format!("{what} {store} is {}", describe(&report)));
        anyhow::Ok(report)
    };
    let (before, after) = (audited(&source, "the source")?, audited(&target, "the copy")?);
    if before.totals != after.totals || before.showtimes != after.showtimes {
        bail!("the source was changed meanwhile: the copy has no part in that");
    }
    let sound = before.violations.is_empty() && after.violations.is_empty();
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn copy(source: &Chosen, target: &Chosen) -> anyhow::Result<Tally> {
    let (outlet, from) = way();
    let (to, arriving) = channel(1);
    let (given, (), taken) = tokio::join!(source.export(outlet), forward(from, to), target.import(arriving));
    match (given, taken) {
        // It only says that the source ended too early.
        (Err(why), Err(early)) if Chosen::is_cut_short(&early) => Err(why.context(format!("{source}"))),
        (_, taken) => taken.with_context(|| format!("{target}")),
    }
}

/// Hands on what comes and says how much that was, until either side ends.
async fn forward(mut from: Receiver<Piece>, to: Sender<Piece>) {
    let (mut rows, mut said_at) = (0, Instant::now());
    while let Some(piece) = from.recv().await {
        if let Piece::Rows(more) = &piece {
            rows += more.len();
        }
        if to.send(piece).await.is_err() {
            return;
        }
        if said_at.elapsed() >= SAID_EVERY {
            said_at = Instant::now();
            eprintln!("{rows} rows");
        }
    }
}
