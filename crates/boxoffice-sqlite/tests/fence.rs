//! An error from COMMIT: nobody is told anything that might be wrong, and a fence decides.
//!
//! The fsync error is injected by defining the C library's `fsync` and `fdatasync` in this test's own binary, which
//! the linked SQLite then calls.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/queue.rs"]
mod queue;
#[path = "support/showtime.rs"]
mod showtime;

use std::ffi::c_int;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use boxoffice_core::id::CinemaId;
use boxoffice_engine::catalogue::{Catalogue as _, Cinema, Entry, New};
use boxoffice_engine::queue::{Outcome, Rejected};
use boxoffice_engine::store::Store as _;
use boxoffice_sqlite::{Options, SqliteStore};

use queue::{Word, push, start};
use showtime::make_showtime;

static DISK_FAILS: AtomicBool = AtomicBool::new(false);
/// The next sync hangs until this is taken back, and then fails.
static NEXT_SYNC_HANGS: AtomicBool = AtomicBool::new(false);
static A_SYNC_HANGS: AtomicBool = AtomicBool::new(false);
/// The tests of this file share one disk.
static DISK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[expect(
    unsafe_code,
    reason = "standing in for the C library is the only way to make the real SQLite's sync fail"
)]
mod sync {
    use super::{A_SYNC_HANGS, DISK_FAILS, NEXT_SYNC_HANGS, Ordering, c_int};

    fn sync(call: libc::c_long, file: c_int) -> c_int {
        let mut fails = DISK_FAILS.load(Ordering::SeqCst);
        if NEXT_SYNC_HANGS.swap(false, Ordering::SeqCst) {
            A_SYNC_HANGS.store(true, Ordering::SeqCst);
            while A_SYNC_HANGS.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            fails = true;
        }
        if fails {
            // SAFETY: the location of this thread's errno is always valid.
            unsafe { *libc::__errno_location() = libc::EIO };
            return -1;
        }
        // SAFETY: both calls take a file descriptor and touch no memory of ours.
        unsafe { libc::syscall(call, file) as c_int }
    }

    #[unsafe(no_mangle)]
    extern "C" fn fdatasync(file: c_int) -> c_int {
        sync(libc::SYS_fdatasync, file)
    }

    #[unsafe(no_mangle)]
    extern "C" fn fsync(file: c_int) -> c_int {
        sync(libc::SYS_fsync, file)
    }
}

/// Copies the files as a crash at this moment would leave them.
fn copy_files(path: &Path, name: &str) {
    for suffix in ["", "-wal"] {
        let with = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(with(path), with(&path.with_file_name(name))).unwrap();
    }
}

/// Which seats are blocked for whoever opens these files after a crash.
fn blocked_after_restart(copy: &Path) -> Vec<u32> {
    drop(SqliteStore::open(copy, Options::default()).unwrap());
    let report = boxoffice_sqlite::audit::run(copy, |_, _| {}).unwrap();
    assert_eq!(report.violations, Vec::<String>::new());
    let connection = rusqlite::Connection::open(copy).unwrap();
    let mut statement = connection.prepare("SELECT id & 131071 FROM seat ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_is_decided_by_a_fence() {
    let _disk = DISK.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let queue = start(&store);
    make_showtime(&store).await;
    let committed = |revision| Word::Settled(Outcome::Committed { revision });
    assert_eq!(push(&queue, 0).unwrap().recv().await, Some(committed(1)));

    DISK_FAILS.store(true, Ordering::SeqCst);
    let mut lost = push(&queue, 1).unwrap();
    let began = Instant::now();
    assert_eq!(lost.recv().await, Some(Word::InDoubt), "the first word is that nobody knows");
    assert!(began.elapsed() >= Duration::from_millis(1900), "not before the fence had its chance");
    assert!(store.health().trouble.is_some(), "readiness says why");
    assert_eq!(push(&queue, 2).err(), Some(Rejected::Unavailable), "writes are refused meanwhile");
    assert!(lost.try_recv().is_err(), "its fate is open, so its claims stay");
    // Whether the lost commit comes back from a crash during the doubt or not, it is whole and the audit is clean.
    copy_files(&path, "during.db");
    DISK_FAILS.store(false, Ordering::SeqCst);
    let after_crash = blocked_after_restart(&path.with_file_name("during.db"));
    assert!(after_crash == [0] || after_crash == [0, 1], "{after_crash:?}");

    assert_eq!(lost.recv().await, Some(Word::Settled(Outcome::Unavailable)), "the fence proves it dead");
    assert_eq!(store.health().trouble, None);
    copy_files(&path, "fenced.db");
    let after_crash = blocked_after_restart(&path.with_file_name("fenced.db"));
    assert_eq!(after_crash, [0], "and dead it stays");
    assert_eq!(push(&queue, 1).unwrap().recv().await, Some(committed(2)), "the seat can be had again");
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
    assert_eq!(boxoffice_sqlite::audit::run(&path, |_, _| {}).unwrap().violations, Vec::<String>::new());
}

#[tokio::test]
async fn what_comes_for_the_catalogue_while_a_commit_fails_is_done_after_the_fence() {
    let _disk = DISK.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("b.db"), Options::default()).unwrap();
    let queue = start(&store);
    make_showtime(&store).await;
    NEXT_SYNC_HANGS.store(true, Ordering::SeqCst);
    let mut lost = push(&queue, 1).unwrap();
    while !A_SYNC_HANGS.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let cinema = Cinema {
        id: CinemaId::from_number(1),
        name: "C".into(),
        time_zone: "UTC".into(),
        address: None,
        external_id: None,
    };
    let created = store.create(New::Entry(Entry::Cinema(cinema)), None);
    A_SYNC_HANGS.store(false, Ordering::SeqCst);
    assert_eq!(lost.recv().await, Some(Word::Settled(Outcome::Unavailable)));
    let created = created.await;
    assert!(created.is_ok(), "the store takes writes again: {created:?}");
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
}
