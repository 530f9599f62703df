//! An error from COMMIT: nobody is told anything that might be wrong, and a fence decides.
//!
//! The fsync error is injected by defining the C library's `fsync` and `fdatasync` in this test's own binary, which
//! the linked SQLite then calls.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use boxoffice_core::change::{Actor, Change, EventKind, SeatChange, Transition};
use boxoffice_core::id::{AuditoriumId, MovieId, ShowtimeId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::{CategoryDraft, Plan, PlanDraft, RowDraft, SeatDraft};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::catalogue::{Auditorium, Catalogue as _, New, ShowtimeEntry};
use boxoffice_engine::queue::{Commit, CommitQueue, Outcome, Rejected, Ticket};
use boxoffice_engine::store::Store as _;
use boxoffice_sqlite::{Options, SqliteStore};
use smallvec::{SmallVec, smallvec};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

static DISK_FAILS: AtomicBool = AtomicBool::new(false);

#[expect(
    unsafe_code,
    reason = "standing in for the C library is the only way to make the real SQLite's sync fail"
)]
mod sync {
    use super::{DISK_FAILS, Ordering, c_int};

    fn sync(call: libc::c_long, file: c_int) -> c_int {
        if DISK_FAILS.load(Ordering::SeqCst) {
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

#[derive(Debug, PartialEq, Eq)]
enum Word {
    InDoubt,
    Settled(Outcome),
}

struct Teller(UnboundedSender<Word>);

impl Ticket for Teller {
    fn in_doubt(&mut self) {
        self.0.send(Word::InDoubt).unwrap();
    }

    fn settle(self: Box<Self>, outcome: Outcome) {
        self.0.send(Word::Settled(outcome)).unwrap();
    }
}

const ID: ShowtimeId = ShowtimeId::from_number(5);
const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fn block(no: u32) -> Transition {
    let seats: SmallVec<[SeatChange; 4]> = smallvec![SeatChange {
        no,
        from: SeatStatus::Available,
        to: SeatStatus::Blocked,
        version: 1,
        owner: 0
    }];
    let change = Change {
        at: NOW,
        kind: EventKind::BLOCKED,
        actor: Actor::System,
        seats,
        holds: SmallVec::new(),
        settings: None,
        request: None,
        reason: None,
    };
    Transition {
        showtime: ID,
        change: Arc::new(change),
        settings_version: None,
        never_held: false,
        contact: None,
    }
}

fn push(queue: &CommitQueue, no: u32) -> Result<UnboundedReceiver<Word>, Rejected> {
    let (sender, receiver) = unbounded_channel();
    queue.push(Commit { sealed: block(no).into(), ticket: Box::new(Teller(sender)) }, false)?;
    Ok(receiver)
}

async fn make_showtime(store: &SqliteStore) {
    let seat = |number: u32| SeatDraft {
        number: number.to_string().into(),
        x: f64::from(number),
        category: "standard".into(),
        ..SeatDraft::default()
    };
    let draft = PlanDraft {
        categories: vec![CategoryDraft { key: "standard".into(), name: "S".into(), color: None, origin: 0 }],
        rows: vec![RowDraft { name: "A".into(), zone: None, seats: (1..=9).map(seat).collect(), origin: 0 }],
        screen: None,
    };
    let plan = Arc::new(Plan::build(draft).unwrap().0);
    let auditorium = AuditoriumId::from_number(1);
    let hash = plan.hash();
    let room = Auditorium {
        id: auditorium,
        name: "R".into(),
        cinema: None,
        plan: hash,
        screen: None,
        external_id: None,
    };
    store.create(New::Auditorium(room, plan), None).await.unwrap();
    let settings = Arc::new(Settings {
        version: 1,
        movie: MovieId::from_number(1),
        auditorium,
        starts_at: NOW.plus_ms(1),
        on_sale_at: NOW,
        off_sale_at: NOW.plus_ms(1),
        currency: Currency::new("EUR").unwrap(),
        prices: Prices(vec![vec![TicketPrice { ticket: "standard".into(), amount: 1 }]]),
        hold_ttl_ms: 1000,
        max_hold_ttl_ms: 1000,
        max_seats_per_hold: 1,
        published: true,
        cancelled: false,
    });
    let entry = ShowtimeEntry { id: ID, plan: hash, cinema: None, settings, external_id: None };
    store.create(New::Showtime(entry, None), None).await.unwrap();
}

/// The files as a crash at this moment would leave them, read as a restart would read them: which seats are blocked.
fn as_after_a_crash(path: &Path, name: &str) -> Vec<u32> {
    let copy = path.with_file_name(name);
    for suffix in ["", "-wal"] {
        let with = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(with(path), with(&copy)).unwrap();
    }
    drop(SqliteStore::open(&copy, Options::default()).unwrap());
    let report = boxoffice_sqlite::audit::run(&copy, |_, _| {}).unwrap();
    assert_eq!(report.violations, Vec::<String>::new());
    let connection = rusqlite::Connection::open(&copy).unwrap();
    let mut statement = connection.prepare("SELECT id & 131071 FROM seat ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_is_decided_by_a_fence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.db");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let queue = Arc::new(CommitQueue::new(64));
    let (sink, mut outcomes) = unbounded_channel();
    store.start(Arc::clone(&queue), sink);
    tokio::spawn(async move {
        while let Some(batch) = outcomes.recv().await {
            batch.into_iter().for_each(|(ticket, outcome)| ticket.settle(outcome));
        }
    });
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
    DISK_FAILS.store(false, Ordering::SeqCst);
    // Whether the lost commit came back from such a crash or not, it is whole and the audit is clean.
    let after_crash = as_after_a_crash(&path, "during.db");
    assert!(after_crash == [0] || after_crash == [0, 1], "{after_crash:?}");

    assert_eq!(lost.recv().await, Some(Word::Settled(Outcome::Unavailable)), "the fence proves it dead");
    assert_eq!(store.health().trouble, None);
    assert_eq!(as_after_a_crash(&path, "fenced.db"), [0], "and dead it stays");
    assert_eq!(push(&queue, 1).unwrap().recv().await, Some(committed(2)), "the seat can be had again");
    queue.refuse(Some(Rejected::Closed));
    store.stop().await;
    assert_eq!(boxoffice_sqlite::audit::run(&path, |_, _| {}).unwrap().violations, Vec::<String>::new());
}
