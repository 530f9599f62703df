//! A crowd that buys as fast as it can and remembers what it was told; and the reckoning afterwards.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::house::{Showtime, id, text};
use super::ledger::labels;
use super::process::Server;
use super::request::{Request, delete, get, post};
use super::shape::timeless;
use super::wait::{Dice, fresh_key};

/// One thing that a patron asked for under a key, and what came of it as far as the patron knows.
pub(crate) struct Step {
    pub(crate) request: Request,
    pub(crate) outcome: Outcome,
}

/// What came of something, as far as the patron knows.
pub(crate) enum Outcome {
    /// It was acknowledged with this body.
    Done(Value),
    /// It was refused.
    Refused,
    /// The answer never came, or said that nobody knows.
    Unknown,
}

/// A patron's whole purchase: a hold, and perhaps its booking or its release.
pub(crate) struct Sale {
    pub(crate) hold: Step,
    pub(crate) booking: Option<Step>,
    pub(crate) release: Option<Step>,
}

/// Patrons who buy pairs of seats of one showtime until they are told to leave or the server is gone.
pub(crate) struct Crowd {
    leave: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    patrons: Vec<JoinHandle<Vec<Sale>>>,
}

impl Crowd {
    /// Lets `count` patrons in.
    pub(crate) fn gather(showtime: &Showtime<'_>, seats: &[String], count: u64, dice: &mut Dice) -> Self {
        let (leave, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let patrons = (0..count).map(|_| {
            let mut patron = Patron {
                address: showtime.server.address(),
                path: showtime.path("/holds"),
                seats: seats.to_vec(),
                dice: Dice::new(dice.below(usize::MAX) as u64),
                acknowledged: Arc::clone(&acknowledged),
            };
            let leave = Arc::clone(&leave);
            thread::spawn(move || patron.buy(&leave))
        });
        let patrons = patrons.collect();
        Self { leave, acknowledged, patrons }
    }

    /// How many steps were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Ends the crowd and collects what its patrons know.
    pub(crate) fn leave(self) -> Vec<Sale> {
        self.leave.store(true, Ordering::Relaxed);
        self.patrons.into_iter().flat_map(|patron| patron.join().expect("a patron")).collect()
    }
}

struct Patron {
    address: SocketAddr,
    path: String,
    seats: Vec<String>,
    dice: Dice,
    acknowledged: Arc<AtomicUsize>,
}

impl Patron {
    fn buy(&mut self, leave: &AtomicBool) -> Vec<Sale> {
        let mut sales = Vec::new();
        let Ok(mut client) = Client::connect(self.address) else { return sales };
        while !leave.load(Ordering::Relaxed) {
            let sale = self.purchase(&mut client);
            let lost = [Some(&sale.hold), sale.booking.as_ref(), sale.release.as_ref()]
                .into_iter()
                .flatten()
                .any(|step| matches!(step.outcome, Outcome::Unknown));
            sales.push(sale);
            if lost {
                match Client::connect(self.address) {
                    Ok(fresh) => client = fresh,
                    Err(_) => break,
                }
            }
        }
        sales
    }

    fn purchase(&mut self, client: &mut Client) -> Sale {
        let first = self.dice.below(self.seats.len() - 1);
        let request = post(self.path.as_str(), &json!({"seats": self.seats[first..first + 2]}));
        let hold = self.step(client, request.key(&fresh_key()));
        let mut sale = Sale { hold, booking: None, release: None };
        let Outcome::Done(held) = &sale.hold.outcome else { return sale };
        let token = text(&held["token"]);
        match self.dice.below(10) {
            0..4 => {
                let request = post("/v1/bookings", &json!({"hold": held["id"]})).bearer(&token);
                sale.booking = Some(self.step(client, request.key(&fresh_key())));
            }
            4..8 => {
                let request = delete(format!("/v1/holds/{}", id(held))).bearer(&token);
                sale.release = Some(self.step(client, request.key(&fresh_key())));
            }
            _ => {}
        }
        sale
    }

