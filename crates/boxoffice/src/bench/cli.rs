//! The flags of `boxoffice bench`, and what they ask for.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};

use super::load::Pace;
use super::reads;
use super::watch::Door;

/// The most connections of a herd, if not said otherwise.
const HERD_CONNECTIONS: usize = 2000;
/// Connections of an open loop, if not said otherwise.
const OPEN_CONNECTIONS: usize = 256;

/// What is to be done.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The kind's name.
    pub(super) kind: &'static str,
    /// The kind, and what only it has.
    pub(super) job: Job,
    /// The server; `None` for one of our own.
    pub(super) url: Option<String>,
    /// Where a server of our own has its data.
    pub(super) dir: Option<PathBuf>,
    /// The key for a server that is there.
    pub(super) admin_key: Option<String>,
    /// Seats of each showtime.
    pub(super) seats: u32,
    /// Showtimes.
    pub(super) showtimes: u32,
    /// How many watch, beside what else is done.
    pub(super) watchers: usize,
    /// How they are connected.
    pub(super) door: Door,
    /// Threads of the load generator.
    pub(super) threads: usize,
    /// The result as JSON on stdout.
    pub(super) json: bool,
    /// Where the report is written.
    pub(super) report: Option<PathBuf>,
}

/// A kind of load.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job {
    /// All at once.
    Herd {
        /// How many patrons.
        patrons: usize,
        /// Over how many connections.
        connections: usize,
    },
    /// Distinct holds.
    Holds(Pace, Duration),
    /// An ordinary evening.
    Mix(Pace, Duration),
    /// Seat maps.
    Reads(Pace, Duration, reads::Kind),
    /// Changes of one showtime at a rate, told to all who watch.
    Live(f64, Duration),
}

impl Job {
    /// How many connections it uses.
    pub(super) fn connections(self) -> usize {
        match self {
            Self::Herd { connections, .. } => connections,
            Self::Holds(pace, _) | Self::Mix(pace, _) | Self::Reads(pace, ..) => pace.connections(),
            Self::Live(..) => 1,
        }
    }

    /// How the load is, in words.
    pub(super) fn describe(self) -> String {
        let paced = |pace, duration: Duration| match pace {
            Pace::Open { rate, connections } => {
                format!(
                    "open loop, {rate} a second for {} s over {connections} connections",
                    duration.as_secs_f64()
                )
            }
            Pace::Closed { concurrency } => {
                format!("closed loop, {concurrency} at once for {} s", duration.as_secs_f64())
            }
        };
        match self {
            Self::Live(rate, duration) => {
                format!("{rate} changes a second for {} s", duration.as_secs_f64())
            }
            Self::Herd { patrons, connections } => {
                format!("{patrons} patrons at one instant over {connections} connections")
            }
            Self::Holds(pace, duration) | Self::Mix(pace, duration) | Self::Reads(pace, duration, _) => {
                paced(pace, duration)
            }
        }
    }
}

