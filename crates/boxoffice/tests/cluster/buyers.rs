//! Buyers who go to another node with each request, and repeat under its key what was not answered for good until it is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::{
    Answer, Client, Dice, Outcome, Request, Sale, Showtime, Step, delete, fresh_key, id, post, text,
};

/// How long a buyer may be left without an answer for good: longer than any fault here, and its end.
const PATIENCE: Duration = Duration::from_secs(40);
/// Of so many sales that were let go in peace, one is remembered: there are thousands, and each costs a look.
const REMEMBERED: usize = 16;

/// A buyer's connections, one to each node.
pub(crate) struct RoundRobin {
    addresses: Vec<SocketAddr>,
    clients: Vec<Option<Client>>,
    next: usize,
    /// What was waited for.
    pub(crate) waits: Waits,
}

/// The longest that buyers waited.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waits {
    /// For any answer, or to hear that there is none.
    pub(crate) one: Duration,
    /// For the answer for good, with all repetitions.
    pub(crate) all: Duration,
}

impl Waits {
    fn or(self, other: Self) -> Self {
        Self { one: self.one.max(other.one), all: self.all.max(other.all) }
    }
}

impl RoundRobin {
    pub(crate) fn new(addresses: &[SocketAddr], first: usize) -> Self {
        let clients = addresses.iter().map(|_| None).collect();
        Self { addresses: addresses.to_vec(), clients, next: first, waits: Waits::default() }
    }

    /// Sends it to the next node.
    pub(crate) fn send(&mut self, request: &Request) -> io::Result<Answer> {
        let place = self.next % self.addresses.len();
        self.next += 1;
        let mut client = match self.clients[place].take() {
            Some(client) => client,
            None => Client::connect(self.addresses[place])?,
        };
        let answer = client.send(request)?;
        if answer.header("connection") != Some("close") {
            self.clients[place] = Some(client);
        }
        Ok(answer)
    }

    /// Sends it until there is an answer for good; what that means to a buyer.
    pub(crate) fn insist(&mut self, request: &Request) -> Outcome {
        let answer = self.answer_for_good(request);
        match answer.status {
            204 => Outcome::Done(serde_json::Value::Null),
            409 => Outcome::Refused,
            _ => Outcome::Done(answer.json()),
        }
    }

    /// Sends it until there is an answer for good: done, or refused because somebody else was quicker. Anything else that
    /// is not worth a repetition fails the test.
    pub(crate) fn answer_for_good(&mut self, request: &Request) -> Answer {
        let began = Instant::now();
        // Whether an earlier attempt may still be done.
        let mut open = false;
        let answer = loop {
            assert!(began.elapsed() < PATIENCE, "no answer for good within {PATIENCE:?}: {request}");
            let asked = Instant::now();
            let answer = self.send(request);
            self.waits.one = self.waits.one.max(asked.elapsed());
            let pause_ms = match answer {
                Err(_) => {
                    open = true;
                    20
                }
                Ok(answer) => match (answer.status, answer.code().as_str()) {
                    (200 | 201 | 204, _) => break answer,
                    // Being taken this instant, perhaps by the attempt before.
                    (409, "seat_unavailable") if open && answer.text().contains("\"claimed\"") => 100,
                    (409, "seat_unavailable") => break answer,
                    (409, "idempotency_in_progress") => 100,
                    (503, code @ ("overloaded" | "store_unavailable" | "draining" | "outcome_unknown")) => {
                        open |= code == "outcome_unknown";
                        answer.json()["retry_after_ms"].as_u64().expect("a time").min(250)
                    }
                    _ => panic!("an answer that no buyer should get\n{}", answer.told()),
                },
            };
            thread::sleep(Duration::from_millis(pause_ms));
        };
        self.waits.all = self.waits.all.max(began.elapsed());
        answer
    }
}

/// Buyers who buy pairs of seats until they are told to leave. Most let go of what they got, so that there is always
/// something to sell.
pub(crate) struct Buyers {
    leave: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<(Vec<Sale>, Waits)>>,
}

/// What buyers know when they have left.
pub(crate) struct Bought {
    /// What is to be found again.
    pub(crate) sales: Vec<Sale>,
    /// How many requests were answered for good.
    pub(crate) answered: usize,
    /// The longest that anybody waited.
    pub(crate) waits: Waits,
}

impl Buyers {
    /// Lets so many in.
    pub(crate) fn gather(
        addresses: &[SocketAddr],
        showtime: &Showtime<'_>,
        seats: &[String],
        count: usize,
    ) -> Self {
        let (leave, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut dice = Dice::from_clock();
        let threads = (0..count).map(|first| {
            let buyer = Buyer {
                nodes: RoundRobin::new(addresses, first),
                path: showtime.path("/holds"),
                seats: seats.to_vec(),
                dice: Dice::new(dice.below(usize::MAX) as u64),
                answered: Arc::clone(&answered),
            };
            let leave = Arc::clone(&leave);
            thread::spawn(move || buyer.buy(&leave))
        });
        let threads = threads.collect();
        Self { leave, answered, threads }
    }

    /// How many requests were answered for good so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until this many more were answered.
    pub(crate) fn go_on(&self, more: usize) {
        let wanted = self.answered() + more;
        crate::server::until("the sale goes on", PATIENCE, || (self.answered() >= wanted).then_some(()));
    }

    /// Lets them finish what they are about, and go.
    pub(crate) fn leave(self) -> Bought {
        self.leave.store(true, Ordering::Relaxed);
        let (mut sales, mut waits) = (Vec::new(), Waits::default());
        for buyer in self.threads {
            let (bought, waited) = buyer.join().expect("a buyer");
            sales.extend(bought);
            waits = waits.or(waited);
        }
        Bought { sales, answered: self.answered.load(Ordering::Relaxed), waits }
    }
}

struct Buyer {
    nodes: RoundRobin,
    path: String,
    seats: Vec<String>,
    dice: Dice,
    answered: Arc<AtomicUsize>,
}

impl Buyer {
    fn buy(mut self, leave: &AtomicBool) -> (Vec<Sale>, Waits) {
        let mut sales = Vec::new();
        while !leave.load(Ordering::Relaxed) {
            let sale = self.purchase();
            let is_over = matches!(sale.hold.outcome, Outcome::Refused) || sale.release.is_some();
            if !is_over || self.dice.below(REMEMBERED) == 0 {
                sales.push(sale);
            }
        }
        (sales, self.nodes.waits)
    }

    fn purchase(&mut self) -> Sale {
        let first = self.dice.below(self.seats.len() - 1);
        let request = post(self.path.as_str(), &json!({"seats": self.seats[first..first + 2]}));
        let hold = self.step(request.key(&fresh_key()));
        let mut sale = Sale { hold, booking: None, release: None };
        let Outcome::Done(held) = &sale.hold.outcome else { return sale };
        let token = text(&held["token"]);
        match self.dice.below(100) {
            0 => {
                let request = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&token);
                sale.booking = Some(self.step(request.key(&fresh_key())));
            }
            1 => {}
            _ => {
                let request = delete(format!("/v1/holds/{}", id(held))).bearer(&token);
                sale.release = Some(self.step(request.key(&fresh_key())));
            }
        }
        sale
    }

    fn step(&mut self, request: Request) -> Step {
        let outcome = self.nodes.insist(&request);
        self.answered.fetch_add(1, Ordering::Relaxed);
        Step { request, outcome }
    }
}
