//! Changing and deleting what is in the catalogue, over HTTP.

#[path = "server/support.rs"]
mod server;

use serde_json::{Value, json};
use server::{House, Server, delete, fresh_key, get, id, labels, patch, post, room, text};

#[test]
fn a_change_is_seen_at_once_everywhere() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime_with(&json!({"starts_at": "2099-07-01T18:30:00Z"}));
    assert_eq!(showtime.read()["starts_at_local"], "2099-07-01T20:30:00+02:00");
    let (cinema, movie) = (format!("/v1/cinemas/{}", house.cinema), format!("/v1/movies/{}", house.movie));
    let changed =
        server.send(&patch(&cinema, &json!({"time_zone": "Europe/London", "address": "Quay 1"})).admin());
    let changed = changed.expect(200);
    let expected = json!({"id": house.cinema, "name": "Lichtspiele", "time_zone": "Europe/London",
        "address": "Quay 1", "external_id": null});
    assert_eq!(changed, expected, "what is not named stays");
    assert_eq!(server.send(&get(&cinema)).expect(200), changed);
    assert_eq!(server.send(&get("/v1/cinemas")).expect(200)["data"], json!([changed]));
    server.send(&patch(&movie, &json!({"title": "Metropolis (1927)", "rating": null})).admin()).expect(200);
    let auditorium = format!("/v1/auditoriums/{}", house.auditorium);
    server.send(&patch(&auditorium, &json!({"name": "Saal 7", "screen": "laser"})).admin()).expect(200);
    for seen in [showtime.read(), server.send(&get("/v1/showtimes")).expect(200)["data"][0].clone()] {
        assert_eq!(seen["starts_at_local"], "2099-07-01T19:30:00+01:00");
        assert_eq!(
            (&seen["movie"]["title"], &seen["movie"]["rating"]),
            (&json!("Metropolis (1927)"), &Value::Null)
        );
        assert_eq!(seen["auditorium"]["name"], "Saal 7");
    }
    let cleared = server.send(&patch(&cinema, &json!({"address": null})).admin()).expect(200);
    assert_eq!(cleared["address"], Value::Null);
    assert_eq!(
        server.send(&patch(&cinema, &json!({})).admin()).expect(200),
        cleared,
        "nothing is a change, too"
    );
    server.ask_to_end();
    assert!(server.ended().success());
    server.start_again();
    assert_eq!(server.send(&get(&cinema)).expect(200), cleared);
}

