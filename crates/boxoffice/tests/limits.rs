//! Every limit of the front door turns away whoever is beyond it, says so, counts it, and lets the next one in.

#[path = "server/support.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{Answer, Client, House, Server, Watcher, get, hall, post, room, until};
use tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);

/// How often a limit was hit, as the metrics say.
fn hits(server: &Server, limit: &str) -> u64 {
    let sample = format!("boxoffice_limit_hits_total{{limit=\"{limit}\"}} ");
    let text = server.send(&get("/metrics")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(&sample));
    line.unwrap_or_else(|| panic!("no {sample} in\n{text}")).parse().expect("a count")
}

/// A 503 that says when to come again.
#[track_caller]
fn is_overloaded(answer: &Answer) {
    let problem = answer.refusal(503, "overloaded");
    assert!(answer.header("retry-after").is_some(), "{}", answer.told());
    assert!(
        problem["retry_after_ms"].as_u64().is_some_and(|ms| (1..=1000).contains(&ms)),
        "{}",
        answer.told()
    );
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = Server::start_with(&["--http-max-connections", "2"]);
    let mut inside = [server.connect(), server.connect()];
    for client in &mut inside {
        client.send(&get("/livez")).expect("an answer").expect_status(200);
    }
    let mut outside = server.connect();
    is_overloaded(&outside.answer("a third connection").expect("an answer, without a question"));
    let [first, mut second] = inside;
    drop(first);
    let text = until("there is room again", PATIENCE, || {
        let answer =
            Client::connect(server.address()).and_then(|mut client| client.send(&get("/metrics"))).ok()?;
        (answer.status == 200).then(|| answer.text())
    });
    let hits = text
        .lines()
        .find_map(|line| line.strip_prefix("boxoffice_limit_hits_total{limit=\"http.max_connections\"} "));
    assert!(hits.is_some_and(|hits| hits.parse::<u64>().is_ok_and(|hits| hits >= 1)), "{text}");
    second.send(&get("/livez")).expect("who is inside stays inside").expect_status(200);
}

#[test]
fn who_sends_too_slowly_is_let_go() {
    let server = Server::start_with(&["--http-header-timeout-ms", "400", "--http-body-timeout-ms", "400"]);
    let showtime = House::open(&server).showtime();
    let mut half_a_head = server.connect();
    half_a_head.write(b"GET /livez HTTP/1.1\r\nHost: boxo").expect("a start");
    let began = Instant::now();
    let ended = half_a_head.answer("half a head");
    assert!(ended.as_ref().is_err() || ended.as_ref().is_ok_and(|answer| answer.status == 408), "{ended:?}");
    assert!(began.elapsed() < PATIENCE, "the connection is closed in time");
    let ask = post(showtime.path("/holds"), &json!({"seats": ["A1"]}));
    for request in [ask.clone(), ask.key("a-key-of-16-characters")] {
        let mut half_a_body = server.connect();
        half_a_body.write(&request.head()).expect("a head");
        half_a_body.write(&request.payload()[..4]).expect("a start");
        let answer = half_a_body.answer("half a body").expect("an answer");
        answer.refusal(400, "malformed_body");
        assert!(
            answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("too long")),
            "{}",
            answer.told()
        );
    }
    assert_eq!(hits(&server, "http.body_timeout_ms"), 2);
    until("the half head is counted", PATIENCE, || {
        (hits(&server, "http.header_timeout_ms") > 0).then_some(())
    });
    assert_eq!(showtime.taken(), "", "nothing was done");
}

#[test]
fn bodies_and_plans_have_a_size() {
    let flags =
        ["--http-max-body-bytes", "2000", "--http-max-plan-bytes", "4000", "--http-max-plans-at-once", "1"];
    let server = Server::start_with(&flags);
    let small = room(&[("A", 2, "standard")]);
    let auditorium = |plan| post("/v1/auditoriums", &json!({"name": "Saal", "plan": plan})).admin();
    server.send(&auditorium(&small)).expect_status(201);
    let (large, _) = hall(10, 20);
    let plan = server.send(&auditorium(&large));
    assert_eq!(plan.refusal(413, "body_too_large")["limit"], 4000);
    let body = server.send(&post("/v1/movies", &json!({"title": "M".repeat(3000)})).admin());
    assert_eq!(body.refusal(413, "body_too_large")["limit"], 2000);
    assert_eq!(hits(&server, "bodies"), 2);

    let mut reading = server.connect();
    let first = auditorium(&small).header("Expect", "100-continue");
    reading.write(&first.head()).expect("a head");
    assert_eq!(reading.read_head().expect("the server has begun with the plan").0, 100);
    is_overloaded(&server.send(&auditorium(&small)));
    reading.write(first.payload()).expect("the rest");
    reading.answer("the first plan").expect("an answer").expect_status(201);
    server.send(&auditorium(&small)).expect_status(201);
    assert_eq!(hits(&server, "http.max_plans_at_once"), 1);
}

