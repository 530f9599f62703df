//! Bookings: the whole way of a purchase, and what comes after it.

#[path = "server/support.rs"]
mod server;

use std::time::Duration;

use serde_json::{Value, json};
use server::Kind::{List, Money, Object, Starts, Text, Time};
use server::{House, Server, check, get, patch, post, replay, text, until};

#[test]
fn the_whole_way_of_a_purchase() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let mut hold = showtime.hold(&["C4", "C5"]);
    hold.change(&json!({"remove": ["C5"], "add": ["C3"]}));
    hold.change(&json!({"extend": true}));
    assert_eq!(hold.seats(), ["C4", "C3"]);
    assert_eq!(showtime.taken(), "C3 held, C4 held");
    let mut booking = hold.book();
    assert_eq!(showtime.taken(), "C3 booked, C4 booked");
    assert_eq!(hold.read()["status"], "booked");
    assert_eq!(hold.read()["booking"], booking.body["id"]);
    let again = hold.try_book();
    assert_eq!(again.expect(200), booking.body, "the same booking, token included");
    booking.cancel(&json!({"seats": ["C4"]}));
    assert_eq!(
        (booking.seats().as_str(), &booking.body["status"]),
        ("C4 cancelled, C3 confirmed", &json!("partly_cancelled"))
    );
    assert_eq!(showtime.taken(), "C3 booked");
    booking.cancel(&json!({}));
    assert_eq!(
        (booking.seats().as_str(), &booking.body["status"]),
        ("C4 cancelled, C3 cancelled", &json!("cancelled"))
    );
    assert_eq!(showtime.taken(), "");
    let settled = booking.body.clone();
    booking.cancel(&json!({}));
    assert_eq!(booking.body, settled, "cancelling what is cancelled leaves it as it is");
    assert_eq!(showtime.read()["counts"], json!({"available": 50, "held": 0, "booked": 0, "blocked": 0}));
    let kinds = showtime.kinds();
    assert_eq!(
        [&kinds[..2], &kinds[kinds.len() - 3..]].concat(),
        ["held", "hold_changed", "booked", "cancelled", "cancelled"]
    );
    replay(&showtime);
    server.audit();
}

#[test]
fn a_booking_has_the_shape_of_the_contract() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let hold = showtime.hold_with(&json!({"seats": ["A1", "E1"], "metadata": {"cart": "77", "shop": "a"}}));
    let more = json!({"contact": {"name": "Ana", "email": "ana@example.org"}, "metadata": {"shop": "b"}});
    let answer = server.send(&hold.ask_booking(&more));
    let booking = answer.expect(201);
    check(
        &booking,
        &[
            ("id", Starts("bkg_")),
            ("reference", Text),
            ("token", Text),
            ("seats", List),
            ("total", Money),
            ("cancelled_total", Money),
            ("contact", Object),
            ("metadata", Object),
            ("created_at", Time),
        ],
    );
    assert!(
        answer.header("location").is_some_and(|at| at.ends_with(&text(&booking["id"]))),
        "{}",
        answer.told()
    );
    assert_eq!((&booking["hold"], &booking["showtime"]), (&json!(hold.id()), &json!(showtime.id)));
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["total"], json!({"amount": 2750, "currency": "EUR"}));
    assert_eq!(booking["cancelled_total"], json!({"amount": 0, "currency": "EUR"}));
    assert_eq!(booking["contact"], json!({"name": "Ana", "email": "ana@example.org"}));
    assert_eq!(booking["metadata"], json!({"cart": "77", "shop": "b"}));
    let seat = &booking["seats"][1];
    assert_eq!(
        (&seat["seat"], &seat["status"], &seat["ticket"]),
        (&json!("E1"), &json!("confirmed"), &json!("adult"))
    );
    assert_eq!(seat["price"], json!({"amount": 1500, "currency": "EUR"}));
    let reference = text(&booking["reference"]);
    let (left, right) = reference.split_once('-').expect("XXXXX-XXXXX");
    let crockford =
        |half: &str| half.len() == 5 && half.chars().all(|c| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(c));
    assert!(crockford(left) && crockford(right), "{reference}");
    let path = format!("/v1/bookings/{}", text(&booking["id"]));
    assert_eq!(server.send(&get(&path).bearer(&text(&booking["token"]))).expect(200), booking);
    assert_eq!(server.send(&get(&path).admin()).expect(200)["id"], booking["id"]);
    server.send(&get(&path)).refusal(401, "credentials_missing");
    server.send(&get(&path).bearer("not-a-token-of-anyone")).refusal(403, "credentials_wrong");
    let log = showtime.events().iter().map(Value::to_string).collect::<String>();
    assert!(!log.contains("ana@example.org") && !log.contains("Ana"), "personal data is in the event log");
}

