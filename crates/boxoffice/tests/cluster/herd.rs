//! The herd: far more patrons than seats, through all nodes at once, whatever breaks meanwhile. Exactly one owner for each
//! seat, every seat sold, everybody answered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::buyers::RoundRobin;
use crate::nodes::{Cluster, level, say};
use crate::server::{Dice, Outcome, Request, Showtime, fresh_key, get, labels, post, replay, text, until};
use crate::servers::Redis;
use crate::wire::Passes;

const CONNECTIONS: usize = 24;
/// How long all of them together may take.
const LIMIT: Duration = Duration::from_secs(120);
/// How many bookings there are when something breaks: some 150 are to be sold.
const MIDDLE: usize = 40;

/// Who comes.
#[derive(Clone, Copy)]
enum Patrons {
    /// So many without an idempotency key, as most are: refused from memory, by a door of its own.
    Strangers(usize),
    /// So many who repeat under their key what was not answered.
    Keyed(usize),
}

impl Patrons {
    fn count(self) -> usize {
        match self {
            Self::Strangers(count) | Self::Keyed(count) => count,
        }
    }
}

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

/// Everybody at once, and what they were told.
struct Herd {
    patrons: Patrons,
    next: AtomicUsize,
    sold: AtomicUsize,
    sold_out: AtomicUsize,
    bookings: Mutex<Vec<Value>>,
}

impl Herd {
    /// Serves patrons over one connection to each node, whoever comes next, until there are none: each is told that its
    /// seats are sold to it, or that those that it wants are gone and none seems to be left.
    fn serve(&self, mut nodes: RoundRobin, path: &str, all: &[String], seed: u64) {
        let (mut known, mut dice) = (Known { left: all.to_vec() }, Dice::new(seed));
        while self.next.fetch_add(1, Ordering::Relaxed) < self.patrons.count() {
            loop {
                let seemed_left = !known.left.is_empty();
                let wish = post(path, &json!({"seats": known.pick(all, &mut dice)}));
                let (status, told) = self.ask(&mut nodes, wish);
                match status {
                    201 => {
                        known.note(&told);
                        self.book(&mut nodes, &told);
                        break;
                    }
                    409 => {
                        known.note(&told);
                        if !seemed_left {
                            self.sold_out.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                    }
                    _ => {
                        let wait_ms = told["retry_after_ms"].as_u64().expect("a time");
                        thread::sleep(Duration::from_millis(wait_ms.min(500)));
                    }
                }
            }
        }
    }

    fn ask(&self, nodes: &mut RoundRobin, wish: Request) -> (u16, Value) {
        let answer = match self.patrons {
            Patrons::Strangers(_) => nodes.send(&wish).expect("an answer"),
            Patrons::Keyed(_) => nodes.answer_for_good(&wish.key(&fresh_key())),
        };
        let expected = [(201, ""), (409, "seat_unavailable"), (503, "overloaded")];
        assert!(expected.contains(&(answer.status, &answer.code())), "{}", answer.told());
        (answer.status, answer.json())
    }

    fn book(&self, nodes: &mut RoundRobin, held: &Value) {
        let book = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&text(&held["token"]));
        let Outcome::Done(booked) = nodes.insist(&book.key(&fresh_key())) else {
            panic!("a hold that was made is refused: {held}")
        };
        self.bookings.lock().expect("a lock").push(booked);
        self.sold.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets a herd in, breaks something when it is in the middle, and reckons up. `fault` says which nodes are gone.
fn stampede(
    what: &str,
    cluster: &mut Cluster,
    patrons: Patrons,
    fault: impl FnOnce(&mut Cluster) -> Vec<usize>,
) {
    let (id, seats) = {
        let (showtime, seats) = cluster.showtime();
        (showtime.id, seats)
    };
    let (addresses, path) = (cluster.addresses(), format!("/v1/showtimes/{id}/holds"));
    let none = || AtomicUsize::new(0);
    let herd = Herd { patrons, next: none(), sold: none(), sold_out: none(), bookings: Mutex::default() };
    let began = Instant::now();
    let gone = thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (herd, seats, path) = (&herd, &seats, &path);
            let nodes = RoundRobin::new(&addresses, connection);
            scope.spawn(move || herd.serve(nodes, path, seats, connection as u64 + 1));
        }
        until("the herd is in the middle", LIMIT, || {
            (herd.sold.load(Ordering::Relaxed) >= MIDDLE).then_some(())
        });
        fault(cluster)
    });
    let took = began.elapsed();
    let bookings = herd.bookings.into_inner().expect("a lock");
    assert_eq!(bookings.len() + herd.sold_out.into_inner(), patrons.count(), "everybody was answered");
    let mut owners = BTreeMap::new();
    for booking in &bookings {
        for seat in labels(&booking["seats"]) {
            let other = owners.insert(seat.clone(), text(&booking["id"]));
            assert!(other.is_none(), "{seat} has two owners: {other:?} and {}", booking["id"]);
        }
    }
    assert_eq!(owners.len(), seats.len(), "every seat is sold");
    let nodes = cluster.nodes.iter().enumerate().filter(|(place, _)| !gone.contains(place));
    let seen: Vec<_> = nodes.map(|(_, server)| Showtime { server, id: id.clone() }).collect();
    level(&seen, Duration::from_secs(20));
    say(&format!("== {what}: {} patrons, {} bookings in {took:.1?}", patrons.count(), bookings.len()));
    assert!(took < LIMIT, "it took {took:?}");
    for (seen, booking) in seen.iter().cycle().zip(&bookings) {
        let path = format!("/v1/bookings/{}", text(&booking["id"]));
        let read = get(path).bearer(&text(&booking["token"]));
        assert_eq!(&seen.server.send(&read).expect(200), booking, "as it was acknowledged");
    }
    for seen in &seen {
        assert!(seen.seats().values().all(|(status, _)| status == "booked"));
    }
    replay(&seen[0]);
    seen[0].server.audit();
}

