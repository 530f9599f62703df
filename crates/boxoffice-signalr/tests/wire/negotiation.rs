//! Negotiation: versions, ids, transports, tokens; and the statuses of requests with the wrong id, method or transport.

use std::time::Duration;

use boxoffice_signalr::{Config, Transport};
use http::{Method, StatusCode};
use serde_json::json;

use crate::client::{Events, HANDSHAKE, Socket, ask, negotiate, poll, post};
use crate::hub::start;

#[tokio::test]
async fn item_1_versions_0_1_absent_99_and_abc() {
    let running = start(Config::default()).await;
    let offer = async |query: &str| {
        let path = format!("/hub/negotiate{query}");
        let answer =
            ask(running.address, Method::POST, &path, &[("content-type", "application/json")], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert_eq!(answer.headers["content-type"], "application/json");
        answer.json()
    };
    for query in ["", "?eventId=7", "?negotiateVersion=0", "?eventId=7&id=STALE"] {
        let offer = offer(query).await;
        assert_eq!(offer["negotiateVersion"], 0, "{query}");
        assert!(offer.get("connectionToken").is_none(), "a client of version 0 uses connectionId");
        let id = offer["connectionId"].as_str().unwrap();
        assert!(Socket::open(running.address, &format!("/hub?eventId=7&id={id}")).await.is_ok());
    }
    for query in
        ["?negotiateVersion=1", "?negotiateVersion=99", "?NegotiateVersion=1&useStatefulReconnect=true"]
    {
        let offer = offer(query).await;
        let (id, token) =
            (offer["connectionId"].as_str().unwrap(), offer["connectionToken"].as_str().unwrap());
        assert_ne!(id, token);
        let public = Socket::open(running.address, &format!("/hub?id={id}")).await;
        assert_eq!(public.err(), Some(StatusCode::NOT_FOUND), "the public id opens nothing");
        assert!(Socket::open(running.address, &format!("/hub?id={token}")).await.is_ok());
        let expected = json!({
            "negotiateVersion": 1,
            "connectionId": id,
            "connectionToken": token,
            "availableTransports": [
                {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]},
                {"transport": "ServerSentEvents", "transferFormats": ["Text"]},
                {"transport": "LongPolling", "transferFormats": ["Text", "Binary"]},
            ],
        });
        assert_eq!(offer, expected, "nothing else, stateful reconnect least of all");
    }
    for query in ["?negotiateVersion=abc", "?negotiateVersion=-1", "?negotiateVersion="] {
        assert!(offer(query).await["error"].is_string(), "{query}");
    }
}