/// The command.
pub fn command() -> Command {
    let herd = Command::new("herd")
        .about("Everybody wants two seats of one showtime at the same instant")
        .arg(number::<usize>("patrons", "50000", "How many want seats"))
        .arg(optional(
            "connections",
            "Over how many connections [default: as many as patrons, at most 2000]",
        ));
    let holds = Command::new("holds").about("Holds of distinct pairs of seats: nobody is in anybody's way");
    let mix = Command::new("mix").about("An ordinary evening: look, hold, change, book, give up");
    let reads = Command::new("reads").about("Reads of seat maps").arg(
        Arg::new("kind")
            .long("kind")
            .value_name("KIND")
            .value_parser(["304", "full", "gzip"])
            .default_value("304")
            .help("Not modified, the whole map, or the whole map compressed"),
    );
    let live = Command::new("live")
        .about("Watchers of one showtime, and how long each change takes to reach them all")
        .arg(number::<usize>("watchers", "5000", "How many watch"))
        .arg(number::<f64>("rate", "10", "How many changes each second").value_name("PER_SECOND"))
        .arg(number::<f64>("duration", "10", "For how many seconds").value_name("SECONDS"))
        .arg(
            Arg::new("over")
                .long("over")
                .value_name("PROTOCOL")
                .value_parser(["native", "signalr"])
                .default_value("native")
                .help("The native WebSocket, or the hub: SignalR in JSON over a WebSocket"),
        );
    let watched = |command: Command| {
        command.arg(number::<usize>("watchers", "0", "How many watch meanwhile, spread over the showtimes"))
    };
    Command::new("bench")
        .about("Load a server, measure it, and check that nothing was lost or sold twice")
        .after_help(
            "Exit status: 0 the check is clean; 1 it is not, or the run failed; 2 wrong flags. \
             docs/bench.md says what is measured, and what is not.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(common(herd, "300"))
        .subcommand(common(watched(paced(holds, "400")), "1000"))
        .subcommand(common(watched(paced(mix, "50")), "300"))
        .subcommand(common(paced(reads, "20"), "300"))
        .subcommand(common(live, "300"))
}

fn number<T>(name: &'static str, default: &'static str, help: &'static str) -> Arg
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync,
{
    Arg::new(name)
        .long(name)
        .value_name("N")
        .default_value(default)
        .value_parser(|text: &str| text.parse::<T>())
        .help(help)
}

fn optional(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("N").value_parser(value_parser!(usize)).help(help)
}

fn paced(command: Command, showtimes: &'static str) -> Command {
    command
        .arg(number::<f64>("duration", "10", "For how many seconds").value_name("SECONDS"))
        .arg(
            Arg::new("rate")
                .long("rate")
                .value_name("PER_SECOND")
                .value_parser(value_parser!(f64))
                .conflicts_with("concurrency")
                .help("Open loop: so many begin each second, and latency counts from when they should have"),
        )
        .arg(optional("concurrency", "Closed loop: so many at once [default: 64]"))
        .arg(
            optional("connections", "Connections of the open loop [default: 256]")
                .requires("rate")
                .conflicts_with("concurrency"),
        )
        .arg(number::<u32>("showtimes", showtimes, "How many showtimes"))
}

fn common(command: Command, seats: &'static str) -> Command {
    command
        .arg(number::<u32>("seats", seats, "How many seats a showtime has"))
        .arg(Arg::new("url").long("url").value_name("URL").help("The server: http://HOST:PORT"))
        .arg(
            Arg::new("self")
                .long("self")
                .action(ArgAction::SetTrue)
                .help("Start a server of this program for the time of the run"),
        )
        .group(ArgGroup::new("server").args(["url", "self"]).required(true))
        .arg(
            Arg::new("admin-key")
                .long("admin-key")
                .value_name("KEY")
                .conflicts_with("self")
                .help("A key of scope admin; better given as BOXOFFICE_ADMIN_KEY"),
        )
        .arg(
            Arg::new("dir")
                .long("dir")
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("url")
                .help("Where the data of --self is, until the end [default: the system's temporary folder, if it is on a disk]"),
        )
        .arg(optional("threads", "Threads of the load generator [default: half the cores]"))
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print the result as JSON"))
        .arg(
            Arg::new("report")
                .long("report")
                .value_name("FILE.html")
                .value_parser(value_parser!(PathBuf))
                .help("Write a page with plots"),
        )
}

/// Reads the flags; what clap cannot know is refused here, by name.
pub(super) fn settings(matches: &ArgMatches) -> anyhow::Result<Settings> {
    let (kind, flags) = match matches.subcommand() {
        Some(("herd", flags)) => ("herd", flags),
        Some(("holds", flags)) => ("holds", flags),
        Some(("mix", flags)) => ("mix", flags),
        Some(("reads", flags)) => ("reads", flags),
        Some(("live", flags)) => ("live", flags),
        _ => bail!("one of herd, holds, mix, reads and live is needed"),
    };
    let seats = in_range("seats", get(flags, "seats"), 1, 100_000)?;
    let job = match kind {
        "herd" => {
            let patrons = in_range("patrons", get(flags, "patrons"), 1, 10_000_000)?;
            let usual = patrons.min(HERD_CONNECTIONS);
            let connections = flags.get_one("connections").copied().unwrap_or(usual);
            Job::Herd { patrons, connections: in_range("connections", connections, 1, 60_000)?.min(patrons) }
        }
        "live" => {
            let duration: f64 = in_range("duration", get(flags, "duration"), 0.1, 1800.0)?;
            let rate = in_range("rate", get(flags, "rate"), 0.1, 10_000.0)?;
            Job::Live(rate, Duration::from_secs_f64(duration))
        }
        _ => {
            let duration: f64 = in_range("duration", get(flags, "duration"), 0.1, 1800.0)?;
            let (pace, duration) = (pace(flags)?, Duration::from_secs_f64(duration));
            match kind {
                "holds" => Job::Holds(pace, duration),
                "mix" => Job::Mix(pace, duration),
                _ => Job::Reads(pace, duration, reads_kind(flags)),
            }
        }
    };
    let showtimes = if matches!(kind, "herd" | "live") {
        1
    } else {
        in_range("showtimes", get(flags, "showtimes"), 1, 20_000)?
    };
    if matches!(kind, "holds" | "live") && seats < 2 {
        bail!("--seats: a hold is of two seats");
    }
    let watchers = match kind {
        "live" => in_range("watchers", get(flags, "watchers"), 1, 60_000)?,
        "holds" | "mix" => in_range("watchers", get(flags, "watchers"), 0, 60_000)?,
        _ => 0,
    };
    let hub = kind == "live" && flags.get_one::<String>("over").is_some_and(|over| over == "signalr");
    let door = if hub { Door::Hub } else { Door::Native };
    let report = flags.get_one::<PathBuf>("report").cloned();
    if let Some(folder) = report.as_ref().and_then(|file| file.parent())
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        bail!("--report: there is no folder {}", folder.display());
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = flags.get_one("threads").copied().unwrap_or((cores / 2).max(1));
    Ok(Settings {
        kind,
        job,
        url: flags.get_one::<String>("url").cloned(),
        dir: flags.get_one::<PathBuf>("dir").cloned(),
        admin_key: flags.get_one::<String>("admin-key").cloned(),
        seats,
        showtimes,
        watchers,
        door,
        threads: in_range("threads", threads, 1, 1024)?,
        json: flags.get_flag("json"),
        report,
    })
}

fn pace(flags: &ArgMatches) -> anyhow::Result<Pace> {
    if let Some(rate) = flags.get_one::<f64>("rate") {
        let connections = flags.get_one("connections").copied().unwrap_or(OPEN_CONNECTIONS);
        return Ok(Pace::Open {
            rate: in_range("rate", *rate, 0.1, 1_000_000.0)?,
            connections: in_range("connections", connections, 1, 60_000)?,
        });
    }
    let concurrency = flags.get_one("concurrency").copied().unwrap_or(64);
    Ok(Pace::Closed { concurrency: in_range("concurrency", concurrency, 1, 60_000)? })
}

fn reads_kind(flags: &ArgMatches) -> reads::Kind {
    match flags.get_one::<String>("kind").map(String::as_str) {
        Some("full") => reads::Kind::Full,
        Some("gzip") => reads::Kind::Gzip,
        _ => reads::Kind::NotModified,
    }
}

/// The value of a flag that has a default.
fn get<T: Copy + Default + Send + Sync + 'static>(flags: &ArgMatches, name: &str) -> T {
    flags.get_one(name).copied().unwrap_or_default()
}

fn in_range<T: PartialOrd + std::fmt::Display>(name: &str, value: T, least: T, most: T) -> anyhow::Result<T> {
    if value >= least && value <= most {
        return Ok(value);
    }
    bail!("--{name}: {value} is not from {least} to {most}")
}
