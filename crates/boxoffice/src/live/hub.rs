//! The seats hub at `/hubs/seats`: the feed for clients of SignalR.

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::board::Board;
use boxoffice_engine::box_office::Refused;
use boxoffice_signalr::{Answer, Close, Config, Connection, Failure, Hub, Invocation, Opening, SignalR};
use futures_util::stream;
use hashbrown::HashSet;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::admission::{Place, Transport};
use super::door::start;
use super::follower::Follower;
use super::message::Message;
use crate::config::Scope;
use crate::http::auth::Credential;
use crate::http::cors;
use crate::http::handlers::seats::{Since, read_since};
use crate::http::handlers::visible_board;
use crate::http::metrics::count;
use crate::http::origin::Client;
use crate::http::problem::Problem;
use crate::http::{App, Shared};

/// Where it stands.
pub const PATH: &str = "/hubs/seats";

/// The hub. The application has the server, so the hub has no more than a way to it.
struct Seats(Weak<App>);

/// What is kept about a connection.
#[derive(Clone)]
struct Visitor {
    credential: Arc<Credential>,
    joined: HashSet<ShowtimeId>,
    _place: Arc<Place>,
}

/// The hub's server: nest its router at [`PATH`], and drain it when the node goes down.
pub fn server(app: &Shared) -> SignalR {
    let feed = &app.config.feed;
    let config = Config {
        max_message_bytes: feed.max_message_bytes,
        max_connections: feed.max_watchers,
        max_pending_negotiations: feed.max_watchers,
        write_timeout: Duration::from_secs(feed.write_timeout_s),
        ..Config::default()
    };
    SignalR::new(Seats(Arc::downgrade(app)), config)
}

/// What clients are told when the node goes down: come back.
pub fn draining() -> Close {
    Close::reconnect("The server is going down; connect again.")
}

fn refused(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

/// A problem in one line, beginning with its code.
fn told(problem: &Problem) -> Failure {
    Failure::Told(format!("{}: {}", problem.code().info().code, problem.detail()))
}

/// Whose key the connection brings, if any: as a header, or in the query as browsers have to.
#[expect(clippy::result_large_err, reason = "the refusal is an HTTP answer")]
fn credential(app: &App, opening: &Opening<'_>) -> Result<Credential, Response> {
    let mut headers = HeaderMap::new();
    if let Some(token) = opening.access_token() {
        let value = HeaderValue::from_str(&["Bearer ", token.as_str()].concat());
        let value = value.map_err(|_| refused(StatusCode::UNAUTHORIZED, "The access token is no token."))?;
        headers.insert(header::AUTHORIZATION, value);
    }
    let known = app.keys.credential(&headers);
    known.map_err(|_| refused(StatusCode::UNAUTHORIZED, "The access token is not known."))
}

/// `since` of a call: absent, null, a revision, or text as in the query of the native feed.
fn since(value: Option<&Value>) -> Result<Option<Since>, Failure> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            number.as_u64().map(|revision| Some((None, revision))).ok_or(Failure::Arguments)
        }
        Some(Value::String(text)) => read_since(text).map(Some).ok_or(Failure::Arguments),
        Some(_) => Err(Failure::Arguments),
    }
}

/// Refuses a call with more or fewer arguments.
fn takes(call: &Invocation, least: usize, most: usize) -> Result<(), Failure> {
    let fits = (least..=most).contains(&call.arguments.len()) && !call.streaming;
    if fits { Ok(()) } else { Err(Failure::Arguments) }
}

impl Seats {
    fn app(&self) -> Result<Shared, Failure> {
        self.0.upgrade().ok_or(Failure::Internal)
    }

    /// The showtime that a call is about, if the visitor may see it.
    async fn board(
        &self,
        app: &App,
        connection: &Connection,
        call: &Invocation,
    ) -> Result<(ShowtimeId, Arc<Board>, bool), Failure> {
        let id = showtime(call)?;
        let visitor = connection.with_data(|data| data.get::<Visitor>().cloned()).ok_or(Failure::Internal)?;
        let board = visible_board(app, id, &visitor.credential).await.map_err(|problem| told(&problem))?;
        Ok((id, board, visitor.credential.has(Scope::Read)))
    }

