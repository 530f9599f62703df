//! Idempotency keys: the same key gives the same answer, once, also at the same time and after a restart.

#[path = "server/support.rs"]
mod server;

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use server::{
    Answer, House, Request, Server, delete, fresh_key, get, id, labels, patch, post, replay, text, timeless,
    until,
};

/// Sends a request twice: the second answer must be the first again, and say so.
#[track_caller]
fn replays(server: &Server, request: &Request) -> Answer {
    let (first, again) = (server.send(request), server.send(request));
    assert!((200..300).contains(&first.status), "{}", first.told());
    assert!(!first.is_replay(), "the first answer is no replay\n{}", first.told());
    same(&first, &again);
    first
}

#[track_caller]
fn same(first: &Answer, again: &Answer) {
    assert!(again.is_replay(), "not said to be a replay\n{}", again.told());
    assert_eq!(again.status, first.status, "{}", again.told());
    assert_eq!(again.header("location"), first.header("location"));
    let body = |answer: &Answer| if answer.body.is_empty() { Value::Null } else { timeless(answer.json()) };
    assert_eq!(body(again), body(first));
}

#[test]
fn every_change_of_a_hold_is_done_once_and_answered_alike() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let mut hold = server::Hold::answered(&server, replays(&server, &showtime.ask(&["A1", "A2"])).json());
    hold.body = replays(&server, &hold.ask(&json!({"add": ["A3"], "remove": ["A1"]}))).json();
    assert_eq!(hold.seats(), ["A2", "A3"]);
    replays(&server, &hold.ask_booking(&json!({"contact": {"name": "Ana"}, "metadata": {"cart": "7"}})));
    let other = showtime.hold(&["B1"]);
    replays(&server, &other.ask_release());
    assert_eq!(showtime.taken(), "A2 booked, A3 booked");
    assert_eq!(showtime.kinds(), ["held", "hold_changed", "booked", "held", "released"]);
    server.audit();
}

#[test]
fn every_change_by_staff_is_done_once_and_answered_alike() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let booking = showtime.hold(&["A1"]).book();
    replays(&server, &booking.ask_cancel(&json!({"seats": ["A1"]})));
    let staff = |rest: &str, body: Value| post(showtime.path(rest), &body).admin().key(&fresh_key());
    replays(&server, &staff("/block", json!({"seats": ["B1", "B2"]})));
    replays(&server, &staff("/unblock", json!({"seats": ["B1"]})));
    let change = json!({"max_seats_per_hold": 4});
    replays(&server, &patch(showtime.path(""), &change).admin().key(&fresh_key()));
    replays(&server, &staff("/cancel", json!({})));
    let kinds = showtime.kinds();
    let expected =
        ["held", "booked", "cancelled", "blocked", "unblocked", "showtime_changed", "showtime_cancelled"];
    assert_eq!(kinds, expected);
}

#[test]
fn what_was_done_since_does_not_show_in_a_repeated_answer() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let staff = |rest: &str, seats: &[&str]| {
        post(showtime.path(rest), &json!({"seats": seats})).admin().key(&fresh_key())
    };
    let block = staff("/block", &["A1", "A2"]);
    let blocked = server.send(&block);
    server.send(&staff("/unblock", &["A1"])).expect(200);
    showtime.hold(&["A1"]);
    same(&blocked, &server.send(&block));

    let ask = post(showtime.path("/holds"), &json!({"seats": ["B1"], "ttl_s": 1})).key(&fresh_key());
    let held = server.send(&ask);
    let hold = server::Hold::answered(&server, held.expect(201));
    let change = hold.ask(&json!({"add": ["B2"]})).key(&fresh_key());
    let changed = server.send(&change);
    changed.expect_status(200);
    until("the hold has expired", Duration::from_secs(10), || {
        (hold.read()["status"] == "expired").then_some(())
    });
    same(&held, &server.send(&ask));
    same(&changed, &server.send(&change));
    assert_eq!(server.send(&ask).json()["expires_in_ms"], 0);

    let ask = post(showtime.path("/holds"), &json!({"seats": ["C1"]})).key(&fresh_key());
    let held = server.send(&ask);
    server.send(&patch(showtime.path(""), &json!({"published": false})).admin()).expect(200);
    same(&held, &server.send(&ask));
    server.send(&showtime.ask(&["C2"])).refusal(404, "showtime_not_found");
}

