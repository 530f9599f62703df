//! What may be opened, copied and overwritten, and what is refused with its reason.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use std::path::Path;

use boxoffice_engine::store::Store as _;
use boxoffice_sqlite::{OpenError, Options, SqliteStore, audit, backup};

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, Options::default())
}

#[test]
fn one_process_writes_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(OpenError::InUse(_))));
    assert!(audit::run(&path, |_, _| {}).is_ok(), "but others may read");
    drop(first);
    assert!(open(&path).is_ok(), "the lock goes with its holder");
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

#[test]
fn rows_that_contradict_the_log_are_named() {
    for (tampering, expected) in [
        ("INSERT INTO seat VALUES (12345, 1, 1, 7, 1)", "1 rows of seats"),
        ("INSERT INTO event (showtime, revision, body) VALUES (1, 1, x'00')", "1 rows of events"),
        ("INSERT INTO hold VALUES (7, 1, 1, 0, NULL, x'00', NULL)", "1 rows of holds"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        drop(open(&path).unwrap());
        rusqlite::Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
        let violations = audit::run(&path, |_, _| {}).unwrap().violations;
        assert!(violations.iter().any(|violation| violation.starts_with(expected)), "{violations:?}");
    }
}
