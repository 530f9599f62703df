//! What a patron does over a connection: look, hold, change, book, give back; each is measured and noted.

use std::time::{Duration, Instant};

use compact_str::CompactString;
use serde_json::json;

use super::answers::{Problem, Record, SeatMap};
use super::client::{Ask, Client};
use super::ledger::{Sale, Seats, State};
use super::room::Known;
use super::stage::Run;

/// What the server said to a wish.
#[derive(Debug)]
pub(super) enum Said<T> {
    /// Done.
    Yes(T),
    /// Not done.
    No(Refusal),
    /// Nothing: it is not known whether it was done.
    Nothing,
}

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The reason in one word.
    pub(super) reason: CompactString,
    /// It may go away: after so long.
    pub(super) retry_after: Option<Duration>,
    /// Seats cannot be had.
    pub(super) taken: bool,
}

/// A patron at the counter: a connection, and the run that it belongs to.
#[derive(Debug)]
pub(super) struct Shop<'a> {
    /// The run.
    pub(super) run: &'a Run,
    client: Client,
}

/// What is kept of an answer.
struct Heard<'a> {
    status: u16,
    body: &'a [u8],
}

impl<'a> Shop<'a> {
    /// Over this connection.
    pub(super) fn new(run: &'a Run, client: Client) -> Self {
        Self { run, client }
    }

    async fn ask(&mut self, name: &'static str, ask: Ask<'_>) -> Option<Heard<'_>> {
        let sent = Instant::now();
        match self.client.send(ask).await {
            Ok(answer) => {
                self.run.recorder.answered(name, sent.elapsed());
                Some(Heard { status: answer.status, body: answer.body })
            }
            Err(error) => {
                self.run.recorder.lost(&error);
                None
            }
        }
    }

    /// Asks to hold seats; the sale's place in the ledger.
    pub(super) async fn hold(&mut self, showtime: usize, seats: &[u32]) -> Said<usize> {
        let run = self.run;
        let body = run.room.hold_body(seats);
        let heard = self.ask("hold", Ask::post(&run.showtimes[showtime].holds, &body)).await;
        let Some(heard) = heard else {
            run.ledger.unanswered(showtime);
            return Said::Nothing;
        };
        if heard.status != 201 {
            let refusal = refused(run, &heard);
            if refusal.reason == "outcome_unknown" {
                run.ledger.unanswered(showtime);
            }
            return Said::No(refusal);
        }
        let Some(record) = read_record(run, "hold", &heard) else {
            run.ledger.unanswered(showtime);
            return Said::Nothing;
        };
        // What the answer says is what counts: the check finds a hold of other seats than those asked for.
        if !same_seats(run, &record, seats) {
            run.recorder.fault("a hold has other seats than those asked for");
        }
        let seats: Seats = record.seats.iter().filter_map(|seat| run.room.find(&seat.seat)).collect();
        run.recorder.sold(seats.len());
        let Record { id, token, .. } = record;
        Said::Yes(run.ledger.add(Sale { showtime, hold: id, token, seats, state: State::Held }))
    }

    /// Asks to book what is held.
    pub(super) async fn book(&mut self, place: usize) -> Said<()> {
        let run = self.run;
        let (hold, token, seats) =
            run.ledger.with(place, |sale| (sale.hold.clone(), sale.token.clone(), sale.seats.clone()));
        let body = json!({"hold": hold}).to_string();
        let heard = self.ask("book", Ask::post("/v1/bookings", &body).bearer(&token)).await;
        let Some(heard) = heard else {
            run.ledger.with(place, |sale| sale.state = State::InDoubt);
            return Said::Nothing;
        };
        if !matches!(heard.status, 200 | 201) {
            return Said::No(refused(run, &heard));
        }
        let Some(record) = read_record(run, "booking", &heard) else { return Said::Nothing };
        if !same_seats(run, &record, &seats) {
            run.recorder.fault("a booking has other seats than its hold");
        }
        run.ledger.with(place, |sale| sale.state = State::Booked(record.id, record.token));
        Said::Yes(())
    }

    /// Gives a hold back.
    pub(super) async fn release(&mut self, place: usize) -> Said<()> {
        let run = self.run;
        let (path, token) =
            run.ledger.with(place, |sale| (format!("/v1/holds/{}", sale.hold), sale.token.clone()));
        let ask = Ask { method: "DELETE", ..Ask::get(&path) };
        let heard = self.ask("release", ask.bearer(&token)).await;
        let Some(heard) = heard else {
            run.ledger.with(place, |sale| sale.state = State::InDoubt);
            return Said::Nothing;
        };
        if heard.status != 204 {
            return Said::No(refused(run, &heard));
        }
        run.ledger.with(place, |sale| sale.state = State::Released);
        Said::Yes(())
    }

    /// Swaps one seat of a hold for another.
    pub(super) async fn swap(&mut self, place: usize, from: u32, to: u32) -> Said<()> {
        let run = self.run;
        let (path, token) =
            run.ledger.with(place, |sale| (format!("/v1/holds/{}", sale.hold), sale.token.clone()));
        let label = |seat: u32| &run.room.labels[seat as usize];
        let body = json!({"add": [label(to)], "remove": [label(from)]}).to_string();
        let ask = Ask { method: "PATCH", ..Ask::post(&path, &body) };
        let heard = self.ask("change", ask.bearer(&token)).await;
        let Some(heard) = heard else {
            run.ledger.with(place, |sale| sale.state = State::InDoubt);
            return Said::Nothing;
        };
        if heard.status != 200 {
            return Said::No(refused(run, &heard));
        }
        let Some(record) = read_record(run, "hold", &heard) else { return Said::Nothing };
        run.ledger.with(place, |sale| {
            sale.seats = record.seats.iter().filter_map(|seat| run.room.find(&seat.seat)).collect();
        });
        Said::Yes(())
    }

    /// Brings what is known of a showtime's seats up to date.
    pub(super) async fn refresh(&mut self, showtime: usize, known: &mut Known) -> Said<()> {
        let run = self.run;
        let path = format!("{}?since={}", run.showtimes[showtime].seats, known.revision);
        let Some(heard) = self.ask("map", Ask::get(&path)).await else { return Said::Nothing };
        if heard.status != 200 {
            return Said::No(refused(run, &heard));
        }
        match serde_json::from_slice::<SeatMap<'_>>(heard.body) {
            Ok(map) => {
                known.update(&run.room, &map);
                Said::Yes(())
            }
            Err(_) => {
                run.recorder.fault("a seat map cannot be read");
                Said::Nothing
            }
        }
    }

    /// Reads something for its own sake: the status, the entity tag, and what `look` makes of the body.
    pub(super) async fn read<T>(
        &mut self,
        name: &'static str,
        path: &str,
        headers: &str,
        look: impl FnOnce(u16, Option<&str>, &[u8]) -> T,
    ) -> Option<T> {
        let sent = Instant::now();
        match self.client.send(Ask { headers, ..Ask::get(path) }).await {
            Ok(answer) => {
                self.run.recorder.answered(name, sent.elapsed());
                if answer.status >= 400 {
                    refused(self.run, &Heard { status: answer.status, body: answer.body });
                }
                Some(look(answer.status, answer.etag, answer.body))
            }
            Err(error) => {
                self.run.recorder.lost(&error);
                None
            }
        }
    }
}

