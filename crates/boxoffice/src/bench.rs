//! `boxoffice bench`: a load generator that checks what it measured: nothing lost, nothing sold twice, nothing claimed
//! that was not done.

mod answers;
mod check;
mod claims;
mod cli;
mod client;
mod dice;
mod herd;
mod holds;
mod inspect;
mod ledger;
mod load;
mod machine;
mod mix;
mod own_server;
mod plot;
mod progress;
mod reads;
mod record;
mod report;
mod result;
mod room;
mod shop;
mod stage;
mod stop;
mod watch;

use std::net::ToSocketAddrs as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::ArgMatches;

use crate::cli::print_line;
use crate::config::from_environment;
use crate::file_limit;
use crate::serve::stop_signal;
use cli::{Job, Settings};
use client::Target;
use machine::Machine;
use own_server::OwnServer;
use result::Outcome;
use stage::Run;
use stop::Stop;
use watch::Watchers;

pub use cli::command;

/// How long watchers are left alone before the server's memory is looked at.
const SETTLING: Duration = Duration::from_secs(2);
/// Files that are open besides connections.
const OTHER_FILES: u64 = 64;

/// Runs one kind of load; 1 if its check is not clean.
pub fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = cli::settings(matches)?;
    let files = file_limit::raise();
    if files < (settings.job.connections() + settings.watchers) as u64 + OTHER_FILES {
        bail!("--connections and --watchers: the system allows only {files} open files (see ulimit -n)");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let outcome = runtime.block_on(runtime.spawn(measure(settings))).context("the run failed")??;
    if outcome.settings.json {
        print_line(&format!("{:#}", outcome.json()));
    } else {
        print_line(&outcome.table());
    }
    eprintln!("{}", outcome.machine.describe());
    for note in outcome.notes() {
        eprintln!("note: {note}");
    }
    for violation in &outcome.findings.violations.told {
        eprintln!("VIOLATION: {violation}");
    }
    // Last, so that a full disk does not cost the figures.
    if let Some(file) = &outcome.settings.report {
        let page = report::page(&outcome);
        std::fs::write(file, page)
            .with_context(|| format!("--report: {} cannot be written", file.display()))?;
    }
    if !outcome.is_right() {
        eprintln!("THE CHECK FAILED: {} violations", outcome.findings.violations.count);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prepares, loads, and checks.
async fn measure(settings: Settings) -> anyhow::Result<Outcome> {
    let stop = Stop::new();
    let asked = stop.clone();
    // Without signals it cannot be ended early, but it can run.
    if let Ok(signal) = stop_signal() {
        tokio::spawn(async move {
            signal.await;
            asked.ask();
        });
    }
    let own = match settings.url {
        Some(_) => None,
        None => Some(OwnServer::start(settings.dir.as_deref())?),
    };
    let machine = Machine::look(own.as_ref().map(OwnServer::folder));
    let (url, key) = match &own {
        Some(own) => (own.url.clone(), own.key.clone()),
        None => (settings.url.clone().unwrap_or_default(), admin_key(&settings)?),
    };
    let target = Arc::new(target(&url)?);
    let run = Run::prepare(target, key, settings.seats, settings.showtimes, stop).await?;
    // It lives as long as the process: every task refers to it.
    let run: &'static Run = Box::leak(Box::new(run));
    let server = own.as_ref().map(OwnServer::pid);
    let spent = tokio::select! { biased;
        spent = load(run, &settings, server) => spent,
        () = progress::show(run, settings.job) => bail!("the progress bar ended"),
    };
    let spent = spent.with_context(|| own.as_ref().map(OwnServer::log).unwrap_or_default())?;
    let interrupted = run.stop.is_asked();
    let (measured, sales) = (run.recorder.measured(), run.ledger.sales());
    let findings = inspect::inspect(run, &sales).await;
    // What was measured is told even if the server is gone.
    let mut findings = findings.unwrap_or_else(|error| {
        let log = own.as_ref().map(OwnServer::log).unwrap_or_default();
        let mut findings = inspect::Findings::default();
        findings.violations.add(format!("the result cannot be checked: {error:#} {log}").trim().to_owned());
        findings
    });
    claims::verify(settings.job, run.room.len(), &measured, &sales, interrupted, &mut findings);
    for wrong in spent.wrong {
        findings.violations.add(wrong);
    }
    let Spent { duration_s, own_cpu_s, server_cpu_s, others_cpu_s, watcher_bytes, opening_s, .. } = spent;
    Ok(Outcome {
        settings,
        url,
        measured,
        findings,
        duration_s,
        own_cpu_s,
        server_cpu_s,
        others_cpu_s,
        watcher_bytes,
        opening_s,
        interrupted,
        machine,
    })
}

/// What a load took.
struct Spent {
    duration_s: f64,
    own_cpu_s: f64,
    server_cpu_s: Option<f64>,
    others_cpu_s: Option<f64>,
    /// The memory of the server that each idle watcher takes.
    watcher_bytes: Option<f64>,
    /// How long it took until all watchers were told where they stand, in seconds.
    opening_s: f64,
    /// What the watchers found wrong.
    wrong: Vec<String>,
}

/// Opens the connections, then loads.
async fn load(run: &'static Run, settings: &Settings, server: Option<u32>) -> anyhow::Result<Spent> {
    let mut shops = load::open_shops(run, settings.job.connections()).await?;
    let expected = match (settings.job, shops.first_mut()) {
        (Job::Reads(_, _, kind), Some(shop)) => {
            Some(Arc::new(reads::Expected::prepare(run, shop, kind).await?))
        }
        _ => None,
    };
    let memory = || server.and_then(machine::resident_bytes);
    let before = memory();
    let changes = match settings.job {
        Job::Live(rate, duration) => (rate * duration.as_secs_f64()).ceil() as usize + 1,
        _ => 0,
    };
    let opening = Instant::now();
    let watchers = match settings.watchers {
        0 => None,
        count => Some(Watchers::open(run, count, settings.door, changes).await?),
    };
    let opening_s = opening.elapsed().as_secs_f64();
    let mut watcher_bytes = None;
    if let Some(watchers) = &watchers {
        // What was needed to let them in is given back meanwhile.
        run.stop.sleep_until(Instant::now() + SETTLING).await;
        let grown = memory().zip(before).map(|(after, before)| after - before);
        watcher_bytes = grown.map(|grown| grown / watchers.count as f64);
    }
    run.recorder.forget_preparation();
    let cpu = || {
        let own = machine::cpu_s(None).unwrap_or(0.0);
        (own, server.and_then(|pid| machine::cpu_s(Some(pid))), machine::all_cpu_s())
    };
    let before = cpu();
    let start = run.recorder.begin();
    let next = Arc::new(AtomicUsize::new(0));
    let mut shops = (0u64..).zip(shops);
    let mut changed = 0;
    match settings.job {
        Job::Herd { patrons, .. } => {
            load::all(shops.map(|(seed, shop)| {
                let next = Arc::clone(&next);
                async move { herd::serve(run, shop, patrons, &next, seed).await }
            }))
            .await;
        }
        Job::Holds(pace, duration) => {
            let holders = shops.map(|(_, shop)| holds::Holder::new(shop, Arc::clone(&next)));
            load::drive(run, holders.collect(), pace, duration).await;
        }
        Job::Mix(pace, duration) => {
            let crowd = shops.map(|(seed, shop)| mix::Crowd::new(shop, seed));
            load::drive(run, crowd.collect(), pace, duration).await;
        }
        Job::Live(rate, duration) => {
            let (Some(watchers), Some((_, shop))) = (&watchers, shops.next()) else {
                bail!("--watchers: there must be one");
            };
            changed = watch::change(watchers, shop, rate, duration).await?;
        }
        Job::Reads(pace, duration, _) => {
            let expected = expected.context("no map was read beforehand")?;
            let readers = shops.map(|(seed, shop)| reads::Reader::new(shop, Arc::clone(&expected), seed));
            load::drive(run, readers.collect(), pace, duration).await;
        }
    }
    let duration_s = start.elapsed().as_secs_f64();
    let wrong = match watchers {
        Some(watchers) => watchers.end(changed).await?,
        None => Vec::new(),
    };
    let after = cpu();
    let own_cpu_s = after.0 - before.0;
    let server_cpu_s = before.1.zip(after.1).map(|(before, after)| after - before);
    let all = before.2.zip(after.2).map(|(before, after)| after - before);
    // Without the server's part nobody can tell it from the others'.
    let others_cpu_s = all.zip(server_cpu_s).map(|(all, server)| (all - server - own_cpu_s).max(0.0));
    Ok(Spent { duration_s, own_cpu_s, server_cpu_s, others_cpu_s, watcher_bytes, opening_s, wrong })
}

/// The key for a server that is there: the flag, the variable, or the file that its sister names.
fn admin_key(settings: &Settings) -> anyhow::Result<String> {
    if let Some(key) = &settings.admin_key {
        return Ok(key.clone());
    }
    let found = from_environment("BOXOFFICE_ADMIN_KEY", &|name: &str| std::env::var(name).ok())?;
    let key = found.context(
        "--admin-key, BOXOFFICE_ADMIN_KEY or BOXOFFICE_ADMIN_KEY_FILE is needed: the load makes showtimes of its own",
    );
    Ok(key?.0)
}

/// Reads a URL.
fn target(url: &str) -> anyhow::Result<Target> {
    let rest = url.strip_prefix("http://");
    let rest =
        rest.with_context(|| format!("--url: {url} does not begin with http:// (there is no TLS here)"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let with_port = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut addresses =
        with_port.to_socket_addrs().with_context(|| format!("--url: {host} cannot be found"))?;
    let address = addresses.next().with_context(|| format!("--url: {host} has no address"))?;
    let path = path.trim_end_matches('/');
    let base = if path.is_empty() { String::new() } else { format!("/{path}") };
    Ok(Target { address, host: host.to_owned(), base })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_and_what_stands_before_paths() {
        let parts =
            |url: &str| target(url).map(|target| (target.address.to_string(), target.host, target.base));
        let own =
            |address: &str, host: &str, base: &str| (address.to_owned(), host.to_owned(), base.to_owned());
        assert_eq!(parts("http://127.0.0.1:8080").unwrap(), own("127.0.0.1:8080", "127.0.0.1:8080", ""));
        assert_eq!(parts("http://127.0.0.1/shop/").unwrap(), own("127.0.0.1:80", "127.0.0.1", "/shop"));
        assert_eq!(parts("http://[::1]").unwrap(), own("[::1]:80", "[::1]", ""));
        for wrong in ["https://127.0.0.1", "127.0.0.1:8080", "http://", "http://127.0.0.1:http"] {
            assert!(parts(wrong).unwrap_err().to_string().starts_with("--url"), "{wrong}");
        }
    }
}
