//! Refusals of HTTP's own: every one a problem document that names every fault and nothing internal.

#[path = "server/support.rs"]
mod server;

use serde_json::{Value, json};
use server::{Answer, House, Request, Server, delete, get, patch, post, text};

/// The pointers or parameters of all faults, sorted.
fn places(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("no errors in {problem:#}"));
    let place = |error: &Value| {
        assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{error}");
        text(error.get("pointer").unwrap_or(&error["parameter"]))
    };
    let mut places: Vec<String> = errors.iter().map(place).collect();
    places.sort();
    places
}

fn raw(path: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", path).header("Content-Type", "application/json").body(body)
}

/// What must never be in an answer: the names of our innards.
fn leaks_nothing(answer: &Answer) {
    let told = answer.text().to_ascii_lowercase();
    for innard in
        ["sqlite", "rusqlite", "serde", "panicked", ".rs:", "src/", "/tmp", "tokio", "hyper", "axum"]
    {
        assert!(!told.contains(innard), "{innard} leaks\n{}", answer.told());
    }
}

#[test]
fn unknown_fields_and_parameters_are_all_named() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let hold = showtime.hold(&["A9"]);
    let booking = showtime.hold(&["B9"]).book();
    let bodies = [
        (
            post("/v1/cinemas", &json!({"name": "K", "time_zone": "UTC", "zip": 1, "town": 2})).admin(),
            vec!["/town", "/zip"],
        ),
        (post("/v1/movies", &json!({"title": "M", "runtime": 90})).admin(), vec!["/runtime"]),
        (
            post(showtime.path("/holds"), &json!({"seats": ["A1"], "seat": "A1", "ttl": 3})),
            vec!["/seat", "/ttl"],
        ),
        (
            post(showtime.path("/holds"), &json!({"seats": [{"seat": "A1", "kind": "x"}]})),
            vec!["/seats/0/kind"],
        ),
        (hold.ask(&json!({"extends": true})), vec!["/extends"]),
        (hold.ask_booking(&json!({"contact": {"mail": "x"}, "note": ""})), vec!["/contact/mail", "/note"]),
        (booking.ask_cancel(&json!({"seat": []})), vec!["/seat"]),
        (patch(showtime.path(""), &json!({"price": {}})).admin(), vec!["/price"]),
    ];
    for (request, expected) in bodies {
        assert_eq!(places(&server.send(&request).refusal(400, "unknown_field")), expected, "{request}");
    }
    let everywhere = ["/v1/cinemas", "/v1/movies", "/v1/showtimes", "/livez", "/readyz", "/metrics"];
    let pages = ["/docs", "/openapi.json", "/problems/no_seats"];
    let own = [showtime.path("/seats"), showtime.path("")];
    for path in everywhere.into_iter().chain(pages).map(str::to_owned).chain(own) {
        for query in ["?a=1&b=2", "?a&b"] {
            let refused = server.send(&get(format!("{path}{query}"))).refusal(400, "unknown_parameter");
            assert_eq!(places(&refused), ["a", "b"], "{path}");
        }
    }
    assert_eq!(showtime.taken(), "A9 held, B9 booked");
}

