//! The live seat map when it is hard: a watcher who does not read through 100,000 changes, one who is cut off for it, and
//! thousands who come back at once after a crash.

#[path = "server/support.rs"]
mod server;

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use server::{House, Server, Showtime, Watcher, get, hall, post, raise_open_files, states, until};

const PATIENCE: Duration = Duration::from_secs(120);

fn metric(server: &Server, name: &str) -> u64 {
    let text = server.send(&get("/metrics")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("a metric");
    line.parse::<f64>().expect("a number") as u64
}

/// Rows of so many seats, and as many desks that block and unblock one row each, as fast as they are answered.
const SEATS: usize = 25;
const DESKS: usize = 4;

/// Changes seats so many times; how many requests that took, and how long the slowest of them.
fn change(showtime: &Showtime<'_>, seats: &[String], changes: usize) -> (usize, Duration) {
    let requests = changes / SEATS / DESKS;
    let slowest = thread::scope(|scope| {
        let desks: Vec<_> = seats
            .chunks(SEATS)
            .take(DESKS)
            .map(|row| {
                scope.spawn(move || {
                    let mut client = showtime.server.connect();
                    let mut slowest = Duration::ZERO;
                    for number in 0..requests {
                        let rest = if number % 2 == 0 { "/block" } else { "/unblock" };
                        let request = post(showtime.path(rest), &json!({"seats": row})).admin();
                        let began = Instant::now();
                        client.send(&request).expect("an answer").expect_status(200);
                        slowest = slowest.max(began.elapsed());
                    }
                    slowest
                })
            })
            .collect();
        desks.into_iter().map(|desk| desk.join().expect("a desk")).max()
    });
    (requests * DESKS, slowest.unwrap_or_default())
}

#[test]
fn a_hundred_thousand_changes_pass_a_reader_that_stopped() {
    // Told at once, each change alone: as much as can be for somebody who reads nothing.
    let flags = ["--feed-tick-ms", "0", "--feed-write-timeout-s", "600"];
    let server = Server::start_with(&flags);
    let (plan, seats) = hall(DESKS as u32 + 1, SEATS as u32);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let last = seats.last().expect("a seat");
    let mut stopped = Watcher::socket(&showtime, "");
    stopped.follow();
    let mut other = Watcher::socket(&showtime, "");
    other.follow();
    let memory = || metric(&server, "process_resident_memory_bytes");
    let (requests, told) = thread::scope(|scope| {
        let other = &mut other;
        let reading = scope.spawn(move || {
            let mut told = 0;
            while !other.map.contains_key(last) {
                other.follow();
                told += 1;
            }
            told
        });
        let (mut requests, mut slowest) = change(&showtime, &seats, 10_000);
        let before = memory();
        for _ in 0..9 {
            let (more, slow) = change(&showtime, &seats, 10_000);
            requests += more;
            slowest = slowest.max(slow);
            let grown = memory().saturating_sub(before);
            assert!(grown < 16 << 20, "{grown} bytes more after {requests} requests");
        }
        assert!(slowest < Duration::from_secs(5), "somebody waited {slowest:?}");
        showtime.hold(&[last.as_str()]);
        (requests, reading.join().expect("whoever reads keeps up"))
    });
    other.agrees(&showtime);
    assert_eq!(requests * SEATS, 100_000);
    assert!(told * 20 > requests, "whoever reads is told as it happens, here {told} times");
    assert_eq!(metric(&server, "boxoffice_live_cut_off_total"), 0);

    // What the system had kept, then all the rest at once.
    let head = showtime.map()["revision"].as_u64().expect("a revision");
    let mut messages = 0;
    while stopped.revision < head {
        stopped.follow();
        messages += 1;
    }
    stopped.agrees(&showtime);
    assert!(messages * 2 < told, "{messages} messages for it, {told} for others: nothing was left out");
    eprintln!("{requests} requests; {told} messages to whoever read, {messages} to whoever did not");
}

#[test]
fn who_cannot_be_written_to_is_cut_off_and_resumes() {
    let server = Server::start_with(&["--feed-tick-ms", "0", "--feed-write-timeout-s", "1"]);
    let (plan, seats) = hall(DESKS as u32, SEATS as u32);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let mut stopped = Watcher::socket(&showtime, "");
    stopped.follow();
    let mut other = Watcher::socket(&showtime, "");
    until("nothing more fits and a second has passed", PATIENCE, || {
        change(&showtime, &seats, 10_000);
        other.agrees(&showtime);
        (metric(&server, "boxoffice_live_cut_off_total") == 1).then_some(())
    });
    until("its place is free", PATIENCE, || {
        (metric(&server, "boxoffice_live_watchers{transport=\"websocket\"}") == 1).then_some(())
    });
    let since = format!("?since={}-{}", stopped.epoch, stopped.revision);
    let mut again = Watcher::socket(&showtime, &since).resume(&stopped);
    assert_eq!(again.follow()["type"], "delta");
    again.agrees(&showtime);
    other.agrees(&showtime);
}

#[test]
fn thousands_who_come_back_at_once_after_a_crash_cost_the_store_nothing() {
    const THREADS: usize = 32;
    // A file here and one in the server for each.
    let count = 2_000.min(raise_open_files().saturating_sub(300)) / THREADS * THREADS;
    let server = Server::start();
    let (plan, seats) = hall(10, 30);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    for row in seats.chunks(10) {
        showtime.hold(&row.iter().map(String::as_str).take(5).collect::<Vec<_>>());
    }
    let join = |number: usize, since: &str| match number % 10 {
        0 => Watcher::stream(&showtime, since, ""),
        _ => Watcher::socket(&showtime, since),
    };
    let mut watchers: Vec<Watcher> = Vec::new();
    thread::scope(|scope| {
        let each =
            |thread: usize| move || (0..count / THREADS).map(|number| join(thread + number, "")).collect();
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(each(thread))).collect();
        for thread in threads {
            let joined: Vec<Watcher> = thread.join().expect("watchers");
            watchers.extend(joined);
        }
    });
    for watcher in &mut watchers {
        watcher.follow_to(30);
    }
    showtime.hold(&[seats[9].as_str()]);
    server.kill();
    server.start_again();
    // Nothing is in memory: the first who comes has the showtime loaded, and all others wait for that.
    let before = metric(&server, "boxoffice_store_reads_total");
    let (start, slowest) = (Barrier::new(THREADS), AtomicU64::new(0));
    thread::scope(|scope| {
        for some in watchers.chunks_mut(count / THREADS) {
            let (start, slowest, join) = (&start, &slowest, &join);
            scope.spawn(move || {
                start.wait();
                let began = Instant::now();
                for (number, watcher) in some.iter_mut().enumerate() {
                    // Most go on from where they were, and some have forgotten all.
                    let since = format!("?since={}-{}", watcher.epoch, watcher.revision);
                    let forgotten = number % 7 == 0;
                    let new = join(number, if forgotten { "" } else { &since });
                    *watcher = if forgotten { new } else { new.resume(watcher) };
                }
                for watcher in some.iter_mut() {
                    watcher.follow_to(31);
                }
                slowest.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
            });
        }
    });
    let reads = metric(&server, "boxoffice_store_reads_total") - before;
    let slowest = slowest.into_inner();
    eprintln!("{count} watchers were right again after {slowest} ms and {reads} reads of the store");
    assert!((1..=20).contains(&reads), "{reads} reads for {count} watchers");
    assert!(u128::from(slowest) < PATIENCE.as_millis(), "{slowest} ms");
    showtime.hold(&[seats[29].as_str()]);
    let map = showtime.map();
    let revision = map["revision"].as_u64().expect("a revision");
    let mut expected = states(&map["seats"]);
    expected.retain(|_, (_, version)| *version > 0);
    for watcher in &mut watchers {
        watcher.follow_to(revision);
        assert_eq!(watcher.map, expected);
    }
    assert_eq!(metric(&server, "boxoffice_live_cut_off_total"), 0);
    server.audit();
}
