//! The gate on a single server: all or none, for one commit, by its owner; and open when nobody can say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::SeatNo;
use boxoffice_engine::bus::Bus as _;
use boxoffice_engine::gate::{Gate, GateSeat, Passage};
use boxoffice_engine::random::{Randomness as _, Seeded};
use boxoffice_redis::{OnFailure, Options, RedisGate};
use parking_lot::Mutex;

use crate::servers::{Server, address, are_there, first, gate, options, wait_until};

const SHOWTIME: ShowtimeId = ShowtimeId::from_number(5);

async fn ready(gate: &RedisGate) {
    wait_until("the gate to be well", || gate.health().unwrap().trouble.is_none()).await;
}

fn key(no: SeatNo) -> String {
    format!("boxoffice:{{{SHOWTIME}}}:{no}")
}

#[tokio::test(flavor = "multi_thread")]
async fn interleaved_claims_take_all_or_nothing() {
    if !are_there() {
        return;
    }
    let server = Server::start(&[]);
    let gates = [gate(&server.url()), gate(&server.url())].map(Arc::new);
    for gate in &gates {
        ready(gate).await;
    }
    let owners: Arc<Mutex<BTreeMap<SeatNo, u64>>> = Arc::default();
    let (lots, refused) = (Arc::new(Seeded::new(1)), Arc::new(AtomicUsize::new(0)));
    let patrons = (0..64u64).map(|patron| {
        let (gate, lots) = (Arc::clone(&gates[patron as usize % 2]), Arc::clone(&lots));
        let (owners, refused) = (Arc::clone(&owners), Arc::clone(&refused));
        tokio::spawn(async move {
            for round in 0..40 {
                let token = patron * 1000 + round + 1;
                let place = lots.next() as SeatNo % 60;
                let seats = vec![place, place + 2, place + 1];
                match gate.claim(SHOWTIME, first(&seats), token).await {
                    Passage::Admitted => {
                        for no in &seats {
                            let other = owners.lock().insert(*no, token);
                            assert_eq!(other, None, "seat {no} is claimed twice");
                        }
                        tokio::task::yield_now().await;
                        owners.lock().retain(|_, owner| *owner != token);
                        gate.release(SHOWTIME, seats, token);
                    }
                    Passage::Taken => drop(refused.fetch_add(1, Ordering::Relaxed)),
                    Passage::Shut => panic!("it is not to be shut"),
                }
            }
        })
    });
    for patron in patrons.collect::<Vec<_>>() {
        patron.await.unwrap();
    }
    wait_until("all to be let go", || server.ask::<usize>(&["DBSIZE"]) == 0).await;
    let figures = gates.each_ref().map(|gate| gate.figures());
    let sum =
        |figure: fn(&boxoffice_engine::link::GateFigures) -> u64| figures.iter().map(figure).sum::<u64>();
    assert_eq!(sum(|all| all.admitted) + sum(|all| all.refused), 64 * 40);
    assert_eq!(sum(|all| all.refused), refused.load(Ordering::Relaxed) as u64);
    assert!(sum(|all| all.refused) > 0 && sum(|all| all.admitted) > 64, "both were seen");
    assert_eq!((sum(|all| all.opened), sum(|all| all.left)), (0, 0));
    assert_eq!(sum(|all| all.durations.iter().sum()), 64 * 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_its_owners_until_it_lets_go_or_the_time_is_over() {
    if !are_there() {
        return;
    }
    let server = Server::start(&[]);
    let short = Options { claim: Duration::from_millis(1500), ..options() };
    let gate = RedisGate::start(address(&server.url()), short, OnFailure::Admit).unwrap();
    ready(&gate).await;
    assert_eq!(gate.claim(SHOWTIME, first(&[1, 2]), 7).await, Passage::Admitted);
    let left: i64 = server.ask(&["PTTL", &key(1)]);
    assert!((1..=1500).contains(&left), "it ends by itself in {left} ms");
    assert_eq!(gate.claim(SHOWTIME, first(&[2, 3]), 8).await, Passage::Taken);
    assert_eq!(server.ask::<usize>(&["EXISTS", &key(3)]), 0, "nothing is left of a refused claim");
    assert_eq!(gate.claim(SHOWTIME, first(&[1, 2]), 7).await, Passage::Admitted, "a retake");
    assert_eq!(
        gate.claim(ShowtimeId::from_number(6), first(&[1, 2]), 8).await,
        Passage::Admitted,
        "another showtime"
    );
    // Releases go out in their order: when the second has been carried out, the first has, too.
    assert_eq!(gate.claim(SHOWTIME, first(&[9]), 9).await, Passage::Admitted);
    gate.release(SHOWTIME, vec![1, 2], 8);
    gate.release(SHOWTIME, vec![9], 9);
    wait_until("a release", || server.ask::<usize>(&["EXISTS", &key(9)]) == 0).await;
    assert_eq!(server.ask::<String>(&["GET", &key(1)]), "1:7", "nobody else lets go of it");
    gate.release(SHOWTIME, vec![1], 7);
    wait_until("a release", || server.ask::<usize>(&["EXISTS", &key(1)]) == 0).await;
    assert_eq!(gate.claim(SHOWTIME, first(&[1]), 8).await, Passage::Admitted);
    wait_until("the end of a claim that nobody let go of", || server.ask::<usize>(&["EXISTS", &key(2)]) == 0)
        .await;
    assert_eq!(gate.claim(SHOWTIME, first(&[2]), 8).await, Passage::Admitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_over_for_who_has_seen_what_became_of_it() {
    if !are_there() {
        return;
    }
    let server = Server::start(&[]);
    let gate = gate(&server.url());
    ready(&gate).await;
    let at = |version| vec![GateSeat { no: 1, version }, GateSeat { no: 2, version: 1 }];
    assert_eq!(gate.claim(SHOWTIME, vec![GateSeat { no: 1, version: 9 }], 7).await, Passage::Admitted);
    for version in [8, 9] {
        assert_eq!(gate.claim(SHOWTIME, at(version), 8).await, Passage::Taken);
    }
    assert_eq!(gate.claim(SHOWTIME, at(10), 8).await, Passage::Admitted, "ten is more than nine");
    gate.release(SHOWTIME, vec![1], 7);
    gate.release(SHOWTIME, vec![2], 8);
    wait_until("the releases", || server.ask::<usize>(&["EXISTS", &key(2)]) == 0).await;
    assert_eq!(server.ask::<String>(&["GET", &key(1)]), "10:8", "the late release is of another claim");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_forgot_are_sent_again() {
    if !are_there() {
        return;
    }
    let server = Server::start(&[]);
    let gate = gate(&server.url());
    ready(&gate).await;
    assert_eq!(gate.claim(SHOWTIME, first(&[1]), 7).await, Passage::Admitted);
    let () = server.ask(&["SCRIPT", "FLUSH"]);
    gate.release(SHOWTIME, vec![1], 7);
    wait_until("a release", || server.ask::<usize>(&["DBSIZE"]) == 0).await;
    let () = server.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(gate.claim(SHOWTIME, first(&[1]), 7).await, Passage::Admitted);
    assert_eq!(gate.claim(SHOWTIME, first(&[1]), 8).await, Passage::Taken);
    assert_eq!(gate.figures().opened, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_keeps_nobody_waiting() {
    if !are_there() {
        return;
    }
    let mut server = Server::start(&[]);
    let url = server.url();
    server.stop();
    // It starts without its server.
    let open = gate(&url);
    let shut = RedisGate::start(address(&url), options(), OnFailure::Refuse).unwrap();
    for round in 0..2 {
        wait_until("the gate to notice", || {
            open.health().unwrap().trouble.is_some() && shut.health().unwrap().trouble.is_some()
        })
        .await;
        let began = Instant::now();
        for token in 0..1000 {
            assert_eq!(open.claim(SHOWTIME, first(&[1]), token).await, Passage::Admitted);
            assert_eq!(shut.claim(SHOWTIME, first(&[1]), token).await, Passage::Shut);
            open.release(SHOWTIME, vec![1], token);
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?} for 2,000 calls", began.elapsed());
        assert!(open.figures().opened >= 1000 * (round + 1) && shut.figures().shut >= 1000 * (round + 1));
        server.start_again();
        for gate in [&open, &shut] {
            ready(gate).await;
        }
        assert_eq!(open.claim(SHOWTIME, first(&[1]), 1).await, Passage::Admitted);
        assert_eq!(shut.claim(SHOWTIME, first(&[1]), 2).await, Passage::Taken, "it is a gate again");
        server.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_left_alone_after_a_few_calls() {
    if !are_there() {
        return;
    }
    let server = Server::start(&[]);
    let quick = Options { timeout: Duration::from_millis(100), ..options() };
    let gate = RedisGate::start(address(&server.url()), quick, OnFailure::Admit).unwrap();
    ready(&gate).await;
    server.hang(true);
    let began = Instant::now();
    for token in 0..1000 {
        assert_eq!(gate.claim(SHOWTIME, first(&[1]), token).await, Passage::Admitted);
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?} for 1,000 calls", began.elapsed());
    assert!(gate.health().unwrap().trouble.is_some());
    server.hang(false);
    ready(&gate).await;
    assert_eq!(gate.claim(SHOWTIME, first(&[2]), 1).await, Passage::Admitted);
    assert_eq!(gate.claim(SHOWTIME, first(&[2]), 2).await, Passage::Taken, "it is a gate again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_and_is_never_told() {
    if !are_there() {
        return;
    }
    let server = Server::start(&["--requirepass", "s3cret"]);
    let with = |password: &str| gate(&format!("redis://:{password}@127.0.0.1:{}/3", server.port));
    let (right, wrong) = (with("s3cret"), with("gu3ssed"));
    ready(&right).await;
    assert_eq!(right.claim(SHOWTIME, first(&[1]), 7).await, Passage::Admitted);
    assert_eq!(right.figures().admitted, 1);
    wait_until("the refusal", || {
        wrong.health().unwrap().trouble.is_some_and(|why| !why.contains("not connected"))
    })
    .await;
    let why = wrong.health().unwrap().trouble.unwrap();
    assert!(!why.contains("gu3ssed") && why.contains(&server.port.to_string()), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_rights_are_enough() {
    if !are_there() {
        return;
    }
    let server = Server::start(&[]);
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/redis.md")).unwrap();
    let line = document.lines().find_map(|line| line.trim().strip_prefix("ACL SETUSER ")).unwrap();
    let words: Vec<_> = ["ACL", "SETUSER"].into_iter().chain(line.split(' ')).collect();
    let () = server.ask(&words);
    let url = format!("redis://boxoffice:PASSWORD@127.0.0.1:{}", server.port);
    let gate = gate(&url);
    let (one, _) = crate::bus::bus(&url, 1, "history");
    let (other, heard) = crate::bus::bus(&url, 2, "history");
    ready(&gate).await;
    for bus in [&one, &other] {
        crate::bus::ready(bus).await;
    }
    assert_eq!(gate.claim(SHOWTIME, first(&[1]), 7).await, Passage::Admitted);
    gate.release(SHOWTIME, vec![1], 7);
    wait_until("the release", || server.ask::<usize>(&["DBSIZE"]) == 0).await;
    one.publish(1, &[crate::bus::message(1, 1)]);
    wait_until("a message", || !heard.lock().is_empty()).await;
    assert_eq!((gate.figures().admitted, gate.figures().left), (1, 0));
}
