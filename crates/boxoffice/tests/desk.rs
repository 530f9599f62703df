//! The house's own look at bookings, over HTTP: finding them, blanking buyers, and what retention takes.

#[path = "server/support.rs"]
mod server;

use std::time::Duration;

use serde_json::{Value, json};
use server::{Booking, House, Server, Showtime, delete, fresh_key, get, id, patch, post, text, until};

fn sell<'a>(showtime: &Showtime<'a>, seat: &str, contact: &Value) -> Value {
    let hold = showtime.hold(&[seat]);
    showtime.server.send(&hold.ask_booking(&json!({"contact": contact}))).expect(201)
}

fn find(server: &Server, query: &str) -> Vec<String> {
    let page = server.send(&get(format!("/v1/bookings{query}")).admin()).expect(200);
    page["data"].as_array().expect("a list").iter().map(id).collect()
}

fn ids(bookings: &[&Value]) -> Vec<String> {
    bookings.iter().map(|booking| id(booking)).collect()
}

#[test]
fn bookings_are_found_by_what_a_caller_can_tell() {
    let server = Server::start();
    let house = House::open(&server);
    let (one, other) = (house.showtime(), House::open(&server).showtime());
    let ada = sell(&one, "A1", &json!({"name": "Ada", "email": "Ada@Example.org"}));
    let bob = sell(&other, "A1", &json!({"email": "bob@example.org"}));
    let nobody = sell(&one, "A2", &json!({}));
    one.hold(&["A3"]);
    assert_eq!(find(&server, ""), ids(&[&nobody, &bob, &ada]), "the newest first, and no holds");
    assert_eq!(find(&server, "?email=ADA@example.ORG"), ids(&[&ada]));
    let reference = text(&bob["reference"]);
    for typed in [reference.clone(), reference.to_lowercase().replace('-', "")] {
        assert_eq!(find(&server, &format!("?reference={typed}")), ids(&[&bob]));
    }
    assert_eq!(find(&server, &format!("?showtime={}", one.id)), ids(&[&nobody, &ada]));
    assert_eq!(find(&server, &format!("?cinema={}", house.cinema)), ids(&[&nobody, &ada]));
    assert_eq!(find(&server, &format!("?showtime={}&email=bob@example.org", one.id)), Vec::<String>::new());
    let at = text(&bob["created_at"]);
    assert_eq!(find(&server, &format!("?from={at}")), ids(&[&nobody, &bob]));
    assert_eq!(find(&server, &format!("?to={at}")), ids(&[&ada]));
    assert_eq!(
        find(&server, &format!("?cinema={}&from=2020-01-01&to=2020-01-02", house.cinema)),
        Vec::<String>::new()
    );
    let path = format!("/v1/bookings/{}/cancel", id(&bob));
    server.send(&post(path, &json!({})).admin()).expect(200);
    assert_eq!(find(&server, "?status=cancelled"), ids(&[&bob]));
    assert_eq!(find(&server, "?status=confirmed"), ids(&[&nobody, &ada]));
    assert_eq!(find(&server, "?status=partly_cancelled"), Vec::<String>::new());
    let page = server.send(&get("/v1/bookings?email=ada@example.org").admin()).expect(200);
    assert_eq!((&page["data"][0], &page["next"]), (&ada, &Value::Null), "as it was answered to the buyer");
    // Page by page.
    let (mut path, mut seen) = ("/v1/bookings?limit=1".to_owned(), Vec::new());
    loop {
        let page = server.send(&get(&path).admin()).expect(200);
        seen.extend(page["data"].as_array().expect("a list").iter().map(id));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/bookings?limit=1&after={next}");
    }
    assert_eq!(seen, ids(&[&nobody, &bob, &ada]));
    server.audit();
}

#[test]
fn a_search_that_cannot_be_is_refused() {
    let server = Server::start();
    server.send(&get("/v1/bookings")).refusal(401, "credentials_missing");
    server.send(&get("/v1/bookings").bearer("tok_x")).refusal(403, "credentials_wrong");
    for (query, code) in [
        ("?reference=123", "invalid_field"),
        ("?status=booked", "invalid_field"),
        ("?showtime=cin_1", "invalid_field"),
        ("?from=tomorrow", "invalid_field"),
        ("?limit=201", "invalid_field"),
        ("?after=x", "invalid_cursor"),
        ("?mail=x", "unknown_parameter"),
    ] {
        server.send(&get(format!("/v1/bookings{query}")).admin()).refusal(400, code);
    }
}

