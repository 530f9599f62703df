//! The catalogue: cinemas, movies, auditoriums with their plans, and showtimes, over HTTP.

#[path = "server/support.rs"]
mod server;

use serde_json::{Value, json};
use server::Kind::{Count, List, Money, Object, Starts, Text, Time};
use server::{House, Request, Server, check, from_now, get, hall, labels, patch, post, room, text, time};

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().expect("a list").iter().map(|item| text(&item["id"])).collect()
}

#[test]
fn a_cinema_and_a_movie_are_created_found_and_listed() {
    let server = Server::start();
    let things = [
        (
            "/v1/cinemas",
            "cin_",
            json!({"name": "Kino Süd", "time_zone": "Europe/Berlin", "address": "Am Markt 1"}),
        ),
        (
            "/v1/movies",
            "mov_",
            json!({"title": "M", "runtime_min": 117, "rating": "12", "synopsis": "A city hunts."}),
        ),
    ];
    for (path, prefix, wish) in things {
        let answer = server.send(&post(path, &wish).admin());
        let made = answer.expect(201);
        check(&made, &[("id", Starts(prefix))]);
        for (name, value) in wish.as_object().expect("an object") {
            assert_eq!(&made[name], value, "{name}");
        }
        let location = answer.header("location").expect("a Location").to_owned();
        assert!(location.ends_with(&format!("{path}/{}", text(&made["id"]))), "{location}");
        assert_eq!(server.send(&get(format!("{path}/{}", text(&made["id"])))).expect(200), made);
        let answer = server.send(&get(path));
        let list = answer.expect(200);
        assert_eq!(list["data"], json!([made]));
        assert_eq!(list["next"], Value::Null);
        let cache = answer.header("cache-control").unwrap_or_default();
        assert!(cache.contains("public") && cache.contains("max-age=5"), "{cache}");
    }
}

#[test]
fn an_external_id_is_taken_once_and_finds_its_owner() {
    let server = Server::start();
    let wish = json!({"title": "M", "external_id": "ext-1"});
    let first = server.send(&post("/v1/movies", &wish).admin()).expect(201);
    server.send(&post("/v1/movies", &json!({"title": "N", "external_id": "ext-2"})).admin()).expect(201);
    let problem = server.send(&post("/v1/movies", &wish).admin()).refusal(409, "external_id_taken");
    assert_eq!(problem["id"], first["id"]);
    let list = server.send(&get("/v1/movies?external_id=ext-1")).expect(200);
    assert_eq!(ids(&list), [text(&first["id"])]);
    // Unique per kind: a cinema may have the same.
    let cinema = json!({"name": "K", "time_zone": "UTC", "external_id": "ext-1"});
    server.send(&post("/v1/cinemas", &cinema).admin()).expect(201);
}

#[test]
fn lists_page_through_everything_once() {
    let server = Server::start();
    let mut made: Vec<String> = (0..7)
        .map(|no| {
            server.send(&post("/v1/movies", &json!({"title": format!("Part {no}")})).admin()).expect(201)
        })
        .map(|movie| text(&movie["id"]))
        .collect();
    let (mut found, mut path) = (Vec::new(), "/v1/movies?limit=3".to_owned());
    loop {
        let page = server.send(&get(&path)).expect(200);
        assert!(ids(&page).len() <= 3);
        found.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/movies?limit=3&after={next}");
    }
    found.sort();
    made.sort();
    assert_eq!(found, made);
}

#[test]
fn an_auditorium_keeps_its_plan_under_its_hash() {
    let server = Server::start();
    let plan = room(&[("A", 3, "standard"), ("B", 4, "premium")]);
    let made =
        server.send(&post("/v1/auditoriums", &json!({"name": "Saal 1", "plan": plan})).admin()).expect(201);
    check(
        &made,
        &[("id", Starts("aud_")), ("name", Text), ("plan", Text), ("warnings", List), ("label_rule", Text)],
    );
    assert_eq!(made["label_rule"], "row_number");
    assert_eq!(made["cinema"], Value::Null);
    let answer = server.send(&get(format!("/v1/plans/{}", text(&made["plan"]))));
    let drawn = answer.expect(200);
    check(
        &drawn,
        &[("plan", Text), ("size", Object), ("screen", Object), ("categories", List), ("rows", List)],
    );
    assert_eq!(drawn["plan"], made["plan"]);
    assert!(
        answer.header("cache-control").is_some_and(|cache| cache.contains("immutable")),
        "{}",
        answer.told()
    );
    let rows = drawn["rows"].as_array().expect("rows");
    let shown: Vec<_> = rows.iter().map(|row| (text(&row["row"]), labels(&row["seats"]))).collect();
    let expected = [("A", vec!["A1", "A2", "A3"]), ("B", vec!["B1", "B2", "B3", "B4"])];
    assert_eq!(shown.len(), 2);
    for ((row, seats), (expected_row, expected_seats)) in shown.iter().zip(&expected) {
        assert_eq!(
            (row.as_str(), seats.iter().map(String::as_str).collect()),
            (*expected_row, expected_seats.clone())
        );
    }
    let seat = &rows[1]["seats"][3];
    check(seat, &[("seat", Text), ("number", Text), ("category", Text), ("kind", Text)]);
    assert_eq!((&seat["kind"], &seat["category"]), (&json!("standard"), &json!("premium")));
    assert!(seat["x"].is_number() && seat["y"].is_number(), "{seat}");
}

