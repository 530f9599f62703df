//! The server: what all connections of one hub share, and every request that they begin with.

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use http::{Extensions, Method, StatusCode, header, request::Parts};
use tokio::sync::watch;

use crate::clients::{Clients, Place, Places};
use crate::config::Config;
use crate::connection::Connection;
use crate::erased::ErasedHub;
use crate::hub::{Close, Hub};
use crate::negotiate;
use crate::opening::Opening;
use crate::query;
use crate::registry::{Known, Registry, random_id};
use crate::transport::link::Link;
use crate::transport::{Transport, long_polling, server_sent_events, websocket};

/// A hub and everybody connected to it. Clones are the same server.
#[derive(Clone)]
pub struct SignalR(Arc<Server>);

pub(crate) struct Server {
    pub(crate) hub: Arc<dyn ErasedHub>,
    pub(crate) config: Config,
    pub(crate) clients: Clients,
    pub(crate) registry: Registry,
    places: Arc<Places>,
    /// Once the server drains: how.
    pub(crate) draining: watch::Sender<Option<Close>>,
}

impl SignalR {
    /// A server for a hub.
    #[must_use]
    pub fn new(hub: impl Hub, config: Config) -> Self {
        Self(Arc::new(Server {
            hub: Arc::new(hub),
            places: Arc::new(Places::new(config.max_connections)),
            config,
            clients: Clients::default(),
            registry: Registry::default(),
            draining: watch::Sender::new(None),
        }))
    }

    /// The routes, to nest at the hub's path: `Router::new().nest("/hubs/chat", server.router())`.
    ///
    /// They need a server that lets connections upgrade, as `axum::serve` does.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new().route("/", any(connect)).route("/negotiate", post(negotiate)).with_state(self.clone())
    }

    /// Everybody connected, and their groups.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// Refuses new connections and closes those that are there. With `allow_reconnect` their clients come back, to
    /// whoever then listens.
    pub fn drain(&self, close: &Close) {
        self.0.draining.send_replace(Some(close.clone()));
        self.0.clients.close_all(close);
    }

    /// Waits until every connection is gone. After [`drain`](SignalR::drain) that is soon.
    pub async fn drained(&self) {
        self.0.places.empty().await;
    }
}

async fn negotiate(State(SignalR(server)): State<SignalR>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if let Err(refusal) = server.hub.on_request(&Opening::new(&parts, true)) {
        return refusal;
    }
    if server.is_draining() || server.places.are_taken() {
        return negotiate::busy("The server takes no more connections");
    }
    negotiate::answer(&server.config, &server.registry, parts.uri.query())
}

