//! What every answer has beside its body: for caches, for pages of other origins, for proxies and for traces.

#[path = "server/support.rs"]
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use server::{Answer, Client, House, Request, Server, delete, get, patch, post, text, until};

const SHOP: &str = "https://tickets.example";

#[test]
fn every_answer_tells_caches_what_they_may_keep() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    let hold = showtime.hold(&["A1"]);
    let read = |kind: &str, id: &str| get(format!("/v1/{kind}/{id}"));
    let token = hold.token();
    let booked = showtime.hold(&["A2"]).try_book().expect(201);
    let booking = format!("/v1/bookings/{}", text(&booked["id"]));
    let map = server.send(&get(showtime.path("/seats")));
    let etag = map.header("etag").expect("an ETag").to_owned();
    let (short, forever) = ("public, max-age=5", "public, max-age=31536000, immutable");
    let table = [
        (get("/v1/cinemas"), 200, short),
        (get("/v1/movies"), 200, short),
        (get("/v1/auditoriums"), 200, short),
        (read("cinemas", &house.cinema), 200, short),
        (read("movies", &house.movie), 200, short),
        (read("auditoriums", &house.auditorium), 200, short),
        (get("/v1/showtimes"), 200, short),
        (get("/v1/showtimes").admin(), 200, "private, max-age=5"),
        (get("/v1/movies").admin(), 200, "private, max-age=5"),
        (read("plans", &house.plan), 200, forever),
        (read("plans", &house.plan).admin(), 200, forever),
        (get(showtime.path("/seats")), 200, "no-cache"),
        (get(showtime.path("/seats?since=0")), 200, "no-cache"),
        (get(showtime.path("/seats")).header("If-None-Match", etag), 304, "no-cache"),
        (showtime.ask(&["A3"]), 201, "no-store"),
        (post(showtime.path("/holds"), &json!({"seats": ["A1"]})), 409, "no-store"),
        (get(hold.path()).bearer(&token), 200, "no-store"),
        (get(hold.path()), 401, "no-store"),
        (patch(hold.path(), &json!({"extend": true})).bearer(&token), 200, "no-store"),
        (delete(hold.path()).bearer(&token), 204, "no-store"),
        (get(booking).admin(), 200, "no-store"),
        (get(showtime.path("/events")).admin(), 200, "no-store"),
        (post("/v1/movies", &json!({"title": "M"})).admin(), 201, "no-store"),
        (get("/v1/nothing"), 404, "no-store"),
        (get("/v1/movies/mov_0000000000007"), 404, "no-store"),
        (get("/v1/showtimes?nothing=1"), 400, "no-store"),
        (delete("/livez"), 405, "no-store"),
        (get("/livez"), 200, "no-store"),
        (get("/readyz"), 200, "no-store"),
        (get("/metrics"), 200, "no-store"),
        (get("/"), 200, "no-cache"),
        (get("/showtimes/anything"), 200, "no-cache"),
        (get("/problems/overloaded"), 200, "no-store"),
    ];
    for (request, status, cache) in table {
        let answer = server.send(&request);
        assert_eq!(answer.status, status, "{}", answer.told());
        assert_eq!(answer.header("cache-control"), Some(cache), "{}", answer.told());
        assert_eq!(answer.header("vary"), Some("Accept-Encoding, Origin"), "{}", answer.told());
        assert!(answer.header("x-request-id").is_some(), "{}", answer.told());
        assert!(answer.header("access-control-allow-origin").is_none(), "{}", answer.told());
    }
}

fn preflight(path: &str, origin: &str) -> Request {
    let headers = "authorization,content-type,idempotency-key";
    let request = Request::new("OPTIONS", path).header("Origin", origin);
    request.header("Access-Control-Request-Method", "POST").header("Access-Control-Request-Headers", headers)
}

fn words(answer: &Answer, header: &str) -> Vec<String> {
    let value = answer.header(header).unwrap_or_else(|| panic!("no {header}\n{}", answer.told()));
    value.split(',').map(|word| word.trim().to_ascii_lowercase()).collect()
}

#[track_caller]
fn is_readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{}", answer.told());
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{}", answer.told());
}

