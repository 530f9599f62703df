//! `GET /v1/showtimes/{id}/live`: who comes in, over which transport, from where the feed goes on; and how those are
//! sent away for whom there is no place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::board::Board;
use boxoffice_engine::box_office::Refused;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tungstenite::handshake::derive_accept_key;

use super::admission::Transport;
use super::audience::{Audience, Written, reconnect_after_ms};
use super::event_stream;
use super::follower::Follower;
use super::frame::{CloseCode, Reader};
use super::message;
use super::watcher::{Watcher, prepare, say};
use crate::config::Scope;
use crate::http::handlers::seats::{Since, read_since};
use crate::http::handlers::visible_board;
use crate::http::linger::{Lingering, Open};
use crate::http::metrics::count;
use crate::http::origin::Client;
use crate::http::problem::{Code, Problem};
use crate::http::request::{Asked, Id};
use crate::http::{App, Shared};
use crate::http::{cors, names};

/// How long the change of protocols may take after it was agreed to.
const UPGRADE: Duration = Duration::from_secs(10);

/// `GET /v1/showtimes/{id}/live`
pub async fn live(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    mut asked: Asked,
    mut request: Request,
) -> Result<Response, Problem> {
    let since = since(&mut asked)?;
    asked.no_more_parameters()?;
    let socket = handshake(&asked.headers)?.zip(request.extensions_mut().remove::<OnUpgrade>());
    if socket.is_some() && app.is_foreign(&asked.headers) {
        return Err(Problem::new(Code::OriginNotAllowed, cors::FOREIGN));
    }
    let transport = if socket.is_some() { Transport::WebSocket } else { Transport::EventStream };
    let address = request.extensions().get::<Client>().map_or(IpAddr::from([0, 0, 0, 0]), |client| client.0);
    let board = match visible_board(&app, id, &asked.credential).await {
        Ok(board) => board,
        Err(problem) if problem.is_passing() => return send_away(&app, id, socket, "overloaded", problem),
        Err(problem) => return Err(problem),
    };
    if *app.live.leaving.borrow() || app.is_draining() {
        return send_away(&app, id, socket, "draining", app.problem(&Refused::Draining, None));
    }
    let Some(place) = app.live.places.take(transport, address) else {
        return send_away(&app, id, socket, "overloaded", app.problem(&Refused::Overloaded, None));
    };
    let sees_hidden = asked.credential.has(Scope::Read);
    let audience = app.live.audience(&app, Arc::clone(&board));
    let from = start(&app, &board, since).await;
    let Some((accept, upgrade)) = socket else {
        let follower = Follower::new(Arc::clone(&audience), &audience.since(from), sees_hidden, true);
        return Ok(event_stream::answer(follower, place));
    };
    tokio::spawn(async move {
        if let Some((socket, open, rest)) = upgraded(upgrade).await {
            watch(audience, socket, sees_hidden, from, rest).await;
            drop((place, open));
        }
    });
    Ok(accept)
}

/// Where the client wants to go on: after what EventSource says that it has seen, or as the query says.
fn since(asked: &mut Asked) -> Result<Option<Since>, Problem> {
    const EXPECTED: &str = "a revision, or an epoch, a hyphen and a revision";
    let queried = asked.read_parameter("since", read_since, EXPECTED);
    let Some(seen) = asked.headers.get(names::LAST_EVENT_ID).filter(|seen| !seen.is_empty()) else {
        return Ok(queried);
    };
    let fault = || {
        let place = ("parameter", "Last-Event-ID");
        Problem::fault(Code::InvalidHeader, place, format!("Last-Event-ID must be {EXPECTED}."))
    };
    seen.to_str().ok().and_then(read_since).map(Some).ok_or_else(fault)
}

/// The revision after which the feed goes on for a client; `None` where only a snapshot helps.
pub(super) async fn start(app: &App, board: &Arc<Board>, since: Option<Since>) -> Option<u64> {
    let (epoch, revision) = since?;
    // Another node may have told the client more than this one knows. If the store cannot be asked, a snapshot does.
    let caught_up = app.office.catch_up_to(board, revision).await;
    let known = epoch.is_none_or(|epoch| epoch == **board.epoch())
        && revision <= board.revision()
        && caught_up.is_ok();
    if !known {
        count(&app.live.counters.resyncs);
    }
    known.then_some(revision)
}

/// The answer to a sound handshake (RFC 6455, section 4.2); nothing for a request that wants no WebSocket.
fn handshake(headers: &HeaderMap) -> Result<Option<Response>, Problem> {
    let has = |name: &header::HeaderName, wanted: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    if !has(&header::UPGRADE, "websocket") {
        return Ok(None);
    }
    let fault = |name: &'static str, detail: &'static str| {
        Problem::fault(Code::InvalidHeader, ("parameter", name), detail)
            .header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
    };
    if !has(&header::CONNECTION, "upgrade") {
        return Err(fault("Connection", "A handshake for a WebSocket has `Connection: Upgrade`."));
    }
    if !has(&header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(fault("Sec-WebSocket-Version", "Only version 13 of WebSocket is spoken here."));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let key = key.ok_or_else(|| {
        fault("Sec-WebSocket-Key", "It must be 16 bytes in base64, new for each handshake.")
    })?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept.unwrap_or(HeaderValue::from_static("")));
    Ok(Some(response))
}

/// The bare socket once protocols have changed, and what the client sent early.
async fn upgraded(upgrade: OnUpgrade) -> Option<(TcpStream, Open, Bytes)> {
    let upgraded = timeout(UPGRADE, upgrade).await.ok()?.ok()?;
    let parts = upgraded.downcast::<TokioIo<Lingering>>().ok()?;
    let (socket, open) = parts.io.into_inner().into_parts();
    // A copy: a slice would keep the buffer of the request.
    Some((socket, open, Bytes::copy_from_slice(&parts.read_buf)))
}

/// A watcher's life, from the first message on.
async fn watch(
    audience: Arc<Audience>,
    socket: TcpStream,
    sees_hidden: bool,
    from: Option<u64>,
    rest: Bytes,
) {
    let feed = &audience.app().config.feed;
    prepare(&socket, Duration::from_secs(feed.write_timeout_s));
    let reader = Reader::new(feed.max_message_bytes);
    let watcher = {
        let first: Arc<Written> = audience.since(from);
        Arc::new(Watcher::new(socket, sees_hidden, &audience, &first))
    };
    audience.admit(&watcher);
    watcher.run(audience, rest, reader).await;
}

/// Opens what the client wants, says when to come back, and ends: a browser cannot see a refused handshake, and its
/// EventSource gives up on any other status. Too many at once get `problem` plainly.
fn send_away(
    app: &Shared,
    id: ShowtimeId,
    socket: Option<(Response, OnUpgrade)>,
    reason: &'static str,
    problem: Problem,
) -> Result<Response, Problem> {
    let Some(farewell) = app.live.places.farewell() else { return Err(problem) };
    let bye = message::bye(id, reason, reconnect_after_ms(app));
    let Some((accept, upgrade)) = socket else { return Ok(event_stream::short(&[bye], farewell)) };
    let code = if reason == "draining" { CloseCode::GoingAway } else { CloseCode::TryAgainLater };
    tokio::spawn(async move {
        if let Some((socket, open, _)) = upgraded(upgrade).await {
            say(&socket, &bye, code).await;
            drop((farewell, open));
        }
    });
    Ok(accept)
}
