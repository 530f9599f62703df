//! One buyer, all nodes: what was made on one is read, changed, booked and cancelled on the others at once, under load.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::buyers::{Buyers, RoundRobin};
use crate::nodes::{Cluster, level, say};
use crate::server::{
    Answer, Client, House, Request, delete, fresh_key, get, hall, labels, patch, post, replay, text, timeless,
};

const BUYERS: usize = 8;
const ROUNDS: usize = 25;

/// A buyer with seats that nobody else wants, so that every refusal is a wrong one.
struct Regular {
    nodes: RoundRobin,
    showtime: String,
    requests: usize,
}

impl Regular {
    /// Asks the next node; anything but this status is wrong.
    #[track_caller]
    fn ask(&mut self, request: &Request, status: u16) -> Value {
        self.requests += 1;
        let answer = self.nodes.send(request).expect("an answer");
        assert_eq!(answer.status, status, "a wrong answer\n{}", answer.told());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// A whole evening with four seats.
    fn round(&mut self, seats: &[String]) {
        let holds = format!("/v1/showtimes/{}/holds", self.showtime);
        let ask = post(&holds, &json!({"seats": seats[..2]})).key(&fresh_key());
        let held = self.ask(&ask, 201);
        let (path, token) = (format!("/v1/holds/{}", text(&held["id"])), text(&held["token"]));
        let read = || get(&path).bearer(&token);
        assert_eq!(timeless(self.ask(&read(), 200)), timeless(held.clone()));
        let again = self.ask(&ask, 201);
        assert_eq!(timeless(again), timeless(held.clone()), "the first answer again");
        let change = |what: Value| patch(&path, &what).bearer(&token).key(&fresh_key());
        let more = self.ask(&change(json!({"add": [seats[2]]})), 200);
        assert_eq!(labels(&more["seats"]).len(), 3);
        let longer = self.ask(&change(json!({"extend": true})), 200);
        assert_eq!(labels(&longer["seats"]), labels(&more["seats"]));
        let other = self.ask(&change(json!({"add": [seats[3]], "remove": [seats[2]]})), 200);
        assert_eq!(labels(&other["seats"]), [&seats[0], &seats[1], &seats[3]].map(Clone::clone));
        assert_eq!(timeless(self.ask(&read(), 200)), timeless(other));
        let confirm = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&token);
        let booked = self.ask(&confirm.key(&fresh_key()), 201);
        let (path, token) = (format!("/v1/bookings/{}", text(&booked["id"])), text(&booked["token"]));
        assert_eq!(self.ask(&get(&path).bearer(&token), 200), booked);
        let cancel = |what: Value| post(format!("{path}/cancel"), &what).bearer(&token).key(&fresh_key());
        let partly = self.ask(&cancel(json!({"seats": [seats[3]]})), 200);
        assert_eq!(partly["status"], "partly_cancelled");
        // The seat that was given back is had at once, and let go, on whichever node comes next.
        let held = self.ask(&post(&holds, &json!({"seats": [seats[3]]})).key(&fresh_key()), 201);
        let release = delete(format!("/v1/holds/{}", text(&held["id"]))).bearer(&text(&held["token"]));
        self.ask(&release.key(&fresh_key()), 204);
        let nothing = self.ask(&cancel(json!({})), 200);
        assert_eq!(nothing["status"], "cancelled");
    }

    /// A seat taken and given back, one request after the other.
    fn back_and_forth(&mut self, seat: &String) {
        let holds = format!("/v1/showtimes/{}/holds", self.showtime);
        for _ in 0..3 {
            let held = self.ask(&post(&holds, &json!({"seats": [seat]})).key(&fresh_key()), 201);
            let release = delete(format!("/v1/holds/{}", text(&held["id"]))).bearer(&text(&held["token"]));
            self.ask(&release.key(&fresh_key()), 204);
        }
    }
}

fn regular(addresses: &[SocketAddr], showtime: &str, first: usize, seats: &[String]) -> usize {
    let nodes = RoundRobin::new(addresses, first);
    let mut regular = Regular { nodes, showtime: showtime.to_owned(), requests: 0 };
    for _ in 0..ROUNDS {
        regular.round(seats);
        regular.back_and_forth(&seats[0]);
    }
    regular.requests
}

