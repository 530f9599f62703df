//! Holds: taking seats for a while, changing one's mind, and running out of time.

#[path = "server/support.rs"]
mod server;

use std::time::Duration;

use serde_json::{Value, json};
use server::Kind::{Count, List, Money, Nothing, Object, Starts, Text, Time};
use server::{House, Server, check, get, labels, replay, time, until};

#[test]
fn a_hold_has_the_shape_of_the_contract() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let wish = json!({
        "seats": ["A1", {"seat": "E1", "ticket": "child"}, "E2"],
        "metadata": {"cart": "77"},
    });
    let answer = server.send(&showtime.ask_with(&wish));
    let hold = answer.expect(201);
    check(
        &hold,
        &[
            ("id", Starts("hld_")),
            ("token", Text),
            ("epoch", Text),
            ("seats", List),
            ("total", Money),
            ("created_at", Time),
            ("expires_at", Time),
            ("expires_in_ms", Count),
            ("extendable_until", Time),
            ("metadata", Object),
        ],
    );
    assert!(answer.header("location").is_some_and(|at| at.ends_with(hold["id"].as_str().unwrap())));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!((&hold["status"], &hold["showtime"]), (&json!("active"), &json!(showtime.id)));
    assert_eq!(hold["metadata"], json!({"cart": "77"}));
    let euro = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    let seat = |seat: &str, category: &str, ticket: &str, amount| json!({"seat": seat, "version": 1, "category": category, "ticket": ticket, "price": euro(amount)});
    let expected = [
        seat("A1", "standard", "standard", 1250),
        seat("E1", "premium", "child", 900),
        seat("E2", "premium", "adult", 1500),
    ];
    assert_eq!(hold["seats"], json!(expected));
    assert_eq!(hold["total"], euro(3650));
    let created = time(&hold["created_at"]);
    assert_eq!(time(&hold["expires_at"]).duration_since(created).as_secs(), 480);
    assert_eq!(time(&hold["extendable_until"]).duration_since(created).as_secs(), 1440);
    let left = hold["expires_in_ms"].as_u64().expect("a count");
    assert!((470_000..=480_000).contains(&left), "{left}");
    assert_eq!(showtime.taken(), "A1 held, E1 held, E2 held");
}

#[test]
fn a_swap_gains_the_new_seat_or_keeps_the_old_one() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let mut ana = showtime.hold(&["A1", "A2"]);
    let _bob = showtime.hold(&["B1"]);
    let refused = ana.try_change(&json!({"remove": ["A1"], "add": ["B1"]})).refusal(409, "seat_unavailable");
    assert_eq!(refused["conflicts"], json!([{"seat": "B1", "reason": "held"}]));
    assert_eq!(showtime.taken(), "A1 held, A2 held, B1 held");
    let deadline = ana.body["expires_at"].clone();
    ana.change(&json!({"remove": ["A1"], "add": [{"seat": "E5", "ticket": "child"}]}));
    assert_eq!(ana.seats(), ["A2", "E5"]);
    assert_eq!(ana.body["total"]["amount"], 2150);
    assert_eq!(ana.body["expires_at"], deadline, "adding and removing leave the deadline");
    assert_eq!(showtime.taken(), "A2 held, B1 held, E5 held");
    assert_eq!(showtime.kinds(), ["held", "held", "hold_changed"]);
    replay(&showtime);
}

#[test]
fn a_change_that_is_refused_names_what_is_wrong() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime_with(&json!({"max_seats_per_hold": 3}));
    let hold = showtime.hold(&["A1", "A2"]);
    let refuses = |change: Value, status, code| hold.try_change(&change).refusal(status, code);
    refuses(json!({"remove": ["A1", "A2"]}), 422, "no_seats");
    assert_eq!(refuses(json!({"remove": ["A3"]}), 422, "seat_not_in_hold")["seats"], json!(["A3"]));
    assert_eq!(refuses(json!({"add": ["A1"]}), 422, "duplicate_seat")["seats"], json!(["A1"]));
    assert_eq!(refuses(json!({"add": ["A3", "A4"]}), 422, "too_many_seats")["limit"], 3);
    assert_eq!(refuses(json!({"add": ["Z9"]}), 422, "unknown_seat")["seats"], json!(["Z9"]));
    let stale = refuses(json!({"add": ["A3"], "versions": {"A3": 7}}), 409, "version_mismatch");
    assert_eq!(stale["conflicts"], json!([{"seat": "A3", "expected": 7, "actual": 0}]));
    assert_eq!(showtime.kinds(), ["held"], "a refusal changes nothing");
}