#[test]
fn a_full_commit_queue_turns_new_holds_away_and_loses_none() {
    let server = Server::start_with(&["--engine-commit-queue", "4", "--sqlite-batch", "1"]);
    let (plan, seats) = hall(26, 60);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let (held, refused) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let crowd: Vec<_> = seats
        .chunks(60)
        .map(|row| {
            let (address, path, row) = (server.address(), showtime.path("/holds"), row.to_vec());
            let (held, refused) = (Arc::clone(&held), Arc::clone(&refused));
            thread::spawn(move || {
                let mut client = Client::connect(address).expect("a connection");
                for seat in row {
                    let answer =
                        client.send(&post(path.as_str(), &json!({"seats": [seat]}))).expect("an answer");
                    if answer.status == 201 {
                        held.fetch_add(1, Ordering::Relaxed);
                    } else {
                        is_overloaded(&answer);
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for patron in crowd {
        patron.join().expect("every answer is one of two");
    }
    let (held, refused) = (held.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    assert!(refused > 0 && held > 0, "{held} held, {refused} refused");
    assert_eq!(hits(&server, "engine.commit_queue"), refused as u64);
    let taken = showtime.seats().into_values().filter(|(status, _)| status == "held").count();
    assert_eq!(taken, held);
    server.audit();
}

#[test]
fn who_does_not_finish_does_not_keep_the_server_from_ending() {
    let server = Server::start_with(&["--drain-limit-s", "1"]);
    let showtime = House::open(&server).showtime();
    let request = showtime.ask(&["A1"]);
    let mut slow = server.connect();
    slow.write(&request.head()).expect("a head");
    slow.write(&request.payload()[..4]).expect("a start");
    server.ask_to_end();
    let began = Instant::now();
    assert_eq!(server.ended().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    server.start_again();
    assert_eq!(showtime.taken(), "");
}

#[test]
fn one_address_has_so_many_watchers_and_others_have_theirs() {
    let server = Server::start_with(&["--feed-max-per-address", "1", "--proxies", "127.0.0.1"]);
    let showtime = House::open(&server).showtime();
    let from = |address: &str| Watcher::stream(&showtime, "", &format!("X-Forwarded-For: {address}\r\n"));
    let mut first = from("192.0.2.1");
    assert_eq!(first.follow()["type"], "snapshot");
    let bye = from("192.0.2.1").follow();
    assert_eq!((&bye["type"], &bye["reason"]), (&json!("bye"), &json!("overloaded")));
    assert_eq!(from("192.0.2.2").follow()["type"], "snapshot");
    assert_eq!((hits(&server, "feed.max_per_address"), hits(&server, "feed.max_watchers")), (1, 0));
}

#[test]
fn what_watchers_say_and_join_has_bounds() {
    let server = Server::start_with(&["--feed-max-message-bytes", "500", "--feed-max-showtimes", "1"]);
    let house = House::open(&server);
    let showtimes = [house.showtime(), house.showtime()];
    let mut long = Watcher::socket(&showtimes[0], "");
    long.raw().send(Message::binary(vec![0; 501])).expect("sent");
    until("it is counted", PATIENCE, || (hits(&server, "feed.max_message_bytes") == 1).then_some(()));

    let mut hub = Watcher::socket_at(server.address(), "/hubs/seats");
    let mut say = |value: Value| {
        hub.raw().send(Message::text(format!("{value}\u{1e}"))).expect("sent");
        let heard = hub.raw().read().expect("an answer").into_text().expect("a text");
        serde_json::from_str::<Value>(heard.trim_end_matches('\u{1e}')).expect("one record")
    };
    say(json!({"protocol": "json", "version": 1}));
    let join = |id: &str| json!({"type": 1, "invocationId": id, "target": "JoinShowtime", "arguments": [id]});
    let [joined, refused] = [&showtimes[0], &showtimes[1]].map(|showtime| say(join(&showtime.id)));
    assert_eq!(joined["result"]["type"], "snapshot", "{joined}");
    assert!(refused["error"].as_str().is_some_and(|told| told.contains("overloaded: ")), "{refused}");
    assert_eq!(hits(&server, "feed.max_showtimes"), 1);
}

#[test]
fn a_board_in_use_makes_no_room_for_another() {
    let server = Server::start_with(&["--engine-max-boards", "1"]);
    let house = House::open(&server);
    let (watched, other) = (house.showtime(), house.showtime());
    let mut watcher = Watcher::socket(&watched, "");
    watcher.follow();
    is_overloaded(&server.send(&get(other.path("/seats"))));
    assert!(hits(&server, "engine.max_boards") >= 1);
    watched.hold(&["A1"]);
    watcher.agrees(&watched);
    drop(watcher);
    until("the board makes room", PATIENCE, || {
        (server.send(&get(other.path("/seats"))).status == 200).then_some(())
    });
}

#[test]
fn lists_and_lifetimes_have_bounds() {
    let server = Server::start();
    for limit in ["0", "201", "-1", "x", "99999999999999999999"] {
        server.send(&get(format!("/v1/movies?limit={limit}"))).refusal(400, "invalid_field");
    }
    server.send(&get("/v1/movies?limit=200")).expect(200);
    for (flag, value) in [
        ("--retention-idempotency-h", "23"),
        ("--http-header-timeout-ms", "30001"),
        ("--holds-max-ttl-s", "1"),
        ("--http-max-connections", "0"),
        ("--engine-max-boards", "0"),
    ] {
        let run = server.run(&["config", "check", flag, value]);
        assert_eq!(run.code, Some(1), "{flag} {value}: {}", run.said);
        assert!(run.said.contains(&flag[2..].replacen('-', ".", 1).replace('-', "_")), "{}", run.said);
    }
}