#[test]
fn what_was_made_on_one_node_is_managed_on_the_others_at_once() {
    let Some(cluster) = Cluster::start() else { return };
    let (plan, seats) = hall(10, 30);
    let house = House::with_plan(&cluster.nodes[0], &plan);
    let showtime = house.plain_showtime();
    let addresses = cluster.addresses();
    // The others: they buy what the regulars do not want.
    let (for_regulars, for_others) = seats.split_at(BUYERS * 4);
    let others = Buyers::gather(&addresses, &showtime, for_others, 6);
    others.go_on(30);
    let requests = AtomicUsize::new(0);
    thread::scope(|scope| {
        for (first, seats) in for_regulars.chunks(4).enumerate() {
            let (addresses, showtime, requests) = (&addresses, &showtime.id, &requests);
            scope.spawn(move || {
                requests.fetch_add(regular(addresses, showtime, first, seats), Ordering::Relaxed);
            });
        }
    });
    let others = others.leave();
    level(&cluster.seen(&showtime), Duration::from_secs(5));
    replay(&showtime);
    cluster.nodes[0].audit();
    say(&format!(
        "== round robin without a pause: {} requests, none refused wrongly, beside {} of others",
        requests.into_inner(),
        others.answered
    ));
}

/// The same request to every node, each a little after the one before, as a client does that gives up waiting too soon.
fn to_all(addresses: &[SocketAddr], request: &Request, apart: Duration) -> Vec<Answer> {
    let gun = Barrier::new(addresses.len());
    thread::scope(|scope| {
        let asking: Vec<_> = addresses
            .iter()
            .zip(0..)
            .map(|(address, place)| {
                let gun = &gun;
                scope.spawn(move || {
                    let mut client = Client::connect(*address).expect("a connection");
                    gun.wait();
                    // Not for anything to come about: each distance meets another moment of the first one's way.
                    thread::sleep(apart * place);
                    client.send(request).expect("an answer")
                })
            })
            .collect();
        asking.into_iter().map(|asking| asking.join().expect("an answer")).collect()
    })
}

/// Exactly one did it, and every node says so: nobody is refused for what the same request has done elsewhere.
#[track_caller]
fn done_once(answers: &[Answer], status: u16) -> Value {
    for answer in answers {
        assert_eq!(answer.status, status, "refused for its own doing\n{}", answer.told());
    }
    let first = answers.iter().filter(|answer| !answer.is_replay()).count();
    assert_eq!(first, 1, "done once, and answered again to the others");
    let body = |answer: &Answer| match answer.body.is_empty() {
        true => Value::Null,
        false => timeless(answer.json()),
    };
    assert!(answers.iter().all(|answer| body(answer) == body(&answers[0])), "the answers differ");
    body(&answers[0])
}

#[test]
fn one_request_on_all_nodes_at_once_is_done_once_and_refused_nowhere() {
    let Some(cluster) = Cluster::start() else { return };
    let (showtime, seats) = cluster.showtime();
    let addresses = cluster.addresses();
    let holds = showtime.path("/holds");
    for (round, pair) in (0..).zip(seats.chunks(2)) {
        let apart = Duration::from_micros(100) * (round % 64);
        let to_all = |request: &Request| to_all(&addresses, request, apart);
        let ask = post(&holds, &json!({"seats": pair})).key(&fresh_key());
        let held = done_once(&to_all(&ask), 201);
        let (path, token) = (format!("/v1/holds/{}", text(&held["id"])), text(&held["token"]));
        if round % 2 == 0 {
            let release = delete(&path).bearer(&token).key(&fresh_key());
            done_once(&to_all(&release), 204);
            continue;
        }
        let more = patch(&path, &json!({"remove": [pair[0]], "extend": true})).bearer(&token);
        done_once(&to_all(&more.key(&fresh_key())), 200);
        let confirm = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&token);
        let booked = done_once(&to_all(&confirm.key(&fresh_key())), 201);
        let cancel = post(format!("/v1/bookings/{}/cancel", text(&booked["id"])), &json!({}));
        done_once(&to_all(&cancel.bearer(&text(&booked["token"])).key(&fresh_key())), 200);
    }
    level(&cluster.seen(&showtime), Duration::from_secs(5));
    replay(&showtime);
    cluster.nodes[0].audit();
}