#[test]
fn extending_moves_the_deadline_up_to_the_cap() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime_with(&json!({"hold_ttl_s": 100, "max_hold_ttl_s": 101}));
    let mut hold = showtime.hold(&["A1"]);
    let version = hold.body["seats"][0]["version"].as_u64().expect("a version");
    let first = time(&hold.body["expires_at"]);
    // One second after the hold was made, the cap is reached.
    until("the cap is reached", Duration::from_secs(10), || {
        let answer = hold.try_change(&json!({"extend": true}));
        if answer.code() == "hold_limit_reached" {
            answer.refusal(409, "hold_limit_reached");
            return Some(());
        }
        hold.body = answer.expect(200);
        None
    });
    let last = time(&hold.body["expires_at"]);
    assert_eq!(last, time(&hold.body["extendable_until"]));
    assert_eq!(last.duration_since(first).as_secs(), 1);
    assert!(
        hold.body["seats"][0]["version"].as_u64() > Some(version),
        "a moved deadline is a change of its seats"
    );
    replay(&showtime);
}

#[test]
fn a_release_gives_everything_back_and_may_be_repeated() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let hold = showtime.hold(&["A1", "A2"]);
    hold.release();
    assert_eq!(showtime.taken(), "");
    hold.release();
    assert_eq!(showtime.kinds(), ["held", "released"], "releasing again changes nothing");
    assert_eq!(hold.read()["status"], "released");
    hold.try_change(&json!({"add": ["A3"]})).refusal(409, "hold_not_active");
    hold.try_book().refusal(409, "hold_not_active");
    let sold = showtime.hold(&["A1"]);
    sold.book();
    server.send(&sold.ask_release()).refusal(409, "hold_not_active");
}

#[test]
fn an_expired_hold_is_free_to_whoever_asks() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let lost = showtime.hold_with(&json!({"seats": ["A1", "A2"], "ttl_s": 1}));
    assert_eq!(time(&lost.body["expires_at"]).duration_since(time(&lost.body["created_at"])).as_secs(), 1);
    showtime.refuses_seats(&["A2", "A3"], &[("A2", "held")]);
    let taken = until("the seat is free", Duration::from_secs(10), || {
        let answer = server.send(&showtime.ask(&["A2", "A3"]));
        (answer.status == 201).then(|| answer.json())
    });
    assert!(time(&taken["created_at"]) >= time(&lost.body["expires_at"]), "taken before it was free");
    assert_eq!(showtime.taken(), "A2 held, A3 held", "the whole hold has ended");
    assert_eq!(lost.read()["status"], "expired");
    lost.try_book().refusal(409, "hold_expired");
    lost.try_change(&json!({"extend": true})).refusal(409, "hold_expired");
    server.send(&lost.ask_release()).expect_status(204);
    let kinds = showtime.kinds();
    assert!(
        kinds == ["held", "expired", "held"] || kinds == ["held", "held"],
        "expired or taken over: {kinds:?}"
    );
    replay(&showtime);
    server.audit();
}

#[test]
fn an_expired_hold_is_swept_though_nobody_asks() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold_with(&json!({"seats": ["A1"], "ttl_s": 1}));
    until("the log says that it expired", Duration::from_secs(10), || {
        (showtime.kinds() == ["held", "expired"]).then_some(())
    });
    let event = &showtime.events()[1];
    assert_eq!(event["actor"], "system");
    let seat = &event["seats"][0];
    assert_eq!(
        (&seat["seat"], &seat["from"], &seat["to"]),
        (&json!("A1"), &json!("held"), &json!("available"))
    );
    assert_eq!(showtime.read()["counts"], json!({"available": 50, "held": 0, "booked": 0, "blocked": 0}));
}