#[test]
fn invalid_fields_are_all_named() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    let many: serde_json::Map<String, Value> = (0..21).map(|no| (format!("k{no}"), json!("v"))).collect();
    let bad_showtime = house.wish(&json!({"starts_at": "tomorrow", "currency": "euro", "hold_ttl_s": -1}));
    let holds = showtime.path("/holds");
    let bodies = [
        (
            post("/v1/cinemas", &json!({"name": "", "time_zone": "Mars/Phobos"})).admin(),
            vec!["/name", "/time_zone"],
        ),
        (post("/v1/cinemas", &json!({})).admin(), vec!["/name", "/time_zone"]),
        (
            post("/v1/movies", &json!({"title": 5, "runtime_min": "long"})).admin(),
            vec!["/runtime_min", "/title"],
        ),
        (
            post("/v1/showtimes", &house.wish(&json!({"starts_at": "1969-12-31T23:59:59Z"}))).admin(),
            vec!["/starts_at"],
        ),
        (
            patch(showtime.path(""), &json!({"on_sale_at": "+010000-01-01T00:00:00Z"})).admin(),
            vec!["/on_sale_at"],
        ),
        (
            patch(showtime.path(""), &json!({"movie": null, "prices": null})).admin(),
            vec!["/movie", "/prices"],
        ),
        (
            patch(showtime.path(""), &json!({"prices": {"standard": {"adult": -1, "child": "x"}}})).admin(),
            vec!["/prices/standard/adult", "/prices/standard/child"],
        ),
        (post("/v1/showtimes", &bad_showtime).admin(), vec!["/currency", "/hold_ttl_s", "/starts_at"]),
        (post(&holds, &json!({"seats": "A1", "ttl_s": "short"})), vec!["/seats", "/ttl_s"]),
        (post(&holds, &json!({"seats": ["A1", 7, {"ticket": "child"}]})), vec!["/seats/1", "/seats/2/seat"]),
        (post(&holds, &json!({"seats": ["A1"], "metadata": {"a": 1}})), vec!["/metadata/a"]),
        (post(&holds, &json!({"seats": ["A1"], "metadata": many})), vec!["/metadata"]),
        (post(&holds, &json!({"seats": ["A1"], "ttl_s": 0})), vec!["/ttl_s"]),
        (post(&holds, &json!({})), vec!["/seats"]),
        (post("/v1/bookings", &json!({"contact": {"email": 5}})).admin(), vec!["/contact/email", "/hold"]),
    ];
    for (request, expected) in bodies {
        let answer = server.send(&request);
        assert_eq!(places(&answer.refusal(400, "invalid_field")), expected, "{}", answer.told());
        leaks_nothing(&answer);
    }
    let query = "/v1/showtimes?limit=0&movie=x&from=2026-11-22T20:00:00&to=tomorrow&colour=red";
    let expected = ["colour", "from", "limit", "movie", "to"];
    assert_eq!(places(&server.send(&get(query)).refusal(400, "invalid_field")), expected);
    for query in ["external_id=%00", "from=2026-11-22x", "to=2026-11-22T20:00"] {
        let (name, _) = query.split_once('=').expect("a parameter");
        let refused = server.send(&get(format!("/v1/showtimes?{query}"))).refusal(400, "invalid_field");
        assert_eq!(places(&refused), [name], "{query}");
    }
    let twice = server.send(&get("/v1/movies?limit=1&limit=2")).refusal(400, "invalid_field");
    assert_eq!(places(&twice), ["limit"]);
    let by_email = server.send(&get("/v1/bookings?email=a%00@b").admin());
    assert_eq!(places(&by_email.refusal(400, "invalid_field")), ["email"]);
    assert_eq!(places(&server.send(&get("/v1/movies?limit=0")).refusal(400, "invalid_field")), ["limit"]);
    assert_eq!(places(&server.send(&get("/v1/movies?limit=many")).refusal(400, "invalid_field")), ["limit"]);
    assert_eq!(places(&server.send(&get("/v1/movies?after=%00")).refusal(400, "invalid_cursor")), ["after"]);
}

#[test]
fn bodies_that_are_no_json_are_refused_as_problems() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let path = showtime.path("/holds");
    let bad_utf8 = [&br#"{"seats":[""#[..], b"\xff\xfe", br#""]}"#].concat();
    let bodies: [&[u8]; 7] =
        [b"", b"{", b"{\"seats\":[\"A1\"]} x", b"[]", b"null", b"{\"seats\":[\"A1\"],}", &bad_utf8];
    for body in bodies {
        let answer = server.send(&raw(&path, body));
        answer.refusal(400, if matches!(body, b"[]" | b"null") { "invalid_field" } else { "malformed_body" });
        leaks_nothing(&answer);
    }
    let deep = "[".repeat(100_000);
    server.send(&raw(&path, deep)).refusal(400, "malformed_body");
    let twice = r#"{"seats":["A1"],"seats":["A2"]}"#;
    let answer = server.send(&raw(&path, twice));
    assert_eq!(answer.status, 400, "a member given twice is ambiguous\n{}", answer.told());
    let large = json!({"seats": ["A1"], "metadata": {"a": "x".repeat(300 * 1024)}});
    let answer = server.send(&post(&path, &large));
    assert_eq!(answer.refusal(413, "body_too_large")["limit"], 256 * 1024);
    let text =
        Request::new("POST", path.as_str()).header("Content-Type", "text/plain").body("{\"seats\":[\"A1\"]}");
    server.send(&text).refusal(415, "unsupported_media_type");
    let charset =
        Request::new("POST", path.as_str()).header("Content-Type", "application/json; charset=utf-8");
    server.send(&charset.body("{\"seats\":[\"A1\"]}")).expect(201);
    assert_eq!(showtime.taken(), "A1 held");
}

