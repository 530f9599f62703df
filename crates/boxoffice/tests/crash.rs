//! The server is killed at random moments under load: what it acknowledged is there, whole, once.

#[path = "server/support.rs"]
mod server;

use std::env;
use std::time::{Duration, Instant};

use server::{Crowd, Dice, House, Server, hall, replay, settle, until};

const PATRONS: u64 = 8;

fn rounds() -> usize {
    let given = env::var("BOXOFFICE_CRASH_ROUNDS").ok();
    given.map_or(20, |rounds| rounds.parse().expect("BOXOFFICE_CRASH_ROUNDS is a number"))
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let seed = Dice::from_clock().below(1 << 30) as u64;
    eprintln!("seed {seed}");
    let mut dice = Dice::new(seed);
    let server = Server::start();
    let (plan, seats) = hall(25, 40);
    let house = House::with_plan(&server, &plan);
    let mut earlier = Vec::new();
    let mut acknowledged = 0;
    for round in 0..rounds() {
        let showtime = house.plain_showtime();
        let moment = Instant::now() + Duration::from_millis(20 + dice.below(381) as u64);
        let crowd = Crowd::gather(&showtime, &seats, PATRONS, &mut dice);
        until("the moment has come", Duration::from_secs(5), || (Instant::now() >= moment).then_some(()));
        server.kill();
        acknowledged += crowd.acknowledged();
        let mut sales = crowd.leave();
        server.start_again();
        let taken = settle(&showtime, &mut sales);
        let events = replay(&showtime);
        eprintln!("round {round}: {} sales begun, {taken} seats taken, {events} events", sales.len());
        earlier.push((showtime, taken));
    }
    assert!(acknowledged > 10 * rounds(), "only {acknowledged} steps were acknowledged: that proves nothing");
    // What survived one crash survives all that follow.
    for (showtime, taken) in &earlier {
        let shown = showtime.seats().values().filter(|(status, _)| status != "available").count();
        assert_eq!(shown, *taken, "{}", showtime.id);
    }
    server.audit();
}

#[test]
fn a_crash_keeps_epoch_and_revision() {
    let server = Server::start();
    let (plan, _) = hall(2, 10);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    showtime.hold(&["AA1", "AA2"]).book();
    showtime.hold(&["AB1"]);
    let before = showtime.map();
    server.kill();
    server.audit();
    server.start_again();
    assert_eq!(showtime.map(), before, "the same history goes on: clients may resume where they were");
    showtime.hold(&["AB2"]);
    assert_eq!(replay(&showtime), 4);
}

#[test]
fn a_hold_expires_though_the_server_was_down() {
    let server = Server::start();
    let (plan, _) = hall(1, 4);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let hold = showtime.hold_with(&serde_json::json!({"seats": ["AA1", "AA2"], "ttl_s": 1}));
    let deadline = server::time(&hold.body["expires_at"]);
    server.kill();
    until("the hold is over", Duration::from_secs(10), || (jiff::Timestamp::now() > deadline).then_some(()));
    server.start_again();
    assert_eq!(showtime.taken(), "");
    showtime.hold(&["AA2", "AA3"]);
    assert_eq!(hold.read()["status"], "expired");
    replay(&showtime);
    server.audit();
}
