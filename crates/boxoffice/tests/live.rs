//! The native live seat map: WebSocket and event stream, resuming, the end of a showtime and of a node, limits, junk.

#[path = "server/support.rs"]
mod server;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use server::{Dice, House, Server, Showtime, Watcher, get, hall, patch, text, until};
use tungstenite::Message;

fn metric(server: &Server, name: &str) -> u64 {
    let text = server.send(&get("/metrics")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("a metric");
    line.parse::<f64>().expect("a number") as u64
}

#[test]
fn a_snapshot_comes_first_and_then_every_change() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1", "A2"]);
    let mut socket = Watcher::socket(&showtime, "");
    let mut stream = Watcher::stream(&showtime, "", "");
    for watcher in [&mut socket, &mut stream] {
        let first = watcher.follow();
        assert_eq!((&first["type"], &first["showtime"]), (&json!("snapshot"), &json!(showtime.id)));
        assert_eq!((first["revision"].as_u64(), first["seats"].as_array().map(Vec::len)), (Some(1), Some(2)));
        let seat = &first["seats"][0];
        assert_eq!(
            (&seat["seat"], &seat["status"], &seat["version"]),
            (&json!("A1"), &json!("held"), &json!(1))
        );
        assert!(seat["expires_at"].is_string(), "{seat}");
    }
    let hold = showtime.hold(&["B1"]);
    for watcher in [&mut socket, &mut stream] {
        let delta = watcher.follow();
        assert_eq!(
            (&delta["type"], &delta["from"], &delta["revision"]),
            (&json!("delta"), &json!(1), &json!(2))
        );
        assert_eq!(delta["seats"].as_array().map(Vec::len), Some(1), "{delta}");
        assert!(
            !delta.to_string().contains(&text(&hold.body["id"])),
            "who holds a seat is nobody's business"
        );
    }
    hold.release();
    showtime.staff("/block", &json!({"seats": ["E1"]})).expect(200);
    for watcher in [&mut socket, &mut stream] {
        watcher.agrees(&showtime);
    }
    assert_eq!(stream.last_id, Some(format!("{}-{}", stream.epoch, stream.revision)));
    assert_eq!(metric(&server, "boxoffice_live_watchers{transport=\"websocket\"}"), 1);
    assert_eq!(metric(&server, "boxoffice_live_watchers{transport=\"event_stream\"}"), 1);
    drop((socket, stream));
    until("places are free again", Duration::from_secs(10), || {
        // An event stream is noticed to be gone when something is written.
        showtime.hold(&["C1"]).release();
        let left = ["websocket", "event_stream"].map(|transport| {
            metric(&server, &format!("boxoffice_live_watchers{{transport=\"{transport}\"}}"))
        });
        (left == [0, 0]).then_some(())
    });
}

#[test]
fn a_client_resumes_from_where_it_was_also_after_a_crash() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let mut first = Watcher::socket(&showtime, "");
    showtime.hold(&["A1"]);
    first.agrees(&showtime);
    showtime.hold(&["A2"]);
    showtime.hold(&["A3"]);
    server.kill();
    server.start_again();
    showtime.hold(&["A4"]);
    let since = format!("?since={}-{}", first.epoch, first.revision);
    let mut socket = Watcher::socket(&showtime, &since).resume(&first);
    let mut plain = Watcher::socket(&showtime, "?since=1").resume(&first);
    let seen = format!("Last-Event-ID: {}-{}\r\n", first.epoch, first.revision);
    let mut stream = Watcher::stream(&showtime, "?since=0", &seen).resume(&first);
    for watcher in [&mut socket, &mut plain, &mut stream] {
        let delta = watcher.follow();
        assert_eq!(
            (&delta["type"], &delta["from"], &delta["revision"]),
            (&json!("delta"), &json!(1), &json!(4))
        );
        watcher.agrees(&showtime);
    }
    let level = Watcher::socket(&showtime, &format!("?since={}-4", first.epoch)).next().expect("a message");
    assert_eq!(
        (&level["type"], &level["seats"]),
        (&json!("delta"), &json!([])),
        "nothing is news, but is said"
    );
    for since in ["?since=elsewhere-2", "?since=99"] {
        let first = Watcher::socket(&showtime, since).next().expect("a message");
        assert_eq!(first["type"], "snapshot", "{since}");
    }
    assert_eq!(metric(&server, "boxoffice_live_resyncs_total"), 2);
}

