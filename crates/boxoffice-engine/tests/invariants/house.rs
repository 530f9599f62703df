//! A house with one showtime, its nodes, and what patrons ask of them.

use std::sync::Arc;

use boxoffice_core::change::{Actor, RequestKey};
use boxoffice_core::command::{Command, HoldEdit, HoldSeats, SeatRequest};
use boxoffice_core::hold::{Contact, HoldStatus};
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::box_office::{BoxOffice, Caller, Done, Limits, Ports};
use boxoffice_engine::bus::{Bus, InProcessBus, Message, Subscriber};
use boxoffice_engine::clock::ManualClock;
use boxoffice_engine::gate::{Gate, LocalGate};
use boxoffice_engine::random::Seeded;
use boxoffice_engine::store::Store;
use boxoffice_engine::store::conformance::room;
use boxoffice_engine::store::memory::MemoryStore;
use compact_str::format_compact;

use crate::support::TestRuntime;

pub(crate) const SEATS: u32 = 12;
pub(crate) const ID: ShowtimeId = ShowtimeId::from_number(5);

/// A bus that carries nothing.
pub(crate) struct DeadBus;

impl Bus for DeadBus {
    fn publish(&self, _: u64, _: &[Message]) {}
    fn subscribe(&self, _: u64, _: Subscriber) {}
}

/// One store with a showtime in it, and what its nodes share.
pub(crate) struct House {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    gate: Arc<dyn Gate>,
    bus: Arc<dyn Bus>,
}

impl House {
    pub(crate) async fn new(gate: Arc<dyn Gate>, bus: Arc<dyn Bus>) -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(TestRuntime)));
        let clock = Arc::new(ManualClock::at(room::NOW));
        room::make_showtime(&*store, ID, room::plan(SEATS, None), room::settings(1, 24)).await;
        Self { store, clock, gate, bus }
    }

    pub(crate) async fn alone() -> Self {
        Self::new(Arc::new(LocalGate), Arc::new(InProcessBus::default())).await
    }

    pub(crate) fn node(&self, seed: u64) -> BoxOffice {
        self.node_on(Arc::clone(&self.store) as Arc<dyn Store>, seed, Limits::default())
    }

    /// A node on this store, or on one that stands before it.
    pub(crate) fn node_on(&self, store: Arc<dyn Store>, seed: u64, limits: Limits) -> BoxOffice {
        let ports = Ports {
            store,
            gate: Arc::clone(&self.gate),
            bus: Arc::clone(&self.bus),
            clock: Arc::clone(&self.clock) as _,
            random: Arc::new(Seeded::new(seed)),
            runtime: Arc::new(TestRuntime),
        };
        BoxOffice::start(ports, limits, 1)
    }

    /// No seat has two owners, by the store's own records.
    pub(crate) fn check(&self) -> usize {
        let mut owners = std::collections::BTreeMap::new();
        for hold in self.store.holds(ID) {
            if matches!(hold.status, HoldStatus::Active | HoldStatus::Booked) {
                for seat in hold.seats.iter().filter(|seat| !seat.cancelled) {
                    let other = owners.insert(seat.no, hold.serial);
                    assert_eq!(other, None, "seat {} has two owners", seat.no);
                }
            }
        }
        owners.len()
    }
}

pub(crate) fn caller() -> Caller {
    Caller { actor: Actor::Patron, request: None }
}

pub(crate) fn keyed(key: u8, fingerprint: u8) -> Caller {
    Caller {
        actor: Actor::Patron,
        request: Some(RequestKey { key: [key; 16], fingerprint: [fingerprint; 16] }),
    }
}

pub(crate) fn hold(seats: &[u32]) -> Command {
    let seat = |number: &u32| SeatRequest { seat: format_compact!("A{number}"), ticket: None };
    Command::Hold(HoldSeats { seats: seats.iter().map(seat).collect(), ..HoldSeats::default() })
}

pub(crate) fn confirm(serial: u64) -> Command {
    Command::Confirm { hold: serial, contact: Contact::default(), metadata: Vec::new() }
}

pub(crate) fn extend(serial: u64) -> Command {
    Command::Edit(serial, HoldEdit { extend: true, ..HoldEdit::default() })
}

pub(crate) fn serial(done: &Done) -> u64 {
    done.hold.as_ref().unwrap().serial
}

pub(crate) async fn quiet() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