#[test]
fn a_blanked_buyer_is_nowhere() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let hold = showtime.hold(&["A1", "A2"]);
    let buy = hold.ask_booking(&json!({"contact": {"name": "Ada Lovelace", "email": "ada@example.org"}}));
    let sold = server.send(&buy).expect(201);
    let other = sell(&showtime, "B1", &json!({"email": "bob@example.org"}));
    let path = format!("/v1/bookings/{}/erase", id(&sold));
    server.send(&post(&path, &json!({})).bearer(&text(&sold["token"]))).refusal(403, "credentials_wrong");
    server.send(&post(&path, &json!({"all": true})).admin()).refusal(400, "unknown_field");
    let ask = post(&path, &json!({})).admin().key(&fresh_key());
    let mut expected = sold.clone();
    expected["contact"] = Value::Null;
    assert_eq!(server.send(&ask).expect(200), expected);
    let again = server.send(&ask);
    assert!(again.is_replay());
    assert_eq!(again.expect(200), expected);
    assert_eq!(server.send(&post(&path, &json!({})).admin()).expect(200), expected, "once more is no error");
    let replayed = server.send(&buy);
    assert!(replayed.is_replay());
    assert_eq!(replayed.expect(201), expected, "an answer repeated later has no buyer");
    assert_eq!(find(&server, "?email=ada@example.org"), Vec::<String>::new());
    assert_eq!(find(&server, "?email=bob@example.org"), ids(&[&other]));
    let nothing = format!("/v1/bookings/{}/erase", id(&sold).replace("bkg_", "bkg_0"));
    server.send(&post(nothing, &json!({})).admin()).refusal(404, "booking_not_found");
    server.audit();
    let cancel = format!("/v1/bookings/{}/cancel", id(&sold));
    assert_eq!(
        server.send(&post(cancel, &json!({"seats": ["A1"]})).admin()).expect(200)["contact"],
        Value::Null
    );
    server.audit();
    server.ask_to_end();
    assert!(server.ended().success());
    let bytes = std::fs::read(server.path("boxoffice.db")).expect("the database");
    let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(!has("Lovelace") && !has("ada@example.org"), "it is gone from the file, too");
    assert!(has("bob@example.org"));
}

/// Moves a showtime so that it started so many days ago.
fn move_back(showtime: &Showtime<'_>, days: i64) {
    const DAY_S: i64 = 24 * 3600;
    let (opened, started) = (server::from_now(-(days + 1) * DAY_S), server::from_now(-days * DAY_S));
    let change = json!({"starts_at": started, "on_sale_at": opened});
    showtime.server.send(&patch(showtime.path(""), &change).admin()).expect(200);
}

fn restart(server: &Server) {
    server.ask_to_end();
    assert!(server.ended().success());
    server.start_again();
}

#[test]
fn buyers_are_blanked_a_month_after_the_show() {
    let server = Server::start();
    let house = House::open(&server);
    let (old, recent) = (house.showtime(), house.showtime());
    let buyer = json!({"name": "Ada", "email": "ada@example.org"});
    let sold = [sell(&old, "A1", &buyer), sell(&recent, "A1", &buyer)];
    move_back(&old, 31);
    move_back(&recent, 29);
    restart(&server);
    let contact = |booking: &Value| {
        let path = format!("/v1/bookings/{}", id(booking));
        server.send(&get(path).admin()).expect(200)["contact"].clone()
    };
    until("the buyer is blanked", Duration::from_secs(10), || contact(&sold[0]).is_null().then_some(()));
    assert_eq!(contact(&sold[1]), buyer);
    server.audit();
}

#[test]
fn old_showtimes_leave_whole_and_the_rest_stays_sound() {
    let server = Server::start_with(&["--retention-showtime-days", "90"]);
    let house = House::open(&server);
    let (stays, goes) = (house.showtime(), house.showtime());
    let mut kept = Vec::new();
    for row in ["A", "B", "C", "D", "E"] {
        for no in 1..=10 {
            goes.hold(&[&format!("{row}{no}")]).release();
        }
        kept.push(stays.hold(&[&format!("{row}1")]).book());
    }
    // The newest events of all are of the one that goes.
    let gone = goes.hold(&["A1"]).book();
    move_back(&goes, 91);
    restart(&server);
    until("the showtime is gone", Duration::from_secs(10), || {
        (server.send(&get(goes.path("")).admin()).status == 404).then_some(())
    });
    server.audit();
    server.send(&get(gone.path()).admin()).refusal(404, "booking_not_found");
    assert_eq!(find(&server, "").len(), 5);
    kept.push(stays.hold(&["A2"]).book());
    until("nothing is left of it", Duration::from_secs(10), || {
        server.log().contains("nothing is left of the showtime").then_some(())
    });
    kept.push(stays.hold(&["A3"]).book());
    server.audit();
    let next = house.showtime();
    next.hold(&["A1"]);
    server.kill();
    server.start_again();
    server.audit();
    assert_eq!(stays.kinds().len(), 2 * kept.len());
    assert_eq!(next.kinds(), ["held"]);
    for booking in &kept {
        assert_eq!(Booking::read(booking), booking.body);
    }
    server.send(&delete(next.path("")).admin()).refusal(409, "showtime_in_use");
}
