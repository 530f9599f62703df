//! The Server-Sent Events transport.

use boxoffice_signalr::{Config, Ending, Event};
use http::StatusCode;
use serde_json::json;

use crate::client::{Events, post, soon};
use crate::hub::start;

#[tokio::test]
async fn item_9_the_preface_comes_at_once_and_nothing_is_compressed() {
    let running = start(Config::default()).await;
    let (mut events, token) = Events::ready(running.address).await;
    assert_eq!(events.headers["content-type"], "text/event-stream");
    assert_eq!(events.headers["cache-control"], "no-cache,no-store");
    assert_eq!(events.headers["content-encoding"], "identity");
    let calls =
        "{\"type\":6}\u{1e}{\"type\":1,\"target\":\"Add\",\"arguments\":[2,3],\"invocationId\":\"0\"}\u{1e}";
    let answer = post(running.address, &token, calls).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    assert_eq!(events.next().await.unwrap(), "{\"type\":3,\"invocationId\":\"0\",\"result\":5}\u{1e}");
    running.server.clients().send_all(&Event::new("Line", [json!("a\nb\r\n").into()]));
    let line = events.next().await.unwrap();
    assert_eq!(line, "{\"type\":1,\"target\":\"Line\",\"arguments\":[\"a\\nb\\r\\n\"]}\u{1e}");
}

#[tokio::test]
async fn dropping_the_stream_ends_the_connection_and_later_posts_find_nothing() {
    let running = start(Config::default()).await;
    let (events, token) = Events::ready(running.address).await;
    drop(events);
    running.ending(|ending| *ending == Ending::Left).await;
    assert_eq!(post(running.address, &token, "{\"type\":7}\u{1e}").await.status, StatusCode::NOT_FOUND);
    soon(running.server.drained()).await;
}

#[tokio::test]
async fn closing_ends_the_stream_after_the_last_words() {
    let running = start(Config::default()).await;
    let (mut events, token) = Events::ready(running.address).await;
    post(running.address, &token, "{\"type\":1,\"target\":\"Close\",\"arguments\":[true]}\u{1e}").await;
    assert_eq!(events.next().await.unwrap(), "{\"type\":7,\"allowReconnect\":true}\u{1e}");
    assert_eq!(events.next().await, None);
    let (mut events, token) = Events::ready(running.address).await;
    post(running.address, &token, "{\"type\":7}\u{1e}").await;
    assert_eq!(events.next().await, None);
}
