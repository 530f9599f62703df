//! Several nodes on one PostgreSQL: what one does the others know, and a node that is killed takes nothing with it. Left
//! out where BOXOFFICE_TEST_POSTGRES names no server.

#[path = "server/support.rs"]
mod server;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{Client, House, Server, Showtime, Watcher, get, hall, post, postgres_database, text, until};

fn seen_on<'a>(showtime: &Showtime<'_>, node: &'a Server) -> Showtime<'a> {
    Showtime { server: node, id: showtime.id.clone() }
}

#[test]
fn what_one_node_does_the_others_know() {
    let Some(store) = postgres_database() else { return };
    let first = Server::start_on_store(&store, &[]);
    let second = Server::start_on_store(&store, &[]);
    let there = House::open(&first).showtime();
    let here = seen_on(&there, &second);
    let mut watcher = Watcher::socket(&here, "");
    watcher.follow();

    let hold = there.hold(&["A1", "A2"]);
    here.refuses_seats(&["A2", "A3"], &[("A2", "held")]);
    let path = format!("/v1/holds/{}", text(&hold.body["id"]));
    let token = text(&hold.body["token"]);
    let more = server::patch(&path, &json!({"add": ["A3"]})).bearer(&token).key(&server::fresh_key());
    assert_eq!(second.send(&more).expect(200)["seats"].as_array().map(Vec::len), Some(3));
    let book = post("/v1/bookings", &json!({"hold": hold.body["id"]})).bearer(&token);
    let key = server::fresh_key();
    let booked = second.send(&book.key(&key)).expect(201);
    let book = post("/v1/bookings", &json!({"hold": hold.body["id"]})).bearer(&token);
    let again = first.send(&book.key(&key));
    assert_eq!((again.is_replay(), again.expect(201)["id"].clone()), (true, booked["id"].clone()));
    let booking = format!("/v1/bookings/{}", text(&booked["id"]));
    assert_eq!(first.send(&get(&booking).bearer(&text(&booked["token"]))).expect(200)["status"], "confirmed");
    watcher.follow_to(3);
    assert_eq!(watcher.map["A3"].0, "booked");
    until("the first node's map is level", Duration::from_secs(5), || {
        (there.taken() == "A1 booked, A2 booked, A3 booked").then_some(())
    });
    first.audit();
}

#[test]
fn watchers_and_boards_start_over_when_the_database_goes_on_with_another_history() {
    let Some(store) = postgres_database() else { return };
    let node = Server::start_on_store(&store, &[]);
    let showtime = House::open(&node).showtime();
    showtime.hold(&["A1"]).book();
    showtime.hold(&["A2"]);
    let epoch = || text(&showtime.map()["epoch"]);
    let goes_on_anew = |change: &dyn Fn()| {
        let before = epoch();
        let mut watcher = Watcher::socket(&showtime, "");
        watcher.follow();
        let known = (watcher.epoch.clone(), watcher.revision);
        assert_eq!(known.0, before);
        change();
        until("another epoch", Duration::from_secs(10), || (epoch() != before).then_some(()));
        while watcher.next().is_some() {}
        let since = format!("?since={}-{}", known.0, known.1);
        let anew = node.send(&get(showtime.path(&format!("/seats{since}")))).expect(200);
        assert_eq!((&anew["from"], &anew["reset"]), (&json!(0), &json!(true)), "{anew}");
        let mut watcher = Watcher::socket(&showtime, &since);
        assert_eq!(watcher.follow()["type"], "snapshot");
        watcher.agrees(&showtime);
    };
    goes_on_anew(&|| {
        let run = node.run(&["epoch", "renew", "--store", &store]);
        assert_eq!(run.code, Some(0), "{}", run.said);
    });
    // As after a failover to a server that did not have the last change.
    goes_on_anew(&|| {
        let lost = "BEGIN;
            DELETE FROM log USING clock
                WHERE log.showtime_id = clock.showtime_id AND log.revision = clock.revision AND events = 1;
            UPDATE clock SET revision = revision - 1 WHERE revision > 0;
            COMMIT";
        let done = Command::new("psql").args([&store, "-q", "-v", "ON_ERROR_STOP=1", "-c", lost]).status();
        assert!(done.expect("psql").success());
    });
    showtime.hold(&["B1"]);
}

#[test]
fn a_node_that_cannot_tell_the_databases_time_is_not_ready() {
    let Some(store) = postgres_database() else { return };
    // No answer comes at once, so no clock is known to the millisecond.
    let node = Server::start_on_store(&store, &["--clock-max-error-ms", "0"]);
    let refused = node.send(&get("/readyz")).refusal(503, "store_unavailable");
    assert!(text(&refused["detail"]).contains("clock.max_error_ms"), "{refused}");
}

fn figure(server: &Server, sample: &str) -> f64 {
    let text = server.send(&get("/metrics")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample}")).parse().expect("a number")
}

