//! Restarts behind a real HAProxy, under load, of one server with the configuration of docs/haproxy.cfg, and of three nodes
//! on PostgreSQL with that of deploy/haproxy.cfg: no request fails. Left out where these are not installed.

#[path = "server/support.rs"]
mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{
    Client, Hold, House, Proxy, Request, Server, delete, document, fresh_key, get, hall, installed, post,
    postgres_database, replay, text, until,
};

const PATIENCE: Duration = Duration::from_secs(30);
const SHOPS: usize = 6;
const RESTARTS: usize = 4;

/// Holds as they were asked for and answered, bookings, and how long the slowest request took.
type Sales = (Vec<(Request, Value)>, Vec<Value>, Duration);

/// A shop that holds, books and looks without a pause, and takes nothing but success for an answer.
struct Shop {
    address: SocketAddr,
    showtime: String,
    seats: Vec<String>,
    answered: Arc<AtomicUsize>,
    slowest: Duration,
}

impl Shop {
    /// Sells its own seats until it is told to leave; what it sold: pairs of hold and booking.
    fn sell(mut self, leave: &AtomicBool) -> Sales {
        let mut client = Client::connect(self.address).expect("a connection to the proxy");
        let (mut asked, mut booked) = (Vec::new(), Vec::new());
        let seats = std::mem::take(&mut self.seats);
        for pair in seats.chunks(2).cycle() {
            if leave.load(Ordering::Relaxed) {
                break;
            }
            let path = format!("/v1/showtimes/{}", self.showtime);
            let hold = post(format!("{path}/holds"), &json!({"seats": pair})).key(&fresh_key());
            let held = self.ask(&mut client, &hold, &[201, 409]);
            self.ask(&mut client, &get(format!("{path}/seats")), &[200]);
            if held["code"] == "seat_unavailable" {
                continue;
            }
            let token = text(&held["token"]);
            let path = format!("/v1/holds/{}", text(&held["id"]));
            self.ask(&mut client, &get(&path).bearer(&token), &[200]);
            // A few stay sold; the rest is let go, so that there is always something to sell.
            if booked.len() < seats.len() / 4 {
                let confirm = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&token);
                booked.push(self.ask(&mut client, &confirm.key(&fresh_key()), &[201]));
            } else {
                self.ask(&mut client, &delete(&path).bearer(&token).key(&fresh_key()), &[204]);
            }
            asked.push((hold, held));
        }
        (asked, booked, self.slowest)
    }

    fn ask(&mut self, client: &mut Client, request: &Request, expected: &[u16]) -> Value {
        let began = Instant::now();
        let answer = client.send(request).unwrap_or_else(|error| panic!("{request} failed: {error}"));
        self.slowest = self.slowest.max(began.elapsed());
        assert!(expected.contains(&answer.status), "{}", answer.told());
        self.answered.fetch_add(1, Ordering::Relaxed);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }
}

/// Some shops at work.
struct Crowd {
    shops: Vec<JoinHandle<Sales>>,
    leave: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Crowd {
    /// Shops that share these seats.
    fn enter(address: SocketAddr, showtime: &str, seats: &[String]) -> Self {
        let (leave, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let shops = seats.chunks(seats.len() / SHOPS).map(|seats| {
            let (showtime, seats) = (showtime.to_owned(), seats.to_vec());
            let (leave, answered) = (Arc::clone(&leave), Arc::clone(&answered));
            let shop = Shop { address, showtime, seats, answered, slowest: Duration::ZERO };
            thread::spawn(move || shop.sell(&leave))
        });
        let shops = shops.collect();
        Self { shops, leave, answered }
    }

    /// Waits for some hundred requests more.
    fn sells_on(&self, what: &str) {
        let answered = || self.answered.load(Ordering::Relaxed);
        let before = answered();
        until(what, PATIENCE, || (answered() > before + 300).then_some(()));
    }

    /// Ends the sale and looks for every booking, and for the first answers; how many bookings and requests there were.
    fn leaves(self, server: &Server) -> (usize, usize) {
        self.leave.store(true, Ordering::Relaxed);
        let mut bookings = 0;
        for shop in self.shops {
            let (asked, booked, slowest) = shop.join().expect("no request failed");
            assert!(slowest < Duration::from_secs(15), "a request took {slowest:?}");
            for booking in booked {
                let path = format!("/v1/bookings/{}", text(&booking["id"]));
                assert_eq!(server.send(&get(path).bearer(&text(&booking["token"]))).expect(200), booking);
                bookings += 1;
            }
            let (request, held) = asked.last().expect("a shop that sold nothing");
            let again = server.send(request);
            assert!(again.is_replay(), "{}", again.told());
            assert_eq!(Hold::answered(server, held.clone()).id(), text(&again.expect(201)["id"]));
        }
        (bookings, self.answered.load(Ordering::Relaxed))
    }
}

#[test]
fn a_restart_behind_haproxy_fails_no_request() {
    if !installed(&[("haproxy", "-v")]) {
        return;
    }
    let server = Server::start();
    let proxy = Proxy::haproxy(&server, &document("docs/haproxy.cfg"));
    let (plan, seats) = hall(12, 40);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let crowd = Crowd::enter(proxy.address, &showtime.id, &seats);
    crowd.sells_on("the shops sell");
    for _ in 0..RESTARTS {
        server.ask_to_end();
        assert_eq!(server.ended().code(), Some(0));
        server.start_again_there();
        crowd.sells_on("the shops go on");
    }
    let (bookings, requests) = crowd.leaves(&server);
    let shown = showtime.seats().into_values().filter(|(status, _)| status == "booked").count();
    assert_eq!(shown, bookings * 2, "each booking is there once");
    replay(&showtime);
    server.audit();
    eprintln!("{requests} requests, {RESTARTS} restarts, none failed");
}

/// An upgrade of a cluster: each node in turn is told to end, with the settings of deploy/compose.yaml, and starts anew. Then
/// one is killed.
#[test]
fn nodes_are_restarted_in_turn_and_no_request_fails() {
    if !installed(&[("haproxy", "-v")]) {
        return;
    }
    let Some(store) = postgres_database() else { return };
    let nodes = [(); 3].map(|()| Server::start_on_store(&store, &["--drain-delay-s", "4"]));
    let proxy = Proxy::haproxy_before_nodes(&nodes, &document("deploy/haproxy.cfg"));
    let (plan, seats) = hall(12, 40);
    let showtime = House::with_plan(&nodes[0], &plan).plain_showtime();
    let crowd = Crowd::enter(proxy.address, &showtime.id, &seats);
    crowd.sells_on("the shops sell");
    for node in &nodes {
        node.ask_to_end();
        assert_eq!(node.ended().code(), Some(0));
        crowd.sells_on("the others sell");
        node.start_again_there();
        crowd.sells_on("the shops go on");
    }
    nodes[1].kill();
    crowd.sells_on("two go on");
    nodes[1].start_again_there();
    crowd.sells_on("three go on");
    let (bookings, requests) = crowd.leaves(&nodes[0]);
    until("the map has every booking", PATIENCE, || {
        let shown = showtime.seats().into_values().filter(|(status, _)| status == "booked").count();
        (shown == bookings * 2).then_some(())
    });
    replay(&showtime);
    nodes[0].audit();
    eprintln!("{requests} requests, three nodes restarted and one killed, none failed");
}