#[test]
fn the_same_plan_has_the_same_hash_and_labels_may_need_a_dash() {
    let server = Server::start();
    let make = |plan: &Value| {
        server.send(&post("/v1/auditoriums", &json!({"name": "Saal", "plan": plan})).admin()).expect(201)
    };
    let plan = room(&[("A", 5, "standard")]);
    assert_eq!(make(&plan)["plan"], make(&plan)["plan"]);
    // Row 1 seat 11 and row 11 seat 1 would both be 111.
    let made = make(&room(&[("1", 11, "standard"), ("11", 1, "standard")]));
    assert_eq!(made["label_rule"], "row_dash_number");
    let drawn = server.send(&get(format!("/v1/plans/{}", text(&made["plan"])))).expect(200);
    assert_eq!(labels(&drawn["rows"][1]["seats"]), ["11-1"]);
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let server = Server::start();
    let house = House::open(&server);
    let plan = r#"{"rows":[{"row":"A","seats":2}]}"#;
    let room = format!("/v1/auditoriums/{}", house.auditorium);
    for body in [
        format!(r#"{{"name":"Room","name":"Hall","plan":{plan}}}"#),
        format!(r#"{{"name":"Room","plan":{plan},"plan":{plan}}}"#),
    ] {
        for (method, path) in [("POST", "/v1/auditoriums"), ("PATCH", room.as_str())] {
            let request = Request::new(method, path).header("Content-Type", "application/json").admin();
            server.send(&request.body(body.as_str())).refusal(400, "malformed_body");
        }
    }
}

#[test]
fn a_plan_larger_than_other_bodies_is_taken() {
    let server = Server::start();
    let (plan, seats) = hall(100, 60);
    assert!(plan.to_string().len() > 256 * 1024, "the plan is to be larger than other bodies may be");
    let house = House::with_plan(&server, &plan);
    assert_eq!(labels(&house.plain_showtime().map()["seats"]), seats);
}

#[test]
fn a_faulty_plan_is_refused_with_every_fault_and_its_place() {
    let server = Server::start();
    let seat = |number: &str, x: u32| json!({"number": number, "category": "standard", "x": x, "y": 0});
    let mut plan = json!({
        "categories": [{"key": "standard", "name": "Standard"}],
        "rows": [{"row": "A", "seats": [seat("1", 0), seat("1", 1), seat("3", 2)]}],
    });
    plan["rows"][0]["seats"][2]["category"] = json!("gold");
    let asked = post("/v1/auditoriums", &json!({"name": "Saal", "plan": plan})).admin();
    let problem = server.send(&asked).refusal(422, "invalid_plan");
    let faults = problem["errors"].as_array().expect("errors");
    let pointers: Vec<&str> = faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect();
    assert_eq!(pointers.len(), faults.len(), "every fault has its pointer: {problem:#}");
    for place in ["/rows/0/seats/1", "/rows/0/seats/2"] {
        assert!(pointers.iter().any(|pointer| pointer.contains(place)), "no fault at {place}: {problem:#}");
    }
}

#[test]
fn a_showtime_has_the_shape_of_the_contract() {
    let server = Server::start();
    let house = House::open(&server);
    let wish = house.wish(&json!({"starts_at": "2099-07-01T18:30:00Z"}));
    let answer = server.send(&post("/v1/showtimes", &wish).admin());
    let made = answer.expect(201);
    assert!(
        answer.header("location").is_some_and(|at| at.ends_with(&text(&made["id"]))),
        "{}",
        answer.told()
    );
    let showtime = server.send(&get(format!("/v1/showtimes/{}", text(&made["id"])))).expect(200);
    check(
        &showtime,
        &[
            ("id", Starts("sho_")),
            ("status", Text),
            ("starts_at", Time),
            ("starts_at_local", Starts("2099-07-01T20:30:00")),
            ("on_sale_at", Time),
            ("off_sale_at", Time),
            ("prices", Object),
            ("plan", Text),
            ("counts", Object),
            ("epoch", Text),
            ("revision", Count),
            ("cinema", Object),
            ("movie", Object),
            ("auditorium", Object),
        ],
    );
    assert!(showtime["starts_at_local"].as_str().is_some_and(|local| local.ends_with("+02:00")));
    assert_eq!((&showtime["status"], &showtime["plan"]), (&json!("on_sale"), &json!(house.plan)));
    assert_eq!(time(&showtime["off_sale_at"]), time(&showtime["starts_at"]));
    assert_eq!(showtime["counts"], json!({"available": 50, "held": 0, "booked": 0, "blocked": 0}));
    assert_eq!(showtime["prices"]["standard"]["standard"], json!({"amount": 1250, "currency": "EUR"}));
    check(&showtime["prices"]["premium"], &[("adult", Money), ("child", Money)]);
    assert_eq!(
        showtime["cinema"],
        json!({"id": house.cinema, "name": "Lichtspiele", "time_zone": "Europe/Berlin"})
    );
    check(
        &showtime["movie"],
        &[("id", Starts("mov_")), ("title", Text), ("runtime_min", Count), ("rating", Text)],
    );
    check(&showtime["auditorium"], &[("id", Starts("aud_")), ("name", Text)]);
    let limits = [("hold_ttl_s", 480), ("max_hold_ttl_s", 1440), ("max_seats_per_hold", 10)];
    for (name, default) in limits {
        assert_eq!(showtime[name], default, "{name}");
    }
}

#[test]
fn showtimes_are_listed_by_time_and_found_by_filter() {
    let server = Server::start();
    let house = House::open(&server);
    let at = |starts_at: &str| house.showtime_with(&json!({"starts_at": starts_at})).id;
    // In Berlin this is 2099-03-02, 00:30.
    let late = at("2099-03-01T23:30:00Z");
    let early = at("2099-03-01T10:00:00Z");
    let other = House::open(&server);
    let elsewhere = other.showtime_with(&json!({"starts_at": "2099-03-01T12:00:00Z"})).id;
    let find = |query: &str| ids(&server.send(&get(format!("/v1/showtimes{query}"))).expect(200));
    assert_eq!(find(""), [&early, &elsewhere, &late].map(String::clone));
    assert_eq!(find(&format!("?cinema={}", house.cinema)), [&early, &late].map(String::clone));
    assert_eq!(find(&format!("?movie={}", other.movie)), [elsewhere.as_str()]);
    assert_eq!(find(&format!("?auditorium={}", other.auditorium)), [elsewhere.as_str()]);
    assert_eq!(find("?status=upcoming"), Vec::<String>::new());
    assert_eq!(find("?status=on_sale&limit=1"), [early.as_str()]);
    assert_eq!(find("?from=2099-03-01T12:00:00Z&to=2099-03-01T23:30:00Z"), [elsewhere]);
    let day = format!("?cinema={}&from=2099-03-02&to=2099-03-03", house.cinema);
    assert_eq!(find(&day), [late.as_str()], "a bare date is the cinema's day");
    let day = format!("?auditorium={}&from=2099-03-02&to=2099-03-03", house.auditorium);
    assert_eq!(find(&day), [late.as_str()], "also by its room");
    assert_eq!(find("?from=2099-03-02&to=2099-03-03"), [late.as_str()], "and if all cinemas share it");
    server.send(&post("/v1/cinemas", &json!({"name": "K", "time_zone": "Asia/Tokyo"})).admin()).expect(201);
    assert_eq!(find("?from=2099-03-02&to=2099-03-03"), Vec::<String>::new(), "else it is UTC's");
    let past = house.showtime_with(&json!({"starts_at": from_now(-3600), "on_sale_at": from_now(-7200)}));
    assert!(!find("").contains(&past.id), "from is now if left out");
    assert_eq!(find(&format!("?status=closed&from=2020-01-01&movie={}", house.movie)), [past.id]);
    let list = server.send(&get("/v1/showtimes")).expect(200);
    let item = &list["data"][0];
    check(item, &[("id", Starts("sho_")), ("status", Text), ("cinema", Object), ("movie", Object)]);
    for absent in ["counts", "epoch", "revision"] {
        assert!(item.get(absent).is_none(), "list items leave out {absent}");
    }
}

#[test]
fn an_unpublished_showtime_is_seen_by_keys_only() {
    let server = Server::start();
    let house = House::open(&server);
    let hidden = house.showtime_with(&json!({"published": false}));
    server.send(&get(hidden.path(""))).refusal(404, "showtime_not_found");
    server.send(&get(hidden.path("/seats"))).refusal(404, "showtime_not_found");
    assert_eq!(ids(&server.send(&get("/v1/showtimes")).expect(200)), Vec::<String>::new());
    server.send(&get(hidden.path("")).admin()).expect(200);
    server.send(&patch(hidden.path(""), &json!({"published": true})).admin()).expect(200);
    server.send(&get(hidden.path(""))).expect(200);
}

#[test]
fn a_change_of_a_showtime_is_a_transition_and_holds_keep_their_prices() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    let second = server.send(&post("/v1/movies", &json!({"title": "Faust"})).admin()).expect(201);
    server.send(&patch(showtime.path(""), &json!({"movie": second["id"]})).admin()).expect(200);
    let hold = showtime.hold(&["A1"]);
    let before = showtime.read();
    let change = json!({
        "prices": {"standard": 1400, "premium": {"adult": 1600, "child": 1000}},
        "max_seats_per_hold": 3,
        "starts_at": from_now(3600),
    });
    server.send(&patch(showtime.path(""), &change).admin()).expect(200);
    let after = showtime.read();
    assert_eq!(after["revision"].as_u64(), before["revision"].as_u64().map(|revision| revision + 1));
    assert_eq!(after["prices"]["standard"]["standard"]["amount"], 1400);
    assert_eq!(after["movie"]["title"], "Faust");
    assert_eq!(hold.read()["total"]["amount"], 1250);
    assert_eq!(showtime.hold(&["A2"]).body["total"]["amount"], 1400);
    assert_eq!(showtime.kinds(), ["showtime_changed", "held", "showtime_changed", "held"]);
    for change in [json!({"movie": house.movie}), json!({"currency": "USD"})] {
        server.send(&patch(showtime.path(""), &change).admin()).refusal(409, "showtime_in_use");
    }
}

#[test]
fn calling_a_showtime_off_lets_everything_go() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    let (kept, sold) = (showtime.hold(&["A1", "A2"]), showtime.hold(&["B1"]).book());
    showtime.staff("/cancel", &json!({})).expect(200);
    assert_eq!(showtime.read()["status"], "cancelled");
    showtime.refuses(&json!({"seats": ["C1"]}), 409, "showtime_cancelled");
    server::until("the showtime is wound up", std::time::Duration::from_secs(10), || {
        showtime.taken().is_empty().then_some(())
    });
    assert_eq!(kept.read()["status"], "released");
    assert_eq!(sold.read()["status"], "cancelled");
    showtime.staff("/cancel", &json!({})).expect(200);
    server::replay(&showtime);
    server.audit();
}