    fn step(&self, client: &mut Client, request: Request) -> Step {
        let outcome = match client.send(&request) {
            Ok(answer) => judge(&answer),
            Err(_) => Outcome::Unknown,
        };
        if matches!(outcome, Outcome::Done(_)) {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        Step { request, outcome }
    }
}

/// What an answer means to a patron. Anything but success, a lost race and a named 503 fails the test.
fn judge(answer: &Answer) -> Outcome {
    match (answer.status, answer.code().as_str()) {
        (200 | 201, _) => Outcome::Done(answer.json()),
        (204, _) => Outcome::Done(Value::Null),
        (409, "seat_unavailable") | (503, "overloaded" | "store_unavailable" | "draining") => {
            Outcome::Refused
        }
        (503, "outcome_unknown") => Outcome::Unknown,
        _ => panic!("an answer that no buyer should get\n{}", answer.told()),
    }
}

/// The reckoning: every acknowledged step is repeated under its key and must get the first answer again; a step of
/// unknown outcome is repeated until it is known; then the seat map must be exactly what the patrons have.
/// Returns how many seats they have.
#[track_caller]
pub(crate) fn settle(showtime: &Showtime<'_>, sales: &mut [Sale]) -> usize {
    let mut client = showtime.server.connect();
    let mut owned: BTreeMap<String, (&str, u64)> = BTreeMap::new();
    for sale in sales {
        sale.settle(&mut client);
        let Some((status, seats)) = sale.owns(&mut client) else { continue };
        for seat in seats.as_array().expect("seats") {
            let before =
                owned.insert(text(&seat["seat"]), (status, seat["version"].as_u64().expect("a version")));
            assert!(before.is_none(), "seat {} was sold twice", seat["seat"]);
        }
    }
    let mut shown = showtime.seats();
    shown.retain(|_, (status, _)| status != "available");
    let shown: BTreeMap<_, _> =
        shown.iter().map(|(seat, (status, version))| (seat.clone(), (status.as_str(), *version))).collect();
    assert_eq!(shown, owned, "the seat map is not what the patrons were told");
    owned.len()
}

impl Sale {
    /// Expects that what was acknowledged is said in a history of this name from now on, as after a restore.
    pub(crate) fn move_to(&mut self, epoch: &str) {
        for step in [Some(&mut self.hold), self.booking.as_mut(), self.release.as_mut()].into_iter().flatten()
        {
            if let Outcome::Done(Value::Object(said)) = &mut step.outcome
                && let Some(named) = said.get_mut("epoch")
            {
                *named = epoch.into();
            }
        }
    }

    fn settle(&mut self, client: &mut Client) {
        for step in [Some(&mut self.hold), self.booking.as_mut(), self.release.as_mut()].into_iter().flatten()
        {
            step.repeat(client);
        }
    }

    /// The status that the sale's seats must have, and the seats; nothing if it has none.
    fn owns(&self, client: &mut Client) -> Option<(&'static str, Value)> {
        let Outcome::Done(held) = &self.hold.outcome else { return None };
        let done = |step: &Option<Step>| matches!(step, Some(Step { outcome: Outcome::Done(_), .. }));
        let (status, seat_status) = match (done(&self.booking), done(&self.release)) {
            (true, _) => ("booked", Some("booked")),
            (_, true) => ("released", None),
            _ => ("active", Some("held")),
        };
        let request = get(format!("/v1/holds/{}", id(held))).bearer(&text(&held["token"]));
        let now = client.send(&request).expect("an answer").expect(200);
        assert_eq!(now["status"], status, "{now:#}");
        assert_eq!(labels(&now["seats"]), labels(&held["seats"]), "the hold is not whole");
        let Some(Step { outcome: Outcome::Done(booked), .. }) = &self.booking else {
            return Some((seat_status?, now["seats"].clone()));
        };
        let request = get(format!("/v1/bookings/{}", id(booked))).bearer(&text(&booked["token"]));
        let now = client.send(&request).expect("an answer").expect(200);
        assert_eq!(&now, booked, "the booking is not what was acknowledged");
        assert_eq!(labels(&now["seats"]), labels(&held["seats"]), "the booking is not whole");
        Some((seat_status?, now["seats"].clone()))
    }
}

impl Step {
    fn repeat(&mut self, client: &mut Client) {
        let answer = |client: &mut Client| client.send(&self.request).expect("an answer");
        match &self.outcome {
            Outcome::Refused => {}
            Outcome::Done(first) => {
                let again = answer(client);
                let body = if again.body.is_empty() { Value::Null } else { again.json() };
                assert!(again.is_replay(), "an acknowledged step was done anew\n{}", again.told());
                assert_eq!(timeless(body), timeless(first.clone()), "another answer than the first");
            }
            Outcome::Unknown => {
                self.outcome = judge(&answer(client));
                let known = !matches!(self.outcome, Outcome::Unknown);
                assert!(known, "still unknown: {}", self.request);
            }
        }
    }
}