#[test]
fn lasting_refusals_are_plain_problems() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    let hidden = house.showtime_with(&json!({"published": false}));
    server.send(&get("/v1/showtimes/sho_0000000000/live")).refusal(404, "showtime_not_found");
    server.send(&get(hidden.path("/live"))).refusal(404, "showtime_not_found");
    server.send(&get(showtime.path("/live?since=x"))).refusal(400, "invalid_field");
    server.send(&get(showtime.path("/live?sinse=1"))).refusal(400, "unknown_parameter");
    let odd = get(showtime.path("/live")).header("Last-Event-ID", "a b");
    server.send(&odd).refusal(400, "invalid_header");
    let handshake = || {
        get(showtime.path("/live"))
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
    };
    server.send(&handshake()).refusal(400, "invalid_header");
    let short = handshake().header("Sec-WebSocket-Key", "c2hvcnQ=");
    server.send(&short).refusal(400, "invalid_header");
}

#[test]
fn a_page_of_another_origin_opens_no_socket_unless_it_may() {
    let server = Server::start_with(&["--cors-origins", "https://shop.example"]);
    let showtime = House::open(&server).showtime();
    let host = format!("http://{}", "boxoffice.test");
    for path in [showtime.path("/live"), "/hubs/seats".to_owned()] {
        let handshake = |origin: &str| {
            let request = get(&path).header("Upgrade", "websocket").header("Connection", "Upgrade");
            let request = request.header("Sec-WebSocket-Version", "13").header("Origin", origin);
            let request = request.header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
            let mut client = server.connect();
            client.write(&request.head()).expect("a request");
            client.read_head().expect("an answer").0
        };
        for foreign in ["https://evil.example", "https://shop.example:444", "null"] {
            assert_eq!(handshake(foreign), 403, "{foreign} at {path}");
        }
        for ours in [host.as_str(), "https://shop.example"] {
            assert_eq!(handshake(ours), 101, "{ours} at {path}");
        }
    }
    // Of an event stream the browser itself keeps others from reading anything.
    let (mut stream, _) =
        Watcher::stream_at(server.address(), &showtime.path("/live"), "Origin: https://evil.example\r\n");
    assert_eq!(stream.follow()["type"], "snapshot");
}

#[test]
fn a_change_of_the_showtime_is_told_and_its_end_is_the_last_message() {
    let server = Server::start();
    let house = House::open(&server);
    let showtime = house.showtime();
    showtime.hold(&["A1"]);
    let mut socket = Watcher::socket(&showtime, "");
    let mut stream = Watcher::stream(&showtime, "", "");
    for watcher in [&mut socket, &mut stream] {
        watcher.follow();
    }
    let prices = json!({"prices": {"standard": 900, "premium": 1900}});
    server.send(&patch(showtime.path(""), &prices).admin()).expect(200);
    for watcher in [&mut socket, &mut stream] {
        assert_eq!(watcher.follow()["type"], "delta");
        assert_eq!(watcher.follow(), json!({"type": "changed", "revision": 2}));
    }
    showtime.staff("/cancel", &json!({})).expect(200);
    for watcher in [&mut socket, &mut stream] {
        let closed = std::iter::repeat_with(|| watcher.follow()).find(|message| message["type"] == "closed");
        assert_eq!(closed, Some(json!({"type": "closed", "reason": "cancelled"})));
        assert_eq!(watcher.map["A1"].0, "available", "the last seat was let go before");
        assert_eq!(watcher.next(), None);
    }
    let mut late = Watcher::socket(&showtime, "");
    assert_eq!(late.follow()["type"], "snapshot");
    assert_eq!(late.follow()["type"], "closed");

    let empty = house.showtime();
    let mut socket = Watcher::socket(&empty, "");
    socket.follow();
    server.send(&server::delete(empty.path("")).admin()).expect_status(204);
    assert_eq!(socket.follow(), json!({"type": "closed", "reason": "deleted"}));
    assert_eq!(socket.next(), None);
}