#[test]
fn seats_are_blocked_by_the_plan_and_by_staff() {
    let server = Server::start();
    let mut plan = room(&[("A", 4, "standard")]);
    plan["rows"][0]["seats"][3]["blocked"] = Value::from(true);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    assert_eq!((showtime.taken(), showtime.read()["revision"].as_u64()), ("A4 blocked".to_owned(), Some(1)));
    let first = &showtime.events()[0];
    assert_eq!((&first["kind"], &first["reason"]), (&json!("blocked"), &json!("plan")));
    let answer = showtime.staff("/block", &json!({"seats": ["A1"], "reason": "broken"})).expect(200);
    check(&answer, &[("revision", Count), ("seats", List)]);
    assert_eq!(answer["revision"], 2);
    showtime.refuses_seats(&["A1", "A2", "A4"], &[("A1", "blocked"), ("A4", "blocked")]);
    showtime.hold(&["A2"]);
    showtime.staff("/block", &json!({"seats": ["A2", "A3"]})).refusal(409, "seat_unavailable");
    showtime.staff("/unblock", &json!({"seats": ["A4"]})).expect(200);
    showtime.hold(&["A4"]);
    assert_eq!(showtime.taken(), "A1 blocked, A2 held, A4 held");
    server::replay(&showtime);
}
