//! Pings and timeouts, with short intervals; that the intervals are those of the protocol by default.

use std::time::Duration;

use boxoffice_signalr::{Config, Ending};
use http::StatusCode;

use crate::client::{Events, HANDSHAKE, Socket, negotiate, poll, post, soon};
use crate::hub::start;

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn the_defaults_are_those_of_the_protocol() {
    let config = Config::default();
    let seconds = |time: Duration| time.as_secs();
    assert_eq!(seconds(config.keep_alive), 15);
    assert_eq!(seconds(config.client_timeout), 30);
    assert_eq!(seconds(config.handshake_timeout), 15);
    assert_eq!(seconds(config.poll_timeout), 90);
    assert_eq!(seconds(config.disconnect_timeout), 15);
    assert_eq!(seconds(config.negotiation_lifetime), 15);
    assert_eq!(seconds(config.close_timeout), 5);
    assert_eq!(config.max_message_bytes, 32 * 1024);
    assert!(config.max_send_bytes < 1024 * 1024);
}

#[tokio::test]
async fn item_3_a_silence_is_broken_by_a_ping_as_a_record() {
    let running = start(Config { keep_alive: SHORT, ..Config::default() }).await;
    let mut socket = Socket::ready(running.address).await;
    let mut binary = Socket::ready_binary(running.address).await;
    let (mut events, _) = Events::ready(running.address).await;
    for _ in 0..3 {
        assert_eq!(socket.text().await, "{\"type\":6}\u{1e}");
        assert_eq!(&binary.binary().await[..], b"\x02\x91\x06");
        assert_eq!(events.next().await.unwrap(), "{\"type\":6}\u{1e}");
    }
}

#[tokio::test]
async fn item_3_there_is_no_ping_over_long_polling_and_none_before_the_handshake() {
    let config = Config {
        keep_alive: SHORT,
        poll_timeout: 4 * SHORT,
        handshake_timeout: 4 * SHORT,
        ..Config::default()
    };
    let running = start(config).await;
    let token = negotiate(running.address).await;
    poll(running.address, &token).await;
    post(running.address, &token, HANDSHAKE).await;
    assert_eq!(poll(running.address, &token).await.text(), "{}\u{1e}");
    assert_eq!(poll(running.address, &token).await.body.len(), 0, "no ping in four times its interval");
    let mut socket = Socket::open(running.address, "/hub").await.unwrap();
    assert_eq!(socket.text().await, "{\"error\":\"Handshake was canceled.\"}\u{1e}");
}

#[tokio::test]
async fn item_4_a_client_that_never_pings_is_not_missed() {
    let running = start(Config { client_timeout: SHORT, keep_alive: 4 * SHORT, ..Config::default() }).await;
    let mut socket = Socket::ready(running.address).await;
    assert_eq!(socket.text().await, "{\"type\":6}\u{1e}", "four times its patience later it is still there");
}

#[tokio::test]
async fn item_4_a_client_that_is_silent_too_long_is_closed_and_may_come_back() {
    let running = start(Config { client_timeout: 4 * SHORT, ..Config::default() }).await;
    let (mut events, token) = Events::ready(running.address).await;
    post(running.address, &token, "{\"type\":6}\u{1e}").await;
    let mut socket = Socket::ready(running.address).await;
    let begin = std::time::Instant::now();
    // A sign of life makes the time begin anew.
    while begin.elapsed() < 8 * SHORT {
        tokio::time::sleep(SHORT).await;
        socket.send("{\"type\":6}\u{1e}").await;
    }
    let last = std::time::Instant::now();
    for close in [socket.text().await, events.next().await.unwrap()] {
        assert!(close.starts_with("{\"type\":7,\"error\":\"Client hasn't sent a message/ping"), "{close}");
        assert!(close.ends_with("\"allowReconnect\":true}\u{1e}"), "{close}");
    }
    assert!(last.elapsed() >= 3 * SHORT);
    assert_eq!(socket.message().await.err(), Some(Some(1000)));
    running.ending(|ending| *ending == Ending::Silent).await;
    soon(running.server.drained()).await;
}

#[tokio::test]
async fn item_4_there_is_no_such_timeout_over_long_polling() {
    let config = Config { client_timeout: SHORT, poll_timeout: 4 * SHORT, ..Config::default() };
    let running = start(config).await;
    let token = negotiate(running.address).await;
    poll(running.address, &token).await;
    post(running.address, &token, HANDSHAKE).await;
    assert_eq!(poll(running.address, &token).await.text(), "{}\u{1e}");
    for _ in 0..2 {
        let empty = poll(running.address, &token).await;
        assert_eq!((empty.status, empty.body.len()), (StatusCode::OK, 0));
    }
}
