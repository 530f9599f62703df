//! The demo's crowd: patrons who hold, change their minds, book, let go and cancel, so that whoever looks sees seats change.

use std::sync::Arc;
use std::time::Duration;

use boxoffice_core::change::Actor;
use boxoffice_core::command::{Command, HoldEdit, HoldSeats, SeatRequest};
use boxoffice_core::hold::Contact;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::Plan;
use boxoffice_core::seat::SeatStatus;
use boxoffice_engine::board::SeatView;
use boxoffice_engine::box_office::{Caller, Done, Refused};
use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::http::Shared;

/// Of a hundred seats so many are sold before people begin to cancel, so that there is always something left.
const FULL: usize = 60;
/// Of a hundred who hold, so many swap a seat.
const SWAP: usize = 15;
/// Of a hundred who hold, so many walk away without a word: their seats are held until the time is over.
const FORGET: usize = 15;
/// Of a hundred who hold, so many give their seats back.
const LET_GO: usize = 25;
/// How long those who walk away keep their seats.
const FORGOTTEN_MS: i64 = 60_000;
/// How long people think before the next step, in seconds: at least, and how much more at most.
const THINK_S: (f64, f64) = (2.0, 12.0);
/// How much a row away from the best one counts against a seat to the side.
const ROW_WEIGHT: f32 = 1.6;
/// The best row, as a part of the way from the screen to the back.
const BEST_ROW: f32 = 0.6;
/// How many bookings are remembered, to be cancelled one day.
const REMEMBERED: usize = 10_000;

/// Everybody who comes.
pub(super) struct Crowd {
    app: Shared,
    /// Where they go, the most popular showtime first.
    showtimes: Vec<ShowtimeId>,
    /// What they have bought.
    booked: Mutex<Vec<(ShowtimeId, Serial)>>,
}

impl Crowd {
    /// A crowd for these showtimes.
    pub(super) fn new(app: Shared, showtimes: Vec<ShowtimeId>) -> Self {
        Self { app, showtimes, booked: Mutex::default() }
    }

    /// Lets so many patrons come in a minute, for ever. Whoever is inside leaves when this is dropped.
    pub(super) async fn come(self, a_minute: u32) {
        if a_minute == 0 || self.showtimes.is_empty() {
            return;
        }
        let crowd = Arc::new(self);
        let mut inside = JoinSet::new();
        loop {
            // Nobody knows when the next one comes: the times between are exponential.
            let wait_s = -(1.0 - crowd.part()).ln() * 60.0 / f64::from(a_minute);
            tokio::time::sleep(Duration::from_secs_f64(wait_s)).await;
            while inside.try_join_next().is_some() {}
            let patron = Arc::clone(&crowd);
            inside.spawn(async move {
                if let Err(refused) = patron.visit().await {
                    // Somebody else was quicker, or the sale is not open: such is life.
                    tracing::debug!(?refused, "a patron of the crowd was refused");
                }
            });
        }
    }

    /// One patron's evening.
    async fn visit(&self) -> Result<(), Refused> {
        let popular = self.part();
        let Some(&showtime) = self.showtimes.get((popular * popular * self.showtimes.len() as f64) as usize)
        else {
            return Ok(());
        };
        let (board, views) = self.look(showtime).await?;
        let booked = views.iter().filter(|view| view.status == SeatStatus::Booked).count();
        let full = booked * 100 >= views.len() * FULL;
        if full && let Some(booking) = self.forget(showtime) {
            self.ask(showtime, Command::Cancel { booking, seats: None }).await?;
            return Ok(());
        }
        let wanted = [1, 2, 2, 2, 3, 4][self.below(6)];
        let seats = pick(&board, &views, wanted, self.part());
        let (swaps, end) = (self.below(100) < SWAP, self.below(100));
        let request = HoldSeats {
            seats: seats.iter().map(wish).collect(),
            ttl_ms: (end < FORGET).then_some(FORGOTTEN_MS),
            ..HoldSeats::default()
        };
        let done = self.ask(showtime, Command::Hold(request)).await?;
        let Some(hold) = done.hold.map(|hold| hold.serial) else { return Ok(()) };
        self.think().await;
        if swaps {
            let (board, views) = self.look(showtime).await?;
            let other = pick(&board, &views, 1, self.part());
            let edit = HoldEdit {
                remove: seats.into_iter().take(other.len()).collect(),
                add: other.iter().map(wish).collect(),
                ..HoldEdit::default()
            };
            self.ask(showtime, Command::Edit(hold, edit)).await?;
            self.think().await;
        }
        if end < FORGET {
            return Ok(());
        }
        if full || end < FORGET + LET_GO {
            self.ask(showtime, Command::Release(hold)).await?;
            return Ok(());
        }
        self.ask(showtime, Command::Confirm { hold, contact: Contact::default(), metadata: Vec::new() })
            .await?;
        let mut remembered = self.booked.lock();
        if remembered.len() < REMEMBERED {
            remembered.push((showtime, hold));
        }
        Ok(())
    }