#[test]
fn a_showtime_that_is_hidden_is_gone_for_strangers() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let mut stranger = Watcher::socket(&showtime, "");
    stranger.follow();
    let hidden = json!({"published": false});
    server.send(&patch(showtime.path(""), &hidden).admin()).expect(200);
    let last = std::iter::repeat_with(|| stranger.follow()).find(|message| message["type"] == "closed");
    assert_eq!(last, Some(json!({"type": "closed", "reason": "deleted"})));
}

#[test]
fn a_node_that_goes_down_says_when_to_come_back() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let mut watchers =
        [Watcher::socket(&showtime, ""), Watcher::socket(&showtime, ""), Watcher::stream(&showtime, "", "")];
    for watcher in &mut watchers {
        watcher.agrees(&showtime);
    }
    server.ask_to_end();
    for watcher in &mut watchers {
        let bye = watcher.follow();
        assert_eq!((&bye["type"], &bye["reason"]), (&json!("bye"), &json!("draining")));
        assert!(bye["reconnect_after_ms"].as_u64().is_some_and(|ms| ms < 5_000), "{bye}");
        assert_eq!(watcher.next(), None);
    }
    assert!(server.ended().success());
    server.start_again();
    let [earlier, ..] = watchers;
    let since = format!("?since={}-{}", earlier.epoch, earlier.revision);
    let mut again = Watcher::socket(&showtime, &since).resume(&earlier);
    showtime.hold(&["A2"]);
    again.agrees(&showtime);
}

#[test]
fn one_too_many_is_told_to_come_back_or_refused() {
    let server = Server::start_with(&["--feed-max-watchers", "2", "--feed-farewells", "1"]);
    let showtime = House::open(&server).showtime();
    let mut first = Watcher::socket(&showtime, "");
    let mut second = Watcher::stream(&showtime, "", "");
    first.follow();
    second.follow();
    let mut third = Watcher::socket(&showtime, "");
    let bye = third.follow();
    assert_eq!((&bye["type"], &bye["reason"]), (&json!("bye"), &json!("overloaded")));
    // The farewell goes on until the client has gone, so this is one too many of these also.
    server.send(&get(showtime.path("/live"))).refusal(503, "overloaded");
    assert_eq!(third.next(), None);
    drop(first);
    until("there is a place again", Duration::from_secs(10), || {
        // Until the server has seen that both have gone, the answer may also be a farewell or a plain refusal.
        let mut again = Watcher::try_socket_at(server.address(), &showtime.path("/live"))?;
        (again.follow()["type"] == "snapshot").then_some(())
    });
    let hits = metric(&server, "boxoffice_limit_hits_total{limit=\"feed.max_watchers\"}");
    assert!(hits >= 2, "{hits}");
    assert!(metric(&server, "boxoffice_limit_hits_total{limit=\"feed.farewells\"}") >= 1);
}

#[test]
fn rooms_of_any_size_come_in_parts() {
    let server = Server::start_with(&["--holds-max-seats", "500"]);
    let (plan, seats) = hall(60, 100);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let mut early = Watcher::socket(&showtime, "");
    early.follow();
    for some in seats.chunks(500) {
        showtime.hold(&some.iter().map(String::as_str).collect::<Vec<_>>());
    }
    early.agrees(&showtime);
    for mut late in [Watcher::socket(&showtime, ""), Watcher::stream(&showtime, "", "")] {
        let first = late.follow();
        assert!(first["parts"].as_u64() > Some(1) && first["part"] == 1, "{}", first["parts"]);
        assert!(first.to_string().len() <= 256 * 1024);
        late.agrees(&showtime);
    }
}

