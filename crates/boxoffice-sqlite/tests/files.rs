//! What may be opened, copied and overwritten, and what is refused with its reason.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/showtime.rs"]
mod showtime;

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use boxoffice_core::change::{Actor, RequestKey};
use boxoffice_core::command::{Command, HoldSeats, SeatRequest, SettingsPatch};
use boxoffice_core::hold::Contact;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::{BoxOffice, Caller, Done, Limits, Ports};
use boxoffice_engine::bus::InProcessBus;
use boxoffice_engine::clock::ManualClock;
use boxoffice_engine::gate::LocalGate;
use boxoffice_engine::random::Seeded;
use boxoffice_engine::runtime::{BoxFuture, Runtime};
use boxoffice_engine::store::{Store, StoreError, StoredHold};
use boxoffice_sqlite::{OpenError, Options, SqliteStore, audit, backup};

use showtime::{ID, NOW, make_showtime};

struct TestRuntime;

impl Runtime for TestRuntime {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn sleep(&self, ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(std::time::Duration::from_millis(ms)))
    }
}

/// A node on a store.
fn node(store: &Arc<SqliteStore>) -> BoxOffice {
    node_at(store, NOW)
}

fn node_at(store: &Arc<SqliteStore>, now: Timestamp) -> BoxOffice {
    let ports = Ports {
        store: Arc::clone(store) as Arc<dyn Store>,
        gate: Arc::new(LocalGate),
        bus: Arc::new(InProcessBus::default()),
        clock: Arc::new(ManualClock::at(now)),
        random: Arc::new(Seeded::new(1)),
        runtime: Arc::new(TestRuntime),
    };
    BoxOffice::start(ports, Limits::default(), 1)
}

async fn ask(node: &BoxOffice, command: Command, key: Option<u8>) -> Done {
    let request = key.map(|key| RequestKey { key: [key; 16], fingerprint: [key; 16] });
    let caller = Caller { actor: Actor::Patron, request };
    node.execute(ID, &command, &caller).await.ok().unwrap()
}

fn hold(seat: &str) -> Command {
    let seats = [SeatRequest { seat: seat.into(), ticket: None }].into_iter().collect();
    Command::Hold(HoldSeats { seats, ..HoldSeats::default() })
}

/// Takes a seat off sale, or puts it back.
async fn turn(node: &BoxOffice, off_sale: bool) {
    let (seats, reason) = (vec!["A9".into()], None);
    let command =
        if off_sale { Command::Block { seats, reason } } else { Command::Unblock { seats, reason } };
    assert!(ask(node, command, None).await.event.is_some());
}

/// A database with a showtime that has a booking (of A1, by Ada) and a hold (of A2); gives their serials.
async fn sell(path: &Path, options: Options) -> (Arc<SqliteStore>, BoxOffice, [u64; 2]) {
    let store = Arc::new(SqliteStore::open(path, options).unwrap());
    let node = node(&store);
    make_showtime(&store).await;
    let booked = ask(&node, hold("A1"), Some(1)).await.hold.unwrap().serial;
    let contact = Contact { name: Some("Ada".into()), email: None };
    ask(&node, Command::Confirm { hold: booked, contact, metadata: Vec::new() }, None).await;
    let held = ask(&node, hold("A2"), Some(2)).await.hold.unwrap().serial;
    (store, node, [booked, held])
}

async fn close(store: Arc<SqliteStore>, node: BoxOffice) {
    node.close();
    store.stop().await;
}

/// Everything that the store says of the showtime and its holds.
async fn told(store: &SqliteStore, serials: [u64; 2]) -> String {
    let loaded = store.load(ID, Timestamp::default()).await.unwrap().unwrap();
    let events = store.events(ID, 0, 100).await.unwrap();
    let mut holds: Vec<Option<StoredHold>> = Vec::new();
    for serial in serials {
        holds.push(store.hold(ID, serial).await.unwrap());
    }
    assert!(format!("{:?}", holds[0]).contains("Ada"));
    let entry = store.catalogue().showtime(ID).await.unwrap().unwrap();
    let keys = store.token_keys().await.unwrap();
    let secret = keys[0].secret;
    format!("{loaded:?} {events:?} {holds:?} {entry:?} {secret:?} {}", store.epoch())
}

#[tokio::test]
async fn what_was_written_is_there_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (store, node, serials) = sell(&path, Options::default()).await;
    let before = told(&store, serials).await;
    close(store, node).await;
    let again = open(&path).unwrap();
    assert_eq!(told(&again, serials).await, before);
    assert_eq!(again.newest_time(), NOW);
    assert_eq!(audit::run(&path, |_, _| {}).unwrap().violations, Vec::<String>::new());
}

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, Options::default())
}