#[test]
fn a_showtime_that_was_changed_is_answered_as_it_was_then() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    let change = |body: &Value| patch(showtime.path(""), body).admin().key(&fresh_key());
    let other = server.send(&post("/v1/movies", &json!({"title": "Ran"})).admin()).expect(201);
    let movie = format!("/v1/movies/{}", id(&other));
    let to_other = change(&json!({"movie": other["id"]}));
    let with_other = server.send(&to_other);
    assert_eq!(with_other.expect(200)["movie"]["title"], "Ran");
    same(&with_other, &server.send(&to_other));
    server.send(&change(&json!({"movie": house.movie}))).expect(200);

    // Held, booked and given back before: all of it is in the first answer's counts.
    showtime.hold(&["A1", "A2"]).book();
    showtime.hold(&["A3"]).release();
    showtime.hold(&["A4"]);
    let to_four = change(&json!({"max_seats_per_hold": 4, "prices": {"standard": 100, "premium": 200}}));
    let first = server.send(&to_four);
    let told = first.expect(200);
    assert_eq!(told["counts"], json!({"available": 47, "held": 1, "booked": 2, "blocked": 0}));
    let mut rest = showtime.hold(&["B1", "B2"]);
    same(&first, &server.send(&to_four));
    rest.change(&json!({"remove": ["B1"]}));
    showtime.hold(&["C1"]).book();
    server.send(&change(&json!({"max_seats_per_hold": 8, "published": false}))).expect(200);
    same(&first, &server.send(&to_four));

    let call_off = post(showtime.path("/cancel"), &json!({})).admin().key(&fresh_key());
    let cancelled = server.send(&call_off);
    assert_eq!(
        cancelled.expect(200)["counts"],
        json!({"available": 45, "held": 2, "booked": 3, "blocked": 0})
    );
    until("it is wound up", Duration::from_secs(10), || {
        let now = server.send(&get(showtime.path("")).admin()).expect(200);
        (now["counts"]["booked"] == 0 && now["counts"]["held"] == 0).then_some(())
    });
    same(&cancelled, &server.send(&call_off));
    same(&first, &server.send(&to_four));
    server.kill();
    server.start_again();
    same(&first, &server.send(&to_four));
    // What was right then is not looked at again, though nobody could ask for it now.
    server.send(&delete(&movie).admin()).expect_status(204);
    let again = server.send(&to_other);
    assert!(again.is_replay(), "{}", again.told());
    assert_eq!(again.expect(200)["revision"], with_other.json()["revision"]);
    server.audit();
}

#[test]
fn a_change_that_changed_nothing_is_not_done_later_by_its_repetition() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let change =
        |most: u64| patch(showtime.path(""), &json!({"max_seats_per_hold": most})).admin().key(&fresh_key());
    let as_it_is = change(10);
    let first = server.send(&as_it_is);
    assert_eq!(first.expect(200)["max_seats_per_hold"], 10);
    server.send(&change(8)).expect(200);
    same(&first, &server.send(&as_it_is));
    assert_eq!(showtime.read()["max_seats_per_hold"], 8);
    assert_eq!(replay(&showtime), 2);
    server.audit();
}

#[test]
fn what_was_so_already_is_not_done_later_by_its_repetition() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let staff = |rest: &str, seat: &str| post(showtime.path(rest), &json!({"seats": [seat]})).admin();
    for (rest, other) in [("/unblock", "/block"), ("/block", "/unblock")] {
        let request = staff(rest, "A1").key(&fresh_key());
        let first = server.send(&request);
        first.expect(200);
        server.send(&staff(other, "A1")).expect(200);
        let before = showtime.taken();
        same(&first, &server.send(&request));
        assert_eq!(showtime.taken(), before, "{rest} is not done again");
        server.send(&staff(rest, "A1")).expect(200);
    }
    let hold = showtime.hold(&["B1"]);
    let key = fresh_key();
    let as_it_is = hold.ask(&json!({})).key(&key);
    let first = server.send(&as_it_is);
    same(&first, &server.send(&as_it_is));
    server.send(&hold.ask(&json!({"add": ["B2"]})).key(&key)).refusal(422, "idempotency_key_reused");
    assert_eq!(hold.read()["seats"].as_array().map(Vec::len), Some(1));
    replay(&showtime);
    server.audit();
}

#[test]
fn everything_in_the_catalogue_is_made_once() {
    let server = Server::start();
    let house = House::open(&server);
    let plan = server::room(&[("A", 2, "standard")]);
    let wishes = [
        ("/v1/cinemas", json!({"name": "Kino", "time_zone": "Asia/Tokyo"}), 2),
        ("/v1/movies", json!({"title": "Ran"}), 2),
        ("/v1/auditoriums", json!({"name": "Saal 2", "plan": plan}), 2),
        ("/v1/showtimes", house.wish(&json!({})), 1),
    ];
    for (path, wish, count) in wishes {
        replays(&server, &post(path, &wish).admin().key(&fresh_key()));
        let list = server.send(&server::get(path)).expect(200);
        assert_eq!(list["data"].as_array().map(Vec::len), Some(count), "{path}");
    }
}

