//! The Long Polling transport.

use std::time::Duration;

use boxoffice_signalr::{Close, Config, Ending};
use http::{Method, StatusCode};

use crate::client::{HANDSHAKE, ask, negotiate, poll, post, soon};
use crate::hub::{Running, start};

/// A connection after its handshake.
async fn ready(running: &Running) -> String {
    let token = negotiate(running.address).await;
    let first = poll(running.address, &token).await;
    assert_eq!((first.status, first.body.len()), (StatusCode::OK, 0), "the first poll is answered at once");
    assert_eq!(post(running.address, &token, HANDSHAKE).await.status, StatusCode::OK);
    assert_eq!(poll(running.address, &token).await.text(), "{}\u{1e}");
    token
}

#[tokio::test]
async fn item_8_the_first_poll_is_empty_and_the_next_has_all_that_waits() {
    let running = start(Config::default()).await;
    let token = ready(&running).await;
    let call = |id| {
        format!("{{\"type\":1,\"target\":\"Add\",\"arguments\":[{id},1],\"invocationId\":\"{id}\"}}\u{1e}")
    };
    let address = running.address;
    let held = tokio::spawn({
        let token = token.clone();
        async move { poll(address, &token).await }
    });
    post(running.address, &token, call(1) + &call(2) + &call(3)).await;
    let answer = soon(held).await.unwrap();
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    assert_eq!(answer.headers["cache-control"], "no-cache, no-store");
    assert_eq!(answer.headers["expires"], "Thu, 01 Jan 1970 00:00:00 GMT");
    let mut said = answer.text().to_owned();
    while said.matches('\u{1e}').count() < 3 {
        said += poll(running.address, &token).await.text();
    }
    assert!(said.contains("\"invocationId\":\"3\",\"result\":4"), "{said}");
}

#[tokio::test]
async fn item_8_a_poll_without_anything_is_empty_after_its_time() {
    let config = Config { poll_timeout: Duration::from_millis(100), ..Config::default() };
    let running = start(config).await;
    let token = ready(&running).await;
    for _ in 0..2 {
        let before = std::time::Instant::now();
        let empty = poll(running.address, &token).await;
        assert_eq!((empty.status, empty.body.len()), (StatusCode::OK, 0));
        assert!(before.elapsed() >= Duration::from_millis(100), "it was held");
    }
}

#[tokio::test]
async fn item_8_a_newer_poll_ends_the_one_before() {
    let running = start(Config::default()).await;
    let token = ready(&running).await;
    let address = running.address;
    let held = |token: String| tokio::spawn(async move { poll(address, &token).await });
    let (mut first, mut second) = (held(token.clone()), held(token.clone()));
    // Whichever came first is ended by the other's coming.
    let ended = soon(async {
        tokio::select! {
            answer = &mut first => answer,
            answer = &mut second => answer,
        }
    });
    assert_eq!(ended.await.unwrap().status, StatusCode::NO_CONTENT);
    let is_held = |poll: &tokio::task::JoinHandle<_>| !poll.is_finished();
    assert!(is_held(&first) || is_held(&second), "the newer is still held");
    running.server.drain(&Close::default());
}

#[tokio::test]
async fn item_8_closing_is_told_and_then_204() {
    let running = start(Config::default()).await;
    let token = ready(&running).await;
    post(running.address, &token, "{\"type\":1,\"target\":\"Close\",\"arguments\":[true]}\u{1e}").await;
    assert_eq!(poll(running.address, &token).await.text(), "{\"type\":7,\"allowReconnect\":true}\u{1e}");
    assert_eq!(poll(running.address, &token).await.status, StatusCode::NO_CONTENT);
    soon(running.server.drained()).await;
    assert_eq!(poll(running.address, &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn item_8_delete_ends_the_connection_and_a_post_after_it_finds_nothing() {
    let running = start(Config::default()).await;
    let token = ready(&running).await;
    let address = running.address;
    let held = tokio::spawn({
        let token = token.clone();
        async move { poll(address, &token).await }
    });
    // The poll is held by now or comes too late: both are ends.
    let deleted = ask(address, Method::DELETE, &format!("/hub?id={token}"), &[], "").await;
    assert_eq!(deleted.status, StatusCode::ACCEPTED);
    let status = soon(held).await.unwrap().status;
    assert!(status == StatusCode::NO_CONTENT || status == StatusCode::NOT_FOUND, "{status}");
    assert_eq!(post(address, &token, "{\"type\":7}\u{1e}").await.status, StatusCode::NOT_FOUND);
    running.ending(|ending| *ending == Ending::Left).await;
    soon(running.server.drained()).await;
}

#[tokio::test]
async fn item_8_a_post_may_come_before_the_first_poll() {
    let running = start(Config::default()).await;
    let token = negotiate(running.address).await;
    assert_eq!(post(running.address, &token, HANDSHAKE).await.status, StatusCode::OK);
    assert_eq!(poll(running.address, &token).await.body.len(), 0);
    assert_eq!(poll(running.address, &token).await.text(), "{}\u{1e}");
}

#[tokio::test]
async fn messagepack_passes_over_long_polling() {
    let running = start(Config::default()).await;
    let token = negotiate(running.address).await;
    poll(running.address, &token).await;
    post(running.address, &token, "{\"protocol\":\"messagepack\",\"version\":1}\u{1e}").await;
    assert_eq!(poll(running.address, &token).await.text(), "{}\u{1e}");
    post(running.address, &token, &b"\x0c\x95\x01\x80\xa1\x30\xa3Add\x92\x02\x03"[..]).await;
    assert_eq!(&poll(running.address, &token).await.body[..], b"\x07\x95\x03\x80\xa1\x30\x03\x05");
}

#[tokio::test]
async fn a_client_that_overlooks_all_but_one_record_gets_one_each_time() {
    let running = start(Config::default()).await;
    let token = ready(&running).await;
    let call = "{\"type\":1,\"target\":\"Void\",\"arguments\":[],\"invocationId\":\"1\"}\u{1e}";
    post(running.address, &token, call.repeat(3)).await;
    for _ in 0..3 {
        let path = format!("/hub?id={token}");
        let answer = ask(running.address, Method::GET, &path, &[("accept", "Text")], "").await;
        assert_eq!(answer.text(), "{\"type\":3,\"invocationId\":\"1\"}\u{1e}");
    }
}

#[tokio::test]
async fn a_client_that_polls_no_more_is_forgotten() {
    let config = Config { disconnect_timeout: Duration::from_millis(500), ..Config::default() };
    let running = start(config).await;
    let token = ready(&running).await;
    running.ending(|ending| *ending == Ending::Left).await;
    soon(running.server.drained()).await;
    assert_eq!(poll(running.address, &token).await.status, StatusCode::NOT_FOUND);
}