    async fn join(&self, connection: &Connection, call: &Invocation) -> Result<Answer, Failure> {
        takes(call, 1, 2)?;
        let since = since(call.arguments.get(1))?;
        let app = self.app()?;
        let (id, board, sees_hidden) = self.board(&app, connection, call).await?;
        let most = app.config.feed.max_showtimes;
        let joined = connection.with_data(|data| {
            let joined = &mut data.get_mut::<Visitor>()?.joined;
            Some(joined.contains(&id) || (joined.len() < most && joined.insert(id)))
        });
        if joined != Some(true) {
            count(&app.live.counters.showtimes_full);
            return Err(Failure::Told(format!("overloaded: A connection may watch {most} showtimes.")));
        }
        let audience = app.live.audience(&app, Arc::clone(&board));
        let from = start(&app, &board, since).await;
        let first = audience.since(from);
        let mut follower = Follower::new(audience, &first, sees_hidden, false);
        let result = follower.next().await.ok_or(Failure::Internal)?;
        let source = stream::unfold(follower, |mut follower| async {
            let message = follower.next().await?;
            // Its client is told when the connection is closed.
            (!message.is_bye()).then(|| (message.event(), follower))
        });
        connection.attach(&id.to_string(), source);
        Ok(Answer::Result(result.payload().clone()))
    }
}

fn showtime(call: &Invocation) -> Result<ShowtimeId, Failure> {
    let text: String = call.argument(0)?;
    text.parse().map_err(|_| Failure::Told("showtime_not_found: There is no such showtime.".to_owned()))
}

impl Hub for Seats {
    fn on_request(&self, opening: &Opening<'_>) -> Result<Extensions, Response> {
        let gone = || refused(StatusCode::SERVICE_UNAVAILABLE, "The server is going down.");
        let app = self.0.upgrade().ok_or_else(gone)?;
        if opening.headers().contains_key(header::UPGRADE) && app.is_foreign(opening.headers()) {
            return Err(refused(StatusCode::FORBIDDEN, cors::FOREIGN));
        }
        let credential = Arc::new(credential(&app, opening)?);
        let mut data = Extensions::new();
        if opening.is_negotiation() {
            return Ok(data);
        }
        let address = opening.extensions().get::<Client>().map_or(IpAddr::from([0; 4]), |client| client.0);
        let Some(place) = app.live.places.take(Transport::SignalR, address) else {
            return Err(app.problem(&Refused::Overloaded, None).into_response());
        };
        data.insert(Visitor { credential, joined: HashSet::new(), _place: Arc::new(place) });
        Ok(data)
    }

    async fn on_invoke(&self, connection: &Connection, call: Invocation) -> Result<Answer, Failure> {
        if call.is("JoinShowtime") {
            self.join(connection, &call).await
        } else if call.is("LeaveShowtime") {
            takes(&call, 1, 1)?;
            let id = showtime(&call)?;
            connection.with_data(|data| data.get_mut::<Visitor>().map(|visitor| visitor.joined.remove(&id)));
            connection.detach(&id.to_string());
            Ok(Answer::Result(Value::Null.into()))
        } else if call.is("GetSeats") {
            takes(&call, 1, 1)?;
            let app = self.app()?;
            let (id, board, _) = self.board(&app, connection, &call).await?;
            let written = app.live.audience(&app, board).since(None);
            let mut parts = written.messages.iter().filter(|message| !message.is_change());
            let first = parts.next().ok_or(Failure::Internal)?;
            let rest: Vec<_> = parts.map(Message::event).collect();
            if !rest.is_empty() {
                connection.attach(&format!("{id} once"), stream::iter(rest));
            }
            Ok(Answer::Result(first.payload().clone()))
        } else {
            Err(Failure::UnknownMethod)
        }
    }
}
