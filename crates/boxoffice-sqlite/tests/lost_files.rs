//! The database or its log is deleted, moved or replaced while the store runs: nobody is told that a sale is done
//! which nobody will find again.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/queue.rs"]
mod queue;
#[path = "support/showtime.rs"]
mod showtime;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_core::id::CinemaId;
use boxoffice_engine::catalogue::{Catalogue as _, Cinema, Entry, New, NotCreated};
use boxoffice_engine::queue::{CommitQueue, Outcome, Rejected};
use boxoffice_engine::store::{Store as _, StoreError};
use boxoffice_sqlite::{OpenError, Options, SqliteStore, audit, backup};

use queue::{Word, push, start};
use showtime::{ID, NOW, make_showtime};

/// A running store with a showtime, one seat of which is blocked.
async fn running(folder: &Path) -> (PathBuf, SqliteStore, Arc<CommitQueue>) {
    let path = folder.join("b.db");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let queue = start(&store);
    make_showtime(&store).await;
    assert_eq!(push(&queue, 0).unwrap().recv().await, Some(committed(1)));
    (path, store, queue)
}

fn committed(revision: u64) -> Word {
    Word::Settled(Outcome::Committed { revision })
}

fn log_of(path: &Path) -> PathBuf {
    path.with_file_name("b.db-wal")
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn seats_touched(path: &Path) -> u64 {
    let report = audit::run(path, |_, _| {}).unwrap();
    assert_eq!(report.violations, Vec::<String>::new());
    report.totals.seats
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_file_has_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store, queue) = running(folder.path()).await;
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::remove_file(&path).unwrap();
    let mut lost = push(&queue, 1).unwrap();
    assert_eq!(lost.recv().await, Some(Word::InDoubt), "it is in a file that nobody will find");
    let trouble = store.health().trouble.unwrap();
    assert!(trouble.contains("b.db was deleted, moved or replaced"), "{trouble}");
    assert_eq!(push(&queue, 2).err(), Some(Rejected::Unavailable));
    let target = folder.path().join("saved.db");
    let saved = backup::back_up(&path, &target);
    assert!(matches!(saved, Err(OpenError::Lost(_))), "{saved:?}");
    // Another file by that name is not the one that has the sales.
    fs::rename(&copy, &path).unwrap();
    let saved = backup::back_up(&path, &target);
    assert!(matches!(saved, Err(OpenError::Lost(_))), "{saved:?}");
    assert!(!target.exists());
    let cinema = Cinema {
        id: CinemaId::from_number(1),
        name: "C".into(),
        time_zone: "UTC".into(),
        address: None,
        external_id: None,
    };
    // Answered by the writer when it has tried to recover once more.
    let refused = store.create(New::Entry(Entry::Cinema(cinema)), None).await;
    assert!(
        matches!(&refused, Err(NotCreated::Store(StoreError::Unavailable(why))) if why.contains("b.db")),
        "{refused:?}"
    );
    assert!(store.health().trouble.is_some(), "no fence in a lost file proves anything");
    assert_eq!(push(&queue, 2).err(), Some(Rejected::Unavailable));
    assert!(store.load(ID, NOW).await.unwrap().is_some(), "what was there can still be read");
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
    assert_eq!(lost.recv().await, None, "nobody was told what nobody knows");
}

#[tokio::test]
async fn a_file_that_comes_back_brings_its_sales_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store, queue) = running(folder.path()).await;
    let away = folder.path().join("away.db");
    fs::rename(&path, &away).unwrap();
    let mut lost = push(&queue, 1).unwrap();
    assert_eq!(lost.recv().await, Some(Word::InDoubt));
    fs::rename(&away, &path).unwrap();
    assert_eq!(lost.recv().await, Some(committed(2)), "it was committed, and the file is here again");
    until("it takes writes", || store.health().trouble.is_none()).await;
    let mut again = push(&queue, 1).unwrap();
    assert_eq!(again.recv().await, Some(Word::Settled(Outcome::Conflict)), "the seat is blocked");
    assert_eq!(push(&queue, 2).unwrap().recv().await, Some(committed(3)));
    backup::back_up(&path, &folder.path().join("saved.db")).unwrap();
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
    assert_eq!(seats_touched(&path), 3);
}

#[tokio::test]
async fn a_lost_log_is_as_bad_but_a_clean_stop_saves_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store, queue) = running(folder.path()).await;
    fs::remove_file(log_of(&path)).unwrap();
    let mut lost = push(&queue, 1).unwrap();
    assert_eq!(lost.recv().await, Some(Word::InDoubt));
    let trouble = store.health().trouble.unwrap();
    assert!(trouble.contains("b.db-wal was deleted"), "{trouble}");
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
    drop(store);
    assert_eq!(seats_touched(&path), 2, "the open log was copied into the database");
}

#[tokio::test]
async fn a_loss_is_noticed_though_nobody_buys() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store, queue) = running(folder.path()).await;
    let away = folder.path().join("away.db");
    fs::rename(&path, &away).unwrap();
    until("it is noticed", || store.health().trouble.is_some()).await;
    assert_eq!(push(&queue, 1).err(), Some(Rejected::Unavailable));
    fs::rename(&away, &path).unwrap();
    until("it has recovered", || store.health().trouble.is_none()).await;
    assert_eq!(push(&queue, 1).unwrap().recv().await, Some(committed(2)));
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
}
