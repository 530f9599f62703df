//! The seat map: complete, conditional, sparse, and compressed.

#[path = "server/support.rs"]
mod server;

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use server::Kind::{Count, List, Money, Text, Time};
use server::{House, Server, Showtime, check, get, labels, states, text};

fn since(showtime: &Showtime<'_>, position: &str) -> Value {
    showtime.server.send(&get(showtime.path(&format!("/seats?since={position}")))).expect(200)
}

/// What a client that keeps a map does with a delta.
fn catch_up(map: &mut BTreeMap<String, (String, u64)>, delta: &Value) {
    if delta["reset"] == true {
        map.clear();
    }
    for (seat, state) in states(&delta["seats"]) {
        map.insert(seat, state);
    }
}

#[test]
fn the_map_lists_every_seat_in_the_plans_order() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["B2"]);
    let map = showtime.map();
    check(&map, &[("showtime", Text), ("epoch", Text), ("revision", Count), ("seats", List)]);
    assert_eq!((&map["showtime"], &map["revision"]), (&json!(showtime.id), &json!(1)));
    let expected =
        ["A", "B", "C", "D", "E"].iter().flat_map(|row| (1..=10).map(move |no| format!("{row}{no}")));
    assert_eq!(labels(&map["seats"]), expected.collect::<Vec<_>>());
    for seat in map["seats"].as_array().expect("seats") {
        check(
            seat,
            &[("row", Text), ("category", Text), ("kind", Text), ("version", Count), ("price", Money)],
        );
    }
    let held = &map["seats"][11];
    check(held, &[("expires_at", Time)]);
    assert_eq!((&held["seat"], &held["status"], &held["version"]), (&json!("B2"), &json!("held"), &json!(1)));
    let premium = &map["seats"][40];
    assert_eq!(premium["price"], json!({"amount": 1500, "currency": "EUR"}), "the default ticket's price");
    assert!(premium.get("expires_at").is_none() && premium["version"] == 0);
}

#[test]
fn a_map_that_has_not_changed_is_not_sent_again() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let first = server.send(&get(showtime.path("/seats")));
    let tag = first.header("etag").expect("an ETag").to_owned();
    let map = first.expect(200);
    assert_eq!(tag, format!("W/\"{}-{}\"", text(&map["epoch"]), map["revision"]));
    assert!(
        first.header("cache-control").is_some_and(|cache| cache.contains("no-cache")),
        "{}",
        first.told()
    );
    let again = |tag: &str| server.send(&get(showtime.path("/seats")).header("If-None-Match", tag));
    let same = again(&tag);
    same.expect_status(304);
    assert_eq!((same.header("etag"), same.body.len()), (Some(tag.as_str()), 0));
    again(&format!("\"other\", {tag}")).expect_status(304);
    showtime.hold(&["A2"]);
    let changed = again(&tag);
    changed.expect_status(200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[test]
fn since_tells_what_changed_and_nothing_else() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let sparse = since(&showtime, "0");
    assert_eq!((&sparse["from"], &sparse["revision"], &sparse["seats"]), (&json!(0), &json!(0), &json!([])));
    let first = showtime.hold(&["A1", "A2"]);
    showtime.hold(&["B1"]);
    let middle = showtime.map();
    let mut map = states(&middle["seats"]);
    first.book();
    showtime.hold(&["C1"]);
    let delta = since(&showtime, &middle["revision"].to_string());
    assert_eq!((&delta["from"], &delta["epoch"]), (&middle["revision"], &middle["epoch"]));
    assert_eq!(delta["revision"].as_u64(), Some(4));
    assert!(delta.get("reset").is_none_or(|reset| reset == false));
    let mut changed = labels(&delta["seats"]);
    changed.sort();
    assert_eq!(changed, ["A1", "A2", "C1"]);
    for seat in delta["seats"].as_array().expect("seats") {
        assert_eq!(seat.get("expires_at").is_some(), seat["status"] == "held", "{seat}");
    }
    catch_up(&mut map, &delta);
    assert_eq!(map, showtime.seats(), "map and delta together are the new map");
    let by_epoch = format!("{}-{}", text(&middle["epoch"]), middle["revision"]);
    assert_eq!(states(&since(&showtime, &by_epoch)["seats"]), states(&delta["seats"]));
    let sparse = since(&showtime, "0");
    assert_eq!(states(&sparse["seats"]).into_keys().collect::<Vec<_>>(), ["A1", "A2", "B1", "C1"]);
    assert_eq!(since(&showtime, "4")["seats"], json!([]));
}

