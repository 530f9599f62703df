//! The log has one line for each change and each fault, and none that says more than it should.

#[path = "server/support.rs"]
mod server;

use std::time::Duration;

use serde_json::{Value, json};
use server::{Answer, House, Server, get, post, until};

const PATIENCE: Duration = Duration::from_secs(10);

/// The lines of the log about this answer, which may still be on their way.
fn lines(server: &Server, answer: &Answer) -> Vec<Value> {
    let id = answer.header("x-request-id").expect("an id").to_owned();
    // The log is in the order of the answers: once a later change is in it, all about this one is.
    let later = server.send(&post("/v1/movies", &json!({"title": "Later"})).admin());
    let later = later.header("x-request-id").expect("an id").to_owned();
    until("the log has come so far", PATIENCE, || server.log().contains(&later).then_some(()));
    let log = server.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["request_id"] == id.as_str()).collect()
}

#[test]
fn each_change_has_one_line_with_who_and_where() {
    let server = Server::start_with(&["--log-format", "json", "--log-sample", "0"]);
    let house = House::open(&server);
    let showtime = house.showtime();
    let admin = |path: &str, body: &Value| server.send(&post(path, body).admin());
    let stranger = server.send(&showtime.ask(&["A1"]));
    let keyed = showtime.ask(&["A2"]).key("a-key-that-nobody-may-read");
    let (first, again) = (server.send(&keyed), server.send(&keyed));
    // Shorter than an extension: one that comes in the same millisecond changes something, too.
    let hold = showtime.hold_with(&json!({"seats": ["A3"], "ttl_s": 60}));
    let extended = hold.try_change(&json!({"extend": true}));
    let booked = hold.try_book();
    let released = server.send(&showtime.hold(&["A4"]).ask_release());
    let blocked = admin(&format!("/v1/showtimes/{}/block", showtime.id), &json!({"seats": ["B1"]}));
    let unchanged = admin(&format!("/v1/showtimes/{}/block", showtime.id), &json!({"seats": ["B1"]}));
    let made = admin("/v1/showtimes", &house.wish(&json!({})));
    let movie = admin("/v1/movies", &json!({"title": "Nosferatu"}));
    let refused = server.send(&showtime.ask(&["A1"]));
    for (answer, actor, place) in [
        (&stranger, "patron", json!(showtime.id)),
        (&first, "patron", json!(showtime.id)),
        (&extended, "patron", json!(showtime.id)),
        (&booked, "patron", json!(showtime.id)),
        (&released, "patron", json!(showtime.id)),
        (&blocked, "admin", json!(showtime.id)),
        (&made, "admin", made.json()["id"].clone()),
        (&movie, "admin", Value::Null),
    ] {
        assert!(answer.status < 300, "{}", answer.told());
        let lines = lines(&server, answer);
        let [line] = lines.as_slice() else { panic!("one line for {}: {lines:?}", answer.told()) };
        assert_eq!((&line["message"], &line["actor"]), (&json!("change"), &json!(actor)), "{line}");
        assert_eq!((&line["showtime"], &line["status"]), (&place, &json!(answer.status)), "{line}");
        let wanted = if place.is_null() { "/v1/movies" } else { "/v1/" };
        assert!(line["route"].as_str().is_some_and(|route| route.starts_with(wanted)), "{line}");
        assert!(line["path"].is_string() && line["method"].is_string() && line["ms"].is_f64(), "{line}");
    }
    for answer in [&again, &unchanged, &refused] {
        assert_eq!(lines(&server, answer), Vec::<Value>::new(), "{}", answer.told());
    }
    let log = server.log();
    for secret in ["tok_", "a key that nobody", server::ADMIN_KEY] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_probe_that_is_told_of_the_end_is_no_failure() {
    let server = Server::start_with(&["--drain-delay-s", "2"]);
    let mut client = server.connect();
    server.ask_to_end();
    until("it drains", PATIENCE, || server.log().contains("draining").then_some(()));
    let ready = client.send(&get("/readyz")).expect("an answer");
    assert_eq!(ready.refusal(503, "draining")["status"], 503);
    assert_eq!(server.ended().code(), Some(0));
    until("the log is whole", PATIENCE, || server.log().contains("stopped").then_some(()));
    assert!(!server.log().contains("request failed"), "{}", server.log());
}