#[tokio::test]
async fn statuses_of_wrong_requests() {
    let running = start(Config::default()).await;
    let address = running.address;
    let status = async |method: Method, path: &str| ask(address, method, path, &[], "").await.status;
    assert_eq!(status(Method::GET, "/hub/negotiate").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(status(Method::PUT, "/hub?id=x").await, StatusCode::METHOD_NOT_ALLOWED);
    for method in [Method::GET, Method::POST, Method::DELETE] {
        assert_eq!(status(method.clone(), "/hub").await, StatusCode::BAD_REQUEST, "{method} without id");
        assert_eq!(
            status(method.clone(), "/hub?id=unknown").await,
            StatusCode::NOT_FOUND,
            "{method}, unknown id"
        );
    }
    assert_eq!(Socket::open(address, "/hub?id=unknown").await.err(), Some(StatusCode::NOT_FOUND));

    let token = negotiate(address).await;
    let path = format!("/hub?id={token}");
    let _socket = Socket::open(address, &path).await.unwrap();
    assert_eq!(Socket::open(address, &path).await.err(), Some(StatusCode::CONFLICT));
    assert_eq!(status(Method::POST, &path).await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(status(Method::GET, &path).await, StatusCode::BAD_REQUEST, "another transport");
    assert_eq!(status(Method::DELETE, &path).await, StatusCode::BAD_REQUEST);

    let (_events, token) = Events::ready(address).await;
    let path = format!("/hub?id={token}");
    let again = ask(address, Method::GET, &path, &[("accept", "text/event-stream")], "").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(poll(address, &token).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(Socket::open(address, &path).await.err(), Some(StatusCode::BAD_REQUEST));
    assert_eq!(status(Method::DELETE, &path).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn only_transports_on_offer_are_there() {
    let config = Config { transports: vec![Transport::LongPolling], ..Config::default() };
    let running = start(config).await;
    assert_eq!(Socket::open(running.address, "/hub").await.err(), Some(StatusCode::NOT_FOUND));
    let token = negotiate(running.address).await;
    let path = format!("/hub?id={token}");
    assert_eq!(Socket::open(running.address, &path).await.err(), Some(StatusCode::NOT_FOUND));
    let stream = ask(running.address, Method::GET, &path, &[("accept", "text/event-stream")], "").await;
    assert_eq!(stream.status, StatusCode::NOT_FOUND);
    assert_eq!(poll(running.address, &token).await.status, StatusCode::OK, "the id is still good");
}

#[tokio::test]
async fn item_10_the_access_token_comes_in_header_or_query() {
    let running = start(Config::default()).await;
    let address = running.address;
    let bad = [("authorization", "Bearer bad")];
    let answer = ask(address, Method::POST, "/hub/negotiate?negotiateVersion=1", &bad, "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Socket::open(address, "/hub?access_token=bad").await.err(), Some(StatusCode::UNAUTHORIZED));

    let mut socket = Socket::open(address, "/hub?eventId=7&access_token=a%2Bb").await.unwrap();
    socket.send(HANDSHAKE).await;
    socket.text().await;
    let who = socket.call(r#"{"type":1,"target":"Who","arguments":[],"invocationId":"1"}"#).await;
    assert!(who.contains(r#""token":"a+b","event":"7""#), "{who}");

    let token = negotiate(address).await;
    let path = format!("/hub?id={token}&access_token=secret");
    let mut events = Events::open(address, &path).await;
    let call =
        format!("{HANDSHAKE}{{\"type\":1,\"target\":\"Who\",\"arguments\":[],\"invocationId\":\"1\"}}\u{1e}");
    post(address, &token, call).await;
    let mut said = events.next().await.unwrap();
    while !said.contains("\"type\":3") {
        said = events.next().await.unwrap();
    }
    assert!(said.contains(r#""token":"secret""#), "{said}");
}

#[tokio::test]
async fn negotiations_never_used_are_bounded_and_make_room_by_expiring() {
    let config = Config {
        max_pending_negotiations: 10,
        negotiation_lifetime: Duration::from_secs(1),
        ..Config::default()
    };
    let running = start(config).await;
    let mut refused = 0;
    for _ in 0..30 {
        let answer = ask(running.address, Method::POST, "/hub/negotiate?negotiateVersion=1", &[], "").await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.headers["retry-after"], "1");
            refused += 1;
        }
    }
    assert!(refused > 0, "more than fit were refused");
    // Those expire, and then there is room again.
    crate::client::soon(async {
        loop {
            let answer = ask(running.address, Method::POST, "/hub/negotiate", &[], "").await;
            if answer.status == StatusCode::OK {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn item_15_stateful_reconnect_is_asked_for_not_granted_and_the_client_works() {
    let running = start(Config::default()).await;
    let path = "/hub/negotiate?negotiateVersion=1&useStatefulReconnect=true";
    let offer = ask(running.address, Method::POST, path, &[], "").await.json();
    assert!(offer.get("useStatefulReconnect").is_none());
    let token = offer["connectionToken"].as_str().unwrap();
    let mut socket = Socket::open(running.address, &format!("/hub?id={token}")).await.unwrap();
    socket.send(HANDSHAKE).await;
    assert_eq!(socket.text().await, "{}\u{1e}");
    let answer = socket.call(r#"{"type":1,"target":"Add","arguments":[2,3],"invocationId":"0"}"#).await;
    assert_eq!(answer, r#"{"type":3,"invocationId":"0","result":5}"#);
}
