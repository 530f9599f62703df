//! A Cluster of three masters, one of which dies.

use std::time::{Duration, Instant};

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::bus::Bus as _;
use boxoffice_engine::gate::{Gate as _, Passage};
use boxoffice_redis::RedisGate;

use crate::bus::{bus, message};
use crate::servers::{Server, are_there, cluster, first, gate, wait_until};

/// A showtime whose seats are on this server.
fn showtime_on(servers: &[Server; 3], place: usize) -> ShowtimeId {
    let slot = |id: &ShowtimeId| servers[0].ask::<u16>(&["CLUSTER", "KEYSLOT", &format!("{{{id}}}")]);
    let ids = (1..10_000).map(ShowtimeId::from_number);
    let bounds = [0..5461, 5461..10_923, 10_923..16_384];
    ids.into_iter().find(|id| bounds[place].contains(&slot(id))).unwrap()
}

/// Claims a seat until it is claimed, and not only let through.
async fn claimed_again(gate: &RedisGate, showtime: ShowtimeId) {
    let began = Instant::now();
    loop {
        assert_eq!(gate.claim(showtime, first(&[1]), 7).await, Passage::Admitted);
        if gate.claim(showtime, first(&[1]), 8).await == Passage::Taken {
            return;
        }
        gate.release(showtime, vec![1], 8);
        assert!(began.elapsed() < Duration::from_secs(10), "it is no gate again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_dies_takes_only_its_own_showtimes_with_it() {
    if !are_there() {
        return;
    }
    let mut servers = cluster();
    // Any one of the addresses is enough to start.
    let nobody = crate::servers::free_port();
    let url = format!("redis://127.0.0.1:{nobody},127.0.0.1:{}", servers[1].port);
    let gate = gate(&url);
    let (one, _) = bus(&url, 1, "history");
    let (other, heard) = bus(&url, 2, "history");
    wait_until("all to be well", || {
        let healths = [gate.health(), one.health(), other.health()];
        healths.into_iter().all(|health| health.unwrap().trouble.is_none())
    })
    .await;
    let showtimes = [0, 1, 2].map(|place| showtime_on(&servers, place));
    for (server, showtime) in servers.iter().zip(showtimes) {
        assert_eq!(gate.claim(showtime, first(&[1, 2]), 7).await, Passage::Admitted);
        assert_eq!(gate.claim(showtime, first(&[2, 3]), 8).await, Passage::Taken);
        assert_eq!(server.ask::<usize>(&["DBSIZE"]), 2, "each has the seats of its showtime");
    }
    let all: Vec<_> = (1..=32).map(|id| message(id, 1)).collect();
    one.publish(1, &all);
    wait_until("every channel to carry", || heard.lock().len() == 32).await;

    servers[0].stop();
    wait_until("the loss to be noticed", || gate.health().unwrap().trouble.is_some()).await;
    let before = gate.figures();
    for token in 20..120 {
        assert_eq!(gate.claim(showtimes[0], first(&[1]), token).await, Passage::Admitted, "nobody can say");
        for showtime in &showtimes[1..] {
            assert_eq!(
                gate.claim(*showtime, first(&[2]), token).await,
                Passage::Taken,
                "the others are as before"
            );
        }
    }
    assert_eq!(gate.figures().opened - before.opened, 100);
    wait_until("the bus to notice", || one.health().unwrap().trouble.is_some()).await;
    heard.lock().clear();
    one.publish(1, &all);
    let dropped = one.figures().dropped;
    wait_until("what has a server to be heard", || {
        let heard = heard.lock().len() as u64;
        heard > 0 && heard + one.figures().dropped >= 32
    })
    .await;
    assert!(heard.lock().len() < 32, "{dropped} were dropped");

    servers[0].start_again();
    wait_until("all to be well again", || {
        let healths = [gate.health(), one.health(), other.health()];
        healths.into_iter().all(|health| health.unwrap().trouble.is_none())
    })
    .await;
    // A node that comes back refuses everything for a moment.
    claimed_again(&gate, showtimes[0]).await;
    heard.lock().clear();
    one.publish(1, &all);
    wait_until("every channel to carry again", || heard.lock().len() == 32).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_are_found_where_they_are() {
    if !are_there() {
        return;
    }
    let servers = cluster();
    let gate = gate(&format!("redis://127.0.0.1:{},127.0.0.1:{}", servers[0].port, servers[1].port));
    wait_until("the gate to be well", || gate.health().unwrap().trouble.is_none()).await;
    let showtime = showtime_on(&servers, 0);
    assert_eq!(gate.claim(showtime, first(&[1]), 7).await, Passage::Admitted);
    gate.release(showtime, vec![1], 7);
    wait_until("the release", || servers[0].ask::<usize>(&["DBSIZE"]) == 0).await;
    let slot: u16 = servers[0].ask(&["CLUSTER", "KEYSLOT", &format!("{{{showtime}}}")]);
    let (slot, new): (String, String) = (slot.to_string(), servers[2].ask(&["CLUSTER", "MYID"]));
    for server in [&servers[2], &servers[0], &servers[1]] {
        let () = server.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &new]);
    }
    // The first call may find the old server, and go through.
    claimed_again(&gate, showtime).await;
    assert_eq!(servers[2].ask::<usize>(&["DBSIZE"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_given_as_if_it_were_alone_is_named() {
    if !are_there() {
        return;
    }
    let servers = cluster();
    let gate = gate(&servers[0].url());
    wait_until("the gate to be well", || gate.health().unwrap().trouble.is_none()).await;
    let elsewhere = showtime_on(&servers, 1);
    assert_eq!(gate.claim(elsewhere, first(&[1]), 7).await, Passage::Admitted, "nobody can say");
    assert_eq!(gate.figures().opened, 1);
    assert!(gate.health().unwrap().trouble.is_some_and(|why| why.contains("one node of a Cluster")));
}
