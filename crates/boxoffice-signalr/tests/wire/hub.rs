//! A hub with a method for everything that the tests look at, and its server on a free port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use boxoffice_signalr::{
    Answer, Close, Config, Connection, Ending, Event, Failure, Hub, Invocation, Opening, Payload, SignalR,
    SlowReader,
};
use futures_util::{StreamExt as _, stream};
use http::{Extensions, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

/// What the tests see of the hub from within.
#[derive(Clone)]
pub struct Seen {
    pub endings: Arc<watch::Sender<Vec<Ending>>>,
    pub connections: Arc<Mutex<Vec<Connection>>>,
    /// What the source `Number` tells.
    pub number: watch::Sender<u64>,
    pub policy: Arc<Mutex<SlowReader>>,
}

pub struct TestHub(pub Seen);

/// What the hub remembers of the request that opened the connection.
#[derive(Clone)]
struct Opened {
    token: Option<String>,
    event: Option<String>,
}

impl Hub for TestHub {
    fn on_request(&self, opening: &Opening<'_>) -> Result<Extensions, Response> {
        let token = opening.access_token();
        if token.as_deref() == Some("bad") {
            return Err(StatusCode::UNAUTHORIZED.into_response());
        }
        let mut data = Extensions::new();
        data.insert(Opened { token, event: opening.query("eventId") });
        Ok(data)
    }

    async fn on_connect(&self, connection: &Connection) -> Result<(), Close> {
        self.0.connections.lock().push(connection.clone());
        let opened = connection.with_data(|data| data.get::<Opened>().cloned()).unwrap();
        match opened.event.as_deref() {
            Some("refused") => return Err(Close::error("not here")),
            Some("glued") => connection.send(&Event::new("Glued", [])).unwrap(),
            Some("panic") => panic!("on purpose"),
            _ => {}
        }
        Ok(())
    }

    async fn on_invoke(&self, connection: &Connection, call: Invocation) -> Result<Answer, Failure> {
        match &*call.target.to_ascii_lowercase() {
            "add" => {
                let (left, right): (i64, i64) = call.arguments()?;
                Ok(json!(left + right).into())
            }
            "echo" => Ok(call.argument::<Value>(0)?.into()),
            "void" => Ok(Answer::Void),
            "told" => Err(Failure::Told("because".to_owned())),
            "forbidden" => Err(Failure::Unauthorized),
            "panic" => panic!("on purpose"),
            "never" => std::future::pending().await,
            "who" => {
                let opened = connection.with_data(|data| data.get::<Opened>().cloned()).unwrap();
                Ok(json!({"token": opened.token, "event": opened.event, "id": connection.id()}).into())
            }
            "count" => {
                let to = call.argument::<u64>(0)?;
                let items = (1..=to).map(|number| Ok(Payload::from(json!(number))));
                Ok(Answer::Stream(stream::iter(items).boxed()))
            }
            "failing" => {
                let items = [Ok(json!(1).into()), Err(Failure::Internal)];
                Ok(Answer::Stream(stream::iter(items).boxed()))
            }
            "pending" => Ok(Answer::Stream(stream::pending().boxed())),
            "large" => Ok(json!("x".repeat(call.argument(0)?)).into()),
            "join" => {
                connection.clients().join(&call.argument::<String>(0)?, connection);
                Ok(Answer::Void)
            }
            "leave" => {
                connection.clients().leave(&call.argument::<String>(0)?, connection);
                Ok(Answer::Void)
            }
            "follow" => {
                let numbers = self.0.number.subscribe();
                let source = stream::unfold((numbers, true), |(mut numbers, first)| async move {
                    if !first {
                        numbers.changed().await.ok()?;
                    }
                    let number = *numbers.borrow_and_update();
                    Some((Event::new("Number", [json!(number).into()]), (numbers, false)))
                });
                connection.attach("numbers", source);
                tokio::task::yield_now().await;
                Ok(json!("following").into())
            }
            "unfollow" => {
                connection.detach("numbers");
                Ok(Answer::Void)
            }
            "close" => {
                connection.close(Close { error: None, allow_reconnect: call.argument(0)? });
                Ok(Answer::Void)
            }
            _ => Err(Failure::UnknownMethod),
        }
    }

    async fn on_disconnect(&self, connection: &Connection, ending: &Ending) {
        self.0.connections.lock().retain(|other| other != connection);
        self.0.endings.send_modify(|endings| endings.push(ending.clone()));
    }

    fn on_slow_reader(&self, _: &Connection) -> SlowReader {
        *self.0.policy.lock()
    }
}

/// A running server.
pub struct Running {
    pub address: SocketAddr,
    pub server: SignalR,
    pub seen: Seen,
}

impl Running {
    /// The next ending of a connection that `wanted` accepts.
    pub async fn ending(&self, wanted: impl Fn(&Ending) -> bool) {
        let mut endings = self.seen.endings.subscribe();
        let found = endings.wait_for(|endings| endings.iter().any(&wanted));
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("it ends in time").unwrap();
    }
}

/// The hub at `/hub`, without a socket.
pub fn router(config: Config) -> (axum::Router, SignalR, Seen) {
    let seen = Seen {
        endings: Arc::new(watch::Sender::new(Vec::new())),
        connections: Arc::default(),
        number: watch::Sender::new(0),
        policy: Arc::new(Mutex::new(SlowReader::CutOff)),
    };
    let server = SignalR::new(TestHub(seen.clone()), config);
    (axum::Router::new().nest("/hub", server.router()), server, seen)
}

pub async fn start(config: Config) -> Running {
    let (router, server, seen) = router(config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Running { address, server, seen }
}