async fn connect(State(SignalR(server)): State<SignalR>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let token = query::find(parts.uri.query(), "id");
    let asked = match parts.method {
        Method::GET if has(&parts, &header::UPGRADE, "websocket") => {
            server.websocket(&mut parts, token).await
        }
        Method::GET => server.fetch(parts, token).await,
        Method::POST => server.post(&parts, token, body).await,
        Method::DELETE => server.delete(token),
        _ => Ok((StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, POST, DELETE")]).into_response()),
    };
    asked.unwrap_or_else(|refusal| refusal)
}

fn has(parts: &Parts, name: &http::HeaderName, word: &str) -> bool {
    let words = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    words.flat_map(|value| value.split(',')).any(|found| {
        let media_type = found.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case(word)
    })
}

fn refused(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

fn no_id() -> Response {
    refused(StatusCode::BAD_REQUEST, "Connection ID required")
}

fn unknown_id() -> Response {
    refused(StatusCode::NOT_FOUND, "No Connection with that ID")
}

fn other_transport() -> Response {
    refused(StatusCode::BAD_REQUEST, "Cannot change transports mid-connection")
}

type Asked = Result<Response, Response>;

#[allow(clippy::result_large_err, reason = "the refusal is an HTTP answer")]
impl Server {
    fn is_draining(&self) -> bool {
        self.draining.borrow().is_some()
    }

    fn on_offer(&self, transport: Transport) -> Result<(), Response> {
        let offered = self.config.transports.contains(&transport);
        offered.then_some(()).ok_or_else(|| refused(StatusCode::NOT_FOUND, "This transport is not offered"))
    }

    /// Everything that a new connection needs: the hub's leave, and a place.
    fn admit(&self, parts: &Parts) -> Result<(Extensions, Place), Response> {
        let data = self.hub.on_request(&Opening::new(parts, false))?;
        let place = (!self.is_draining()).then(|| self.places.take()).flatten();
        Ok((data, place.ok_or_else(|| negotiate::busy("The server takes no more connections"))?))
    }

    async fn websocket(self: &Arc<Self>, parts: &mut Parts, token: Option<String>) -> Asked {
        self.on_offer(Transport::WebSockets)?;
        if let Some(token) = &token {
            match self.registry.look(token) {
                Known::Nothing => return Err(unknown_id()),
                Known::WebSocket => return Err(refused(StatusCode::CONFLICT, "The connection is in use")),
                Known::Link(_) => return Err(other_transport()),
                Known::Negotiated(_) => {}
            }
        }
        let upgrade =
            WebSocketUpgrade::from_request_parts(parts, &()).await.map_err(IntoResponse::into_response)?;
        let (data, place) = self.admit(parts)?;
        // From here on the id is used up. Without one there was no negotiation.
        let (id, token) = match token {
            None => (random_id().map_err(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())?.into(), None),
            Some(token) => match self.registry.open_websocket(&token) {
                Known::Negotiated(id) => (id, Some(Token { token, server: Arc::clone(self) })),
                _ => return Err(refused(StatusCode::CONFLICT, "The connection is in use")),
            },
        };
        let connection = Connection::new(Arc::clone(self), id, data, place);
        let _ = connection.0.transport.set(Transport::WebSockets);
        Ok(websocket::upgrade(upgrade, connection, token))
    }

    /// The connection of an id over separate requests: it begins with the first of them.
    fn link(self: &Arc<Self>, parts: &Parts, token: &str) -> Result<Arc<Link>, Response> {
        let known = match self.registry.look(token) {
            Known::Negotiated(_) => {
                let (data, place) = self.admit(parts)?;
                self.registry.open_link(token, |id| {
                    let connection = Connection::new(Arc::clone(self), id.into(), data, place);
                    Link::start(connection, token.to_owned())
                })
            }
            known => known,
        };
        match known {
            Known::Link(link) => Ok(link),
            Known::WebSocket => Err(other_transport()),
            Known::Nothing | Known::Negotiated(_) => Err(unknown_id()),
        }
    }

    async fn fetch(self: &Arc<Self>, parts: Parts, token: Option<String>) -> Asked {
        let token = token.ok_or_else(no_id)?;
        let transport = if has(&parts, &header::ACCEPT, "text/event-stream") {
            Transport::ServerSentEvents
        } else {
            Transport::LongPolling
        };
        self.on_offer(transport)?;
        let link = self.link(&parts, &token)?;
        let is_first = link.decide(transport).map_err(|_| other_transport())?;
        match transport {
            Transport::ServerSentEvents if is_first => Ok(server_sent_events::answer(link)),
            Transport::ServerSentEvents => Err(refused(StatusCode::CONFLICT, "The connection is in use")),
            _ => Ok(long_polling::poll(link, is_first, &parts.headers).await),
        }
    }

    async fn post(self: &Arc<Self>, parts: &Parts, token: Option<String>, body: axum::body::Body) -> Asked {
        let token = token.ok_or_else(no_id)?;
        if matches!(self.registry.look(&token), Known::WebSocket) {
            return Err(refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "POST requests are not allowed for WebSockets",
            ));
        }
        let link = self.link(parts, &token)?;
        link.post(body).await.map_err(|_| unknown_id())?;
        Ok(StatusCode::OK.into_response())
    }

    fn delete(&self, token: Option<String>) -> Asked {
        let token = token.ok_or_else(no_id)?;
        match self.registry.look(&token) {
            Known::Nothing => Err(unknown_id()),
            Known::Link(link) if link.connection.transport() == Some(Transport::LongPolling) => {
                self.registry.remove(&token);
                link.connection.0.outbox.lose();
                link.set_drained();
                Ok(StatusCode::ACCEPTED.into_response())
            }
            _ => Err(refused(StatusCode::BAD_REQUEST, "Only Long Polling connections are ended by DELETE")),
        }
    }
}

/// The id of a WebSocket's negotiation, good as long as the connection lives.
struct Token {
    token: String,
    server: Arc<Server>,
}

impl Drop for Token {
    fn drop(&mut self) {
        self.server.registry.remove(&self.token);
    }
}
