//! `boxoffice demo`: a sample cinema on the embedded store, at once.

mod crowd;
mod programme;

use std::fs::{File, TryLockError};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::cli::{print_line, serving_runtime};
use crate::config::Config;
use crate::{logging, serve};

/// The most patrons in a minute: with more it would be a load test, which is `bench`.
const MOST_PATRONS: i64 = 6000;
const FOLDER: &str = "boxoffice-demo";

/// Its flags.
pub fn add_flags(command: Command) -> Command {
    command
        .arg(Arg::new("listen").long("listen").value_name("ADDRESS:PORT").default_value("127.0.0.1:8080"))
        .arg(
            Arg::new("folder")
                .long("folder")
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .default_value(FOLDER)
                .help("Where its data and its key are"),
        )
        .arg(
            Arg::new("crowd")
                .long("crowd")
                .value_name("PATRONS")
                .value_parser(value_parser!(u32).range(..=MOST_PATRONS))
                .default_value("30")
                .help("How many simulated patrons come in a minute; 0 for none"),
        )
        .arg(
            Arg::new("fresh")
                .long("fresh")
                .action(ArgAction::SetTrue)
                .help("Start over: delete what an earlier demo left in the folder (demo.db and admin-key)"),
        )
}

/// Runs the demo until it is told to stop.
pub fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let folder = matches.get_one::<PathBuf>("folder").context("a folder is needed")?;
    if matches.get_flag("fresh") {
        start_over(folder)?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut config = Config::default();
    config.main.listen = matches.get_one::<String>("listen").cloned().unwrap_or_default();
    config.main.store = format!("sqlite:{}", folder.join("demo.db").display());
    config.main.admin_key = admin_key(&folder.join("admin-key"))?;
    config.log.level = "warn".to_owned();
    config.check()?;
    let _logging = logging::start(&config.log)?;
    let patrons = matches.get_one::<u32>("crowd").copied().unwrap_or_default();
    let key = config.main.admin_key.clone();
    serving_runtime(&config)?.block_on(async {
        // Before anybody hears of the server, who may then ask it to stop.
        let stop = serve::stop_signal()?;
        let running = serve::start(config).await?;
        let programme = programme::top_up(&running.app).await?;
        say_hello(&running.url, &key, folder, &programme, patrons);
        let crowd = crowd::Crowd::new(Arc::clone(&running.app), programme.open);
        let crowd = tokio::spawn(crowd.come(patrons));
        let stop = async {
            stop.await;
            crowd.abort();
        };
        running.run(stop).await;
        print_line(&format!("\nThe data is in {}; `demo --fresh` starts over.", folder.display()));
        Ok(ExitCode::SUCCESS)
    })
}

/// Removes what an earlier demo left, and nothing else; nothing at all while that demo still runs.
fn start_over(folder: &Path) -> anyhow::Result<()> {
    let lock = File::open(folder.join("demo.db.lock"));
    if let Ok(lock) = &lock
        && let Err(TryLockError::WouldBlock) = lock.try_lock()
    {
        anyhow::bail!("a demo runs in {}: stop it, or choose another --folder", folder.display());
    }
    for name in ["demo.db", "demo.db-wal", "demo.db-shm", "demo.db.lock", "admin-key"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("{} cannot be removed", folder.join(name).display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The demo's key: drawn at the first start, then kept.
fn admin_key(file: &Path) -> anyhow::Result<String> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Ok(key) = std::fs::read_to_string(file) {
        return Ok(key.trim().to_owned());
    }
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let written = options.open(file).and_then(|mut file| writeln!(file, "{key}"));
    written.with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(key)
}

/// Where others reach a server that listens at `url`: at itself, or, where it listens on every address of the machine,
/// at the one in the local network.
fn reachable(url: &str) -> String {
    let listens: Option<SocketAddr> = url.strip_prefix("http://").and_then(|address| address.parse().ok());
    match listens {
        Some(address) if address.ip().is_unspecified() => {
            let ip = lan_address().unwrap_or(Ipv4Addr::LOCALHOST.into());
            format!("http://{}", SocketAddr::new(ip, address.port()))
        }
        _ => url.to_owned(),
    }
}

/// The address that this machine would send from. The system is only asked for the way to an address that is kept for
/// documentation; nothing is sent.
fn lan_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

fn say_hello(url: &str, key: &str, folder: &Path, programme: &programme::Programme, patrons: u32) {
    let url = reachable(url);
    let crowd = match patrons {
        0 => "Nobody else buys.".to_owned(),
        _ => format!("A simulated crowd buys everywhere but in the one below: {patrons} in a minute."),
    };
    let seats = programme.free_pair.iter().map(|seat| format!("\"{seat}\"")).collect::<Vec<_>>().join(",");
    print_line(&format!(
        "Boxoffice {version} sells seats at {url}\n\n\
         {count} showtimes in the next seven days; one is nearly sold out, one opens in two minutes. {crowd}\n\
         Try it:\n\n\
         curl '{url}/v1/showtimes?limit=5'\n\
         curl '{url}/v1/showtimes/{showtime}/seats'\n\
         curl -X POST '{url}/v1/showtimes/{showtime}/holds' -H 'Content-Type: application/json' -d '{{\"seats\":[{seats}]}}'\n\n\
         Admin key: {key}\nData: {folder}\nStop with Ctrl-C.",
        version = env!("CARGO_PKG_VERSION"),
        count = programme.showtimes,
        showtime = programme.quiet,
        folder = folder.display(),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_names_an_address_that_others_can_use() {
        assert_eq!(reachable("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
        for everywhere in ["http://0.0.0.0:8080", "http://[::]:8080"] {
            let url = reachable(everywhere);
            let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
            assert!(!address.ip().is_unspecified() && address.port() == 8080, "{url}");
        }
    }

    #[test]
    fn starting_over_leaves_nothing_of_an_earlier_demo_and_touches_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.db");
        let mut config = Config::default();
        config.main.store = format!("sqlite:{}", path.display());
        config.main.listen = "127.0.0.1:0".to_owned();
        let runtime = serving_runtime(&config).unwrap();
        let start_and_stop = async {
            let running = serve::start(config).await.unwrap();
            assert!(start_over(folder.path()).is_err(), "it runs");
            running.run(std::future::ready(())).await;
        };
        runtime.block_on(start_and_stop);
        admin_key(&folder.path().join("admin-key")).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        start_over(folder.path()).unwrap();
        let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["notes.txt"]);
    }
}