#[test]
fn twenty_thousand_patrons_through_all_nodes_never_share_a_seat() {
    let Some(mut cluster) = Cluster::start() else { return };
    let patrons = Patrons::Strangers(20_000);
    stampede("a herd through three nodes", &mut cluster, patrons, |_| Vec::new());
}

#[test]
fn a_herd_never_shares_a_seat_whatever_breaks() {
    let Some(mut cluster) = Cluster::start() else { return };
    let patrons = Patrons::Keyed(5_000);
    stampede("a herd while Redis stops and comes back", &mut cluster, patrons, |cluster| {
        cluster.redis.iter_mut().for_each(Redis::kill);
        cluster.redis.iter_mut().for_each(Redis::start_again);
        Vec::new()
    });
    stampede("a herd while a Redis master is killed", &mut cluster, patrons, |cluster| {
        cluster.redis[1].kill();
        Vec::new()
    });
    cluster.redis[1].start_again();
    cluster.is_well();
    stampede("a herd while PostgreSQL is restarted", &mut cluster, patrons, |cluster| {
        cluster.postgres.stop("fast");
        cluster.postgres.start_again();
        Vec::new()
    });
    stampede("a herd while every wire of a node is cut for 5 s", &mut cluster, patrons, |cluster| {
        let wires = |cluster: &Cluster, passes| {
            cluster.to_postgres[1].set(passes);
            cluster.to_redis[1].iter().for_each(|wire| wire.set(passes));
        };
        wires(cluster, Passes::Nothing);
        thread::sleep(Duration::from_secs(5));
        wires(cluster, Passes::All);
        Vec::new()
    });
    stampede("a herd while a node is killed", &mut cluster, patrons, |cluster| {
        cluster.nodes[2].kill();
        vec![2]
    });
}
