//! A house with one showtime, its nodes, and what patrons ask of them.

use std::sync::Arc;

use boxoffice_core::change::{Actor, RequestKey};
use boxoffice_core::command::{Command, HoldEdit, HoldSeats, SeatRequest};
use boxoffice_core::hold::{Contact, HoldStatus};
use boxoffice_core::id::{AuditoriumId, MovieId, ShowtimeId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::{CategoryDraft, Plan, PlanDraft, RowDraft, SeatDraft};
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::{BoxOffice, Caller, Done, Limits, Ports};
use boxoffice_engine::bus::{Bus, InProcessBus, Message, Subscriber};
use boxoffice_engine::catalogue::{Auditorium, Catalogue as _, New, ShowtimeEntry};
use boxoffice_engine::clock::{Clock as _, ManualClock};
use boxoffice_engine::gate::{Gate, LocalGate};
use boxoffice_engine::random::Seeded;
use boxoffice_engine::store::Store;
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
        let clock = Arc::new(ManualClock::at(Timestamp::from_ms(1_800_000_000_000)));
        let seat = |number: u32| SeatDraft {
            number: format_compact!("{number}"),
            x: f64::from(number),
            category: "standard".into(),
            ..SeatDraft::default()
        };
        let draft = PlanDraft {
            categories: vec![CategoryDraft {
                key: "standard".into(),
                name: "S".into(),
                color: None,
                origin: 0,
            }],
            rows: vec![RowDraft {
                name: "A".into(),
                zone: None,
                seats: (1..=SEATS).map(seat).collect(),
                origin: 0,
            }],
            screen: None,
        };
        let plan = Arc::new(Plan::build(draft).unwrap().0);
        let auditorium = AuditoriumId::from_number(1);
        let room = Auditorium {
            id: auditorium,
            name: "R".into(),
            cinema: None,
            plan: plan.hash(),
            screen: None,
            external_id: None,
        };
        store.create(New::Auditorium(room, Arc::clone(&plan)), None).await.unwrap();
        let starts_at = clock.now().plus_ms(86_400_000);
        let settings = Arc::new(Settings {
            version: 1,
            movie: MovieId::from_number(1),
            auditorium,
            starts_at,
            on_sale_at: clock.now(),
            off_sale_at: starts_at,
            currency: Currency::new("EUR").unwrap(),
            prices: Prices(vec![vec![TicketPrice { ticket: "standard".into(), amount: 1000 }]]),
            hold_ttl_ms: 480_000,
            max_hold_ttl_ms: 1_440_000,
            max_seats_per_hold: 10,
            published: true,
            cancelled: false,
        });
        let entry = ShowtimeEntry { id: ID, plan: plan.hash(), cinema: None, settings, external_id: None };
        store.create(New::Showtime(entry, None), None).await.unwrap();
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
