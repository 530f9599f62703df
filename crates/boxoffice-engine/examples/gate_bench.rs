//! Measures the gate of one node: claiming and releasing two seats under a board's lock, beside a bare mutex.
//!
//! `cargo run --release -p boxoffice-engine --example gate_bench` prints one line of JSON.

use std::hint::black_box;
use std::time::{Duration, Instant};

use boxoffice_core::time::Timestamp;
use boxoffice_engine::seat_words::SeatWords;
use parking_lot::Mutex;

const SEATS: u32 = 300;
const ROUND: Duration = Duration::from_millis(300);
const ROUNDS: usize = 5;

/// Operations per second of `operation`, called with a growing number.
fn rate(mut operation: impl FnMut(u32)) -> f64 {
    const BLOCK: u32 = 1000;
    let (start, mut done) = (Instant::now(), 0u32);
    while start.elapsed() < ROUND {
        for _ in 0..BLOCK {
            operation(done);
            done = done.wrapping_add(1);
        }
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::print_stdout, reason = "the figures are its output")]
fn main() {
    let words = SeatWords::new(SEATS);
    let board = Mutex::new(0u64);
    let now = Timestamp::from_ms(1_800_000_000_000);
    let claim_and_release = |number: u32| {
        let pair = [number % (SEATS - 1), number % (SEATS - 1) + 1];
        {
            let mut state = board.lock();
            if pair.iter().any(|no| words.look(*no, now).is_some()) {
                return;
            }
            words.claim(&pair);
            *state += 1;
        }
        let mut state = board.lock();
        words.unclaim(black_box(&pair));
        *state += 1;
    };
    let bare = Mutex::new(0u64);
    let lock = |_| *bare.lock() += 1;
    let (mut claims, mut locks) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        claims.push(rate(claim_and_release));
        locks.push(rate(lock));
    }
    let (claims, locks) = (median(claims), median(locks));
    assert!(*board.lock() > 0, "nothing was claimed");
    println!(
        "{{\"claim_release_ops_per_s\":{claims:.0},\"bare_mutex_ops_per_s\":{locks:.0},\"ratio\":{:.2}}}",
        locks / claims
    );
}
