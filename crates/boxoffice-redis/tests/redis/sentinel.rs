//! Sentinel: the gate follows the master to wherever it is.

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::bus::Bus as _;
use boxoffice_engine::gate::{Gate as _, Passage};

use crate::bus::{bus, message, ready};
use crate::servers::{Server, are_there, first, free_port, gate, wait_for, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_the_new_master_is_found() {
    if !are_there() {
        return;
    }
    let mut master = Server::start(&[]);
    let replica = Server::start(&[
        "--replicaof",
        "127.0.0.1",
        &master.port.to_string(),
        "--repl-diskless-sync-delay",
        "0",
    ]);
    wait_for("the replica", || {
        replica.ask::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let sentinel = Server::sentinel("tickets", master.port);
    wait_for("the sentinel to know the replica", || {
        sentinel.ask::<String>(&["INFO", "sentinel"]).contains("status=ok,address=127.0.0.1")
            && sentinel.ask::<String>(&["INFO", "sentinel"]).contains("slaves=1")
    });
    let url = format!("redis+sentinel://tickets@127.0.0.1:{},127.0.0.1:{}", free_port(), sentinel.port);
    let gate = gate(&url);
    let (one, _) = bus(&url, 1, "history");
    let (other, heard) = bus(&url, 2, "history");
    wait_until("the gate to be well", || gate.health().unwrap().trouble.is_none()).await;
    let showtime = ShowtimeId::from_number(5);
    assert_eq!(gate.claim(showtime, first(&[1]), 7).await, Passage::Admitted);
    assert_eq!(gate.claim(showtime, first(&[1]), 8).await, Passage::Taken);
    master.stop();
    wait_until("the loss to be noticed", || gate.health().unwrap().trouble.is_some()).await;
    assert_eq!(gate.claim(showtime, first(&[1]), 8).await, Passage::Admitted, "nobody can say");
    wait_until("the new master to be found", || gate.health().unwrap().trouble.is_none()).await;
    assert_eq!(gate.claim(showtime, first(&[2]), 7).await, Passage::Admitted);
    assert_eq!(gate.claim(showtime, first(&[2]), 8).await, Passage::Taken);
    assert_eq!(replica.ask::<usize>(&["EXISTS", &format!("boxoffice:{{{showtime}}}:2")]), 1);
    for bus in [&one, &other] {
        ready(bus).await;
    }
    one.publish(1, &[message(1, 1)]);
    wait_until("the bus to carry again", || !heard.lock().is_empty()).await;
}
