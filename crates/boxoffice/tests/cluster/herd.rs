//! The herd: far more patrons than seats, through all nodes at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::buyers::RoundRobin;
use crate::nodes::{Cluster, level, say};
use crate::server::{Dice, Outcome, fresh_key, get, labels, post, replay, text};

const PATRONS: usize = 20_000;
const CONNECTIONS: usize = 24;
/// How long all of them together may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What those who share a connection know of the seats: all are there until somebody is told otherwise.
struct Known {
    left: Vec<String>,
}

impl Known {
    /// Two seats to ask for, or the last one; any two when nothing seems to be left.
    fn pick<'a>(&'a self, all: &'a [String], dice: &mut Dice) -> Vec<&'a str> {
        let from = if self.left.is_empty() { all } else { &self.left };
        let (first, second) = (dice.below(from.len()), dice.below(from.len()));
        let mut seats = vec![from[first].as_str()];
        if first != second {
            seats.push(&from[second]);
        }
        seats
    }

    /// What a refusal or somebody's own hold tells. Whoever is taking a seat this instant may still leave it.
    fn note(&mut self, answer: &Value) {
        let gone: Vec<String> = match answer["conflicts"].as_array() {
            Some(conflicts) => {
                let gone = conflicts.iter().filter(|conflict| conflict["reason"] != "claimed");
                gone.map(|conflict| text(&conflict["seat"])).collect()
            }
            None => labels(&answer["seats"]),
        };
        self.left.retain(|seat| !gone.contains(seat));
    }
}

/// What all patrons of one connection were told.
#[derive(Default)]
struct Told {
    bookings: Vec<Value>,
    sold_out: usize,
}

/// Serves patrons, whoever comes next, until there are none: each is told that two seats are sold to it, or that those
/// that it wants are gone and none seems to be left.
fn serve(mut nodes: RoundRobin, path: &str, all: &[String], next: &AtomicUsize, seed: u64) -> Told {
    let (mut known, mut dice, mut told) = (Known { left: all.to_vec() }, Dice::new(seed), Told::default());
    while next.fetch_add(1, Ordering::Relaxed) < PATRONS {
        loop {
            let seemed_left = !known.left.is_empty();
            let seats = known.pick(all, &mut dice);
            // A stranger without a key, as most are: refused from memory, by a door of its own.
            let answer = nodes.send(&post(path, &json!({"seats": seats}))).expect("an answer");
            match (answer.status, answer.code().as_str()) {
                (201, _) => {
                    let held = answer.json();
                    known.note(&held);
                    let book =
                        post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&text(&held["token"]));
                    let Outcome::Done(booked) = nodes.insist(&book.key(&fresh_key())) else {
                        panic!("a hold that was made is refused: {held}")
                    };
                    told.bookings.push(booked);
                    break;
                }
                (409, "seat_unavailable") => {
                    known.note(&answer.json());
                    if !seemed_left {
                        told.sold_out += 1;
                        break;
                    }
                }
                (503, "overloaded") => {
                    let wait_ms = answer.json()["retry_after_ms"].as_u64().expect("a time");
                    thread::sleep(Duration::from_millis(wait_ms.min(500)));
                }
                _ => panic!("an answer that no patron should get\n{}", answer.told()),
            }
        }
    }
    told
}

#[test]
fn twenty_thousand_patrons_through_all_nodes_never_share_a_seat() {
    let Some(cluster) = Cluster::start() else { return };
    let (showtime, seats) = cluster.showtime();
    let (addresses, path, next) = (cluster.addresses(), showtime.path("/holds"), AtomicUsize::new(0));
    let told = Mutex::new(Told::default());
    let began = Instant::now();
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (told, seats, path, next) = (&told, &seats, &path, &next);
            let nodes = RoundRobin::new(&addresses, connection);
            scope.spawn(move || {
                let here = serve(nodes, path, seats, next, connection as u64 + 1);
                let mut told = told.lock().expect("a lock");
                told.bookings.extend(here.bookings);
                told.sold_out += here.sold_out;
            });
        }
    });
    let took = began.elapsed();
    let told = told.into_inner().expect("a lock");
    assert_eq!(told.bookings.len() + told.sold_out, PATRONS, "everybody was answered");
    let mut owners = BTreeMap::new();
    for booking in &told.bookings {
        for seat in labels(&booking["seats"]) {
            let other = owners.insert(seat.clone(), text(&booking["id"]));
            assert!(other.is_none(), "{seat} has two owners: {other:?} and {}", booking["id"]);
        }
    }
    assert_eq!(owners.len(), seats.len(), "every seat is sold");
    let seen = cluster.seen(&showtime);
    level(&seen, Duration::from_secs(5));
    say(&format!("== {PATRONS} patrons through three nodes: {} bookings in {took:.1?}", told.bookings.len()));
    assert!(took < LIMIT, "it took {took:?}");
    for (place, booking) in told.bookings.iter().enumerate() {
        let path = format!("/v1/bookings/{}", text(&booking["id"]));
        let read = get(path).bearer(&text(&booking["token"]));
        assert_eq!(&seen[place % 3].server.send(&read).expect(200), booking, "as it was acknowledged");
    }
    for seen in &seen {
        assert!(seen.seats().values().all(|(status, _)| status == "booked"));
    }
    replay(&showtime);
    cluster.nodes[0].audit();
}