/// A client that follows the protocol ends with the server's map, whatever came between.
#[test]
fn whatever_comes_between_the_map_is_right_in_the_end() {
    let server = Server::start_with(&["--feed-tick-ms", "3"]);
    let (plan, seats) = hall(4, 10);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let mut dice = Dice::from_clock();
    eprintln!("{dice:?}");
    let mut watchers: Vec<Watcher> = (0..6).map(|_| Watcher::socket(&showtime, "")).collect();
    let mut holds = Vec::new();
    for _ in 0..400 {
        match dice.below(10) {
            0..5 => {
                let seat = seats[dice.below(seats.len())].as_str();
                let answer = server.send(&showtime.ask(&[seat]));
                if answer.status == 201 {
                    holds.push(answer.expect(201));
                }
            }
            5..7 if !holds.is_empty() => {
                let hold: Value = holds.swap_remove(dice.below(holds.len()));
                let path = format!("/v1/holds/{}", text(&hold["id"]));
                server.send(&server::delete(path).bearer(&text(&hold["token"]))).expect_status(204);
            }
            7 => {
                // Reads what there is for it, perhaps long after it was sent.
                let at = dice.below(watchers.len());
                if watchers[at].revision < showtime.map()["revision"].as_u64().expect("a revision") {
                    watchers[at].follow();
                }
            }
            8 => {
                // Drops, and resumes where it was, over either transport.
                let at = dice.below(watchers.len());
                let old = watchers.swap_remove(at);
                let since = if old.epoch.is_empty() {
                    String::new()
                } else {
                    format!("?since={}-{}", old.epoch, old.revision)
                };
                let new = match dice.below(2) {
                    0 => Watcher::socket(&showtime, &since),
                    _ => Watcher::stream(&showtime, &since, ""),
                };
                watchers.push(new.resume(&old));
            }
            _ => watchers.push(Watcher::socket(&showtime, "")),
        }
    }
    for watcher in &mut watchers {
        watcher.agrees(&showtime);
    }
}

fn changes(showtime: &Showtime<'_>, count: usize) {
    let mut client = showtime.server.connect();
    let (block, unblock) = ("/block", "/unblock");
    for number in 0..count {
        let rest = if number % 2 == 0 { block } else { unblock };
        let request = server::post(showtime.path(rest), &json!({"seats": ["A1", "B2", "C3"]})).admin();
        client.send(&request).expect("an answer").expect(200);
    }
}

#[test]
fn a_reader_that_stops_costs_nothing_and_disturbs_nobody() {
    // A long tick would tell too few changes to fill anything.
    let server = Server::start_with(&["--feed-tick-ms", "0"]);
    let showtime = House::open(&server).showtime();
    let mut stuck = Watcher::socket(&showtime, "");
    stuck.follow();
    let mut other = Watcher::socket(&showtime, "");
    other.follow();
    changes(&showtime, 100);
    let memory = || metric(&server, "process_resident_memory_bytes");
    let before = memory();
    for _ in 0..10 {
        changes(&showtime, 500);
        other.agrees(&showtime);
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes more");
    stuck.agrees(&showtime);
}

#[test]
fn junk_ends_its_own_connection_and_no_other() {
    let server = Server::start_with(&["--feed-max-message-bytes", "1000"]);
    let showtime = House::open(&server).showtime();
    let mut other = Watcher::socket(&showtime, "");
    other.follow();
    let closes = |socket: &mut Watcher, code: u16| loop {
        match socket.raw().read() {
            Ok(Message::Close(frame)) => {
                break assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(code));
            }
            Ok(Message::Text(_)) => {}
            end => panic!("not closed: {end:?}"),
        }
    };
    let mut chatty = Watcher::socket(&showtime, "");
    chatty.raw().send(Message::text("what nobody asked for")).expect("sent");
    chatty.raw().send(Message::Ping("are you there".into())).expect("sent");
    chatty.raw().flush().expect("sent");
    loop {
        if let Message::Pong(pong) = chatty.raw().read().expect("a pong") {
            break assert_eq!(&pong[..], b"are you there");
        }
    }
    chatty.raw().send(Message::binary(vec![0; 1001])).expect("sent");
    closes(&mut chatty, 1009);
    let mut leaving = Watcher::socket(&showtime, "");
    leaving.raw().close(None).expect("closed");
    closes(&mut leaving, 1000);
    let mut dice = Dice::from_clock();
    for _ in 0..50 {
        let mut junk = Watcher::socket(&showtime, "");
        let bytes: Vec<u8> = (0..200).map(|_| dice.below(256) as u8).collect();
        let raw = junk.raw().get_mut();
        raw.write_all(&bytes).expect("sent");
        raw.shutdown(std::net::Shutdown::Write).expect("an end");
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = raw.read_to_end(&mut rest);
    }
    // Half a handshake, and none at all.
    for half in [&b"GET /v1/showtimes/"[..], b"\x81\x82\x83\x84"] {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream.write_all(half).expect("sent");
    }
    showtime.hold(&["A1"]);
    other.agrees(&showtime);
}
