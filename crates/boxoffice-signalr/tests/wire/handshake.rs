//! The handshake: versions, refusals in known words, records glued before and after it, and its timeout.

use std::time::Duration;

use boxoffice_signalr::Config;

use crate::client::{Events, HANDSHAKE, Socket, negotiate, post};
use crate::hub::start;

#[tokio::test]
async fn item_2_versions_0_1_and_2_are_accepted() {
    let running = start(Config::default()).await;
    for version in 0..=2 {
        for protocol in ["json", "messagepack"] {
            let mut socket = Socket::open(running.address, "/hub").await.unwrap();
            socket.send(&format!("{{\"protocol\":\"{protocol}\",\"version\":{version}}}\u{1e}")).await;
            assert_eq!(socket.text().await, "{}\u{1e}", "{protocol} {version}");
        }
    }
}

#[tokio::test]
async fn item_2_an_unknown_protocol_or_version_is_refused_in_known_words() {
    let running = start(Config::default()).await;
    for (asked, error) in [
        (r#"{"protocol":"xml","version":1}"#, "The protocol 'xml' is not supported."),
        (
            r#"{"protocol":"json","version":3}"#,
            "The server does not support version 3 of the 'json' protocol.",
        ),
    ] {
        let mut socket = Socket::open(running.address, "/hub").await.unwrap();
        socket.send(&format!("{asked}\u{1e}")).await;
        assert_eq!(socket.text().await, format!("{{\"error\":\"{error}\"}}\u{1e}"));
        assert_eq!(socket.message().await.err(), Some(Some(1000)));
    }
}

#[tokio::test]
async fn messagepack_is_refused_over_server_sent_events() {
    let running = start(Config::default()).await;
    let token = negotiate(running.address).await;
    let mut events = Events::open(running.address, &format!("/hub?id={token}")).await;
    post(running.address, &token, "{\"protocol\":\"messagepack\",\"version\":1}\u{1e}").await;
    let refusal = events.next().await.unwrap();
    assert!(refusal.contains("Cannot use the 'messagepack' protocol on the current transport."), "{refusal}");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn item_2_a_client_that_says_nothing_is_canceled() {
    let config = Config { handshake_timeout: Duration::from_millis(100), ..Config::default() };
    let running = start(config).await;
    for halfway in [false, true] {
        let mut socket = Socket::open(running.address, "/hub").await.unwrap();
        if halfway {
            socket.send("{\"protocol\":").await;
        }
        assert_eq!(socket.text().await, "{\"error\":\"Handshake was canceled.\"}\u{1e}");
        assert_eq!(socket.message().await.err(), Some(Some(1000)));
    }
}

#[tokio::test]
async fn item_2_records_may_be_glued_to_the_handshake_on_both_sides() {
    let running = start(Config::default()).await;
    let mut socket = Socket::open(running.address, "/hub?eventId=glued").await.unwrap();
    let add = r#"{"type":1,"target":"Add","arguments":[2,3],"invocationId":"0"}"#;
    let (first, rest) = HANDSHAKE.split_at(7);
    socket.send(first).await;
    socket.send(&format!("{rest}{add}\u{1e}")).await;
    let mut said = String::new();
    while !said.contains("\"type\":3") {
        said += &socket.text().await;
        assert!(said.ends_with('\u{1e}'));
    }
    let records: Vec<&str> = said.split_terminator('\u{1e}').collect();
    assert_eq!(
        records,
        [
            "{}",
            r#"{"type":1,"target":"Glued","arguments":[]}"#,
            r#"{"type":3,"invocationId":"0","result":5}"#
        ]
    );
}

#[tokio::test]
async fn a_text_handshake_and_binary_records_share_no_message() {
    let running = start(Config::default()).await;
    let mut socket = Socket::open(running.address, "/hub?eventId=glued").await.unwrap();
    socket.send("{\"protocol\":\"messagepack\",\"version\":1}\u{1e}").await;
    assert_eq!(socket.text().await, "{}\u{1e}");
    assert_eq!(&socket.binary().await[..], b"\x0c\x96\x01\x80\xc0\xa5Glued\x90\x90");
}

#[tokio::test]
async fn a_hub_may_refuse_a_connection_and_may_panic() {
    let running = start(Config::default()).await;
    for (event, close) in [
        ("refused", r#"{"type":7,"error":"not here"}"#),
        ("panic", r#"{"type":7,"error":"Connection closed with an error."}"#),
    ] {
        let mut socket = Socket::open(running.address, &format!("/hub?eventId={event}")).await.unwrap();
        socket.send(HANDSHAKE).await;
        let mut said = String::new();
        while let Ok(message) = socket.message().await {
            said += message.to_text().unwrap();
        }
        assert_eq!(said, format!("{{}}\u{1e}{close}\u{1e}"));
    }
}