#[test]
fn a_key_is_good_for_one_request_however_it_is_spelled() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let (path, key) = (showtime.path("/holds"), fresh_key());
    let spelled = |body: &str| {
        server::Request::new("POST", path.as_str())
            .header("Content-Type", "application/json")
            .body(body)
            .key(&key)
    };
    let first = server.send(&spelled(r#"{"seats":["A1"],"metadata":{"a":"1","b":"2"}}"#));
    first.expect_status(201);
    same(
        &first,
        &server.send(&spelled("{ \"metadata\": {\"b\": \"2\",\n\"a\": \"1\"}, \"seats\": [ \"A1\" ] }")),
    );
    for same_command in [
        r#"{"seats":[{"seat":"A1"}],"metadata":{"a":"1","b":"2"}}"#,
        r#"{"seats":[{"seat":"A1","ticket":null}],"metadata":{"a":"1","b":"2"},"ttl_s":null}"#,
    ] {
        same(&first, &server.send(&spelled(same_command)));
    }
    for other in [
        json!({"seats": ["A2"]}),
        json!({"seats": ["A1"], "ttl_s": 60}),
        json!({"seats": [{"seat": "A1", "ticket": "standard"}], "metadata": {"a": "1", "b": "2"}}),
    ] {
        server.send(&post(&path, &other).key(&key)).refusal(422, "idempotency_key_reused");
    }
    assert_eq!(showtime.taken(), "A1 held");
    let movie = |title: &str| post("/v1/movies", &json!({"title": title})).admin().key(&key);
    server.send(&movie("Ran")).expect(201);
    server.send(&movie("Kagemusha")).refusal(422, "idempotency_key_reused");
}

#[test]
fn a_key_belongs_to_its_showtime() {
    let server = Server::start();
    let house = House::open(&server);
    let (one, two) = (house.showtime(), house.showtime());
    let key = fresh_key();
    let ask = |path: String| server.send(&post(path, &json!({"seats": ["A1"]})).key(&key));
    ask(one.path("/holds")).expect(201);
    let other = ask(two.path("/holds"));
    other.expect(201);
    assert!(!other.is_replay());
}

#[test]
fn a_refusal_that_changed_nothing_is_not_kept() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let rival = showtime.hold(&["A1"]);
    let wish = showtime.ask(&["A1", "A2"]);
    server.send(&wish).refusal(409, "seat_unavailable");
    rival.release();
    let answer = server.send(&wish);
    assert_eq!(labels(&answer.expect(201)["seats"]), ["A1", "A2"]);
    assert!(!answer.is_replay());
}

#[test]
fn two_at_once_under_one_key_have_one_effect() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let seats: Vec<String> = ["A", "B", "C", "D", "E"]
        .iter()
        .flat_map(|row| (1..=10).map(move |no| format!("{row}{no}")))
        .collect();
    for seat in &seats {
        let wish = showtime.ask(&[seat]);
        let answers = thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| server.send(&wish)));
            threads.map(|thread| thread.join().expect("an answer"))
        });
        let (mut ids, mut originals) = (Vec::new(), 0);
        for answer in &answers {
            if answer.code() == "idempotency_in_progress" {
                answer.refusal(409, "idempotency_in_progress");
                continue;
            }
            ids.push(text(&answer.expect(201)["id"]));
            originals += usize::from(!answer.is_replay());
        }
        ids.dedup();
        assert_eq!((ids.len(), originals), (1, 1), "one hold of {seat}, and one original answer");
    }
    assert_eq!(showtime.kinds(), vec!["held"; seats.len()]);
    server.audit();
}

#[test]
fn a_key_is_remembered_over_restart_and_crash() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let wish = showtime.ask(&["A1", "A2"]);
    let held = server.send(&wish);
    let hold = server::Hold::answered(&server, held.expect(201));
    let change = hold.ask(&json!({"remove": ["A2"]}));
    let changed = server.send(&change);
    let purchase = hold.ask_booking(&json!({"contact": {"name": "Ana", "email": "ana@example.org"}}));
    let booked = server.send(&purchase);
    booked.expect(201);
    let movie = post("/v1/movies", &json!({"title": "Ran"})).admin().key(&fresh_key());
    let made = server.send(&movie);
    server.ask_to_end();
    assert!(server.ended().success());
    for _ in 0..2 {
        server.start_again();
        for (request, first) in [(&wish, &held), (&change, &changed), (&purchase, &booked), (&movie, &made)] {
            same(first, &server.send(request));
        }
        let reused = post(showtime.path("/holds"), &json!({"seats": ["C1"]}));
        let key = wish.key_given().expect("a key");
        server.send(&reused.key(&key)).refusal(422, "idempotency_key_reused");
        server.kill();
    }
    server.start_again();
    assert_eq!(showtime.kinds(), ["held", "hold_changed", "booked"]);
}

#[test]
fn the_time_left_is_told_anew() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let wish = showtime.ask(&["A1"]);
    let left = |answer: &Answer| answer.expect(201)["expires_in_ms"].as_u64().expect("a count");
    let first = left(&server.send(&wish));
    server::until("time has passed", std::time::Duration::from_secs(5), || {
        (left(&server.send(&wish)) < first).then_some(())
    });
}

#[test]
fn weak_keys_are_refused() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let ask = |key: &str| server.send(&post(showtime.path("/holds"), &json!({"seats": ["A1"]})).key(key));
    for weak in
        ["", "1", "fifteen-letters", &"x".repeat(256), "has a space in the middle", "schlüssel-mit-umlaut"]
    {
        let answer = ask(weak);
        answer.refusal(400, "weak_idempotency_key");
    }
    assert_eq!(showtime.taken(), "");
    ask("sixteen-letters!").expect(201);
    ask(&"x".repeat(255)).refusal(409, "seat_unavailable");
}
