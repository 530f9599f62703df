//! What is bounded: the length of records either way, and how many connections there are.

use boxoffice_signalr::{Config, Ending, Event, SendError};
use http::{Method, StatusCode};
use serde_json::json;

use crate::client::{Events, Socket, ask, post, soon};
use crate::hub::start;

fn echo(bytes: usize) -> String {
    let start = r#"{"type":1,"target":"Void","invocationId":"1","arguments":[""#;
    format!("{start}{}\"]}}\u{1e}", "x".repeat(bytes - start.len() - 3))
}

#[tokio::test]
async fn item_16_a_record_of_32_kib_passes_and_a_longer_one_ends_the_connection() {
    let running = start(Config::default()).await;
    let most = 32 * 1024;
    let mut socket = Socket::ready(running.address).await;
    socket.send(&echo(most)).await;
    assert_eq!(socket.record().await, r#"{"type":3,"invocationId":"1"}"#);
    socket.send(&echo(most + 1)).await;
    let close = socket.text().await;
    assert!(close.starts_with("{\"type\":7,\"error\":"), "{close}");
    assert!(close.contains("The maximum message size of 32768B was exceeded."), "{close}");
    assert_eq!(socket.message().await.err(), Some(Some(1000)));

    let mut binary = Socket::ready_binary(running.address).await;
    binary.send_binary(b"\x81\x80\x02").await;
    assert!(binary.binary().await.windows(12).any(|text| text == b"was exceeded"), "by its length alone");

    let (mut events, token) = Events::ready(running.address).await;
    post(running.address, &token, echo(most + 1)).await;
    assert!(events.next().await.unwrap().contains("was exceeded"));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn item_16_a_far_longer_message_is_not_even_read() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    let text = "x".repeat(10 * 1024 * 1024);
    // The server may be gone before all of it is sent.
    let _ =
        futures_util::SinkExt::send(&mut socket.0, tokio_tungstenite::tungstenite::Message::text(text)).await;
    running.ending(|ending| matches!(ending, Ending::Faulty(text) if text.contains("was exceeded"))).await;
}

#[tokio::test]
async fn item_14_nothing_of_a_mebibyte_is_sent() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    let large =
        |bytes: usize| format!(r#"{{"type":1,"target":"Large","arguments":[{bytes}],"invocationId":"1"}}"#);
    let answer = socket.call(&large(1024 * 1024)).await;
    assert!(answer.contains("An unexpected error occurred invoking 'Large' on the server."), "{answer}");
    let answer = socket.call(&large(900_000)).await;
    assert!(answer.len() > 900_000 && answer.len() < 1024 * 1024);
    let connection = running.seen.connections.lock()[0].clone();
    let event = Event::new("Large", [json!("x".repeat(1024 * 1024)).into()]);
    assert_eq!(connection.send(&event), Err(SendError::TooLong));
}

#[tokio::test]
async fn connections_have_a_limit_and_places_become_free() {
    let running = start(Config { max_connections: 2, ..Config::default() }).await;
    let _first = Socket::ready(running.address).await;
    let second = Socket::ready(running.address).await;
    let refused = Some(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Socket::open(running.address, "/hub").await.err(), refused);
    let negotiation = ask(running.address, Method::POST, "/hub/negotiate", &[], "").await;
    assert_eq!(Some(negotiation.status), refused);
    drop(second);
    soon(async {
        while Socket::open(running.address, "/hub").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
