//! What the engine promises, with several nodes on one store and clients that vanish.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/ports.rs"]
mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use boxoffice_core::change::{Actor, RequestKey};
use boxoffice_core::command::{Command, HoldEdit, HoldSeats, SeatRequest};
use boxoffice_core::hold::{BookingStatus, Contact, HoldStatus};
use boxoffice_core::id::{AuditoriumId, MovieId, ShowtimeId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::{CategoryDraft, Plan, PlanDraft, RowDraft, SeatDraft};
use boxoffice_core::refusal::{Refusal, Unavailable};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::{BoxOffice, Caller, Done, Limits, Ports, Refused};
use boxoffice_engine::bus::{Bus, InProcessBus, Message, Subscriber};
use boxoffice_engine::catalogue::{Auditorium, Catalogue as _, New, ShowtimeEntry};
use boxoffice_engine::clock::{Clock as _, ManualClock};
use boxoffice_engine::gate::{Gate, InProcessGate, LocalGate};
use boxoffice_engine::random::{Randomness as _, Seeded};
use boxoffice_engine::store::Store;
use boxoffice_engine::store::memory::MemoryStore;
use compact_str::format_compact;

const SEATS: u32 = 12;
const ID: ShowtimeId = ShowtimeId::from_number(5);

/// A bus that carries nothing.
struct DeadBus;

impl Bus for DeadBus {
    fn publish(&self, _: u64, _: &[Message]) {}
    fn subscribe(&self, _: u64, _: Subscriber) {}
}

/// One store with a showtime in it, and what its nodes share.
struct House {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    gate: Arc<dyn Gate>,
    bus: Arc<dyn Bus>,
}

impl House {
    async fn new(gate: Arc<dyn Gate>, bus: Arc<dyn Bus>) -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(support::TestRuntime)));
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

    async fn alone() -> Self {
        Self::new(Arc::new(LocalGate), Arc::new(InProcessBus::default())).await
    }

    fn node(&self, seed: u64) -> BoxOffice {
        let ports = Ports {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            gate: Arc::clone(&self.gate),
            bus: Arc::clone(&self.bus),
            clock: Arc::clone(&self.clock) as _,
            random: Arc::new(Seeded::new(seed)),
            runtime: Arc::new(support::TestRuntime),
        };
        BoxOffice::start(ports, Limits::default(), 1)
    }

    /// No seat has two owners, by the store's own records.
    fn check(&self) -> usize {
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

fn caller() -> Caller {
    Caller { actor: Actor::Patron, request: None }
}

fn keyed(key: u8, fingerprint: u8) -> Caller {
    Caller {
        actor: Actor::Patron,
        request: Some(RequestKey { key: [key; 16], fingerprint: [fingerprint; 16] }),
    }
}

fn hold(seats: &[u32]) -> Command {
    let seat = |number: &u32| SeatRequest { seat: format_compact!("A{number}"), ticket: None };
    Command::Hold(HoldSeats { seats: seats.iter().map(seat).collect(), ..HoldSeats::default() })
}

fn confirm(serial: u64) -> Command {
    Command::Confirm { hold: serial, contact: Contact::default(), metadata: Vec::new() }
}

fn extend(serial: u64) -> Command {
    Command::Edit(serial, HoldEdit { extend: true, ..HoldEdit::default() })
}

fn serial(done: &Done) -> u64 {
    done.hold.as_ref().unwrap().serial
}

async fn quiet() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanishes_at_any_point_leaves_no_claim_and_no_half_effect() {
    for (gate, polls) in [(true, 12), (false, 12)] {
        for polls in 0..polls {
            let gate: Arc<dyn Gate> =
                if gate { Arc::new(InProcessGate::default()) } else { Arc::new(LocalGate) };
            let house = House::new(gate, Arc::new(InProcessBus::default())).await;
            let node = house.node(1);
            {
                let (wanted, caller) = (hold(&[1, 2]), keyed(1, 1));
                let mut request = pin!(node.execute(ID, &wanted, &caller));
                for _ in 0..polls {
                    if request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            quiet().await;
            let owned = house.check();
            assert!(owned == 0 || owned == 2, "half a hold after {polls} polls: {owned} seats");
            let next = node.execute(ID, &hold(&[1, 2]), &caller()).await;
            if owned == 0 {
                assert!(next.is_ok(), "a claim was left behind after {polls} polls");
            } else {
                let Err(Refused::Rule(Refusal::SeatUnavailable(conflicts))) = next else { panic!("{polls}") };
                assert!(conflicts.iter().all(|(_, why)| *why == Unavailable::Held), "{conflicts:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_double_click_is_never_refused_for_its_own_claim() {
    let house = House::alone().await;
    let node = house.node(1);
    let serial = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    let clicks: Vec<_> = (0..8)
        .map(|_| {
            let node = node.clone();
            tokio::spawn(async move { node.execute(ID, &confirm(serial), &caller()).await })
        })
        .collect();
    let mut made = 0;
    for click in clicks {
        let done = click.await.unwrap().ok().unwrap();
        assert_eq!(done.hold.as_ref().unwrap().status, HoldStatus::Booked);
        made += usize::from(done.event.is_some());
    }
    assert_eq!(made, 1, "one of them made it");
}

#[tokio::test(start_paused = true)]
async fn an_expired_hold_is_free_at_once_and_swept_within_250_ms() {
    let house = House::alone().await;
    let node = house.node(1);
    let first = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    let second = serial(&node.execute(ID, &hold(&[3]), &caller()).await.ok().unwrap());
    house.clock.advance_ms(480_000);
    assert!(node.execute(ID, &hold(&[2]), &caller()).await.is_ok(), "swept or not");
    let late = node.execute(ID, &confirm(first), &caller()).await;
    assert_eq!(late.err(), Some(Refused::Rule(Refusal::HoldExpired)));
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    let swept = house.store.holds(ID).into_iter().find(|hold| hold.serial == second).unwrap();
    assert_eq!(swept.status, HoldStatus::Expired);
    house.check();
}

#[tokio::test(start_paused = true)]
async fn the_same_key_gives_the_same_answer_on_any_node() {
    let house = House::new(Arc::new(LocalGate), Arc::new(DeadBus)).await;
    let (one, other) = (house.node(1), house.node(2));
    let first = one.execute(ID, &hold(&[1]), &keyed(1, 1)).await.ok().unwrap();
    for node in [&one, &other] {
        let again = node.execute(ID, &hold(&[1]), &keyed(1, 1)).await.ok().unwrap();
        assert!(again.replayed && again.hold == first.hold);
        let reused = node.execute(ID, &hold(&[2]), &keyed(1, 2)).await;
        assert_eq!(reused.err(), Some(Refused::IdempotencyKeyReused));
    }
    let race = [one.clone(), other.clone(), one, other].map(|node| {
        tokio::spawn(async move { node.execute(ID, &hold(&[5, 6]), &keyed(2, 1)).await.ok().unwrap() })
    });
    let mut fresh = 0;
    for request in race {
        fresh += usize::from(!request.await.unwrap().replayed);
    }
    assert_eq!((fresh, house.check()), (1, 3), "one effect, however many ask");
}

#[tokio::test(start_paused = true)]
async fn a_hold_made_on_one_node_is_managed_on_the_other_at_once() {
    for bus in [Arc::new(InProcessBus::default()) as Arc<dyn Bus>, Arc::new(DeadBus)] {
        let house = House::new(Arc::new(LocalGate), bus).await;
        let (one, other) = (house.node(1), house.node(2));
        assert!(other.execute(ID, &hold(&[9]), &caller()).await.is_ok(), "the other has its board loaded");
        let serial = serial(&one.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
        house.clock.advance_ms(1000);
        assert!(other.execute(ID, &extend(serial), &caller()).await.is_ok());
        assert!(one.execute(ID, &confirm(serial), &caller()).await.is_ok());
        let cancel = Command::Cancel { booking: serial, seats: None };
        let done = other.execute(ID, &cancel, &caller()).await.ok().unwrap();
        assert_eq!(done.hold.unwrap().booking_status(), BookingStatus::Cancelled);
    }
}

#[tokio::test(start_paused = true)]
async fn a_showtime_that_was_called_off_lets_everything_go() {
    let house = House::alone().await;
    let node = house.node(1);
    let booked = serial(&node.execute(ID, &hold(&[1, 2]), &caller()).await.ok().unwrap());
    node.execute(ID, &confirm(booked), &caller()).await.ok().unwrap();
    node.execute(ID, &hold(&[3]), &caller()).await.ok().unwrap();
    node.execute(ID, &Command::CancelShowtime, &caller()).await.ok().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(house.check(), 0);
    let refused = node.execute(ID, &hold(&[4]), &caller()).await;
    assert_eq!(refused.err(), Some(Refused::Rule(Refusal::ShowtimeCancelled)));
}

#[tokio::test(start_paused = true)]
async fn no_seat_is_sold_twice_by_two_nodes_whatever_gate_and_bus_do() {
    for (round, (gate, bus)) in [
        (Arc::new(LocalGate) as Arc<dyn Gate>, Arc::new(DeadBus) as Arc<dyn Bus>),
        (Arc::new(LocalGate), Arc::new(InProcessBus::default())),
        (Arc::new(InProcessGate::default()), Arc::new(DeadBus)),
        (Arc::new(InProcessGate::default()), Arc::new(InProcessBus::default())),
    ]
    .into_iter()
    .enumerate()
    {
        let house = House::new(gate, bus).await;
        let nodes = [house.node(1), house.node(2)];
        let lots = Arc::new(Seeded::new(round as u64));
        let patrons: Vec<_> = (0..200)
            .map(|number| {
                let (node, lots) = (nodes[number % 2].clone(), Arc::clone(&lots));
                tokio::spawn(async move {
                    let first = lots.next() as u32 % (SEATS - 1) + 1;
                    let Ok(held) = node.execute(ID, &hold(&[first, first + 1]), &caller()).await else {
                        return None;
                    };
                    let serial = serial(&held);
                    match lots.next() % 3 {
                        0 => drop(node.execute(ID, &Command::Release(serial), &caller()).await),
                        1 => return node.execute(ID, &confirm(serial), &caller()).await.ok().map(|_| serial),
                        _ => {}
                    }
                    None
                })
            })
            .collect();
        let mut booked = Vec::new();
        for patron in patrons {
            booked.extend(patron.await.unwrap());
        }
        quiet().await;
        house.check();
        for serial in booked {
            let hold = house.store.holds(ID).into_iter().find(|hold| hold.serial == serial).unwrap();
            assert_eq!(hold.status, HoldStatus::Booked, "an acknowledged booking is there");
        }
        let stored = house.store.load(ID, Timestamp::default()).await.unwrap().unwrap().snapshot;
        for node in &nodes {
            // Whoever brings a key is answered from a board that is level.
            drop(node.execute(ID, &Command::Release(u64::MAX >> 1), &keyed(9, 9)).await);
            let board = node.board(ID).await.ok().unwrap();
            assert_eq!(board.revision(), stored.revision);
            let taken = board
                .seats(house.clock.now())
                .0
                .iter()
                .filter(|seat| seat.status != SeatStatus::Available)
                .count();
            assert_eq!(taken, house.check(), "the board is as the store");
        }
    }
}