/// Notes a refusal. Only 409 and 503 are for a crowd like this; any other is a fault.
fn refused(run: &Run, heard: &Heard<'_>) -> Refusal {
    let problem = Problem::read(heard.body);
    let reason = if problem.reason().is_empty() { "no_reason" } else { problem.reason() };
    run.recorder.refused(reason);
    if !matches!(heard.status, 409 | 503) {
        run.recorder.fault(&format!("the server answered {} {}", heard.status, problem.code));
    }
    let wait = problem.retry_after_ms.unwrap_or(500).min(10_000);
    let retry_after = (heard.status == 503).then(|| Duration::from_millis(wait));
    Refusal { reason: reason.into(), retry_after, taken: problem.code == "seat_unavailable" }
}

fn read_record(run: &Run, what: &str, heard: &Heard<'_>) -> Option<Record> {
    let record = serde_json::from_slice(heard.body);
    if record.is_err() {
        run.recorder.fault(&format!("the answer with a {what} cannot be read"));
    }
    record.ok()
}

/// Whether a record has exactly these seats.
pub(super) fn same_seats(run: &Run, record: &Record, seats: &[u32]) -> bool {
    let has = |seat: &u32| record.seats.iter().any(|other| other.seat == run.room.labels[*seat as usize]);
    record.seats.len() == seats.len() && seats.iter().all(has)
}
