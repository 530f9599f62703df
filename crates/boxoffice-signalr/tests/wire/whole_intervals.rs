//! The protocol's own intervals, in virtual time: requests go to the router without a socket, and time passes when
//! nothing else can happen.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use boxoffice_signalr::Config;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tower_service::Service as _;

use crate::client::HANDSHAKE;
use crate::hub::router;

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    accept: &str,
    body: &str,
) -> axum::response::Response {
    let request = Request::builder().method(method).uri(path).header("accept", accept);
    router.clone().call(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

async fn text(answer: axum::response::Response) -> (StatusCode, String) {
    let (parts, body) = answer.into_parts();
    (parts.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

async fn negotiate(router: &Router) -> String {
    let (_, offer) = text(ask(router, "POST", "/hub/negotiate?negotiateVersion=1", "*/*", "").await).await;
    let offer: serde_json::Value = serde_json::from_str(&offer).unwrap();
    format!("/hub?id={}", offer["connectionToken"].as_str().unwrap())
}

async fn poll(router: &Router, path: &str) -> (StatusCode, String) {
    text(ask(router, "GET", path, "*/*", "").await).await
}

async fn piece(body: &mut Body) -> Option<String> {
    let data = body.frame().await?.unwrap().into_data().unwrap();
    Some(String::from_utf8(data.to_vec()).unwrap())
}

/// Whole seconds since then: timers tick in milliseconds.
fn seconds(since: Instant) -> u64 {
    (since.elapsed() + Duration::from_millis(100)).as_secs()
}

#[tokio::test(start_paused = true)]
async fn items_3_and_4_a_ping_after_15_seconds_and_the_end_after_30() {
    let (router, _, _) = router(Config::default());
    let path = negotiate(&router).await;
    let mut events = ask(&router, "GET", &path, "text/event-stream", "").await.into_body();
    assert_eq!(piece(&mut events).await.unwrap(), ":\r\n");
    ask(&router, "POST", &path, "*/*", HANDSHAKE).await;
    assert_eq!(piece(&mut events).await.unwrap(), "data: {}\u{1e}\r\n\r\n");
    let mut begin = Instant::now();
    // As long as the client pings, there are pings for it.
    for round in 1..=10 {
        assert_eq!(piece(&mut events).await.unwrap(), "data: {\"type\":6}\u{1e}\r\n\r\n");
        assert_eq!(seconds(begin), 15, "round {round}");
        begin = Instant::now();
        ask(&router, "POST", &path, "*/*", "{\"type\":6}\u{1e}").await;
    }
    let mut last = String::new();
    while let Some(piece) = piece(&mut events).await {
        last = piece;
    }
    assert_eq!(seconds(begin), 30);
    assert!(last.contains("\"type\":7") && last.contains("ClientTimeoutInterval"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn item_2_the_handshake_has_15_seconds() {
    let (router, _, _) = router(Config::default());
    let path = negotiate(&router).await;
    let mut events = ask(&router, "GET", &path, "text/event-stream", "").await.into_body();
    let begin = Instant::now();
    piece(&mut events).await.unwrap();
    let refusal = piece(&mut events).await.unwrap();
    assert_eq!(refusal, "data: {\"error\":\"Handshake was canceled.\"}\u{1e}\r\n\r\n");
    assert_eq!(seconds(begin), 15);
    assert_eq!(piece(&mut events).await, None);
}

#[tokio::test(start_paused = true)]
async fn item_8_a_poll_is_held_for_90_seconds_and_the_next_is_awaited_for_15() {
    let (router, server, _) = router(Config::default());
    let path = negotiate(&router).await;
    assert_eq!(poll(&router, &path).await, (StatusCode::OK, String::new()));
    ask(&router, "POST", &path, "*/*", HANDSHAKE).await;
    assert_eq!(poll(&router, &path).await.1, "{}\u{1e}");
    for _ in 0..3 {
        let begin = Instant::now();
        assert_eq!(poll(&router, &path).await, (StatusCode::OK, String::new()), "no ping, no timeout");
        assert_eq!(seconds(begin), 90);
    }
    let begin = Instant::now();
    server.drained().await;
    assert_eq!(seconds(begin), 15);
    assert_eq!(poll(&router, &path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_that_nobody_reads_is_given_up() {
    let (router, server, _) =
        router(Config { client_timeout: Duration::from_secs(3600), ..Config::default() });
    let path = negotiate(&router).await;
    let mut events = ask(&router, "GET", &path, "text/event-stream", "").await.into_body();
    piece(&mut events).await.unwrap();
    ask(&router, "POST", &path, "*/*", HANDSHAKE).await;
    piece(&mut events).await.unwrap();
    let begin = Instant::now();
    // The body is there and is not asked, as when its socket takes no more.
    while !server.clients().is_empty() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(
        seconds(begin),
        90 + 15 + 1,
        "a stuck write's time, and the pause in which nothing was to be written"
    );
    drop(events);
    server.drained().await;
}

#[tokio::test(start_paused = true)]
async fn a_negotiation_is_good_for_15_seconds() {
    let (router, _, _) = router(Config::default());
    let (early, late) = (negotiate(&router).await, negotiate(&router).await);
    tokio::time::advance(Duration::from_secs(14)).await;
    assert_eq!(poll(&router, &early).await.0, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(poll(&router, &late).await.0, StatusCode::NOT_FOUND);
}
