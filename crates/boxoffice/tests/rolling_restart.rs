//! A rolling restart behind a real HAProxy, under load, with the configuration that docs/haproxy.cfg recommends: no
//! request fails. Left out where HAProxy is not installed. Of several nodes: tests/cluster.

#[path = "server/support.rs"]
mod server;

use std::time::Duration;

use server::{House, Proxy, Server, Shops, document, hall, installed};

const SHOPS: usize = 6;
const RESTARTS: usize = 4;

#[test]
fn a_restart_behind_haproxy_fails_no_request() {
    if !installed(&[("haproxy", "-v")]) {
        return;
    }
    let server = Server::start();
    let proxy = Proxy::haproxy(&server, &document("docs/haproxy.cfg"));
    let (plan, seats) = hall(12, 40);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let shops = Shops::open(proxy.address, &showtime.id, &seats, SHOPS);
    shops.sell_on("the shops sell", 300);
    for _ in 0..RESTARTS {
        server.ask_to_end();
        assert_eq!(server.ended().code(), Some(0));
        server.start_again_there();
        shops.sell_on("the shops go on", 300);
    }
    let answered = shops.answered();
    let slowest = shops.close(&server, &showtime);
    assert!(slowest < Duration::from_secs(15), "a request took {slowest:?}");
    eprintln!("{answered} requests, {RESTARTS} restarts, none failed");
}
