//! The command line: one screen of commands, and what each does.

mod copy;
mod import;
mod keys;
mod settings;
mod stores;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::runtime::{Builder, Runtime};

use crate::config::{self, Config, ConfigFaults};
use crate::{bench, demo, logging, priority, serve};
use stores::{Chosen, store};

/// All commands.
pub fn command() -> Command {
    let file = |help: &'static str| {
        Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
    };
    let serve = Command::new("serve").about("Run the server").after_help(settings::MANUAL);
    Command::new("boxoffice")
        .about("A seat reservation backend for cinemas")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(demo::add_flags(Command::new("demo").about("A sample cinema with the API, at once")))
        .subcommand(config::add_flags(serve))
        .subcommand(import::command())
        .subcommand(bench::command())
        .subcommand(
            Command::new("audit")
                .about(
                    "Check every invariant of the data against the event log; also beside a running server",
                )
                .arg(store()),
        )
        .subcommand(stores::migrate_command())
        .subcommand(
            Command::new("backup")
                .about("Copy the database while it is in use, check the copy, then give it its name")
                .arg(store())
                .arg(file("The copy; must not exist")),
        )
        .subcommand(
            Command::new("restore")
                .about("Make a database from a backup, where there is none; it gets a new epoch")
                .arg(file("The backup"))
                .arg(store()),
        )
        .subcommand(copy::command())
        .subcommand(keys::keys_command())
        .subcommand(keys::epoch_command())
        .subcommand(settings::command())
        .subcommand(
            Command::new("version").about("Print the version").arg(
                Arg::new("verbose").long("verbose").action(ArgAction::SetTrue).help("Also of the parts"),
            ),
        )
}

/// Runs the program with these arguments.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => error.exit(),
    };
    let result = match matches.subcommand() {
        Some(("demo", matches)) => demo::run(matches),
        Some(("serve", matches)) => run_server(matches),
        Some(("import", matches)) => import::run(matches),
        Some(("bench", matches)) => bench::run(matches),
        Some(("audit", matches)) => audit(matches),
        Some(("migrate", matches)) => stores::migrate(matches),
        Some(("backup", matches)) => back_up(matches),
        Some(("restore", matches)) => restore(matches),
        Some(("copy", matches)) => copy::run(matches),
        Some(("keys", matches)) => keys::keys(matches),
        Some(("epoch", matches)) => keys::epoch(matches),
        Some(("config", matches)) => settings::run(matches),
        Some(("version", matches)) => version(matches),
        _ => Ok(ExitCode::from(2)),
    };
    result.unwrap_or_else(|error| {
        match error.downcast_ref::<ConfigFaults>() {
            Some(ConfigFaults(faults)) => faults.iter().for_each(|fault| eprintln!("boxoffice: {fault}")),
            None => eprintln!("boxoffice: {error:#}"),
        }
        ExitCode::FAILURE
    })
}

fn run_server(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let variable = |name: &str| std::env::var(name).ok();
    let config = config::load(Config::default(), matches, variable)?;
    let _logging = logging::start(&config.log)?;
    let settings: Vec<String> =
        config.shown().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), config = settings.join(" "), "starting");
    serving_runtime(&config)?.block_on(async {
        // Before anybody hears of the server, who may then ask it to stop.
        let stop = serve::stop_signal()?;
        let is_json = config.log.format == "json";
        let running = serve::start(config).await?;
        let say = |text: String| match is_json && tracing::enabled!(tracing::Level::INFO) {
            true => tracing::info!("{text}"),
            false => eprintln!("{text}"),
        };
        say(format!("listening on {}", running.url));
        if let Some(url) = running.ops_url() {
            say(format!("operations on {url}"));
        }
        running.run(stop).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// The runtime of a server of this config, whose threads have their place behind the store's.
pub(crate) fn serving_runtime(config: &Config) -> anyhow::Result<Runtime> {
    let steps = priority::of_sales(config);
    started(Builder::new_multi_thread().on_thread_start(move || priority::stand_back(steps)))
}

/// The runtime of a command.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    started(&mut Builder::new_multi_thread())
}

/// Starts a runtime. A write beyond a file size limit shall be an error that we handle, not a signal that
/// ends the process.
fn started(builder: &mut Builder) -> anyhow::Result<Runtime> {
    ignore_file_size_signal();
    builder.enable_all().build().context("the runtime cannot be started")
}

#[expect(unsafe_code, reason = "signal() has no safe form for ignoring; no handler of ours runs")]
fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN installs no code, and this runs before any thread is started.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

fn audit(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let mut last = 0;
    let report = Chosen::from(matches)?.audit(move |done, all| {
        if all >= 1000 && done * 20 / all > last {
            last = done * 20 / all;
            eprintln!("{done} of {all} showtimes");
        }
    })?;
    for violation in &report.violations {
        print_line(violation);
    }
    print_line(&describe(&report));
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(report: &boxoffice_engine::audit::AuditReport) -> String {
    let totals = &report.totals;
    format!(
        "{}: {} showtimes, {} events, {} holds and bookings, {} seats touched, {} violations",
        if report.violations.is_empty() { "clean" } else { "BROKEN" },
        report.showtimes,
        totals.events,
        totals.holds,
        totals.seats,
        report.violations.len()
    )
}

fn file(matches: &ArgMatches) -> &Path {
    matches.get_one::<PathBuf>("file").map_or(Path::new(""), PathBuf::as_path)
}

fn back_up(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let target = file(matches);
    let report = boxoffice_sqlite::backup::back_up(&Chosen::from(matches)?.file()?, target)?;
    print_line(&format!("{} ({})", target.display(), describe(&report)));
    Ok(ExitCode::SUCCESS)
}

fn restore(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let target = Chosen::from(matches)?.file()?;
    let report = boxoffice_sqlite::backup::restore(file(matches), &target)?;
    print_line(&format!("{} ({})", target.display(), describe(&report)));
    Ok(ExitCode::SUCCESS)
}

fn version(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    print_line(&format!("boxoffice {}", env!("CARGO_PKG_VERSION")));
    if matches.get_flag("verbose") {
        print_line(&format!("schema {}", boxoffice_sqlite::SCHEMA));
        print_line(&format!("schema on PostgreSQL {}", boxoffice_postgres::SCHEMA));
        print_line(&format!("SQLite {}", boxoffice_sqlite::sqlite_version()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A line of a command's own output.
pub(crate) fn print_line(line: &str) {
    use std::io::Write as _;
    // Whoever read it may have had enough, as `head` has.
    let _ = writeln!(std::io::stdout(), "{line}");
}