#[test]
fn a_change_that_cannot_be_is_refused_and_changes_nothing() {
    let server = Server::start();
    let house = House::open(&server);
    let cinema = format!("/v1/cinemas/{}", house.cinema);
    let auditorium = format!("/v1/auditoriums/{}", house.auditorium);
    let before = server.send(&get(&cinema)).expect(200);
    let faults = json!({"name": null, "time_zone": "Atlantis", "zip": "1"});
    let problem = server.send(&patch(&cinema, &faults).admin()).refusal(400, "invalid_field");
    let pointers: Vec<_> =
        problem["errors"].as_array().expect("errors").iter().map(|e| text(&e["pointer"])).collect();
    assert_eq!(pointers, ["/name", "/time_zone", "/zip"]);
    server.send(&patch(&cinema, &json!({"town": "X"})).admin()).refusal(400, "unknown_field");
    server.send(&patch(format!("{cinema}?x=1"), &json!({})).admin()).refusal(400, "unknown_parameter");
    server.send(&patch(&cinema, &json!({"name": "X"}))).refusal(401, "credentials_missing");
    for (change, pointer) in [
        (json!({"plan": null}), "/plan"),
        (json!({"name": null}), "/name"),
        (json!({"blocked_categories": ["premium"]}), "/blocked_categories"),
    ] {
        let problem = server.send(&patch(&auditorium, &change).admin()).refusal(400, "invalid_field");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
    server.send(&patch(&auditorium, &json!({"plan": {"rows": []}})).admin()).refusal(422, "invalid_plan");
    let nowhere = json!({"cinema": "cin_0000000000001"});
    server.send(&patch(&auditorium, &nowhere).admin()).refusal(404, "cinema_not_found");
    assert_eq!(server.send(&get(&cinema)).expect(200), before);
    for (path, code) in [
        ("/v1/cinemas/cin_0000000000001", "cinema_not_found"),
        ("/v1/movies/mov_0000000000001", "movie_not_found"),
        ("/v1/auditoriums/aud_0000000000001", "auditorium_not_found"),
        ("/v1/movies/nothing", "movie_not_found"),
    ] {
        server.send(&patch(path, &json!({"external_id": "x"})).admin()).refusal(404, code);
        server.send(&delete(path).admin()).refusal(404, code);
    }
    server.send(&delete(&cinema)).refusal(401, "credentials_missing");
}

#[test]
fn an_external_id_moves_only_when_it_is_free() {
    let server = Server::start();
    let make = |title: &str, external: &str| {
        let wish = json!({"title": title, "external_id": external});
        id(&server.send(&post("/v1/movies", &wish).admin()).expect(201))
    };
    let (first, second) = (make("M", "one"), make("N", "two"));
    let take = json!({"external_id": "one"});
    let asked = patch(format!("/v1/movies/{second}"), &take).admin();
    assert_eq!(server.send(&asked).refusal(409, "external_id_taken")["id"], json!(first));
    server.send(&patch(format!("/v1/movies/{first}"), &json!({"external_id": null})).admin()).expect(200);
    assert_eq!(server.send(&asked).expect(200)["external_id"], "one");
    let found = server.send(&get("/v1/movies?external_id=one")).expect(200);
    assert_eq!(found["data"][0]["id"], json!(second));
}

#[test]
fn a_new_plan_is_for_showtimes_made_from_then_on() {
    let server = Server::start();
    let house = House::open(&server);
    let old = house.showtime();
    let plan = room(&[("A", 3, "standard"), ("B", 2, "premium")]);
    let change = json!({"plan": plan, "blocked_categories": ["premium"]});
    let path = format!("/v1/auditoriums/{}", house.auditorium);
    let changed = server.send(&patch(&path, &change).admin()).expect(200);
    assert_eq!((&changed["label_rule"], &changed["name"]), (&json!("row_number"), &json!("Saal 1")));
    assert_ne!(changed["plan"], json!(house.plan));
    assert_eq!(old.read()["plan"], json!(house.plan));
    assert_eq!(labels(&old.map()["seats"]).len(), 50);
    old.hold(&["E10"]);
    let new = house.showtime();
    assert_eq!(labels(&new.map()["seats"]), ["A1", "A2", "A3", "B1", "B2"]);
    assert_eq!(new.taken(), "B1 blocked, B2 blocked");
    server.audit();
}

#[test]
fn an_auditorium_moves_to_another_cinema_with_its_showtimes() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime_with(&json!({"starts_at": "2099-07-01T18:30:00Z"}));
    let path = format!("/v1/auditoriums/{}", house.auditorium);
    assert_eq!(
        server.send(&patch(&path, &json!({"cinema": null})).admin()).expect(200)["cinema"],
        Value::Null
    );
    let seen = showtime.read();
    assert_eq!((&seen["cinema"], &seen["starts_at_local"]), (&Value::Null, &Value::Null));
    let other = json!({"name": "Embassy", "time_zone": "Pacific/Auckland"});
    let other = id(&server.send(&post("/v1/cinemas", &other).admin()).expect(201));
    server.send(&patch(&path, &json!({"cinema": other})).admin()).expect(200);
    assert_eq!(showtime.read()["starts_at_local"], "2099-07-02T06:30:00+12:00");
    let list = server.send(&get(format!("/v1/showtimes?cinema={other}"))).expect(200);
    assert_eq!(list["data"][0]["id"], json!(showtime.id));
    server.send(&delete(format!("/v1/cinemas/{}", house.cinema)).admin()).expect_status(204);
}