#[tokio::test]
async fn a_change_that_touches_no_seat_counts_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (store, node, _) = sell(&path, Options::default()).await;
    let patch = SettingsPatch { published: Some(false), ..SettingsPatch::default() };
    let changed = ask(&node, Command::ChangeShowtime(patch), None).await.event.unwrap().revision;
    close(store, node).await;
    let store = Arc::new(open(&path).unwrap());
    let node = node_at(&store, NOW);
    let command = Command::Block { seats: vec!["A9".into()], reason: None };
    assert_eq!(ask(&node, command, None).await.event.unwrap().revision, changed + 1);
    close(store, node).await;
    assert_eq!(audit::run(&path, |_, _| {}).unwrap().violations, Vec::<String>::new());
}

#[test]
fn one_process_writes_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse(_))));
    assert!(audit::run(&path, |_, _| {}).is_ok(), "but others may read");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(open(&link), Err(OpenError::InUse(_))), "nor under another name");
    drop(first);
    assert!(open(&path).is_ok(), "the lock goes with its holder");
    std::fs::hard_link(&path, folder.path().join("hard.db")).unwrap();
    assert!(open(&path).is_err_and(|error| error.to_string().contains("hard links")));
}

#[test]
fn a_foreign_or_missing_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    assert!(matches!(audit::run(&path, |_, _| {}), Err(OpenError::Missing(_))));
    assert!(!path.exists(), "an audit makes no file");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (id INTEGER)").unwrap();
    assert!(matches!(open(&path), Err(OpenError::Foreign(_))));
    std::fs::write(folder.path().join("c.db"), "this is no database, however long it may be made to look")
        .unwrap();
    assert!(open(&folder.path().join("c.db")).is_err());
}

#[test]
fn a_copy_never_overwrites_and_a_restored_one_has_a_new_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy, restored) =
        (folder.path().join("b.db"), folder.path().join("copy.db"), folder.path().join("r.db"));
    let store = open(&path).unwrap();
    assert!(backup::back_up(&path, &copy).unwrap().violations.is_empty(), "beside the running store");
    assert!(matches!(backup::back_up(&path, &copy), Err(OpenError::Exists(_))));
    assert!(matches!(backup::restore(&copy, &path), Err(OpenError::Exists(_))));
    backup::restore(&copy, &restored).unwrap();
    let epoch = open(&restored).unwrap().epoch();
    assert_ne!(epoch, store.epoch());
    assert_eq!(open(&restored).unwrap().epoch(), epoch, "once is enough");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[tokio::test]
async fn a_copy_is_not_restored_without_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let (store, node, _) = sell(&name("b.db"), Options::default()).await;
    // As `cp` takes them, beside the running store.
    std::fs::copy(name("b.db"), name("raw.db")).unwrap();
    std::fs::copy(name("b.db-wal"), name("raw.db-wal")).unwrap();
    let restored = backup::restore(&name("raw.db"), &name("r.db"));
    assert!(matches!(restored, Err(OpenError::LogBeside { .. })), "{restored:?}");
    assert!(!name("r.db").exists());
    // Without its database the log is kept, and no empty database is made beside it.
    std::fs::remove_file(name("raw.db")).unwrap();
    let before = std::fs::read(name("raw.db-wal")).unwrap();
    let opened = open(&name("raw.db")).map(drop);
    assert!(matches!(opened, Err(OpenError::LogAlone { .. })), "{opened:?}");
    assert!(!name("raw.db").exists());
    assert_eq!(std::fs::read(name("raw.db-wal")).unwrap(), before);
    close(store, node).await;
}

#[tokio::test]
async fn a_copy_beside_a_writer_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("b.db"), folder.path().join("copy.db"));
    let (store, node, _) = sell(&path, Options::default()).await;
    let enough = Arc::new(AtomicBool::new(false));
    let writing = {
        let (node, enough) = (node.clone(), Arc::clone(&enough));
        tokio::spawn(async move {
            while !enough.load(Ordering::SeqCst) {
                turn(&node, true).await;
                turn(&node, false).await;
            }
        })
    };
    let (from, to) = (path.clone(), copy.clone());
    let report = tokio::task::spawn_blocking(move || backup::back_up(&from, &to)).await.unwrap().unwrap();
    enough.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    assert_eq!(report.violations, Vec::<String>::new());
    let copied = open(&copy).unwrap().events(ID, 0, 100_000).await.unwrap();
    let all = store.events(ID, 0, 100_000).await.unwrap();
    assert!(copied.len() >= 3 && all.starts_with(&copied), "{} of {} events", copied.len(), all.len());
    close(store, node).await;
}

