//! Keys that tokens are made with are added and revoked beside a running server; an epoch is renewed while none runs.

#[path = "server/support.rs"]
mod server;

use std::time::Duration;

use boxoffice::http::auth::Tokens;
use boxoffice_core::time::Timestamp;
use boxoffice_sqlite::token_keys;
use serde_json::json;
use server::{Crowd, Dice, Hold, House, Run, Server, get, hall, post, settle, text, until};

const PATIENCE: Duration = Duration::from_secs(20);

fn keys(server: &Server, arguments: &[&str]) -> Run {
    let store = server.store();
    let (first, rest) = arguments.split_first().expect("an argument");
    server.run(&[&["keys", first], rest, &["--store", &store]].concat())
}

/// Adds a key as if so many seconds ago.
fn rotate_ago(server: &Server, seconds: i64) -> u32 {
    let at = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond() - seconds * 1000);
    token_keys::rotate(&server.path("boxoffice.db"), at).expect("a new key")
}

/// The token of an id under a key of the server's store, as any node would make it.
fn token_under(server: &Server, id: &str, key: u32) -> String {
    Tokens::new(token_keys::list(&server.path("boxoffice.db")).expect("keys")).of(id, key)
}

fn is_under(server: &Server, hold: &Hold<'_>, key: u32) -> bool {
    hold.token() == token_under(server, &hold.id(), key)
}

#[test]
fn a_key_is_rotated_and_revoked_while_seats_are_sold() {
    let server = Server::start();
    let (plan, seats) = hall(30, 40);
    let house = House::with_plan(&server, &plan);
    let showtime = house.plain_showtime();
    let own = house.plain_showtime();
    let mut free = seats.iter();
    let mut hold = || own.hold(&[free.next().expect("a free seat")]);
    let crowd = Crowd::gather(&showtime, &seats, 4, &mut Dice::from_clock());
    until("the sale is going", PATIENCE, || (crowd.acknowledged() > 50).then_some(()));
    let ask = own.ask(&["BA1"]);
    let old = Hold::answered(&server, server.send(&ask).expect(201));
    assert!(is_under(&server, &old, 1), "the first key of an empty store signs at once");

    let rotated = keys(&server, &["rotate"]);
    assert_eq!(rotated.code, Some(0), "{}", rotated.said);
    assert!(rotated.said.contains("key 2"), "{}", rotated.said);
    let path = old.path();
    let read = |token: &str| server.send(&get(&path).bearer(token));
    let under_two = token_under(&server, &old.id(), 2);
    until("the server has read the new key", PATIENCE, || (read(&under_two).status == 200).then_some(()));
    assert!(is_under(&server, &hold(), 1), "a rotated key rests for a minute");

    assert_eq!(rotate_ago(&server, 61), 3);
    until("a key that has rested signs", PATIENCE, || is_under(&server, &hold(), 3).then_some(()));
    let listed = keys(&server, &["--list"]).said;
    let line =
        |key: &str| listed.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{listed}"));
    assert!(line("1 ").ends_with("verifies only") && line("3 ").ends_with("signs"), "{listed}");
    let token = old.token();
    read(&token).expect(200);
    settle(&showtime, &mut crowd.leave());
    assert!(!server.log().contains("refusing writes"), "the writer was never disturbed: {}", server.log());
    server.audit();

    let revoked = keys(&server, &["revoke", "1"]);
    assert_eq!(revoked.code, Some(0), "{}", revoked.said);
    until("the server heeds it", PATIENCE, || (read(&token).status == 403).then_some(()));
    read(&token).refusal(403, "credentials_wrong");
    server
        .send(&post("/v1/bookings", &json!({"hold": old.body["id"]})).bearer(&token))
        .refusal(403, "credentials_wrong");
    server.send(&get(&path).admin()).expect(200);
    let again = server.send(&ask);
    assert!(again.is_replay(), "{}", again.told());
    assert_eq!(text(&again.expect(201)["token"]), token, "a repeated answer is the first one");
    assert!(keys(&server, &["--list"]).said.contains("revoked"));

    assert_eq!(keys(&server, &["revoke", "9"]).code, Some(1), "there is no such key");
    assert_eq!(keys(&server, &["revoke", "2"]).code, Some(0));
    let last = keys(&server, &["revoke", "3"]);
    assert_eq!(last.code, Some(1));
    assert!(last.said.contains("keys rotate"), "it says what to do first: {}", last.said);
    server.kill();
    server.start_again();
    server.send(&get(&path).bearer(&token)).refusal(403, "credentials_wrong");
    assert!(is_under(&server, &hold(), 3));
    server.audit();
}

#[test]
fn keys_and_epochs_of_a_store_that_nobody_serves() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let before = showtime.map();
    let renew = || server.run(&["epoch", "renew", "--store", &server.store()]);
    let refused = renew();
    assert_eq!(refused.code, Some(1), "not beside a running server: {}", refused.said);
    assert!(refused.said.contains("in use"), "{}", refused.said);
    assert_eq!(showtime.map()["epoch"], before["epoch"]);

    server.kill();
    let renewed = renew();
    assert_eq!(renewed.code, Some(0), "{}", renewed.said);
    assert_eq!(keys(&server, &["rotate"]).code, Some(0));
    assert!(keys(&server, &["--list"]).said.contains("signs in 60 s"));
    server.start_again();
    let after = showtime.map();
    assert_ne!(after["epoch"], before["epoch"]);
    assert!(renewed.said.contains(&text(&after["epoch"])), "{}", renewed.said);
    let since = format!("/seats?since={}-{}", text(&before["epoch"]), before["revision"]);
    assert_eq!(server.send(&get(showtime.path(&since))).expect(200)["reset"], true);
    assert_eq!(server::states(&after["seats"]), server::states(&before["seats"]));
    server.audit();

    for arguments in [&["keys", "rotate"][..], &["keys", "--list"], &["epoch", "renew"]] {
        let run = server.run(&[arguments, &["--store", "sqlite:nowhere.db"]].concat());
        assert_eq!(run.code, Some(1), "{}", run.said);
        assert!(run.said.contains("nowhere.db"), "{}", run.said);
        assert!(!server.path("nowhere.db").exists(), "a command makes no database");
    }
}
