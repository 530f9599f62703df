//! A small client: raw HTTP, event streams, polls and WebSockets, without anything that a real client would do by itself.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

pub const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One request on a connection of its own, up to the head of its answer.
pub async fn open(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> http::Response<Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    soon(sender.send_request(request.body(Full::new(body.into())).unwrap())).await.unwrap()
}

/// One request and its whole answer.
pub async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response {
    let (parts, body) = open(address, method, path, headers, body).await.into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    Response { status: parts.status, headers: parts.headers, body }
}

pub async fn post(address: SocketAddr, token: &str, body: impl Into<Bytes>) -> Response {
    ask(address, Method::POST, &format!("/hub?id={token}"), &[], body).await
}

pub async fn poll(address: SocketAddr, token: &str) -> Response {
    ask(address, Method::GET, &format!("/hub?id={token}&_=1"), &[], "").await
}

/// Negotiates by version 1 and returns the token.
pub async fn negotiate(address: SocketAddr) -> String {
    let answer = ask(address, Method::POST, "/hub/negotiate?negotiateVersion=1", &[], "").await;
    answer.json()["connectionToken"].as_str().unwrap().to_owned()
}

/// An event stream, read event by event.
pub struct Events {
    pub headers: HeaderMap,
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        let answer = open(address, Method::GET, path, &[("accept", "text/event-stream")], "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        let (parts, body) = answer.into_parts();
        let mut events = Self { headers: parts.headers, body, buffer: Vec::new() };
        assert_eq!(events.line().await.as_deref(), Some(":"), "the preface comes at once");
        events
    }

    /// Opens the stream of a new connection and shakes hands.
    pub async fn ready(address: SocketAddr) -> (Self, String) {
        let token = negotiate(address).await;
        let mut events = Self::open(address, &format!("/hub?id={token}")).await;
        assert_eq!(post(address, &token, HANDSHAKE).await.status, StatusCode::OK);
        assert_eq!(events.next().await.unwrap(), "{}\u{1e}");
        (events, token)
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
                self.buffer.drain(..end + 2);
                return Some(line);
            }
            let frame = soon(self.body.frame()).await?.ok()?;
            self.buffer.extend_from_slice(&frame.into_data().ok()?);
        }
    }

    /// The data of the next event, or nothing at the stream's end.
    pub async fn next(&mut self) -> Option<String> {
        let line = self.line().await?;
        assert_eq!(self.line().await.as_deref(), Some(""), "an event ends with an empty line");
        Some(line.strip_prefix("data: ").expect("only data").to_owned())
    }
}

/// A WebSocket.
pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    pub async fn open(address: SocketAddr, path: &str) -> Result<Self, StatusCode> {
        let request = format!("ws://localhost{path}").into_client_request().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        match soon(tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Without negotiation, after the handshake.
    pub async fn ready(address: SocketAddr) -> Self {
        let mut socket = Self::open(address, "/hub").await.unwrap();
        socket.send(HANDSHAKE).await;
        assert_eq!(socket.text().await, "{}\u{1e}");
        socket
    }

    /// Without negotiation, after the handshake of MessagePack.
    pub async fn ready_binary(address: SocketAddr) -> Self {
        let mut socket = Self::open(address, "/hub").await.unwrap();
        socket.send("{\"protocol\":\"messagepack\",\"version\":1}\u{1e}").await;
        assert_eq!(socket.text().await, "{}\u{1e}");
        socket
    }

    pub async fn send(&mut self, text: &str) {
        soon(self.0.send(Message::text(text))).await.unwrap();
    }

    pub async fn send_binary(&mut self, bytes: &[u8]) {
        soon(self.0.send(Message::binary(bytes.to_vec()))).await.unwrap();
    }

    /// The next message that is not the WebSocket's own affair, or how the server closed.
    pub async fn message(&mut self) -> Result<Message, Option<u16>> {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => return Ok(message),
                Some(Ok(Message::Close(frame))) => {
                    // Reading on is what answers it.
                    while soon(self.0.next()).await.is_some_and(|message| message.is_ok()) {}
                    return Err(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub async fn text(&mut self) -> String {
        match self.message().await {
            Ok(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("no text: {other:?}"),
        }
    }

    pub async fn binary(&mut self) -> Bytes {
        match self.message().await {
            Ok(Message::Binary(bytes)) => bytes,
            other => panic!("nothing binary: {other:?}"),
        }
    }

    /// Sends a JSON record and returns what answers it.
    pub async fn call(&mut self, record: &str) -> String {
        self.send(&format!("{record}\u{1e}")).await;
        self.record().await
    }

    /// One record that came alone.
    pub async fn record(&mut self) -> String {
        let text = self.text().await;
        let record = text.strip_suffix('\u{1e}').expect("a message ends with a record").to_owned();
        assert!(!record.contains('\u{1e}'), "{record}");
        record
    }
}
