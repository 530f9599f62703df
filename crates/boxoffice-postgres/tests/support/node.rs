//! A node over a database, and what is asked of it.

use std::sync::Arc;

use boxoffice_core::change::Actor;
use boxoffice_core::command::{Command, HoldSeats, SeatRequest};
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::{BoxOffice, Caller, Done, Limits, Ports, Refused};
use boxoffice_engine::bus::InProcessBus;
use boxoffice_engine::clock::ManualClock;
use boxoffice_engine::gate::LocalGate;
use boxoffice_engine::random::Seeded;
use boxoffice_engine::store::conformance::room;
use boxoffice_postgres::{Options, PostgresStore};

use crate::ports::TestRuntime;
use crate::server::address;

/// The showtime that is sold.
pub(crate) const ID: ShowtimeId = ShowtimeId::from_number(5);

/// A node that hears of others only by looking.
pub(crate) async fn node(url: &str, seed: u64) -> BoxOffice {
    let store = PostgresStore::open(&address(url), Options::default()).await.unwrap();
    let ports = Ports {
        store: Arc::new(store),
        gate: Arc::new(LocalGate),
        bus: Arc::new(InProcessBus::default()),
        clock: Arc::new(ManualClock::at(room::NOW)),
        random: Arc::new(Seeded::new(seed)),
        runtime: Arc::new(TestRuntime),
    };
    BoxOffice::start(ports, Limits::default(), 1)
}

/// Has it carry out a command for a stranger.
pub(crate) async fn ask(node: &BoxOffice, command: Command) -> Result<Done, Refused> {
    node.execute(ID, &command, &Caller { actor: Actor::Patron, request: None }).await
}

/// The command to hold these seats.
pub(crate) fn hold(seats: &[&str]) -> Command {
    let seats = seats.iter().map(|seat| SeatRequest { seat: (*seat).into(), ticket: None }).collect();
    Command::Hold(HoldSeats { seats, ..HoldSeats::default() })
}
