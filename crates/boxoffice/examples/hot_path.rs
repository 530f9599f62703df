//! Does one step of the way of a hold many times over, so that its instructions can be counted.
//!
//! `hot_path STEP COUNT`, where STEP is `claim`, `refuse`, `decide`, `decide-and-apply`,
//! `commit-100` or `delta`. How many
//! instructions one step takes is the difference between two counts: `scripts/bench-instructions`.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use boxoffice::live::frames_since;
use boxoffice_core::change::{Actor, Event, Transition};
use boxoffice_core::command::{Command, HoldSeats, SeatRequest};
use boxoffice_core::decide::{Context, Decision, decide};
use boxoffice_core::id::{Reference, ShowtimeId};
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::Showtime;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::{BoxOffice, Caller, Limits, Ports};
use boxoffice_engine::bus::InProcessBus;
use boxoffice_engine::clock::ManualClock;
use boxoffice_engine::gate::LocalGate;
use boxoffice_engine::queue::{Commit, CommitQueue, Outcome, Ticket};
use boxoffice_engine::random::Seeded;
use boxoffice_engine::runtime::{BoxFuture, Runtime};
use boxoffice_engine::seat_words::SeatWords;
use boxoffice_engine::store::Store;
use boxoffice_engine::store::conformance::room;
use boxoffice_engine::store::memory::MemoryStore;
use boxoffice_sqlite::{Options, SqliteStore};
use compact_str::format_compact;
use tokio::sync::mpsc;

const ID: ShowtimeId = ShowtimeId::from_number(5);
const SEATS: u32 = 300;
/// In the room where every hold finds free seats; the same for any count, so that what it costs cancels out.
const MOST_SEATS: u32 = 4_000;
const BATCH: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [step, count] = arguments.as_slice() else { return Err("STEP COUNT".into()) };
    let count: u32 = count.parse()?;
    match step.as_str() {
        "claim" => claim(count),
        "refuse" => tokio::runtime::Builder::new_current_thread().build()?.block_on(refuse(count)),
        "decide" => decide_only(count),
        "decide-and-apply" => drop(hold_all(count)),
        "delta" => tokio::runtime::Builder::new_current_thread().build()?.block_on(delta(count))?,
        "commit-100" => tokio::runtime::Builder::new_current_thread().build()?.block_on(commit(count))?,
        _ => return Err("no such step".into()),
    }
    Ok(())
}

/// Claims two seats and lets go of them.
fn claim(count: u32) {
    let words = SeatWords::new(SEATS);
    for number in 0..count {
        let pair = [number % (SEATS - 1), number % (SEATS - 1) + 1];
        assert!(!pair.iter().any(|no| words.is_claimed(*no)));
        words.claim(black_box(&pair));
        words.unclaim(black_box(&pair));
    }
}

/// Tasks of the engine on the runtime that this runs on.
struct OnTokio;

impl Runtime for OnTokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn sleep(&self, _: u64) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

fn office(store: Arc<dyn Store>) -> BoxOffice {
    let ports = Ports {
        store,
        gate: Arc::new(LocalGate),
        bus: Arc::new(InProcessBus::default()),
        clock: Arc::new(ManualClock::at(room::NOW)),
        random: Arc::new(Seeded::new(1)),
        runtime: Arc::new(OnTokio),
    };
    BoxOffice::start(ports, Limits::default(), 1)
}

/// Asks for two seats that somebody has.
async fn refuse(count: u32) {
    let store = Arc::new(MemoryStore::new(Arc::new(OnTokio)));
    room::make_showtime(&*store, ID, room::plan(SEATS, None), settings()).await;
    let office = office(store);
    let caller = Caller { actor: Actor::Patron, request: None };
    let wanted = hold(7);
    assert!(office.execute(ID, &wanted, &caller).await.is_ok(), "the first one has them");
    for _ in 0..count {
        assert!(black_box(office.execute(ID, &wanted, &caller).await).is_err());
    }
}