fn hears(node: &Server) {
    until("the bus is well", Duration::from_secs(15), || {
        let ready = node.send(&get("/readyz")).expect(200);
        (ready["checks"]["bus"]["status"] == "ok").then_some(())
    });
    assert_eq!(figure(node, "boxoffice_bus_available"), 1.0);
}

/// Without Redis the database carries the bus. The time is printed; what decides is that nothing had to be asked for.
#[test]
fn a_watcher_on_one_node_sees_a_sale_on_another_without_redis() {
    let Some(store) = postgres_database() else { return };
    let nodes = [(); 2].map(|()| Server::start_on_store(&store, &[]));
    let (plan, seats) = hall(10, 20);
    nodes.iter().for_each(hears);
    let there = House::with_plan(&nodes[0], &plan).plain_showtime();
    let here = seen_on(&there, &nodes[1]);
    let mut watcher = Watcher::socket(&here, "");
    watcher.follow();
    let first = watcher.revision;
    let mut took_ms: Vec<f64> = Vec::new();
    for (count, seat) in (1..).zip(&seats[..150]) {
        let begun = Instant::now();
        there.hold(&[seat]);
        watcher.follow_to(first + count);
        took_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    took_ms.sort_by(f64::total_cmp);
    eprintln!(
        "from the request on one node to the watcher on the other: p50 {:.1} ms, p99 {:.1} ms",
        took_ms[75], took_ms[148]
    );
    let changes = |node, way| figure(node, &format!("boxoffice_bus_changes_total{{way=\"{way}\"}}"));
    assert_eq!(changes(&nodes[0], "published"), first as f64 + 150.0);
    assert_eq!(changes(&nodes[1], "received"), first as f64 + 150.0);

    // What is lost while the connections are made anew is found by comparing with the store's heads.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND query ~ '^(LISTEN|BEGIN; SET LOCAL synchronous_commit)'";
    let ended = Command::new("psql").args([&store, "-tA", "-c", end]).output().expect("psql");
    assert!(String::from_utf8_lossy(&ended.stdout).lines().count() >= 4, "{ended:?}");
    for (count, seat) in (151..).zip(&seats[150..160]) {
        there.hold(&[seat]);
        watcher.follow_to(first + count);
    }
    assert_eq!(watcher.map[seats[159].as_str()].0, "held");
    nodes.iter().for_each(hears);
    nodes[0].audit();
}

/// Everybody wants the same seats through every node, one of which is killed in the middle.
#[test]
fn each_seat_has_one_owner_though_a_node_is_killed() {
    let Some(store) = postgres_database() else { return };
    let nodes = [(); 3].map(|()| Server::start_on_store(&store, &[]));
    let (plan, seats) = hall(10, 30);
    let showtime = House::with_plan(&nodes[0], &plan).plain_showtime();
    let path = showtime.path("/holds");
    let addresses = nodes.each_ref().map(Server::address);
    let (killed, sold) = (AtomicBool::new(false), Mutex::new(Vec::<Value>::new()));
    thread::scope(|scope| {
        for patron in 0..12 {
            let (seats, path, sold, killed) = (&seats, &path, &sold, &killed);
            scope.spawn(move || {
                for place in 0..seats.len() {
                    // Each begins elsewhere, and goes to the next node each time.
                    let seat = &seats[(place + patron * 25) % seats.len()];
                    let address = addresses[(place + patron) % 3];
                    let ask = post(path.as_str(), &json!({"seats": [seat]})).key(&server::fresh_key());
                    match Client::connect(address).and_then(|mut client| client.send(&ask)) {
                        Ok(answer) if answer.status == 201 => {
                            sold.lock().expect("a lock").push(answer.expect(201));
                        }
                        Ok(answer) => assert!([409, 503].contains(&answer.status), "{}", answer.told()),
                        Err(error) => assert!(killed.load(Ordering::SeqCst), "{error}"),
                    }
                }
            });
        }
        until("the sale is going", Duration::from_secs(30), || {
            (sold.lock().expect("a lock").len() > 60).then_some(())
        });
        killed.store(true, Ordering::SeqCst);
        nodes[2].kill();
    });
    let sold = sold.into_inner().expect("a lock");
    let mut owned: Vec<String> = sold.iter().map(|hold| text(&hold["seats"][0]["seat"])).collect();
    let acknowledged = owned.len();
    owned.sort();
    owned.dedup();
    assert_eq!(owned.len(), acknowledged, "a seat was acknowledged twice");
    for node in &nodes[..2] {
        let seen = seen_on(&showtime, node);
        until("the map has all that was acknowledged", Duration::from_secs(5), || {
            let states = seen.seats();
            owned.iter().all(|seat| states[seat].0 == "held").then_some(())
        });
    }
    nodes[0].audit();
}
