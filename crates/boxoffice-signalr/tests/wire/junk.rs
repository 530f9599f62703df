//! Junk on every door: it ends its own connection with a reason, and nothing else.

use boxoffice_signalr::Config;
use futures_util::SinkExt as _;
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Events, Socket, ask, negotiate, poll, post, soon};
use crate::hub::start;

const JUNK: &[&[u8]] =
    &[b"\x1e", b"{}\x1e", b"\xff\xfe\x1e", b"[[[[\x1e", b"{\"type\":\"1\"}\x1e", b"{\"type\":1}\x1e"];

#[tokio::test]
async fn junk_after_the_handshake_ends_the_connection_with_a_reason() {
    let running = start(Config::default()).await;
    for junk in JUNK {
        let mut socket = Socket::ready(running.address).await;
        socket.send_binary(junk).await;
        let close = socket.text().await;
        assert!(close.starts_with("{\"type\":7,\"error\":\"Connection closed with an error. "), "{close}");
        assert_eq!(socket.message().await.err(), Some(Some(1000)));
        let (mut events, token) = Events::ready(running.address).await;
        post(running.address, &token, *junk).await;
        assert!(events.next().await.unwrap().starts_with("{\"type\":7,\"error\":"));
        assert_eq!(events.next().await, None);
    }
    for junk in [&b"\x00"[..], b"\x01\xc1", b"\x01\x90", b"\xff\xff\xff\xff\xff", b"\x02\x91\xc0"] {
        let mut socket = Socket::ready_binary(running.address).await;
        socket.send_binary(junk).await;
        let close = socket.binary().await;
        assert!(close.windows(2).any(|pair| pair == [0x93, 0x07]), "{junk:?}: {close:?}");
    }
    // What a later version of the protocol may say is passed over.
    let mut socket = Socket::ready(running.address).await;
    socket.send("{\"type\":42}\u{1e}{\"type\":8,\"sequenceId\":1}\u{1e}").await;
    let answer = socket.call(r#"{"type":1,"target":"Void","arguments":[],"invocationId":"1"}"#).await;
    assert_eq!(answer, r#"{"type":3,"invocationId":"1"}"#);
}

#[tokio::test]
async fn junk_before_the_handshake_is_refused() {
    let running = start(Config::default()).await;
    for junk in JUNK {
        let mut socket = Socket::open(running.address, "/hub").await.unwrap();
        socket.send_binary(junk).await;
        assert!(socket.text().await.starts_with("{\"error\":\"Invalid handshake request"));
        let token = negotiate(running.address).await;
        poll(running.address, &token).await;
        post(running.address, &token, *junk).await;
        assert!(poll(running.address, &token).await.text().starts_with("{\"error\":"));
        assert_eq!(poll(running.address, &token).await.status, StatusCode::NO_CONTENT);
    }
    let mut socket = Socket::open(running.address, "/hub").await.unwrap();
    socket.send(&"x".repeat(40_000)).await;
    assert!(socket.text().await.contains("was exceeded"));
}

#[tokio::test]
async fn junk_instead_of_frames_and_requests_harms_nobody() {
    let running = start(Config::default()).await;
    let mut bystander = Socket::ready(running.address).await;
    for junk in [
        &b"\x00\x01\x02\r\n\r\n"[..],
        b"GET /hub?id=%ff%00 HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n\r\n",
    ] {
        let mut stream = tokio::net::TcpStream::connect(running.address).await.unwrap();
        stream.write_all(junk).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    // An upgrade whose WebSocket then speaks something else.
    let mut socket = Socket::ready(running.address).await;
    let stream = socket.0.get_mut();
    stream.write_all(&[0xFF; 1000]).await.unwrap();
    while socket.message().await.is_ok() {}
    // Text that is not UTF-8, in a frame of text.
    let mut socket = Socket::ready(running.address).await;
    let frame = [0x81, 0x82, 0, 0, 0, 0, 0xFF, 0xFF];
    socket.0.get_mut().write_all(&frame).await.unwrap();
    while socket.message().await.is_ok() {}
    let mut socket = Socket::ready(running.address).await;
    socket.0.send(Message::Close(None)).await.unwrap();
    while socket.message().await.is_ok() {}

    let body = vec![0xFF; 100_000];
    let negotiated = ask(running.address, Method::POST, "/hub/negotiate?negotiateVersion=1", &[], body).await;
    assert_eq!(negotiated.status, StatusCode::OK, "the body of a negotiation is nobody's business");
    let answer = bystander.call(r#"{"type":1,"target":"Void","arguments":[],"invocationId":"1"}"#).await;
    assert_eq!(answer, r#"{"type":3,"invocationId":"1"}"#);
}
