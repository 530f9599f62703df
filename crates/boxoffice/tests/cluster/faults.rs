//! What breaks while everybody buys: whatever it is, nothing that was acknowledged is lost, nothing is sold twice, and
//! shortly after its end every map and every live feed is right.

use std::time::{Duration, Instant};

use crate::buyers::Buyers;
use crate::follower::Follower;
use crate::nodes::{Cluster, level, say};
use crate::server::{Showtime, replay, settle};
use crate::servers::Redis;
use crate::wire::Passes;

/// So soon every map and feed should be right again.
const AIM: Duration = Duration::from_secs(5);
/// On a busy machine it may take longer; beyond this it is broken.
const LIMIT: Duration = Duration::from_secs(20);
/// How many requests are answered before and after a fault.
const ENOUGH: usize = 150;
const BUYERS: usize = 12;
/// How long a server is down.
const DOWN: Duration = Duration::from_secs(3);
/// How long a wire is cut.
const CUT: Duration = Duration::from_secs(5);
/// How long one is cut that many wait behind; each of them has to be told within less.
const LONG_CUT: Duration = Duration::from_secs(12);
/// No answer may take longer, whatever is broken.
const ANSWERED: Duration = Duration::from_secs(9);

/// Sells a showtime through all nodes, breaks something in the middle, mends it, and reckons up. `fault` ends when it has
/// ended; nodes of which it says that they are gone are not looked at afterwards.
fn sold_through(what: &str, cluster: &mut Cluster, fault: impl FnOnce(&mut Cluster, &Buyers) -> Vec<usize>) {
    let (id, seats) = {
        let (showtime, seats) = cluster.showtime();
        (showtime.id, seats)
    };
    let seen = |cluster: &Cluster, gone: &[usize]| -> Vec<usize> {
        (0..cluster.nodes.len()).filter(|place| !gone.contains(place)).collect()
    };
    let first = Showtime { server: &cluster.nodes[0], id: id.clone() };
    let followers: Vec<_> = cluster.seen(&first).iter().map(Follower::of).collect();
    let buyers = Buyers::gather(&cluster.addresses(), &first, &seats, BUYERS);
    buyers.go_on(ENOUGH);
    let began = Instant::now();
    let before = buyers.answered();
    let gone = fault(cluster, &buyers);
    let (ended, during) = (Instant::now(), buyers.answered() - before);
    let lasted = ended - began;
    let bought = buyers.leave();
    let answered_after = ended.elapsed();
    let left: Vec<_> = seen(cluster, &gone)
        .into_iter()
        .map(|place| Showtime { server: &cluster.nodes[place], id: id.clone() })
        .collect();
    let head = level(&left, LIMIT);
    for (place, showtime) in seen(cluster, &gone).into_iter().zip(&left) {
        followers[place].agrees(showtime, LIMIT);
    }
    let right_after = ended.elapsed();
    say(&format!(
        "== {what}: {} answered, {during} of them in the {lasted:.1?} of the fault; all answered {answered_after:.1?} \
         after it, all maps and feeds right {right_after:.1?} after it (aim {AIM:?}); longest wait for one answer {:.1?}, for the answer for good {:.1?}; {head} changes",
        bought.answered, bought.waits.one, bought.waits.all
    ));
    assert!(bought.waits.one < ANSWERED, "{what}: an answer took {:?}", bought.waits.one);
    assert!(right_after < LIMIT, "{what}: maps and feeds were right after {right_after:?} only");

    // It goes on, on every node that is left.
    let addresses: Vec<_> = left.iter().map(|showtime| showtime.server.address()).collect();
    let buyers = Buyers::gather(&addresses, &left[0], &seats, 3);
    buyers.go_on(30);
    let after = buyers.leave();
    let mut sales = bought.sales;
    sales.extend(after.sales);
    level(&left, LIMIT);
    for showtime in &left {
        settle(showtime, &mut sales);
    }
    replay(&left[0]);
    left[0].server.audit();
    drop(followers);
}

#[test]
fn redis_stops_in_the_middle_and_comes_back() {
    let Some(mut cluster) = Cluster::start() else { return };
    sold_through("Redis stops", &mut cluster, |cluster, buyers| {
        cluster.redis.iter_mut().for_each(Redis::kill);
        buyers.go_on(ENOUGH);
        std::thread::sleep(DOWN);
        cluster.redis.iter_mut().for_each(Redis::start_again);
        Vec::new()
    });
    cluster.is_well();
}

#[test]
fn one_master_of_the_redis_cluster_is_killed() {
    let Some(mut cluster) = Cluster::start() else { return };
    // Whichever has the showtime and its channel, it is among them.
    for place in 0..3 {
        sold_through(&format!("Redis master {place} is killed"), &mut cluster, |cluster, buyers| {
            cluster.redis[place].kill();
            buyers.go_on(ENOUGH);
            Vec::new()
        });
        cluster.redis[place].start_again();
        cluster.is_well();
    }
}

#[test]
fn a_node_is_killed() {
    let Some(mut cluster) = Cluster::start() else { return };
    sold_through("a node is killed", &mut cluster, |cluster, buyers| {
        cluster.nodes[1].kill();
        buyers.go_on(ENOUGH);
        vec![1]
    });
}

#[test]
fn postgres_is_restarted() {
    let Some(mut cluster) = Cluster::start() else { return };
    for (what, mode) in [("PostgreSQL is restarted", "fast"), ("PostgreSQL crashes", "immediate")] {
        sold_through(what, &mut cluster, |cluster, _| {
            cluster.postgres.stop(mode);
            std::thread::sleep(DOWN);
            cluster.postgres.start_again();
            Vec::new()
        });
        cluster.is_well();
    }
}

#[test]
fn a_wire_to_postgres_is_cut() {
    let Some(mut cluster) = Cluster::start() else { return };
    for (what, passes, lasts) in [
        ("one node's wire to PostgreSQL is cut", Passes::Nothing, LONG_CUT),
        ("one node's wire to PostgreSQL ends", Passes::Ends, CUT),
    ] {
        sold_through(what, &mut cluster, |cluster, _| {
            cluster.to_postgres[0].set(passes);
            std::thread::sleep(lasts);
            cluster.to_postgres[0].set(Passes::All);
            Vec::new()
        });
        cluster.is_well();
    }
}

#[test]
fn a_wire_to_redis_is_cut() {
    let Some(mut cluster) = Cluster::start() else { return };
    sold_through("one node's wire to Redis is cut", &mut cluster, |cluster, buyers| {
        cluster.to_redis[2].iter().for_each(|wire| wire.set(Passes::Nothing));
        std::thread::sleep(CUT);
        buyers.go_on(ENOUGH);
        cluster.to_redis[2].iter().for_each(|wire| wire.set(Passes::All));
        Vec::new()
    });
    sold_through("all wires to Redis are cut", &mut cluster, |cluster, buyers| {
        cluster.all_redis(Passes::Nothing);
        std::thread::sleep(CUT);
        buyers.go_on(ENOUGH);
        cluster.all_redis(Passes::All);
        Vec::new()
    });
    cluster.is_well();
}
