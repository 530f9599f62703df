//! Nodes that are restarted one after the other behind a real HAProxy, under load, and one that is killed: no request
//! fails, and none is answered wrongly.

use std::time::Duration;

use crate::nodes::{Cluster, level, say};
use crate::server::{House, Proxy, Server, Shops, document, get, hall, installed, until};

const SHOPS: usize = 8;

/// How many holds a node has been asked for since its start.
fn asked(node: &Server) -> u64 {
    let metrics = node.send(&get("/metrics")).text();
    let sample = "boxoffice_http_request_duration_seconds_count{kind=\"hold\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(sample)).expect("a count");
    count.parse().expect("a number")
}

#[test]
fn a_rolling_restart_behind_haproxy_fails_no_request() {
    if !installed(&[("haproxy", "-v")]) {
        return;
    }
    let Some(cluster) = Cluster::start() else { return };
    let proxy = Proxy::haproxy_before_nodes(&cluster.nodes, &document("deploy/haproxy.cfg"));
    let (plan, seats) = hall(12, 40);
    let showtime = House::with_plan(&cluster.nodes[0], &plan).plain_showtime();
    let shops = Shops::open(proxy.address, &showtime.id, &seats, SHOPS);
    shops.sell_on("the shops sell", 300);
    let comes_back = |node: &Server| {
        node.start_again_there();
        until("HAProxy sends it buyers again", Duration::from_secs(20), || (asked(node) > 0).then_some(()));
        shops.sell_on("the shops go on", 300);
    };
    for node in &cluster.nodes {
        node.ask_to_end();
        assert_eq!(node.ended().code(), Some(0));
        comes_back(node);
    }
    // What was on its way to it is sent to another one, which knows whether it was done.
    cluster.nodes[1].kill();
    shops.sell_on("the shops go on without it", 300);
    comes_back(&cluster.nodes[1]);
    let answered = shops.answered();
    let slowest = shops.close(&cluster.nodes[2], &showtime);
    level(&cluster.seen(&showtime), Duration::from_secs(5));
    say(&format!(
        "== three nodes restarted and one killed behind HAProxy: {answered} requests, none failed; longest wait {slowest:.1?}"
    ));
    assert!(slowest < Duration::from_secs(15), "a request took {slowest:?}");
}