#[test]
fn what_showtimes_use_cannot_be_deleted() {
    let server = Server::start();
    let house = House::open(&server);
    let (showtime, second) = (house.showtime(), house.showtime());
    let paths = [
        format!("/v1/movies/{}", house.movie),
        format!("/v1/auditoriums/{}", house.auditorium),
        format!("/v1/cinemas/{}", house.cinema),
    ];
    for path in &paths {
        let problem = server.send(&delete(path).admin()).refusal(409, "in_use");
        assert_eq!(problem["showtimes"], 2);
        assert!([&showtime.id, &second.id].contains(&&text(&problem["showtime"])), "{problem}");
        server.send(&get(path)).expect(200);
    }
    for gone in [&showtime, &second] {
        server.send(&delete(gone.path("")).admin()).expect_status(204);
    }
    let problem = server.send(&delete(&paths[2]).admin()).refusal(409, "in_use");
    assert_eq!((&problem["showtimes"], &problem["auditorium"]), (&json!(0), &json!(house.auditorium)));
    for path in &paths {
        server.send(&delete(path).admin()).expect_status(204);
        server.send(&get(path)).expect_status(404);
        server.send(&delete(path).admin()).expect_status(404);
    }
    for (wish, code) in [
        (json!({}), "movie_not_found"),
        (
            json!({"movie": id(&server.send(&post("/v1/movies", &json!({"title": "N"})).admin()).expect(201))}),
            "auditorium_not_found",
        ),
    ] {
        server.send(&post("/v1/showtimes", &house.wish(&wish)).admin()).refusal(404, code);
    }
    server.audit();
}

#[test]
fn a_repeated_request_has_its_first_answer_whatever_happened_since() {
    let server = Server::start();
    let house = House::open(&server);
    let twice = |request: &server::Request, status: u16| {
        let (first, again) = (server.send(request), server.send(request));
        assert!(!first.is_replay() && again.is_replay(), "{}\n{}", first.told(), again.told());
        assert_eq!((first.status, again.status), (status, status));
        assert_eq!(first.body, again.body);
        assert_eq!(first.header("location"), again.header("location"));
        first
    };
    let keys = [fresh_key(), fresh_key(), fresh_key(), fresh_key(), fresh_key(), fresh_key()];
    let make = post("/v1/movies", &json!({"title": "M"})).admin().key(&keys[0]);
    let made = twice(&make, 201);
    let path = format!("/v1/movies/{}", id(&made.json()));
    let change = patch(&path, &json!({"title": "N"})).admin().key(&keys[1]);
    let changed = twice(&change, 200);
    let remove = delete(&path).admin().key(&keys[2]);
    twice(&remove, 204);
    let plan = json!({"name": "R", "plan": room(&[("A", 2, "standard")])});
    twice(&post("/v1/auditoriums", &plan).admin().key(&keys[3]), 201);
    let wish = house.wish(&json!({"starts_at": "2099-07-01T18:30:00Z"}));
    let showtime = twice(&post("/v1/showtimes", &wish).admin().key(&keys[4]), 201);
    let showtime_path = format!("/v1/showtimes/{}", id(&showtime.json()));
    let mut read = server.send(&get(&showtime_path)).expect(200);
    read["on_sale_at"] = showtime.json()["on_sale_at"].clone();
    assert_eq!(read, showtime.json(), "what is answered is what is there");
    twice(&delete(&showtime_path).admin().key(&keys[5]), 204);
    server.kill();
    server.start_again();
    assert_eq!(server.send(&make).json(), made.json(), "it was changed and deleted since");
    assert_eq!(server.send(&change).json(), changed.json());
    server.send(&remove).expect_status(204);
    let again = server.send(&post("/v1/showtimes", &wish).admin().key(&keys[4]));
    assert_eq!(again.expect(201), showtime.json());
    server.send(&delete(&path).admin().key(&keys[1])).refusal(422, "idempotency_key_reused");
    let other = patch(&path, &json!({"title": "O"})).admin().key(&keys[1]);
    server.send(&other).refusal(422, "idempotency_key_reused");
    server.send(&get(&path)).expect_status(404);
}