#[test]
fn checks_go_in_order_and_the_first_that_fails_lists_all_its_faults() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime_with(&json!({"max_seats_per_hold": 4}));
    showtime.hold(&["A1", "A2"]);
    let refuses = |wish: Value, status, code| showtime.refuses(&wish, status, code);
    assert_eq!(
        refuses(json!({"seats": ["A1", "X1", "X2"]}), 422, "unknown_seat")["seats"],
        json!(["X1", "X2"])
    );
    assert_eq!(refuses(json!({"seats": ["A3", "A3"]}), 422, "duplicate_seat")["seats"], json!(["A3"]));
    assert_eq!(refuses(json!({"seats": ["B1", "B2", "B3", "B4", "B5"]}), 422, "too_many_seats")["limit"], 4);
    refuses(json!({"seats": []}), 422, "no_seats");
    refuses(json!({"seats": ["A3"], "ttl_s": 481}), 422, "ttl_too_long");
    let ticket = json!({"seats": [{"seat": "E1", "ticket": "dog"}, "E2", {"seat": "A3", "ticket": "dog"}]});
    assert_eq!(refuses(ticket, 422, "unknown_ticket")["seats"], json!(["E1", "A3"]));
    let stale = json!({"seats": ["A1", "A3"], "versions": {"A1": 0, "A3": 0}});
    let stale = refuses(stale, 409, "version_mismatch");
    assert_eq!(stale["conflicts"], json!([{"seat": "A1", "expected": 0, "actual": 1}]));
    showtime.refuses_seats(&["A1", "A2", "A3"], &[("A1", "held"), ("A2", "held")]);
    showtime.hold_with(&json!({"seats": ["A3"], "versions": {"A3": 0}}));
    assert_eq!(showtime.kinds(), ["held", "held"], "a refusal changes nothing");
}

#[test]
fn a_sale_that_has_not_opened_or_is_over_sells_nothing() {
    let server = Server::start();
    let house = House::open(&server);
    let upcoming = house.showtime_with(&json!({"on_sale_at": server::from_now(3600)}));
    assert_eq!(upcoming.read()["status"], "upcoming");
    upcoming.refuses(&json!({"seats": ["A1"]}), 409, "not_on_sale");
    let closing = house.showtime_with(&json!({"off_sale_at": server::from_now(2)}));
    let early = closing.hold(&["A1"]);
    until("the sale is over", Duration::from_secs(10), || {
        (closing.read()["status"] == "closed").then_some(())
    });
    closing.refuses(&json!({"seats": ["A2"]}), 409, "not_on_sale");
    early.book();
}

#[test]
fn a_token_opens_its_own_hold_and_no_other() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let (ana, bob) = (showtime.hold(&["A1"]), showtime.hold(&["B1"]));
    let with = |secret: &str| server.send(&get(ana.path()).bearer(secret));
    with(&bob.token()).refusal(403, "credentials_wrong");
    let forged: String = ana.token().chars().rev().collect();
    with(&forged).refusal(403, "credentials_wrong");
    let answer = server.send(&get(ana.path()));
    answer.refusal(401, "credentials_missing");
    assert!(
        answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")),
        "{}",
        answer.told()
    );
    assert_eq!(labels(&with(&ana.token()).expect(200)["seats"]), ["A1"]);
    check(
        &json!({"booking": ana.read().get("booking").cloned().unwrap_or_default()}),
        &[("booking", Nothing)],
    );
}

#[test]
fn any_number_of_seats_is_too_many_through_every_door() {
    let server = Server::start();
    let showtime = House::open(&server).showtime_with(&json!({"max_seats_per_hold": 4}));
    let hold = showtime.hold(&["A1"]);
    for count in [5, 1000, 1001, 5000] {
        let seats: Vec<String> = (0..count).map(|number| format!("A{number}")).collect();
        let wish = || showtime.ask_with(&json!({"seats": &seats}));
        let keyed = wish().key(&format!("{count}-seats-under-a-key"));
        for request in [wish(), keyed, wish().admin(), hold.ask(&json!({"add": &seats}))] {
            assert_eq!(server.send(&request).refusal(422, "too_many_seats")["limit"], 4);
        }
    }
    assert_eq!(showtime.taken(), "A1 held");
}