#[test]
fn cancelled_money_adds_up_and_the_total_stays_as_sold() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let mut booking = showtime.hold(&["A1", "A2", "E1"]).book();
    booking.cancel(&json!({"seats": ["E1"]}));
    assert_eq!(
        (&booking.body["total"]["amount"], &booking.body["cancelled_total"]["amount"]),
        (&json!(4000), &json!(1500))
    );
    booking.cancel(&json!({"seats": ["E1", "A2"]}));
    assert_eq!(
        (&booking.body["total"]["amount"], &booking.body["cancelled_total"]["amount"]),
        (&json!(4000), &json!(2750))
    );
    assert_eq!(booking.read(), booking.body);
    let foreign = booking.try_cancel(&json!({"seats": ["B1"]})).refusal(422, "seat_not_in_hold");
    assert_eq!(foreign["seats"], json!(["B1"]));
    booking.try_cancel(&json!({"seats": []})).refusal(422, "no_seats");
    showtime.hold(&["A2", "E1"]).book();
    assert_eq!(showtime.taken(), "A1 booked, A2 booked, E1 booked");
    booking.cancel(&json!({}));
    assert_eq!(showtime.taken(), "A2 booked, E1 booked", "what others bought since stays theirs");
    server.audit();
}

#[test]
fn after_the_show_has_begun_only_a_key_cancels() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime_with(&json!({"starts_at": server::from_now(2)}));
    let booking = showtime.hold(&["A1", "A2"]).book();
    until("the show has begun", Duration::from_secs(10), || {
        (showtime.read()["status"] == "closed").then_some(())
    });
    booking.try_cancel(&json!({})).refusal(409, "too_late");
    assert_eq!(showtime.taken(), "A1 booked, A2 booked");
    let by_key = post(format!("{}/cancel", booking.path()), &json!({})).admin();
    assert_eq!(server.send(&by_key).expect(200)["status"], "cancelled");
}

#[test]
fn a_token_cannot_confirm_where_the_shop_takes_the_money() {
    let server = Server::start_with(&["--bookings-confirm-by", "key"]);
    let showtime = House::open(&server).showtime();
    let hold = showtime.hold(&["A1"]);
    hold.try_book().refusal(403, "confirm_not_allowed");
    assert_eq!(showtime.taken(), "A1 held");
    let by_key = post("/v1/bookings", &json!({"hold": hold.id()})).admin();
    let booking = server.send(&by_key).expect(201);
    let path = format!("/v1/bookings/{}/cancel", text(&booking["id"]));
    server
        .send(&post(&path, &json!({})).bearer(&text(&booking["token"])))
        .refusal(403, "confirm_not_allowed");
    server.send(&post(&path, &json!({})).admin()).expect(200);
}

#[test]
fn a_double_click_books_once() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    for row in ["A", "B", "C", "D", "E"] {
        let hold = showtime.hold(&[&format!("{row}1"), &format!("{row}2")]);
        let clicks =
            [hold.ask_booking(&json!({})), hold.ask_booking(&json!({})), hold.ask_booking(&json!({}))];
        let answers = std::thread::scope(|scope| {
            let clicks = clicks.each_ref().map(|click| scope.spawn(|| server.send(click)));
            clicks.map(|click| click.join().expect("an answer"))
        });
        let mut statuses = answers.each_ref().map(|answer| answer.status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 201], "one books, the others find it booked");
        assert!(answers.iter().all(|answer| answer.json() == answers[0].json()), "all see the same booking");
    }
    assert_eq!(showtime.kinds().iter().filter(|kind| *kind == "booked").count(), 5);
}

#[test]
fn booking_survives_a_change_of_prices_and_a_restart() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    let hold = showtime.hold(&["A1", "E1"]);
    let change = json!({"prices": {"standard": 1, "premium": {"adult": 1, "child": 1}}});
    server.send(&patch(showtime.path(""), &change).admin()).expect(200);
    let booking = hold.book();
    assert_eq!(booking.body["total"]["amount"], 2750);
    server.ask_to_end();
    assert!(server.ended().success());
    server.start_again();
    assert_eq!(booking.read(), booking.body);
    assert_eq!(hold.read()["status"], "booked");
    assert_eq!(showtime.taken(), "A1 booked, E1 booked");
}
