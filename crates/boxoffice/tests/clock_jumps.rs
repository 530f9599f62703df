//! The machine's clock jumps, while the server runs and while it does not: no hold is cut short or kept for ever by
//! it, and time never goes back in the log.

#[path = "server/support.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use server::{House, Server, Showtime, hall, replay, time, until};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(10);

/// Debian's libfaketime, which shifts a process's clock by what stands in a file.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let mut paths = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.exists())
}

/// A clock that can be moved.
struct Shifted {
    folder: TempDir,
    library: PathBuf,
}

impl Shifted {
    fn new() -> Option<Self> {
        let Some(library) = library() else {
            eprintln!("LEFT OUT: no libfaketime here (Debian's package faketime)");
            return None;
        };
        let shifted = Self { folder: TempDir::new().expect("a directory"), library };
        shifted.by("+0");
        Some(shifted)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("shift")
    }

    /// Moves the clock: seconds from the true time, with their sign.
    fn by(&self, seconds: &str) {
        // Never half written for whoever reads it.
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{seconds}\n")).expect("a file");
        fs::rename(next, self.file()).expect("the same folder");
    }

    fn server(&self) -> Server {
        let text = |path: &Path| path.display().to_string();
        Server::start_in(&[
            ("LD_PRELOAD", &text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", &text(&self.file())),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
        ])
    }
}

fn showtime(server: &Server) -> Showtime<'_> {
    House::with_plan(server, &hall(2, 10).0).plain_showtime()
}

/// When each event was, in the order of the log.
fn times(showtime: &Showtime<'_>) -> Vec<jiff::Timestamp> {
    showtime.events().iter().map(|event| time(&event["at"])).collect()
}

#[test]
fn a_jump_while_it_runs_neither_ends_holds_nor_turns_time_back() {
    let Some(clock) = Shifted::new() else { return };
    let server = clock.server();
    let showtime = showtime(&server);
    let hold = showtime.hold(&["AA1", "AA2"]);
    for shift in ["+7200", "-7200", "+0"] {
        clock.by(shift);
        // Long enough for the sweeper to have come by.
        std::thread::sleep(Duration::from_millis(600));
        let read = hold.read();
        assert_eq!(read["status"], "active", "after {shift} s");
        let left = read["expires_in_ms"].as_i64().expect("milliseconds");
        assert!((470_000..=480_000).contains(&left), "{left} ms are left after {shift} s");
        showtime.hold(&[match shift {
            "+7200" => "AA3",
            "-7200" => "AA4",
            _ => "AA5",
        }]);
    }
    assert!(times(&showtime).is_sorted(), "{:?}", times(&showtime));
    replay(&showtime);
    server.audit();
}

#[test]
fn a_clock_that_is_behind_after_a_restart_does_not_turn_time_back() {
    let Some(clock) = Shifted::new() else { return };
    let server = clock.server();
    let showtime = showtime(&server);
    let hold = showtime.hold(&["AA1", "AA2"]);
    server.kill();
    clock.by("-86400");
    server.start_again();
    assert_eq!(hold.read()["status"], "active");
    hold.book();
    showtime.hold(&["AB1"]);
    assert!(times(&showtime).is_sorted(), "{:?}", times(&showtime));
    replay(&showtime);
    server.audit();
}

#[test]
fn a_clock_that_is_ahead_after_a_restart_ends_holds_whose_time_is_over() {
    let Some(clock) = Shifted::new() else { return };
    let server = clock.server();
    let showtime = showtime(&server);
    let hold = showtime.hold(&["AA1", "AA2"]);
    server.kill();
    clock.by("+3600");
    server.start_again();
    assert_eq!(hold.read()["status"], "expired");
    assert_eq!(showtime.taken(), "");
    let swept = || showtime.events().iter().any(|event| event["kind"] == "expired").then_some(());
    until("the hold is swept", PATIENCE, swept);
    // And back again: time goes on from what is in the log.
    server.kill();
    clock.by("+0");
    server.start_again();
    showtime.hold(&["AA1", "AA2"]);
    assert!(times(&showtime).is_sorted(), "{:?}", times(&showtime));
    replay(&showtime);
    server.audit();
}