/// Writes the delta of one hold of two seats, as a frame.
async fn delta(count: u32) -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MemoryStore::new(Arc::new(OnTokio)));
    room::make_showtime(&*store, ID, room::plan(SEATS, None), settings()).await;
    let office = office(store);
    let caller = Caller { actor: Actor::Patron, request: None };
    assert!(office.execute(ID, &hold(7), &caller).await.is_ok());
    let board = office.board(ID).await.map_err(|refused| format!("{refused:?}"))?;
    for _ in 0..count {
        let frames = frames_since(&board, Some(board.revision() - 1), room::NOW);
        assert!(black_box(frames).len() == 1);
    }
    Ok(())
}

/// Decides that two free seats are held.
fn decide_only(count: u32) {
    let showtime = Showtime::new(ID, room::plan(SEATS, None), Arc::new(settings()));
    for number in 0..count {
        let decision = decide(&showtime, &|_| false, &[], &hold(number % (SEATS / 2)), &context(number));
        assert!(matches!(black_box(decision), Ok(Decision::Commit(_))));
    }
}

/// Decides on one hold after the other, each from the state that the one before it left.
fn hold_all(count: u32) -> Vec<Transition> {
    let mut showtime = Showtime::new(ID, room::plan(MOST_SEATS, None), Arc::new(settings()));
    let mut transitions = Vec::new();
    for number in 0..count {
        let decision = decide(&showtime, &|_| false, &[], &hold(number), &context(number));
        let Ok(Decision::Commit(decided)) = decision else { panic!("not decided: {decision:?}") };
        let change = Arc::clone(&decided.transition.change);
        let applied = showtime.apply(&Event { revision: u64::from(number) + 1, change });
        assert_eq!(applied, Ok(()));
        transitions.push(decided.transition);
    }
    transitions
}

/// Commits so many batches of a hundred holds each. All wait before the writer starts, so that batches are full.
async fn commit(count: u32) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let open = || {
        let options = Options { batch: BATCH, wal_kib: 1 << 20, ..Options::default() };
        SqliteStore::open(&folder.path().join("hot.db"), options)
    };
    let made = Arc::new(open()?);
    let maker = office(Arc::clone(&made) as Arc<dyn Store>);
    room::make_showtime(&*made, ID, room::plan(MOST_SEATS, None), settings()).await;
    maker.close();
    made.stop().await;
    drop((maker, made));
    let store = open()?;
    let holds = count * BATCH as u32;
    let queue = Arc::new(CommitQueue::new(holds as usize * 2));
    for transition in hold_all(holds) {
        let pushed = queue.push(Commit { sealed: transition.into(), ticket: Box::new(MustCommit) }, false);
        assert_eq!(pushed, Ok(()));
    }
    let (sink, mut outcomes) = mpsc::unbounded_channel();
    store.start(Arc::clone(&queue), sink);
    let mut settled = 0;
    while settled < holds {
        let batch = outcomes.recv().await.ok_or("the store has ended")?;
        settled += batch.len() as u32;
        batch.into_iter().for_each(|(ticket, outcome)| ticket.settle(outcome));
    }
    Ok(())
}

struct MustCommit;

impl Ticket for MustCommit {
    fn in_doubt(&mut self) {
        panic!("the outcome is unknown");
    }

    fn settle(self: Box<Self>, outcome: Outcome) {
        assert!(matches!(outcome, Outcome::Committed { .. }), "{outcome:?}");
    }
}

fn settings() -> Settings {
    room::settings(1, 24)
}

/// The hold of this number: two seats beside each other.
fn hold(number: u32) -> Command {
    let seat = |no: u32| SeatRequest { seat: format_compact!("A{no}"), ticket: None };
    let seats = [seat(2 * number + 1), seat(2 * number + 2)].into_iter().collect();
    Command::Hold(HoldSeats { seats, ..HoldSeats::default() })
}

fn context(number: u32) -> Context {
    Context {
        now: room::NOW,
        takeover_margin_ms: 0,
        actor: Actor::Patron,
        serial: u64::from(number) + 1,
        reference: Reference::from_number(u64::from(number) + 1),
        key_id: 1,
        request: None,
        keys_since: Timestamp::default(),
    }
}