#[test]
fn a_page_of_a_listed_origin_may_use_the_api() {
    let server = Server::start_with(&["--cors-origins", "http://localhost:5173,https://tickets.example"]);
    let showtime = House::open(&server).showtime();
    for path in [showtime.path("/holds"), "/v1/bookings".to_owned(), "/v1/nothing".to_owned()] {
        for origin in [SHOP, "http://localhost:5173"] {
            let answer = server.send(&preflight(&path, origin));
            answer.expect_status(204);
            is_readable(&answer, origin);
            assert_eq!(answer.header("access-control-max-age"), Some("7200"));
            let methods = words(&answer, "access-control-allow-methods");
            for method in ["get", "post", "patch", "delete"] {
                assert!(methods.contains(&method.to_owned()), "{methods:?}");
            }
            let headers = words(&answer, "access-control-allow-headers");
            for header in
                ["authorization", "content-type", "idempotency-key", "if-none-match", "x-request-id"]
            {
                assert!(headers.contains(&header.to_owned()), "{headers:?}");
            }
        }
    }
    let shop = |request: Request| server.send(&request.header("Origin", SHOP));
    let plain = |seat: &str| post(showtime.path("/holds"), &json!({"seats": [seat]}));
    for (answer, status) in [
        (shop(plain("A1")), 201),
        (shop(plain("A1")), 409),
        (shop(showtime.ask(&["A1"])), 409),
        (shop(get(showtime.path("/seats"))), 200),
        (shop(get("/v1/nothing")), 404),
        (shop(get("/v1/movies").bearer("no-such-key")), 403),
        (shop(post("/v1/bookings", &json!({}))), 401),
        (shop(delete("/v1/movies")), 405),
    ] {
        assert_eq!(answer.status, status, "{}", answer.told());
        is_readable(&answer, SHOP);
        let exposed = words(&answer, "access-control-expose-headers");
        for header in ["etag", "location", "retry-after", "idempotent-replayed", "x-request-id"] {
            assert!(exposed.contains(&header.to_owned()), "{exposed:?}");
        }
    }
    for stranger in
        ["https://tickets.example.evil", "http://tickets.example", "null", "https://tickets.example/"]
    {
        let asked = server.send(&preflight(&showtime.path("/holds"), stranger));
        let sent = server.send(&get("/v1/movies").header("Origin", stranger));
        sent.expect(200);
        for answer in [asked, sent] {
            assert!(answer.header("access-control-allow-origin").is_none(), "{}", answer.told());
        }
    }
    let bare = server.send(&Request::new("OPTIONS", "/v1/movies").header("Origin", SHOP));
    bare.refusal(405, "method_not_allowed");
}

#[test]
fn without_origins_no_page_of_another_may_read() {
    let server = Server::start();
    let asked = server.send(&preflight("/v1/bookings", SHOP));
    asked.expect_status(405);
    assert!(asked.header("access-control-allow-origin").is_none(), "{}", asked.told());
}

#[test]
fn links_are_what_the_client_used_as_far_as_a_known_proxy_says() {
    let through = |request: Request| {
        request.header("X-Forwarded-Proto", "https").header("X-Forwarded-For", "6.6.6.6, 203.0.113.9")
    };
    let type_of = |server: &Server| text(&server.send(&through(get("/v1/nothing"))).json()["type"]);
    let location = |server: &Server| {
        let made = server.send(&post("/v1/movies", &json!({"title": "M"})).admin());
        made.header("location").expect("a Location").to_owned()
    };
    let alone = Server::start();
    assert!(type_of(&alone).starts_with(&format!("http://{}/problems/", alone.address())));
    assert!(location(&alone).starts_with("/v1/movies/"));
    let flags =
        ["--proxies", "127.0.0.0/8", "--log-addresses", "true", "--log-format", "json", "--log-sample", "1"];
    let behind = Server::start_with(&flags);
    assert_eq!(type_of(&behind), "https://boxoffice.test/problems/route_not_found");
    let line = until("the request is in the log", Duration::from_secs(10), || {
        let lines: Vec<Value> =
            behind.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.into_iter().find(|line| line["path"] == "/v1/nothing")
    });
    assert_eq!(line["address"], "203.0.113.9", "{line}");
    let fixed =
        Server::start_with(&["--proxies", "127.0.0.0/8", "--public-url", "https://tickets.example/sale/"]);
    assert_eq!(type_of(&fixed), "https://tickets.example/sale/problems/route_not_found");
    assert!(location(&fixed).starts_with("https://tickets.example/sale/v1/movies/"));
    let page = fixed.send(&get("/"));
    assert!(page.text().contains("href=\"docs\""), "links stay below the path: {}", page.told());
    assert!(!fixed.log().contains("203.0.113.9"), "addresses are logged only where they are wanted");
}

#[test]
fn a_trace_goes_through() {
    let server = Server::start_with(&["--log-format", "json"]);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let change = post("/v1/movies", &json!({"title": "M"})).admin();
    let answer = server.send(&change.clone().header("traceparent", trace));
    assert_eq!(answer.header("traceparent"), Some(trace));
    until("the trace is in the log", Duration::from_secs(10), || {
        server.log().lines().any(|line| line.contains(trace) && line.contains("change")).then_some(())
    });
    let junk = server.send(&change.header("traceparent", "junk"));
    assert_eq!(junk.header("traceparent"), None);
}

#[test]
fn operations_may_have_an_address_of_their_own() {
    let server = Server::start_with(&["--ops-listen", "127.0.0.1:0"]);
    let showtime = House::open(&server).showtime();
    server.send(&get("/metrics")).refusal(404, "route_not_found");
    let address: SocketAddr = until("it says where", Duration::from_secs(10), || {
        let log = server.log();
        let (_, rest) = log.split_once("operations on http://")?;
        rest.lines().next()?.parse().ok()
    });
    let ask = |request: &Request| {
        Client::connect(address).and_then(|mut client| client.send(request)).expect("an answer")
    };
    let metrics = ask(&get("/metrics"));
    assert!(metrics.text().contains("boxoffice_commits_total"), "{}", metrics.told());
    ask(&get("/livez")).expect(200);
    ask(&get("/readyz")).expect(200);
    ask(&get("/v1/movies")).refusal(404, "route_not_found");
    ask(&post(showtime.path("/holds"), &json!({"seats": ["A1"]}))).refusal(404, "route_not_found");
    assert_eq!(showtime.taken(), "");
    server.ask_to_end();
    assert_eq!(server.ended().code(), Some(0));
}
