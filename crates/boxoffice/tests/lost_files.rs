//! The database file is moved, deleted or replaced while the server runs: sales stop, and it says why.

#[path = "server/support.rs"]
mod server;

use std::fs;
use std::time::Duration;

use serde_json::Value;
use server::{Answer, House, Server, get, replay, until};

const PATIENCE: Duration = Duration::from_secs(20);

fn readiness(server: &Server, wanted: &str) -> Value {
    until(&format!("it is {wanted}"), PATIENCE, || {
        Some(server.send(&get("/readyz")).expect(200)).filter(|ready| ready["status"] == wanted)
    })
}

#[track_caller]
fn assert_not_sold(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.told());
    let code = answer.code();
    assert!(["store_unavailable", "outcome_unknown"].contains(&code.as_str()), "{}", answer.told());
}

#[test]
fn a_server_whose_file_was_moved_sells_nothing_until_it_is_back() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let (file, away) = (server.path("boxoffice.db"), server.path("away.db"));
    fs::rename(&file, &away).expect("a file that can be moved");
    let wish = showtime.ask(&["A2"]).key("the-one-that-was-in-between");
    assert_not_sold(&server.send(&wish));
    let ready = readiness(&server, "degraded");
    let why = ready["checks"]["store"]["detail"].to_string();
    assert!(why.contains("boxoffice.db was deleted, moved or replaced"), "{ready}");
    let refused = server.send(&showtime.ask(&["A3"]));
    assert_eq!(refused.code(), "store_unavailable", "{}", refused.told());
    assert!(showtime.map()["seats"].is_array(), "maps still work");
    let saved = server.run(&["backup", "--store", &server.store(), "saved.db"]);
    assert_eq!(saved.code, Some(1), "{}", saved.said);
    assert!(saved.said.contains("not what the running server writes to"), "{}", saved.said);

    fs::rename(&away, &file).expect("a file that can be moved");
    readiness(&server, "ok");
    server.send(&wish).expect(201);
    assert_eq!(showtime.taken(), "A1 held, A2 held", "whether it had been done or not, it is done once");
    assert_eq!(replay(&showtime), 2);
    server.audit();
}

#[test]
fn what_was_acknowledged_is_in_the_file_that_was_replaced() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let (file, log) = (server.path("boxoffice.db"), server.path("boxoffice.db-wal"));
    for (from, name) in [(&file, "kept.db"), (&log, "kept.db-wal")] {
        fs::hard_link(from, server.path(name)).expect("a second name");
    }
    fs::write(server.path("other"), "another file").expect("a file");
    fs::rename(server.path("other"), &file).expect("it takes the name");
    assert_not_sold(&server.send(&showtime.ask(&["A2"])));
    readiness(&server, "degraded");
    server.ask_to_end();
    assert_eq!(server.ended().code(), Some(0), "it ends as it should");
    assert_eq!(fs::read(&file).expect("the other file"), b"another file", "and leaves the other file alone");
    fs::rename(server.path("kept.db"), &file).expect("it has its name again");
    server.start_again();
    assert_eq!(showtime.hold(&["A3"]).read()["status"], "active");
    assert!(showtime.taken().starts_with("A1 held"), "{}", showtime.taken());
    server.audit();
}