#[tokio::test]
async fn the_log_stays_small_however_much_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (store, node, _) = sell(&path, Options { wal_kib: 128, ..Options::default() }).await;
    for round in 0..500 {
        turn(&node, round % 2 == 0).await;
    }
    // Each change writes at least three pages of 2 KiB; the writer steps in at four times the bound.
    let size = std::fs::metadata(folder.path().join("b.db-wal")).unwrap().len();
    assert!(size < 700 * 1024, "{size} bytes");
    close(store, node).await;
    let left = std::fs::metadata(folder.path().join("b.db-wal")).map_or(0, |file| file.len());
    assert_eq!(left, 0, "a store that was stopped leaves nothing in the log");
}

#[test]
fn a_newer_schema_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("b.db"), folder.path().join("copy.db"));
    drop(open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(open(&path), Err(OpenError::NewerSchema { found: 99, .. })));
    assert!(matches!(audit::run(&path, |_, _| {}), Err(OpenError::NewerSchema { .. })));
    assert!(matches!(backup::back_up(&path, &copy), Err(OpenError::NewerSchema { .. })));
    assert!(!copy.exists());
}

#[tokio::test]
async fn a_damaged_page_is_reported_and_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("b.db"), folder.path().join("copy.db"));
    let (store, node, _) = sell(&path, Options::default()).await;
    close(store, node).await;
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = 'event'";
    let page: u64 = rusqlite::Connection::open(&path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0x55; 2048], (page - 1) * 2048).unwrap();
    assert!(!audit::run(&path, |_, _| {}).unwrap().violations.is_empty());
    assert!(backup::back_up(&path, &copy).is_err());
    assert!(!copy.exists());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_store_that_was_stopped_leaves_its_database_alone() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let (store, node, _) = sell(&name("b.db"), Options { readers: 3, ..Options::default() }).await;
    assert_eq!(names(folder.path()), ["b.db", "b.db-shm", "b.db-wal", "b.db.lock"]);
    node.close();
    store.stop().await;
    // The store itself is still in somebody's hand, as it is in the server's.
    assert_eq!(names(folder.path()), ["b.db", "b.db.lock"]);
    assert!(matches!(store.load(ID, NOW).await, Err(StoreError::Unavailable(_))), "nothing is read after it");
    backup::back_up(&name("b.db"), &name("copy.db")).unwrap();
    audit::run(&name("b.db"), |_, _| {}).unwrap();
    // What readers left behind does not keep anybody from restoring.
    std::fs::remove_file(name("b.db")).unwrap();
    backup::restore(&name("copy.db"), &name("b.db")).unwrap();
    assert_eq!(names(folder.path()), ["b.db", "b.db.lock", "copy.db"]);
    // A log in which something stands does.
    std::fs::remove_file(name("b.db")).unwrap();
    std::fs::write(name("b.db-wal"), "somebody's sales").unwrap();
    assert!(matches!(backup::restore(&name("copy.db"), &name("b.db")), Err(OpenError::Exists(_))));
}

#[test]
fn nothing_is_restored_beside_a_server_that_lost_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let store = open(&name("b.db")).unwrap();
    backup::back_up(&name("b.db"), &name("copy.db")).unwrap();
    std::fs::remove_file(name("b.db")).unwrap();
    assert!(matches!(backup::restore(&name("copy.db"), &name("b.db")), Err(OpenError::InUse(_))));
    drop(store);
}

#[tokio::test]
async fn a_damaged_newest_event_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (store, node, _) = sell(&path, Options::default()).await;
    close(store, node).await;
    let sql = "UPDATE event SET body = x'00' WHERE seq = (SELECT max(seq) FROM event)";
    rusqlite::Connection::open(&path).unwrap().execute(sql, []).unwrap();
    let opened = open(&path).map(drop).map_err(|error| error.to_string());
    assert!(opened.is_err_and(|why| why.contains("the newest event") && why.contains("b.db")));
}

#[tokio::test]
async fn a_key_that_was_forgotten_may_be_used_again_but_not_before() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    for (later_ms, removed, violations) in [(DAY_MS, true, 0), (DAY_MS + 1, false, 0), (DAY_MS - 1, true, 1)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let (store, node, _) = sell(&path, Options::default()).await;
        close(store, node).await;
        if removed {
            // What the writer does by itself some time after the key's time is over.
            rusqlite::Connection::open(&path).unwrap().execute("DELETE FROM request_key", []).unwrap();
        }
        let store = Arc::new(open(&path).unwrap());
        let node = node_at(&store, NOW.plus_ms(later_ms));
        let seats = vec!["A9".into()];
        assert!(!ask(&node, Command::Block { seats, reason: None }, Some(1)).await.replayed);
        close(store, node).await;
        let found = audit::run(&path, |_, _| {}).unwrap().violations;
        assert_eq!(found.len(), violations, "{found:?}");
    }
}

