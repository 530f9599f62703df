//! Measures what SQLite alone can do with the rows of distinct two-seat holds: no HTTP, no engine, one thread.
//!
//! `cargo run --release -p boxoffice-sqlite --example raw_batch -- --showtimes 400 --seats 1000` prints one line of
//! JSON. Rows, indexes and pragmas are those of the store; a batch has as many holds as the store's usual one under
//! load. Checkpoints are SQLite's own passive ones beside the writing, which the store has to do as well.

use std::collections::HashMap;
use std::time::Instant;

use rusqlite::{Connection, params};

const BATCH: usize = 256;
const MOST: usize = 150_000;
const BODY: [u8; 72] = [7; 72];
const EVENT: [u8; 128] = [9; 128];

fn arguments() -> HashMap<String, u64> {
    let all: Vec<String> = std::env::args().skip(1).collect();
    all.chunks(2).filter_map(|pair| Some((pair.first()?.clone(), pair.get(1)?.parse().ok()?))).collect()
}

/// All pairs of neighbouring seats in an order that jumps between showtimes.
fn pairs(showtimes: u64, seats: u64) -> Vec<(u64, u64)> {
    let mut pairs: Vec<(u64, u64)> =
        (0..showtimes).flat_map(|showtime| (0..seats / 2).map(move |pair| (showtime, pair * 2))).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..pairs.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        pairs.swap(at, (random % (at as u64 + 1)) as usize);
    }
    pairs.truncate(MOST);
    pairs
}

#[expect(clippy::print_stdout, reason = "the figure is its output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = arguments();
    let given = |name: &str, default| arguments.get(name).copied().unwrap_or(default);
    let (showtimes, seats) = (given("--showtimes", 400), given("--seats", 1000));
    let folder = tempfile::tempdir_in(std::env::var("TMPDIR").unwrap_or_else(|_| "/var/tmp".into()))?;
    let connection = Connection::open(folder.path().join("raw.db"))?;
    connection.execute_batch(
        "PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -8192;
         PRAGMA wal_autocheckpoint = 16000;",
    )?;
    connection.execute_batch(include_str!("../migrations/0001_initial.sql"))?;
    let pairs = pairs(showtimes, seats);
    let mut revisions = vec![0u64; showtimes as usize];
    let (mut serial, start) = (1u64 << 61, Instant::now());
    for batch in pairs.chunks(BATCH) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        {
            let mut seat = connection.prepare_cached("INSERT INTO seat VALUES (?1, 1, 1, ?2, ?3)")?;
            let mut hold =
                connection.prepare_cached("INSERT INTO hold VALUES (?1, ?2, 1, 0, NULL, ?3, NULL)")?;
            let mut event = connection
                .prepare_cached("INSERT INTO event (showtime, revision, body) VALUES (?1, ?2, ?3)")?;
            for (showtime, first) in batch {
                serial += 5;
                revisions[*showtime as usize] += 1;
                let revision = revisions[*showtime as usize];
                let number = (200 << 33) + showtime * 7919;
                for no in [*first, first + 1] {
                    seat.execute(params![number << 17 | no, serial, revision])?;
                }
                hold.execute(params![serial, number, BODY])?;
                event.execute(params![number, revision, EVENT])?;
            }
        }
        connection.execute_batch("COMMIT")?;
    }
    let rate = pairs.len() as f64 / start.elapsed().as_secs_f64();
    println!(
        "{{\"holds_per_s\":{rate:.0},\"holds\":{},\"showtimes\":{showtimes},\"batch\":{BATCH}}}",
        pairs.len()
    );
    Ok(())
}