    async fn look(&self, showtime: ShowtimeId) -> Result<(Arc<Plan>, Vec<SeatView>), Refused> {
        let board = self.app.office.board(showtime).await?;
        let (views, _) = board.seats(self.app.office.now());
        Ok((Arc::clone(board.plan()), views))
    }

    async fn ask(&self, showtime: ShowtimeId, command: Command) -> Result<Done, Refused> {
        let caller = Caller { actor: Actor::Patron, request: None };
        self.app.office.execute(showtime, &command, &caller).await
    }

    async fn think(&self) {
        let (least, more) = THINK_S;
        tokio::time::sleep(Duration::from_secs_f64(least + more * self.part())).await;
    }

    /// Takes a booking of this showtime from memory.
    fn forget(&self, showtime: ShowtimeId) -> Option<Serial> {
        let mut booked = self.booked.lock();
        let at = booked.iter().position(|(its, _)| *its == showtime)?;
        Some(booked.swap_remove(at).1)
    }

    /// A number from 0 up to, but not, 1.
    fn part(&self) -> f64 {
        (self.app.office.ports().random.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&self, bound: usize) -> usize {
        ((self.part() * bound as f64) as usize).min(bound - 1)
    }
}

fn wish(seat: &CompactString) -> SeatRequest {
    SeatRequest { seat: seat.clone(), ticket: None }
}

/// Picks free seats beside each other as people do: good ones first, but not all the same; `spread` is a random number
/// from 0 to 1. A single seat if there are not so many beside each other; none if nothing is free.
fn pick(plan: &Plan, views: &[SeatView], wanted: usize, spread: f64) -> Vec<CompactString> {
    let free = |no: u32| views.get(no as usize).is_some_and(|view| view.status == SeatStatus::Available);
    let (width, depth) = plan.size();
    let cost = |no: u32| {
        let seat = plan.seat(no);
        (seat.y - BEST_ROW * depth).abs() * ROW_WEIGHT + (seat.x - width / 2.0).abs()
    };
    let run_from = |first: u32| {
        let next = |no: &u32| plan.neighbours(*no).1;
        let run: Vec<u32> =
            std::iter::successors(Some(first), next).take(wanted).take_while(|no| free(*no)).collect();
        (run.len() == wanted).then(|| (run.iter().map(|no| cost(*no)).sum::<f32>(), run))
    };
    let mut runs: Vec<(f32, Vec<u32>)> = (0..plan.seat_count()).filter_map(run_from).collect();
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    // The cube prefers the front of the list.
    match runs.get((spread.powi(3) * runs.len() as f64) as usize) {
        Some((_, run)) => run.iter().map(|no| plan.seat(*no).label.clone()).collect(),
        None if wanted > 1 => pick(plan, views, 1, spread),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::{Options, import};

    /// A room of rows A and B; what is marked is taken.
    fn picked(taken: &[&str], wanted: usize, spread: f64) -> Vec<CompactString> {
        let text = br#"{"rows":[{"row":"A","seats":4},{"row":"B","seats":4}]}"#;
        let plan = import(text, &Options::default()).unwrap().plan;
        let view = |no: u32| {
            let is_taken = taken.contains(&plan.seat(no).label.as_str());
            let status = if is_taken { SeatStatus::Held } else { SeatStatus::Available };
            SeatView { no, status, version: 0, expires_at: None }
        };
        let views: Vec<SeatView> = (0..plan.seat_count()).map(view).collect();
        pick(&plan, &views, wanted, spread)
    }

    #[test]
    fn people_sit_beside_each_other_in_the_middle_where_they_can() {
        assert_eq!(picked(&[], 2, 0.0), ["B2", "B3"]);
        assert_ne!(picked(&[], 2, 0.99), ["B2", "B3"], "not everybody wants the same");
        assert_eq!(picked(&["B2"], 3, 0.0), ["A1", "A2", "A3"]);
        assert_eq!(picked(&["A2", "A4", "B2", "B4"], 2, 0.0), ["B3"], "alone, if there is no pair");
        assert!(picked(&["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4"], 2, 0.5).is_empty());
    }
}