#[tokio::test]
async fn the_audit_names_each_kind_of_tampering() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let (store, node, [booked, held]) = sell(&path, Options::default()).await;
    close(store, node).await;
    assert_eq!(audit::run(&path, |_, _| {}).unwrap().violations, Vec::<String>::new());
    for (number, (tampering, expected)) in [
        ("UPDATE seat SET status = 0 WHERE owner = BOOKED", "seat A1 is"),
        ("UPDATE seat SET version = version + 1 WHERE owner = HELD", "seat A2 is"),
        ("UPDATE seat SET owner = HELD WHERE owner = BOOKED", "seat A1 is"),
        ("UPDATE seat SET revision = 1 WHERE owner = HELD", "seat A2 is"),
        ("DELETE FROM seat WHERE owner = BOOKED", "seat A1 is"),
        ("INSERT INTO seat VALUES ((5 << 17) + 99, 1, 3, 0, 1)", "seat number 99"),
        ("DELETE FROM hold WHERE serial = BOOKED", "is missing"),
        ("DELETE FROM hold WHERE serial = HELD", "is missing"),
        ("UPDATE hold SET body = (SELECT body FROM hold WHERE serial = HELD)", "do not repeat its record"),
        ("UPDATE hold SET body = x'00' WHERE serial = BOOKED", "hold"),
        ("UPDATE hold SET version = 9 WHERE serial = HELD", "do not repeat its record"),
        ("UPDATE hold SET status = 1 WHERE serial = HELD", "do not repeat its record"),
        ("UPDATE hold SET reference = 1 WHERE serial = BOOKED", "do not repeat its record"),
        ("UPDATE showtime SET settings_version = 9", "do not repeat its settings"),
        ("UPDATE showtime SET published = 0", "do not repeat its settings"),
        ("DELETE FROM event WHERE revision = 1", "does not follow"),
        ("DELETE FROM event WHERE revision = 2", "does not follow"),
        ("DELETE FROM event WHERE revision = 3", "seat A2 is"),
        ("UPDATE event SET body = (SELECT body FROM event WHERE revision = 1)", "event 2"),
        ("UPDATE request_key SET revision = 2", "an idempotency key names revision 2"),
        ("UPDATE hold SET email = 'ada@example.org' WHERE status = 1", "do not repeat its record"),
        ("UPDATE hold SET cancelled = 2 WHERE status = 1", "do not repeat its record"),
        ("UPDATE hold SET booked_at_ms = 1 WHERE status = 1", "do not repeat its record"),
        ("INSERT INTO request_key VALUES (9, 5, zeroblob(16), 3, 0)", "an idempotency key names revision 3"),
        ("UPDATE showtime SET ever_held = 0", "whether there ever was a hold"),
        ("UPDATE showtime SET settings = x'00'", "settings"),
        ("DELETE FROM plan", "its plan"),
        ("DELETE FROM showtime", "rows of events"),
    ]
    .into_iter()
    .enumerate()
    {
        let copy = folder.path().join(format!("{number}.db"));
        std::fs::copy(&path, &copy).unwrap();
        let sql = tampering.replace("BOOKED", &booked.to_string()).replace("HELD", &held.to_string());
        let rows = rusqlite::Connection::open(&copy).unwrap().execute(&sql, []).unwrap();
        assert!(rows > 0, "{sql}");
        let violations = audit::run(&copy, |_, _| {}).unwrap().violations;
        assert!(violations.iter().any(|line| line.contains(expected)), "{tampering}: {violations:?}");
    }
}

#[test]
fn rows_that_contradict_the_log_are_named() {
    for (tampering, expected) in [
        ("INSERT INTO seat VALUES (12345, 1, 1, 7, 1)", "1 rows of seats"),
        ("INSERT INTO event (showtime, revision, body) VALUES (1, 1, x'00')", "1 rows of events"),
        (
            "INSERT INTO hold (serial, showtime, version, status, body) VALUES (7, 1, 1, 0, x'00')",
            "1 rows of holds",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        drop(open(&path).unwrap());
        rusqlite::Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
        let violations = audit::run(&path, |_, _| {}).unwrap().violations;
        assert!(violations.iter().any(|violation| violation.starts_with(expected)), "{violations:?}");
    }
}
