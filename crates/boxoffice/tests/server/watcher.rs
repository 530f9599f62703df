//! Somebody who watches a showtime and follows the protocol, over a WebSocket of an independent implementation or an
//! event stream.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::{Message, WebSocket};

use super::house::{Showtime, states};

/// How long something may take to be told.
const PATIENCE: Duration = Duration::from_secs(10);

/// How messages come.
enum Wire {
    Socket(Box<WebSocket<TcpStream>>),
    Stream(BufReader<TcpStream>),
}

/// A watcher with the map that it keeps.
pub(crate) struct Watcher {
    wire: Wire,
    /// Each seat that ever changed, with its status and version.
    pub(crate) map: BTreeMap<String, (String, u64)>,
    /// The history that the map is of.
    pub(crate) epoch: String,
    /// Up to which revision it is known.
    pub(crate) revision: u64,
    parts: Vec<Value>,
    /// The id of the last event of the stream.
    pub(crate) last_id: Option<String>,
}

impl Watcher {
    /// Over a WebSocket.
    pub(crate) fn socket(showtime: &Showtime<'_>, since: &str) -> Self {
        Self::socket_at(showtime.server.address(), &showtime.path(&format!("/live{since}")))
    }

    /// Over a WebSocket at a path.
    pub(crate) fn socket_at(address: SocketAddr, path: &str) -> Self {
        Self::try_socket_at(address, path).expect("a handshake")
    }

    /// Over a WebSocket at a path, unless nobody listens or the handshake is refused.
    pub(crate) fn try_socket_at(address: SocketAddr, path: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let url = format!("ws://{address}{path}");
        let (socket, _) = tungstenite::client(url, stream).inspect_err(|error| eprintln!("{error}")).ok()?;
        Some(Self::over(Wire::Socket(Box::new(socket))))
    }

    /// Over an event stream, with headers beyond the usual.
    pub(crate) fn stream(showtime: &Showtime<'_>, since: &str, headers: &str) -> Self {
        let path = showtime.path(&format!("/live{since}"));
        let (watcher, head) = Self::stream_at(showtime.server.address(), &path, headers);
        for header in ["x-accel-buffering: no", "transfer-encoding: chunked"] {
            assert!(head.contains(header), "{head}");
        }
        watcher
    }

    /// Over an event stream at a path, with the head of the answer.
    pub(crate) fn stream_at(address: SocketAddr, path: &str, headers: &str) -> (Self, String) {
        let mut stream = connect(address);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).expect("a head"), 0, "{head}");
        }
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200") && head.contains("text/event-stream"), "{head}");
        assert!(head.contains("cache-control: no-store"), "{head}");
        assert!(!head.contains("content-encoding"), "{head}");
        (Self::over(Wire::Stream(reader)), head)
    }

    fn over(wire: Wire) -> Self {
        let (map, parts) = (BTreeMap::new(), Vec::new());
        Self { wire, map, epoch: String::new(), revision: 0, parts, last_id: None }
    }

    /// Takes over what an earlier connection knew.
    pub(crate) fn resume(mut self, earlier: &Self) -> Self {
        (self.map, self.epoch, self.revision) =
            (earlier.map.clone(), earlier.epoch.clone(), earlier.revision);
        self
    }

    /// The socket, to do other things with it.
    pub(crate) fn raw(&mut self) -> &mut WebSocket<TcpStream> {
        match &mut self.wire {
            Wire::Socket(socket) => socket,
            Wire::Stream(_) => panic!("an event stream has no socket"),
        }
    }

    /// The next message, whatever it is; `None` when the connection has ended.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let text = match &mut self.wire {
            Wire::Socket(socket) => loop {
                match socket.read() {
                    Ok(Message::Text(text)) => break text.to_string(),
                    Ok(Message::Close(_)) => {}
                    Ok(other) => panic!("not a text: {other:?}"),
                    Err(tungstenite::Error::ConnectionClosed) => return None,
                    Err(error) => panic!("nothing was told: {error}"),
                }
            },
            Wire::Stream(reader) => {
                let event = read_event(reader)?;
                let field = |name: &str| {
                    let prefix = format!("{name}: ");
                    event.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
                };
                if let Some(id) = field("id") {
                    self.last_id = Some(id);
                }
                let data = field("data").expect("data");
                let value: Value = serde_json::from_str(&data).expect("JSON");
                assert_eq!(field("event").as_deref(), value["type"].as_str(), "{event}");
                if value["type"] == "bye" {
                    assert_eq!(field("retry"), Some(value["reconnect_after_ms"].to_string()), "{event}");
                }
                data
            }
        };
        Some(serde_json::from_str(&text).expect("JSON"))
    }

    /// Takes in the next message as a client does; returns it.
    pub(crate) fn follow(&mut self) -> Value {
        let message = self.next().expect("a message");
        self.take(&message);
        message
    }

    /// Takes a message in as a client does.
    pub(crate) fn take(&mut self, message: &Value) {
        let kind = message["type"].as_str().expect("a type");
        if !matches!(kind, "snapshot" | "delta") {
            return;
        }
        let parts = message["parts"].as_u64().unwrap_or(1);
        assert_eq!(message["part"].as_u64().unwrap_or(1), self.parts.len() as u64 + 1);
        self.parts.push(message.clone());
        if (self.parts.len() as u64) < parts {
            return;
        }
        let epoch = message["epoch"].as_str().expect("an epoch");
        if kind == "snapshot" || epoch != self.epoch {
            self.map.clear();
        } else {
            assert_eq!(message["from"].as_u64(), Some(self.revision), "a gap: {message}");
        }
        self.epoch = epoch.to_owned();
        self.revision = message["revision"].as_u64().expect("a revision");
        for part in std::mem::take(&mut self.parts) {
            for (seat, state) in states(&part["seats"]) {
                if self.map.get(&seat).is_none_or(|known| state.1 > known.1) {
                    self.map.insert(seat, state);
                }
            }
        }
    }

    /// Follows until a revision is known.
    pub(crate) fn follow_to(&mut self, revision: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.revision < revision || self.epoch.is_empty() {
            self.follow();
            assert!(Instant::now() < deadline, "revision {revision} was not told");
        }
    }

    /// Follows until its map is as the server's, which is not to change meanwhile.
    pub(crate) fn agrees(&mut self, showtime: &Showtime<'_>) {
        let map = showtime.map();
        self.follow_to(map["revision"].as_u64().expect("a revision"));
        let mut changed = states(&map["seats"]);
        changed.retain(|_, (_, version)| *version > 0);
        assert_eq!(self.map, changed);
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// Lines up to an empty one, out of chunks; `None` at the end of the stream.
fn read_event(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut event = String::new();
    while !event.ends_with("\n\n") {
        let mut size = String::new();
        reader.read_line(&mut size).expect("a chunk's size");
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).expect("a chunk");
        if size == 0 {
            return None;
        }
        event.push_str(std::str::from_utf8(&chunk[..size]).expect("text"));
    }
    Some(event)
}
