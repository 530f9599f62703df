//! The mix of an ordinary evening: most only look, some hold, change their minds, book or give up; popular shows first,
//! and the middle rows before all others.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::load::Visitor;
use super::room::Known;
use super::shop::{Refusal, Said, Shop};

/// Of a hundred who come, so many only look at a seat map.
const ONLY_LOOK: f64 = 45.0;
/// Of a hundred who hold, so many swap a seat.
const CHANGE: f64 = 15.0;
/// Of a hundred who hold, so many give their seats back.
const GIVE_UP: f64 = 25.0;
/// How often somebody picks again after a conflict, or comes back after a 503.
const PATIENCE: u32 = 8;

/// One patron after another, over one connection.
pub(super) struct Crowd {
    shop: Shop<'static>,
    dice: Dice,
    /// What this connection knows of the showtimes that were visited.
    known: HashMap<usize, Known>,
    /// The entity tags of the maps that it has.
    tags: HashMap<usize, String>,
}

impl Crowd {
    /// Over this connection.
    pub(super) fn new(shop: Shop<'static>, seed: u64) -> Self {
        Self { shop, dice: Dice::new(seed), known: HashMap::new(), tags: HashMap::new() }
    }

    async fn session(&mut self) -> &'static str {
        let run = self.shop.run;
        // The square makes some showtimes much more popular than others.
        let popular = self.dice.part();
        let showtime =
            ((popular * popular * run.showtimes.len() as f64) as usize).min(run.showtimes.len() - 1);
        if !self.look(showtime).await {
            return "no_answer";
        }
        if self.dice.percent(ONLY_LOOK) {
            return "looked";
        }
        let mut known = self.known.remove(&showtime).unwrap_or_else(|| Known::empty_house(&run.room));
        let outcome = self.buy(showtime, &mut known).await;
        self.known.insert(showtime, known);
        outcome
    }

    /// Opens the page: the showtime, and its map unless the one from before is still right.
    async fn look(&mut self, showtime: usize) -> bool {
        let run = self.shop.run;
        let path = format!("/v1/showtimes/{}", run.showtimes[showtime].id);
        if self.dice.percent(50.0)
            && self.shop.read("showtime", &path, "", |status, _, _| status).await != Some(200)
        {
            return false;
        }
        let mut headers = "accept-encoding: gzip\r\n".to_owned();
        if let Some(tag) = self.tags.get(&showtime) {
            headers += &format!("if-none-match: {tag}\r\n");
        }
        let look = |status, tag: Option<&str>, _: &[u8]| (status, tag.map(str::to_owned));
        match self.shop.read("page_map", &run.showtimes[showtime].seats, &headers, look).await {
            Some((200, Some(tag))) => {
                self.tags.insert(showtime, tag);
                true
            }
            Some((304, _)) => true,
            _ => false,
        }
    }

    async fn buy(&mut self, showtime: usize, known: &mut Known) -> &'static str {
        let mut wanted = if self.dice.percent(20.0) { 1 } else { 2 };
        let mut avoid = Vec::new();
        for _ in 0..PATIENCE {
            match self.shop.refresh(showtime, known).await {
                Said::Yes(()) => {}
                Said::No(refusal) if wait_for(&refusal).await => continue,
                Said::No(_) => return "refused",
                Said::Nothing => return "no_answer",
            }
            let mut seats = known.pick(&self.shop.run.room, &avoid, self.dice.part());
            if seats.is_empty() && known.left > 0 {
                // What is left is being taken at this instant.
                avoid.clear();
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            if seats.is_empty() {
                return "sold_out";
            }
            wanted = wanted.min(seats.len());
            seats.truncate(wanted);
            match self.shop.hold(showtime, &seats).await {
                Said::Yes(place) => return self.decide(place, seats[0], known).await,
                Said::No(refusal) if refusal.reason == "claimed" => avoid.extend(seats),
                Said::No(refusal) if refusal.taken => {}
                Said::No(refusal) if wait_for(&refusal).await => {}
                Said::No(_) => return "refused",
                Said::Nothing => return "no_answer",
            }
        }
        "lost_patience"
    }

    /// Has seats; changes them perhaps, and books them or gives them back.
    async fn decide(&mut self, place: usize, seat: u32, known: &mut Known) -> &'static str {
        let run = self.shop.run;
        let mine = run.ledger.with(place, |sale| sale.seats.clone());
        for seat in &mine {
            known.free[*seat as usize] = false;
            known.left = known.free.iter().filter(|free| **free).count();
        }
        if self.dice.percent(CHANGE)
            && let Some(other) = known.pick(&run.room, &mine, self.dice.part()).first()
            && let Said::Nothing = self.shop.swap(place, seat, *other).await
        {
            return "no_answer";
        }
        let gives_up = self.dice.percent(GIVE_UP);
        for _ in 0..PATIENCE {
            let said = if gives_up { self.shop.release(place).await } else { self.shop.book(place).await };
            match said {
                Said::Yes(()) if gives_up => return "gave_up",
                Said::Yes(()) => return "booked",
                Said::No(refusal) if wait_for(&refusal).await => {}
                Said::No(_) => return "refused",
                Said::Nothing => return "no_answer",
            }
        }
        "lost_patience"
    }
}

impl Visitor for Crowd {
    async fn visit(&mut self, due: Instant) -> bool {
        let outcome = self.session().await;
        self.shop.run.recorder.finished(outcome, due.elapsed());
        true
    }
}

/// Waits as long as a 503 says; false if it is no 503.
async fn wait_for(refusal: &Refusal) -> bool {
    let time: Option<Duration> = refusal.retry_after;
    if let Some(time) = time {
        tokio::time::sleep(time).await;
    }
    time.is_some()
}
