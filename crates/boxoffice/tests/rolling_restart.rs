//! A rolling restart behind a real HAProxy, under load, with the configuration that docs/haproxy.cfg recommends: no
//! request fails. Left out where HAProxy is not installed.

#[path = "server/support.rs"]
mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{
    Client, Hold, House, Proxy, Request, Server, delete, document, fresh_key, get, hall, installed, post,
    replay, text, until,
};

const PATIENCE: Duration = Duration::from_secs(30);
const SHOPS: usize = 6;
const RESTARTS: usize = 4;

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
    fn sell(mut self, leave: &AtomicBool) -> (Vec<(Request, Value)>, Vec<Value>, Duration) {
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

#[test]
fn a_restart_behind_haproxy_fails_no_request() {
    if !installed(&[("haproxy", "-v")]) {
        return;
    }
    let server = Server::start();
    let proxy = Proxy::haproxy(&server, &document("docs/haproxy.cfg"));
    let (plan, seats) = hall(12, 40);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let leave = Arc::<AtomicBool>::default();
    let answered = Arc::<AtomicUsize>::default();
    let shops: Vec<_> = seats
        .chunks(seats.len() / SHOPS)
        .map(|seats| {
            let shop = Shop {
                address: proxy.address,
                showtime: showtime.id.clone(),
                seats: seats.to_vec(),
                answered: Arc::clone(&answered),
                slowest: Duration::ZERO,
            };
            let leave = Arc::clone(&leave);
            thread::spawn(move || shop.sell(&leave))
        })
        .collect();
    let sells_on = |what: &str| {
        let before = answered.load(Ordering::Relaxed);
        until(what, PATIENCE, || (answered.load(Ordering::Relaxed) > before + 300).then_some(()));
    };
    sells_on("the shops sell");
    for _ in 0..RESTARTS {
        server.ask_to_end();
        assert_eq!(server.ended().code(), Some(0));
        server.start_again_there();
        sells_on("the shops go on");
    }
    leave.store(true, Ordering::Relaxed);
    let sold: Vec<_> = shops.into_iter().map(|shop| shop.join().expect("no request failed")).collect();

    let mut bookings = 0;
    for (asked, booked, slowest) in &sold {
        assert!(*slowest < Duration::from_secs(15), "a request took {slowest:?}");
        for booking in booked {
            let path = format!("/v1/bookings/{}", text(&booking["id"]));
            assert_eq!(&server.send(&get(path).bearer(&text(&booking["token"]))).expect(200), booking);
            bookings += 1;
        }
        let (request, held) = asked.last().expect("a shop that sold nothing");
        let again = server.send(request);
        assert!(again.is_replay(), "{}", again.told());
        assert_eq!(Hold::answered(&server, held.clone()).id(), text(&again.expect(201)["id"]));
    }
    let shown = showtime.seats().into_values().filter(|(status, _)| status == "booked").count();
    assert_eq!(shown, bookings * 2, "each booking is there once");
    replay(&showtime);
    server.audit();
    eprintln!("{} requests, {RESTARTS} restarts, none failed", answered.load(Ordering::Relaxed));
}
