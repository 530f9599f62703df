//! The disk under the real server cannot sync: nobody is told anything that is not so, and nothing acknowledged is lost.

#[path = "server/support.rs"]
mod server;

use std::time::Duration;

use serde_json::Value;
use server::{Crowd, Dice, Faults, House, Server, get, hall, replay, settle, until};

const PATIENCE: Duration = Duration::from_secs(30);

fn readiness(server: &Server, wanted: &str) -> Value {
    until(&format!("it is {wanted}"), PATIENCE, || {
        Some(server.send(&get("/readyz")).expect(200)).filter(|ready| ready["status"] == wanted)
    })
}

#[test]
fn a_sale_goes_on_after_syncs_failed() {
    let server = Server::idle(&[]);
    let faults = Faults::under(&server);
    server.start_again();
    // So large that it is not sold out before the end.
    let (plan, seats) = hall(80, 50);
    let house = House::with_plan(&server, &plan);
    let showtime = house.plain_showtime();
    let quiet = house.plain_showtime();
    let crowd = Crowd::gather(&showtime, &seats, 4, &mut Dice::from_clock());
    until("the sale is going", PATIENCE, || (crowd.acknowledged() > 100).then_some(()));
    for _ in 0..3 {
        faults.fail_syncs(true);
        readiness(&server, "degraded");
        let refused = server.send(&quiet.ask(&["AA1"])).refusal(503, "store_unavailable");
        assert!(refused["retry_after_ms"].is_u64(), "{refused}");
        assert_eq!(quiet.taken(), "", "maps still work");
        faults.fail_syncs(false);
        readiness(&server, "ok");
        let marks = crowd.acknowledged();
        until("the sale is going again", PATIENCE, || (crowd.acknowledged() > marks + 20).then_some(()));
    }
    let mut sales = crowd.leave();
    assert!(settle(&showtime, &mut sales) > 0);
    replay(&showtime);
    server.kill();
    server.start_again();
    settle(&showtime, &mut sales);
    quiet.hold(&["AA1"]);
    server.audit();
}

#[test]
fn a_server_that_is_killed_while_syncs_fail_has_all_that_it_acknowledged() {
    let server = Server::idle(&[]);
    let faults = Faults::under(&server);
    server.start_again();
    let (plan, seats) = hall(25, 40);
    let house = House::with_plan(&server, &plan);
    for _ in 0..4 {
        let showtime = house.plain_showtime();
        let crowd = Crowd::gather(&showtime, &seats, 4, &mut Dice::from_clock());
        until("the sale is going", PATIENCE, || (crowd.acknowledged() > 100).then_some(()));
        faults.fail_syncs(true);
        readiness(&server, "degraded");
        server.kill();
        faults.fail_syncs(false);
        let mut sales = crowd.leave();
        server.start_again();
        assert!(settle(&showtime, &mut sales) > 0);
        replay(&showtime);
    }
    server.audit();
}
