//! A cluster: three nodes over one PostgreSQL and one Redis Cluster, each wire between them one that can be cut.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::server::{Client, House, Server, Showtime, get, hall, until};
use crate::servers::{Postgres, Redis, missing, redis_cluster};
use crate::wire::{Passes, Wire};

/// One cluster at a time: together they would measure each other.
static ALONE: Mutex<()> = Mutex::new(());

/// Nobody else has a cluster until this is dropped.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that runs. It ends with the test, the nodes first.
pub(crate) struct Cluster {
    /// The nodes.
    pub(crate) nodes: Vec<Server>,
    /// From each node to PostgreSQL.
    pub(crate) to_postgres: Vec<Wire>,
    /// From each node to the masters of the Redis Cluster.
    pub(crate) to_redis: Vec<Vec<Wire>>,
    /// The masters.
    pub(crate) redis: [Redis; 3],
    /// The truth.
    pub(crate) postgres: Postgres,
    _alone: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts one; nothing if a server is missing on this machine.
    pub(crate) fn start() -> Option<Self> {
        let alone = alone();
        if let Some(missing) = missing() {
            say(&format!("== left out: a whole cluster, for {missing} (see scripts/test)"));
            return None;
        }
        let (postgres, redis) = (Postgres::start(), redis_cluster());
        let (mut nodes, mut to_postgres, mut to_redis) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..3 {
            let wire = Wire::lay((Ipv4Addr::LOCALHOST.into(), 0), postgres.address);
            let store = format!("postgres://postgres@{}/postgres", wire.address);
            // Masters do not say where they are, so a node finds all of them at the address that it asked: its own.
            let own: IpAddr = Ipv4Addr::new(127, 0, 0, 11 + number).into();
            let wires: Vec<_> =
                redis.iter().map(|to| Wire::lay((own, to.address.port()), to.address)).collect();
            let addresses: Vec<_> = wires.iter().map(|wire| wire.address.to_string()).collect();
            let gate = format!("redis://{}", addresses.join(","));
            nodes.push(Server::start_on_store(&store, &["--gate", &gate, "--log-level", "warn"]));
            to_postgres.push(wire);
            to_redis.push(wires);
        }
        let cluster = Self { nodes, to_postgres, to_redis, redis, postgres, _alone: alone };
        cluster.is_well();
        Some(cluster)
    }

    /// Where the nodes listen.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Server::address).collect()
    }

    /// Waits until every node says that nothing is wrong.
    pub(crate) fn is_well(&self) {
        for node in &self.nodes {
            until("a node is ready and whole", Duration::from_secs(20), || {
                (node.send(&get("/readyz")).expect(200)["status"] == "ok").then_some(())
            });
        }
    }

    /// A showtime of 300 seats, made on the first node, and its seats.
    pub(crate) fn showtime(&self) -> (Showtime<'_>, Vec<String>) {
        let (plan, seats) = hall(10, 30);
        (House::with_plan(&self.nodes[0], &plan).plain_showtime(), seats)
    }

    /// The showtime as each node shows it.
    pub(crate) fn seen<'a>(&'a self, showtime: &Showtime<'_>) -> Vec<Showtime<'a>> {
        self.nodes.iter().map(|server| Showtime { server, id: showtime.id.clone() }).collect()
    }

    /// Cuts or mends all wires to Redis.
    pub(crate) fn all_redis(&self, passes: Passes) {
        self.to_redis.iter().flatten().for_each(|wire| wire.set(passes));
    }
}

/// Says something past the capture of output: whoever runs the tests must see it.
pub(crate) fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("stderr");
}

/// A showtime's map, without a look at whether every member is as described: that takes longer than the rest.
pub(crate) fn map(showtime: &Showtime<'_>) -> Option<Value> {
    let mut client = Client::connect(showtime.server.address()).ok()?;
    let answer = client.send(&get(showtime.path("/seats"))).ok()?;
    (answer.status == 200).then(|| answer.json())
}

/// Up to which revision the log is.
fn head(showtime: &Showtime<'_>, mut from: u64) -> Option<u64> {
    loop {
        let page = get(showtime.path(&format!("/events?after={from}&limit=200"))).admin();
        let answer = Client::connect(showtime.server.address()).ok()?.send(&page).ok()?;
        let next = (answer.status == 200).then(|| answer.json())?["next"].as_u64()?;
        if next == from {
            return Some(next);
        }
        from = next;
    }
}

/// Waits until a showtime's map is the same on each of these nodes, and has all that is in the log, to which nothing is
/// added any more. Returns up to which revision that is.
pub(crate) fn level(seen: &[Showtime<'_>], limit: Duration) -> u64 {
    until("the maps of all nodes are level", limit, || {
        let maps = seen.iter().map(map).collect::<Option<Vec<_>>>()?;
        let revision = maps.iter().filter_map(|map| map["revision"].as_u64()).max()?;
        let head = head(&seen[0], revision)?;
        let same = maps.iter().all(|map| map["revision"] == head && map["seats"] == maps[0]["seats"]);
        same.then_some(head)
    })
}
