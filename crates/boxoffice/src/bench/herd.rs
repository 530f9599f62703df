//! The herd: everybody wants two seats of one showtime at the same instant, and goes on until there are none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::room::Known;
use super::shop::{Refusal, Said, Shop};
use super::stage::Run;

/// How often a patron tries again when there is no answer at all.
const MOST_SILENCES: u32 = 5;

/// One who wants two seats.
#[derive(Debug, Default)]
struct Patron {
    /// Asked before, so that the map from before the opening is no longer trusted.
    asked: bool,
    /// The hold in the ledger, once there is one, and how many seats it has.
    hold: Option<(usize, usize)>,
    /// Seats that were being taken by others when this patron wanted them.
    avoid: Vec<u32>,
    silences: u32,
}

/// How it goes on with a patron.
enum Next {
    /// The final answer.
    Answer(&'static str),
    /// Not before then.
    Wait(Duration),
}

/// Serves patrons over one connection, whoever comes next, until there are none. All were due at the start.
pub(super) async fn serve(run: &Run, mut shop: Shop<'_>, patrons: usize, next: &AtomicUsize, seed: u64) {
    let opening = Known::empty_house(&run.room);
    // Who shares a connection shares a map, like tabs of one browser; but each asks for what changed.
    let mut known = opening.clone();
    let mut dice = Dice::new(seed);
    let mut waiting: Vec<(Instant, Patron)> = Vec::new();
    while !run.stop.is_asked() {
        let first = waiting.iter().enumerate().min_by_key(|(_, (until, _))| *until);
        let first = first.map(|(place, (until, _))| (place, *until));
        let mut patron = match first {
            Some((place, until)) if until <= Instant::now() => waiting.swap_remove(place).1,
            _ if next.fetch_add(1, Ordering::Relaxed) < patrons => Patron::default(),
            Some((_, until)) => {
                run.stop.sleep_until(until).await;
                continue;
            }
            None => break,
        };
        match patron.go_on(&mut shop, &opening, &mut known, &mut dice).await {
            Next::Answer(answer) => run.recorder.finished(answer, run.recorder.start().elapsed()),
            Next::Wait(time) => waiting.push((Instant::now() + time, patron)),
        }
    }
}

impl Patron {
    async fn go_on(
        &mut self,
        shop: &mut Shop<'_>,
        opening: &Known,
        known: &mut Known,
        dice: &mut Dice,
    ) -> Next {
        let room = &shop.run.room;
        loop {
            if let Some((place, seats)) = self.hold {
                return self.book(shop, place, seats).await;
            }
            if self.asked {
                match shop.refresh(0, known).await {
                    Said::Yes(()) => {}
                    Said::No(refusal) => return or_wait(&refusal),
                    Said::Nothing => return self.silence(),
                }
            }
            let map = if self.asked { &*known } else { opening };
            let seats = map.pick(room, &self.avoid, dice.part());
            if seats.is_empty() {
                if map.left == 0 {
                    return Next::Answer("sold_out");
                }
                // All that is left is being taken: worth another look in a moment.
                self.avoid.clear();
                return Next::Wait(Duration::from_millis(50 + dice.below(150) as u64));
            }
            self.asked = true;
            match shop.hold(0, &seats).await {
                Said::Yes(place) => self.hold = Some((place, seats.len())),
                // Claimed seats are free in the map and all but gone: others first.
                Said::No(refusal) if refusal.reason == "claimed" => self.avoid.extend(seats),
                Said::No(refusal) if refusal.taken => {}
                Said::No(refusal) => return or_wait(&refusal),
                Said::Nothing => return self.silence(),
            }
        }
    }

    async fn book(&mut self, shop: &mut Shop<'_>, place: usize, seats: usize) -> Next {
        match shop.book(place).await {
            Said::Yes(()) if seats == 2 => Next::Answer("sold_2_seats"),
            Said::Yes(()) => Next::Answer("sold_1_seat"),
            Said::No(refusal) => or_wait(&refusal),
            // To confirm what is booked already is answered like the first time.
            Said::Nothing => self.silence(),
        }
    }

    fn silence(&mut self) -> Next {
        self.silences += 1;
        if self.silences > MOST_SILENCES {
            return Next::Answer("no_answer");
        }
        Next::Wait(Duration::from_millis(200))
    }
}

/// Obeys `retry_after_ms`; any other refusal is final.
fn or_wait(refusal: &Refusal) -> Next {
    refusal.retry_after.map_or(Next::Answer("refused"), Next::Wait)
}
