//! Scripts through the writer, which runs on the test's own thread.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::queue::{CommitQueue, Rejected};
use rusqlite::Connection;
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::connection::{log_of, open_writer};
use crate::event_places::Place;
use crate::leaving::tests::commit;
use crate::migration::{MIGRATIONS, migrate};

fn writer(path: &Path) -> Writer {
    let mut connection = open_writer(path, 1024).unwrap();
    migrate(&mut connection, path, MIGRATIONS).unwrap();
    Writer {
        path: path.to_owned(),
        files: OpenFiles::at(path).unwrap(),
        shared: Arc::default(),
        queue: Arc::new(CommitQueue::new(64)),
        sink: unbounded_channel().0,
        most: 1024,
        pruning: Pruning::new(1000, Instant::now()),
        events: Arc::new(EventPlaces::read(&connection).unwrap()),
        checkpoints: Checkpoints::start(&mut connection, path, 128).unwrap(),
        readers: Arc::new(Readers::start(path, 1, 16).unwrap()),
        leaving: Turn::now(),
        event_runs: Turn::now(),
        _lock: WriterLock::take(path).unwrap(),
        connection,
    }
}

/// An errand that does what the script says.
struct Script<F>(Option<F>);

impl<F: FnOnce(&Connection) + Send> Errand for Script<F> {
    fn write(&mut self, connection: &Connection, _: &mut Heads) -> Result<(), BatchError> {
        if let Some(script) = self.0.take() {
            script(connection);
        }
        Ok(())
    }

    fn tell(self: Box<Self>, _: Option<Trouble>) {}
}

/// There is no such showtime: what is counted is that a batch was done.
fn sell(queue: &CommitQueue) {
    assert!(queue.push(commit(ShowtimeId::from_number(1), 0), false).is_ok());
}

fn ask(shared: &Shared, script: impl FnOnce(&Connection) + Send + 'static) {
    shared.errands.lock().push_back(Box::new(Script(Some(script))));
}

#[test]
fn transitions_go_before_errands_and_one_errand_between_two_batches() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("b.db"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    // There is no such showtime: what is counted is that a batch was done.
    let sell =
        |queue: &CommitQueue| assert!(queue.push(commit(ShowtimeId::from_number(1), 0), false).is_ok());
    sell(&writer.queue);
    for number in 0..4 {
        let (shared, queue, seen) =
            (Arc::clone(&writer.shared), Arc::clone(&writer.queue), Arc::clone(&seen));
        let script = move |_: &Connection| {
            seen.lock().push(shared.counters.conflicts.load(Ordering::Relaxed));
            match number {
                0 | 1 => sell(&queue),
                2 => {}
                _ => queue.refuse(Some(Rejected::Closed)),
            }
        };
        ask(&writer.shared, script);
    }
    writer.run();
    assert_eq!(*seen.lock(), [1, 2, 3, 3], "batches before each errand");
}

#[test]
fn the_log_stays_small_however_much_an_import_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let writer = writer(&path);
    writer.connection.execute_batch("CREATE TABLE x (y BLOB)").unwrap();
    for _ in 0..200 {
        ask(&writer.shared, |connection| {
            connection.execute("INSERT INTO x VALUES (zeroblob(20000))", []).unwrap();
        });
    }
    let queue = Arc::clone(&writer.queue);
    let log = log_of(&path);
    ask(&writer.shared, move |_| {
        queue.refuse(Some(Rejected::Closed));
        let size = std::fs::metadata(log).unwrap().len();
        assert!(size < 700 * 1024, "{size} bytes");
    });
    writer.run();
}

#[test]
fn chores_that_fail_for_ever_keep_nobody_from_buying() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(&folder.path().join("b.db"));
    writer
        .connection
        .execute_batch("DROP TABLE event_run; DROP TABLE leaving; DROP TABLE catalogue_key")
        .unwrap();
    writer.pruning = Pruning::new(1000, Instant::now().checked_sub(Duration::from_secs(60)).unwrap());
    let place = Place { revision: 1, seq: 1 };
    writer.events.note((0..10_000).map(|number| (ShowtimeId::from_number(number), place)));
    assert!(writer.events.are_many());
    let (shared, queue) = (Arc::clone(&writer.shared), Arc::clone(&writer.queue));
    ask(&shared, {
        let queue = Arc::clone(&queue);
        move |_| sell(&queue)
    });
    ask(&shared, move |_| queue.refuse(Some(Rejected::Closed)));
    writer.run();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(count(&shared.counters.conflicts), 1, "a batch was done after the chores had failed");
    assert_eq!(count(&shared.counters.failures), 0, "and nobody was refused meanwhile");
    assert_eq!(*shared.trouble.lock(), None);
}