#[test]
fn two_idempotency_keys_are_one_too_many() {
    let server = Server::start();
    let (one, other) = (server::fresh_key(), server::fresh_key());
    let asked =
        post("/v1/movies", &json!({"title": "M"})).admin().key(&one).header("Idempotency-Key", &other);
    let problem = server.send(&asked).refusal(400, "invalid_header");
    assert_eq!(places(&problem), ["Idempotency-Key"]);
    let showtime = House::open(&server).showtime();
    let asked =
        post(showtime.path("/holds"), &json!({"seats": ["A1"]})).key(&one).header("Idempotency-Key", &other);
    server.send(&asked).refusal(400, "invalid_header");
}

#[test]
fn what_is_not_there_is_named_by_its_kind() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let (hold, booking) = (showtime.hold(&["A1"]), showtime.hold(&["A2"]).book());
    let stranger = |id: &str| id[..14].to_owned() + "0000000000007";
    let requests = [
        (get("/v1/nothing"), "route_not_found"),
        (get("/v2/cinemas"), "route_not_found"),
        (get("/v1/cinemas/cin_0000000000007"), "cinema_not_found"),
        (get("/v1/cinemas/seven"), "cinema_not_found"),
        (get("/v1/movies/mov_0000000000007"), "movie_not_found"),
        (get("/v1/auditoriums/aud_0000000000007"), "auditorium_not_found"),
        (get(format!("/v1/plans/{}", "0".repeat(64))), "plan_not_found"),
        (get("/v1/showtimes/sho_0000000007"), "showtime_not_found"),
        (get("/v1/showtimes/sho_0000000007/seats"), "showtime_not_found"),
        (post("/v1/showtimes/sho_0000000007/holds", &json!({"seats": ["A1"]})), "showtime_not_found"),
        (get("/v1/showtimes/sho_0000000007/events").admin(), "showtime_not_found"),
        (get(format!("/v1/holds/{}", stranger(&hold.id()))).admin(), "hold_not_found"),
        (get("/v1/holds/seven").bearer(&hold.token()), "hold_not_found"),
        (get(format!("/v1/bookings/{}", stranger(&booking.id()))).admin(), "booking_not_found"),
        (get("/v1/bookings/seven").bearer(&booking.token()), "booking_not_found"),
        (get("/v1/showtimes/%FF%FE/seats"), "showtime_not_found"),
    ];
    for (request, code) in requests {
        let answer = server.send(&request);
        answer.refusal(404, code);
        leaks_nothing(&answer);
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let cases = [
        (delete("/v1/cinemas"), "GET, POST"),
        (patch(showtime.path("/seats"), &json!({})), "GET"),
        (get(showtime.path("/holds")), "POST"),
        (post("/livez", &json!({})), "GET"),
    ];
    for (request, allowed) in cases {
        let answer = server.send(&request);
        answer.refusal(405, "method_not_allowed");
        let allow = answer.header("allow").unwrap_or_default();
        for method in allowed.split(", ") {
            assert!(allow.split(',').any(|known| known.trim() == method), "{method} is not in {allow:?}");
        }
    }
}