#[test]
fn a_position_of_another_history_starts_the_map_anew() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let epoch = text(&showtime.map()["epoch"]);
    let other: String = epoch.chars().rev().collect::<String>() + "x";
    for position in ["2".to_owned(), "99999".to_owned(), format!("{epoch}-2"), format!("{other}-1")] {
        let answer = since(&showtime, &position);
        assert_eq!((&answer["from"], &answer["reset"]), (&json!(0), &json!(true)), "since={position}");
        assert_eq!(labels(&answer["seats"]), ["A1"], "since={position}: the whole sparse map");
        assert_eq!((text(&answer["epoch"]), &answer["revision"]), (epoch.clone(), &json!(1)));
    }
    let answer = server.send(&get(showtime.path("/seats?since=yesterday")));
    assert_eq!(answer.status, 400, "{}", answer.told());
}

#[test]
fn compressed_maps_say_the_same() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1", "E1"]);
    let plain = showtime.map();
    let ask = |coding: &str| {
        let answer = server.send(&get(showtime.path("/seats")).header("Accept-Encoding", coding));
        answer.expect_status(200);
        assert_eq!(answer.header("content-encoding"), Some(coding), "{coding}");
        assert!(
            answer.header("vary").is_some_and(|vary| vary.to_ascii_lowercase().contains("accept-encoding"))
        );
        answer.body
    };
    let mut unzipped = Vec::new();
    GzDecoder::new(ask("gzip").as_slice()).read_to_end(&mut unzipped).expect("gzip");
    assert_eq!(serde_json::from_slice::<Value>(&unzipped).expect("JSON"), plain);
    let mut unpacked = Vec::new();
    brotli::Decompressor::new(ask("br").as_slice(), 4096).read_to_end(&mut unpacked).expect("brotli");
    assert_eq!(serde_json::from_slice::<Value>(&unpacked).expect("JSON"), plain);
}

#[test]
fn the_event_log_is_gap_free_and_pages_on() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    for no in 1..=9 {
        let hold = showtime.hold(&[&format!("A{no}")]);
        if no % 3 == 0 { hold.release() } else { drop(hold.book()) }
    }
    let whole = showtime.events();
    assert_eq!(whole.len(), 18);
    let (mut paged, mut after) = (Vec::new(), 0);
    while paged.len() < whole.len() {
        let path = showtime.path(&format!("/events?after={after}&limit=4"));
        let page = server.send(&get(path).admin()).expect(200);
        paged.extend(page["data"].as_array().expect("a list").iter().cloned());
        assert!(page["next"].as_u64() > Some(after), "next is a revision to go on from: {}", page["next"]);
        after = page["next"].as_u64().expect("a revision");
    }
    assert_eq!(paged, whole);
    let end = server.send(&get(showtime.path("/events?after=18")).admin()).expect(200);
    assert_eq!((&end["data"], &end["next"]), (&json!([]), &json!(18)));
    for event in &whole {
        check(event, &[("revision", Count), ("at", Time), ("kind", Text), ("actor", Text), ("seats", List)]);
        check(&event["seats"][0], &[("seat", Text), ("from", Text), ("to", Text), ("version", Count)]);
    }
    server.send(&get(showtime.path("/events"))).refusal(401, "credentials_missing");
    server::replay(&showtime);
}
