//! Shops that hold, book and look without a pause, and take nothing but success for an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::house::{Showtime, text};
use super::log::replay;
use super::process::Server;
use super::request::{Request, delete, get, post};
use super::shape::timeless;
use super::wait::{fresh_key, until};

/// How long the shops may take to go on.
const PATIENCE: Duration = Duration::from_secs(30);

/// Several shops, each with seats of its own.
pub(crate) struct Shops {
    leave: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Sold>>,
}

/// What one shop knows when it has closed.
struct Sold {
    bookings: Vec<Value>,
    last: Option<(Request, Value)>,
    slowest: Duration,
}

impl Shops {
    /// Opens so many, who ask at this address.
    pub(crate) fn open(address: SocketAddr, showtime: &str, seats: &[String], count: usize) -> Self {
        let (leave, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let threads = seats.chunks(seats.len() / count).map(|seats| {
            let shop = Shop {
                client: Client::connect(address).expect("a connection"),
                path: format!("/v1/showtimes/{showtime}"),
                free: seats.chunks(2).map(<[_]>::to_vec).collect(),
                answered: Arc::clone(&answered),
                sold: Sold { bookings: Vec::new(), last: None, slowest: Duration::ZERO },
            };
            let leave = Arc::clone(&leave);
            thread::spawn(move || shop.sell(&leave))
        });
        let threads = threads.collect();
        Self { leave, answered, threads }
    }

    /// How many requests were answered.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until they were answered so many more.
    pub(crate) fn sell_on(&self, what: &str, more: usize) {
        let wanted = self.answered() + more;
        until(what, PATIENCE, || {
            let closed = self.threads.iter().any(JoinHandle::is_finished);
            (closed || self.answered() >= wanted).then_some(())
        });
    }

    /// Closes them. No request may have failed, and everything must be there, once, as this server has it. Says the
    /// longest wait for an answer.
    pub(crate) fn close(self, server: &Server, showtime: &Showtime<'_>) -> Duration {
        self.leave.store(true, Ordering::Relaxed);
        let (mut bookings, mut slowest) = (0, Duration::ZERO);
        for shop in self.threads {
            let sold = shop.join().expect("no request failed");
            slowest = slowest.max(sold.slowest);
            for booking in &sold.bookings {
                let path = format!("/v1/bookings/{}", text(&booking["id"]));
                assert_eq!(&server.send(&get(path).bearer(&text(&booking["token"]))).expect(200), booking);
            }
            bookings += sold.bookings.len();
            let (request, held) = sold.last.expect("a shop that sold nothing");
            let again = server.send(&request);
            assert!(again.is_replay(), "{}", again.told());
            assert_eq!(timeless(again.expect(201)), timeless(held));
        }
        let shown = showtime.seats().into_values().filter(|(status, _)| status == "booked").count();
        assert_eq!(shown, bookings * 2, "each booking is there once");
        replay(showtime);
        server.audit();
        slowest
    }
}

struct Shop {
    client: Client,
    path: String,
    /// Pairs of seats that nobody else wants and that are not sold.
    free: Vec<Vec<String>>,
    answered: Arc<AtomicUsize>,
    sold: Sold,
}

impl Shop {
    /// Sells its own seats until it is told to leave.
    fn sell(mut self, leave: &AtomicBool) -> Sold {
        // A few stay sold; the rest is let go, so that there is always something to sell.
        let sells = self.free.len() / 2;
        let mut turn = 0;
        while !leave.load(Ordering::Relaxed) {
            turn += 1;
            let place = turn % self.free.len();
            let hold = post(format!("{}/holds", self.path), &json!({"seats": self.free[place]}));
            let hold = hold.key(&fresh_key());
            let held = self.ask(&hold, 201);
            self.ask(&get(format!("{}/seats", self.path)), 200);
            let token = text(&held["token"]);
            let path = format!("/v1/holds/{}", text(&held["id"]));
            self.ask(&get(&path).bearer(&token), 200);
            if turn % 2 == 0 && self.sold.bookings.len() < sells {
                let confirm = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&token);
                let booked = self.ask(&confirm.key(&fresh_key()), 201);
                self.sold.bookings.push(booked);
                self.free.remove(place);
            } else {
                self.ask(&delete(&path).bearer(&token).key(&fresh_key()), 204);
            }
            self.sold.last = Some((hold, held));
        }
        self.sold
    }

    fn ask(&mut self, request: &Request, expected: u16) -> Value {
        let began = Instant::now();
        let answer = self.client.send(request).unwrap_or_else(|error| panic!("{request} failed: {error}"));
        self.sold.slowest = self.sold.slowest.max(began.elapsed());
        assert_eq!(answer.status, expected, "{}", answer.told());
        self.answered.fetch_add(1, Ordering::Relaxed);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }
}
