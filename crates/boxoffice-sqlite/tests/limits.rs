//! Whoever cannot be served is told so: when too many reads wait, and after the store was stopped.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/showtime.rs"]
mod showtime;

use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_core::id::CinemaId;
use boxoffice_engine::catalogue::{Catalogue as _, Cinema, Entry, New, NotCreated};
use boxoffice_engine::queue::{CommitQueue, Rejected};
use boxoffice_engine::store::{Store as _, StoreError};
use boxoffice_sqlite::{Options, SqliteStore};
use tokio::sync::mpsc;

use showtime::{ID, NOW, make_showtime};

fn start(options: Options) -> (tempfile::TempDir, SqliteStore, Arc<CommitQueue>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("b.db"), options).unwrap();
    let queue = Arc::new(CommitQueue::new(64));
    store.start(Arc::clone(&queue), mpsc::unbounded_channel().0);
    (folder, store, queue)
}

#[tokio::test]
async fn more_reads_than_may_wait_are_turned_away() {
    let options = Options { readers: 1, waiting_reads: 2, ..Options::default() };
    let (_folder, store, queue) = start(options);
    make_showtime(&store).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut served, mut refused) = (0, 0);
    while refused == 0 {
        assert!(Instant::now() < deadline, "{served} reads were served, and none turned away");
        // Asked in one breath: each is queued or turned away before it is waited for.
        let reads: Vec<_> = (0..256).map(|_| store.load(ID, NOW)).collect();
        for read in reads {
            match read.await {
                Ok(loaded) => served += usize::from(loaded.is_some()),
                Err(error) => {
                    assert_eq!(error, StoreError::Overloaded);
                    refused += 1;
                }
            }
        }
    }
    assert!(served > 0, "some were served");
    assert!(store.load(ID, NOW).await.unwrap().is_some(), "and there is room again");
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
}

#[tokio::test]
async fn more_creations_than_may_wait_are_turned_away() {
    let options = Options { waiting_creations: 2, ..Options::default() };
    let (_folder, store, queue) = start(options);
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut made, mut refused, mut number) = (0, 0, 0);
    while refused == 0 {
        assert!(Instant::now() < deadline, "{made} were made, and none turned away");
        // Asked in one breath: each is queued or turned away before it is waited for.
        let asked: Vec<_> = (0..256)
            .map(|_| {
                number += 1;
                store.create(New::Entry(Entry::Cinema(cinema(number))), None)
            })
            .collect();
        for created in asked {
            match created.await {
                Ok(_) => made += 1,
                Err(NotCreated::Store(StoreError::Overloaded)) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(made > 0, "some were made");
    let hits = "boxoffice_limit_hits_total{limit=\"sqlite.max_waiting_creations\"}";
    let counted = store.figures().into_iter().find(|(name, ..)| *name == hits);
    assert_eq!(counted.map(|(.., value)| value), Some(refused));
    let next = store.create(New::Entry(Entry::Cinema(cinema(number + 1))), None).await;
    assert!(next.is_ok(), "and there is room again");
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
}

fn cinema(number: u64) -> Cinema {
    Cinema {
        id: CinemaId::from_number(number),
        name: "C".into(),
        time_zone: "UTC".into(),
        address: None,
        external_id: None,
    }
}

#[tokio::test]
async fn a_store_that_was_stopped_answers_who_would_add_something() {
    let (_folder, store, queue) = start(Options::default());
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
    let asked = store.create(New::Entry(Entry::Cinema(cinema(1))), None);
    let answer = tokio::time::timeout(Duration::from_secs(5), asked).await.expect("there is an answer");
    assert!(matches!(answer, Err(NotCreated::Store(StoreError::Unavailable(_)))), "{answer:?}");
}