#[test]
fn staffs_routes_want_a_key_of_enough_scope() {
    let server = Server::idle(&["--config", "boxoffice.toml"]);
    // SHA-256 of `a-key-that-sells-seats` and of `a-key-that-only-reads`.
    let keys = [
        ("till", "sell", "51af04139eaf54248c5eca1357995475ed46b88a1ca110409577d1c0a868a4d1"),
        ("report", "read", "b457e5b806d4e44b71805e47239b8c6389c4b1ed013fcfd42d3d2dfaeddba7d5"),
    ];
    let tables = keys.map(|(name, scope, sha256)| {
        format!("[[keys]]\nname = \"{name}\"\nscope = \"{scope}\"\nsha256 = \"{sha256}\"\n")
    });
    std::fs::write(server.path("boxoffice.toml"), tables.concat()).expect("a config");
    server.start_again();
    let showtime = House::open(&server).showtime();
    let (sell, read) = ("a-key-that-sells-seats", "a-key-that-only-reads");
    let block = || post(showtime.path("/block"), &json!({"seats": ["A1"]}));
    let cinema = || post("/v1/cinemas", &json!({"name": "K", "time_zone": "UTC"}));
    let events = || get(showtime.path("/events"));
    for request in [block(), cinema(), events()] {
        let answer = server.send(&request);
        answer.refusal(401, "credentials_missing");
        assert!(answer.header("www-authenticate").is_some(), "{}", answer.told());
        server.send(&request.bearer("nobody-has-this-key-at-all")).refusal(403, "credentials_wrong");
    }
    server.send(&cinema().bearer(sell)).refusal(403, "scope_missing");
    server.send(&cinema().bearer(read)).refusal(403, "scope_missing");
    server.send(&block().bearer(read)).refusal(403, "scope_missing");
    server.send(&block().bearer(sell)).expect(200);
    server.send(&events().bearer(read)).expect(200);
    // A key that may only look learns no token: with one it could book and cancel.
    let hold = showtime.hold(&["C1"]);
    let path = format!("/v1/holds/{}", hold.id());
    server.send(&get(&path).bearer(read)).refusal(403, "scope_missing");
    assert!(server.send(&get(&path).bearer(sell)).expect(200)["token"].is_string());
    let path = format!("/v1/bookings/{}", hold.book().id());
    for (key, sees_token) in [(read, false), (sell, true)] {
        let alone = server.send(&get(&path).bearer(key)).expect(200);
        let listed = server.send(&get("/v1/bookings").bearer(key)).expect(200)["data"][0].clone();
        assert_eq!((alone["token"].is_string(), alone["id"].is_string()), (sees_token, true), "{alone}");
        assert_eq!(listed, alone);
    }
    server.send(&events().bearer(sell)).expect(200);
    assert_eq!(showtime.events()[0]["actor"], "till", "every event records its actor");
    let log = server.log();
    assert!(!log.contains(sell) && !log.contains(server::ADMIN_KEY), "a key is in the log");
}

#[test]
fn showtimes_that_contradict_themselves_or_their_room_are_refused() {
    let server = Server::start();
    let house = House::open(&server);
    let refuses = |changes: Value, status, code: &str| {
        server.send(&post("/v1/showtimes", &house.wish(&changes)).admin()).refusal(status, code)
    };
    refuses(json!({"prices": {"standard": 1250}}), 422, "missing_price");
    refuses(json!({"prices": {"standard": 1, "premium": 2, "gold": 3}}), 422, "unknown_category");
    refuses(json!({"movie": "mov_0000000000007"}), 404, "movie_not_found");
    refuses(json!({"auditorium": "aud_0000000000007"}), 404, "auditorium_not_found");
    refuses(json!({"prices": {"standard": -1, "premium": 2}}), 400, "invalid_field");
    let problem = refuses(json!({"off_sale_at": "2001-01-01T00:00:00Z"}), 400, "invalid_field");
    assert_eq!(places(&problem), ["/off_sale_at"]);
    assert_eq!(server.send(&get("/v1/showtimes")).expect(200)["data"], json!([]));
}

#[test]
fn every_problem_has_a_page_under_its_type() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let problems = [
        server.send(&get("/v1/nothing")),
        server.send(&showtime.ask(&["A1"])),
        server.send(&showtime.ask(&["Z9"])),
        server.send(&get(showtime.path("/events"))),
        server.send(&raw(&showtime.path("/holds"), "{")),
        server.send(&delete("/v1/cinemas")),
    ];
    for answer in problems {
        let problem = answer.json();
        let uri = text(&problem["type"]);
        let path = uri.strip_prefix(&format!("http://{}", server.address())).unwrap_or(&uri);
        assert!(path.starts_with('/'), "the type is not a page of this server: {uri}");
        let page = server.send(&get(path));
        page.expect_status(200);
        assert!(
            page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")),
            "{}",
            page.told()
        );
        assert!(page.text().contains(&text(&problem["code"])), "the page tells of its code");
    }
}

#[test]
fn every_answer_has_a_request_id() {
    let server = Server::start();
    let echoed = |path: &str, id: &str| {
        let answer = server.send(&get(path).header("X-Request-Id", id));
        answer.header("x-request-id").unwrap_or_default().to_owned()
    };
    for path in ["/v1/cinemas", "/v1/nothing", "/livez"] {
        assert_eq!(echoed(path, "till-7.order_42"), "till-7.order_42");
        let own = server.send(&get(path)).header("x-request-id").unwrap_or_default().to_owned();
        assert!(!own.is_empty(), "{path}");
        assert_ne!(server.send(&get(path)).header("x-request-id"), Some(own.as_str()), "each has its own");
        for insane in ["with space", &"x".repeat(1000), "<script>"] {
            let given = echoed(path, insane);
            assert!(!given.is_empty() && given != insane, "{insane:?} was echoed");
        }
    }
}