#[test]
fn changes_at_the_same_time_are_all_made() {
    let server = Server::start();
    let movie = id(&server.send(&post("/v1/movies", &json!({"title": "M"})).admin()).expect(201));
    let path = format!("/v1/movies/{movie}");
    let changes = [
        json!({"title": "N"}),
        json!({"rating": "12"}),
        json!({"runtime_min": 90}),
        json!({"synopsis": "…"}),
    ];
    std::thread::scope(|scope| {
        for change in &changes {
            scope.spawn(|| server.send(&patch(&path, change).admin()).expect(200));
        }
    });
    let movie = server.send(&get(&path)).expect(200);
    for (name, value) in changes.iter().flat_map(|change| change.as_object().expect("an object")) {
        assert_eq!(&movie[name], value, "no change was lost");
    }
}

#[test]
fn a_showtime_is_deleted_only_where_nothing_was_ever_held() {
    let server = Server::start();
    let house = House::open(&server);
    let (fresh, released) = (house.showtime(), house.showtime());
    released.hold(&["A1"]).release();
    fresh.staff("/block", &json!({"seats": ["A1", "A2"]})).expect(200);
    server.send(&delete(released.path("")).admin()).refusal(409, "showtime_in_use");
    server.send(&delete(fresh.path(""))).refusal(401, "credentials_missing");
    server.send(&delete(fresh.path("")).admin()).expect_status(204);
    for rest in ["", "/seats", "/seats?since=0"] {
        server.send(&get(fresh.path(rest))).refusal(404, "showtime_not_found");
    }
    server.send(&get(fresh.path("/events")).admin()).refusal(404, "showtime_not_found");
    fresh.refuses(&json!({"seats": ["B1"]}), 404, "showtime_not_found");
    fresh.staff("/block", &json!({"seats": ["B1"]})).refusal(404, "showtime_not_found");
    server
        .send(&patch(fresh.path(""), &json!({"published": false})).admin())
        .refusal(404, "showtime_not_found");
    server.send(&delete(fresh.path("")).admin()).refusal(404, "showtime_not_found");
    server.audit();
    // Its events were the newest of all. What comes after them must be found again after a restart.
    let next = house.showtime();
    next.hold(&["A1"]).book();
    server.kill();
    server.start_again();
    assert_eq!(next.kinds(), ["held", "booked"]);
    server.send(&get(fresh.path(""))).refusal(404, "showtime_not_found");
    server.audit();
}

#[test]
fn a_hold_and_the_deletion_of_its_showtime_never_both_succeed() {
    let server = Server::start();
    let house = House::open(&server);
    let (mut held, mut deleted) = (0, 0);
    for _ in 0..40 {
        let showtime = house.showtime();
        let (hold, gone) = std::thread::scope(|scope| {
            let hold = scope.spawn(|| server.send(&showtime.ask(&["A1"])));
            let gone = scope.spawn(|| server.send(&delete(showtime.path("")).admin()));
            (hold.join().expect("an answer"), gone.join().expect("an answer"))
        });
        match (hold.status, gone.status) {
            (201, 409) => {
                assert_eq!(gone.code(), "showtime_in_use");
                assert_eq!(showtime.taken(), "A1 held");
                held += 1;
            }
            (404, 204) => {
                assert_eq!(hold.code(), "showtime_not_found");
                server.send(&get(showtime.path(""))).refusal(404, "showtime_not_found");
                deleted += 1;
            }
            _ => panic!("both or neither:\n{}\n{}", hold.told(), gone.told()),
        }
    }
    assert_eq!(held + deleted, 40);
    server.audit();
}
