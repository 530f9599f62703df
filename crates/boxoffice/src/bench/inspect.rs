//! Reading back after a run, through the public API: maps, event logs, and a sample of holds and bookings by token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};

use super::answers::{EventPage, Record, SeatMap};
use super::check::{Facts, Violations, check};
use super::client::{Ask, Client};
use super::ledger::{Sale, Sales, State};
use super::shop::same_seats;
use super::stage::Run;

/// How many showtimes are read at once.
const AT_ONCE: usize = 8;
/// How many sales are read one by one; all are looked up in the logs.
const SAMPLE: usize = 500;
/// Events in a page: the API's most.
const PAGE: usize = 200;

/// What was looked at, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) violations: Violations,
    /// Showtimes that were read.
    pub(super) showtimes: usize,
    /// Events that were replayed.
    pub(super) events: usize,
    /// Acknowledged holds and bookings that were looked up in the logs.
    pub(super) sales: usize,
    /// Of these, read one by one with their tokens.
    pub(super) read_back: usize,
    /// Seats that are held in the maps.
    pub(super) held: usize,
    /// Seats that are booked in the maps.
    pub(super) booked: usize,
}

impl Findings {
    fn append(&mut self, other: Self) {
        self.violations.append(other.violations);
        self.showtimes += other.showtimes;
        self.events += other.events;
        self.sales += other.sales;
        self.read_back += other.read_back;
        self.held += other.held;
        self.booked += other.booked;
    }
}

/// Reads everything back and checks it.
pub(super) async fn inspect(run: &'static Run, sales: &Sales) -> anyhow::Result<Findings> {
    let by_showtime = Arc::new(sort(sales, run.showtimes.len()));
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..AT_ONCE.min(run.showtimes.len()))
        .map(|_| tokio::spawn(inspect_some(run, Arc::clone(&by_showtime), Arc::clone(&next))))
        .collect();
    let mut findings = Findings::default();
    for task in tasks {
        findings.append(task.await.context("the check failed")??);
    }
    findings.append(read_back(run, &sales.sales).await?);
    Ok(findings)
}

/// A showtime's sales, and how many requests were unanswered.
type Part = (Vec<Sale>, usize);

fn sort(sales: &Sales, showtimes: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![Part::default(); showtimes];
    for sale in &sales.sales {
        parts[sale.showtime].0.push(sale.clone());
    }
    for showtime in &sales.unanswered {
        parts[*showtime].1 += 1;
    }
    parts
}

async fn inspect_some(
    run: &'static Run,
    parts: Arc<Vec<Part>>,
    next: Arc<AtomicUsize>,
) -> anyhow::Result<Findings> {
    let mut client = Client::new(Arc::clone(&run.target));
    let mut findings = Findings::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some((sales, unanswered)) = parts.get(number) else { return Ok(findings) };
        let facts = read(run, &mut client, number).await?;
        let sales: Vec<&Sale> = sales.iter().collect();
        let status = |wanted: &str| facts.map.values().filter(|(status, _)| status == wanted).count();
        let mut violations = check(&run.room, &facts, &sales, *unanswered);
        for told in &mut violations.told {
            *told = format!("{}: {told}", run.showtimes[number].id);
        }
        findings.append(Findings {
            violations,
            showtimes: 1,
            events: facts.events.len(),
            sales: sales.len(),
            read_back: 0,
            held: status("held"),
            booked: status("booked"),
        });
    }
}

async fn read(run: &Run, client: &mut Client, number: usize) -> anyhow::Result<Facts> {
    let showtime = &run.showtimes[number];
    let answer = client.send(Ask::get(&showtime.seats)).await.context("the map is not answered")?;
    let map: SeatMap<'_> = serde_json::from_slice(answer.body).context("the map cannot be read")?;
    let (revision, seats) = (map.revision, map.seats.iter());
    let map = seats.map(|seat| (seat.seat.into(), (seat.status.into(), seat.version))).collect();
    let mut facts = Facts { revision, map, events: Vec::new() };
    loop {
        let after = facts.events.last().map_or(0, |event| event.revision);
        let path = format!("/v1/showtimes/{}/events?after={after}&limit={PAGE}", showtime.id);
        let answer = client.send(Ask::get(&path).bearer(&run.key)).await;
        let answer = answer.context("the event log is not answered")?;
        if answer.status != 200 {
            bail!("the event log was answered {}", answer.status);
        }
        let page: EventPage = serde_json::from_slice(answer.body).context("the log cannot be read")?;
        let read = page.data.len();
        facts.events.extend(page.data);
        if read < PAGE {
            return Ok(facts);
        }
    }
}

/// Reads a sample of the sales, spread evenly, with their own tokens.
async fn read_back(run: &Run, sales: &[Sale]) -> anyhow::Result<Findings> {
    let mut client = Client::new(Arc::clone(&run.target));
    let mut findings = Findings::default();
    let known: Vec<&Sale> = sales.iter().filter(|sale| sale.state != State::InDoubt).collect();
    for sale in known.iter().step_by(known.len().div_ceil(SAMPLE).max(1)) {
        let (path, token, status) = match &sale.state {
            State::Booked(booking, token) => (format!("/v1/bookings/{booking}"), token, "confirmed"),
            State::Released => (format!("/v1/holds/{}", sale.hold), &sale.token, "released"),
            _ => (format!("/v1/holds/{}", sale.hold), &sale.token, "active"),
        };
        let answer = client.send(Ask::get(&path).bearer(token)).await;
        let answer = answer.with_context(|| format!("GET {path} is not answered"))?;
        findings.read_back += 1;
        let record: Option<Record> = serde_json::from_slice(answer.body).ok();
        let right = record.as_ref().is_some_and(|record| {
            record.status == status && (status == "released" || same_seats(run, record, &sale.seats))
        });
        if answer.status != 200 || !right {
            let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]);
            findings
                .violations
                .add(format!("GET {path}: {status} was expected, the answer is {} {text}", answer.status));
        }
    }
    Ok(findings)
}
