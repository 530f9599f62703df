//! Scripts through the writer, which runs on the test's own thread.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::queue::{CommitQueue, Rejected};
use rusqlite::Connection;
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::connection::open_writer;
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
        checkpoints: Checkpoints::start(&mut connection, path, 4096).unwrap(),
        readers: Arc::new(Readers::start(path, 1, 16).unwrap()),
        leaving_at: None,
        _lock: WriterLock::take(path).unwrap(),
        connection,
    }
}

/// An errand that does what the script says.
struct Script<F>(Option<F>);

impl<F: FnOnce() + Send> Errand for Script<F> {
    fn write(&mut self, _: &Connection, _: &mut Heads) -> Result<(), BatchError> {
        if let Some(script) = self.0.take() {
            script();
        }
        Ok(())
    }

    fn tell(self: Box<Self>, _: Option<Trouble>) {}
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
        let script = move || {
            seen.lock().push(shared.counters.conflicts.load(Ordering::Relaxed));
            match number {
                0 | 1 => sell(&queue),
                2 => {}
                _ => queue.refuse(Some(Rejected::Closed)),
            }
        };
        writer.shared.errands.lock().push_back(Box::new(Script(Some(script))));
    }
    writer.run();
    assert_eq!(*seen.lock(), [1, 2, 3, 3], "batches before each errand");
}
