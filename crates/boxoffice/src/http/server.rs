//! The accept loop: our own, on hyper, so that slow headers time out, connections are counted and draining works.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use boxoffice_engine::box_office::Refused;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::coop::unconstrained;
use tower_service::Service;

use super::body::{RequestBody, collect_in_time};
use super::head_timer::HeadTimer;
use super::linger::{Lingering, Open};
use super::log::Changed;
use super::names::{REQUEST_ID, TRACE};
use super::outside::last_answer;
use super::problem::{Code, Problem};
use super::{App, Shared, cors, origin, stampede};

/// What the catalogue says to caches.
pub const PUBLIC: &str = "public, max-age=5";

/// How large the head of a request may be.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long a connection may go on waiting for a request when the server stops.
const GRACE: Duration = Duration::from_millis(100);
/// What is kept of the time for going down, for the store.
const LAST_COMMITS: Duration = Duration::from_secs(1);

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// The API.
    Everything,
    /// Probes and metrics alone: there is no door for the stampede.
    Operations,
}

/// Serves until `stop` becomes true, then waits for the requests in flight, at most `drain.limit_s`.
pub async fn run(
    listener: TcpListener,
    app: Shared,
    (serves, router): (Serves, Router),
    stop: watch::Receiver<bool>,
) {
    let open = Arc::new(AtomicUsize::new(0));
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(Duration::from_millis(app.config.http.header_timeout_ms))
        // Small answers: one buffer and one write. Flushing only once the next request is whole, as pipeline_flush would,
        // lets the client of half a request wait for the answer to the one before.
        .writev(false)
        .max_buf_size(MAX_HEAD_BYTES);
    let serve = |stream: TcpStream, peer| {
        // Nagle's algorithm would hold answers back; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        let Some(counted) = Open::enter(&open, &app) else {
            tokio::spawn(turn_away(Arc::clone(&app), stream));
            return;
        };
        let connection = Connection { app: Arc::clone(&app), serves, router: router.clone(), peer };
        tokio::spawn(connection.serve(Lingering::new(stream, counted), builder.clone(), stop.clone()));
    };
    let mut stopped = stop.clone();
    loop {
        let accepted = tokio::select! { biased;
            () = told(&mut stopped) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => serve(stream, peer),
            Err(error) => {
                // Out of file descriptors, most likely: waiting lets others be closed.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // Who has been let in by the system already would be thrown out with the listener.
    let latest = tokio::time::Instant::now() + GRACE;
    while let Ok(Ok((stream, peer))) = tokio::time::timeout_at(latest, listener.accept()).await {
        serve(stream, peer);
    }
    drop(listener);
    // What waits for the store after that is to be committed within the limit, too.
    let limit = Duration::from_secs(app.config.drain.limit_s);
    let deadline = Instant::now() + limit.saturating_sub(LAST_COMMITS.min(limit / 2));
    while open.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ends when the server is told to stop, or nobody is left who could.
async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// One connection too many: says so and closes. What the client sent meanwhile is read for a moment, or the system
/// would throw the answer away with it.
async fn turn_away(app: Shared, mut stream: TcpStream) {
    let answer = last_answer(&app, app.problem(&Refused::Overloaded, None));
    let said = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        for _ in 0..16 {
            if stream.read(&mut unread).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    // The client may be gone already, or slow.
    let _ = tokio::time::timeout(Duration::from_secs(1), said).await;
}

/// What every answer has.
pub(super) fn add_common_headers(headers: &mut HeaderMap, request_id: HeaderValue) {
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Origin"));
    headers.insert(REQUEST_ID, request_id);
}

struct Connection {
    app: Shared,
    serves: Serves,
    router: Router,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: Lingering, mut builder: http1::Builder, mut stop: watch::Receiver<bool>) {
        builder.timer(HeadTimer::default());
        let service = service_fn(|request: Request<Incoming>| {
            answer(&self.app, (self.serves, self.router.clone()), request, self.peer).map(Ok::<_, Infallible>)
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let signal = stop.clone();
        // Without a budget, or the only poll there is might be put off until the task is woken by something else.
        let mut stopped = pin!(unconstrained(told(&mut stop)));
        let mut listens = false;
        // A signal that is listened to wakes this task: between two requests it costs a look at a number.
        let stopped = poll_fn(|context| {
            if std::mem::replace(&mut listens, true) && !signal.has_changed().unwrap_or(true) {
                return Poll::Pending;
            }
            stopped.as_mut().poll(context)
        });
        let served = tokio::select! { biased;
            served = connection.as_mut() => served,
            () = stopped => {
                // A request may be on its way here; its answer, too, says that it is the last.
                match tokio::time::timeout(GRACE, connection.as_mut()).await {
                    Ok(served) => served,
                    Err(_) => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
        };
        if let Err(error) = served {
            if error.is_timeout() {
                self.app.metrics.heads_slow.fetch_add(1, Ordering::Relaxed);
            }
            tracing::debug!(peer = %self.peer, %error, "a connection ended early");
        }
    }
}

/// Answers one request: the router's answer, with what every answer has.
///
/// The future is small, and the request's head is in it once: there is one for each request that waits for the store, and
/// it is copied whole as it begins. An async function keeps a place of its own for each argument that it takes and passes on.
pub fn answer<B: RequestBody>(
    app: &App,
    (serves, mut router): (Serves, Router),
    request: Request<B>,
    peer: SocketAddr,
) -> impl Future<Output = Response<Body>> + Send {
    let started = Instant::now();
    let (mut parts, body) = request.into_parts();
    let id = request_id(app, &parts.headers);
    let page = app.cors.allowed(&parts.headers);
    let passed = app.passed(&parts.headers, peer);
    if origin::watches(parts.uri.path()) {
        let client = origin::client(&app.config.main.proxies, peer.ip(), &parts.headers);
        parts.extensions.insert(origin::Client(client));
    }
    let has_credentials = parts.headers.contains_key(header::AUTHORIZATION);
    // A copy: a slice would keep the connection's buffer from being used again until the answer is there.
    let line = (parts.method.clone(), Box::<str>::from(parts.uri.path()));
    async move {
        let routed = AssertUnwindSafe(async {
            if let Some(answer) = page.as_ref().and_then(|_| cors::preflight(&parts)) {
                return Ok((answer, None));
            }
            let plain = if serves == Serves::Everything { stampede::plain_target(&parts) } else { None };
            let body = match plain {
                None => Body::new(body),
                Some(showtime) => {
                    let bytes = collect_in_time(app, body, app.config.http.max_body_bytes).await?;
                    if let Some(hold) = stampede::plain_hold(&bytes) {
                        // Slices of the connection's buffer: once they are gone, it is used again.
                        drop((take(&mut parts), bytes));
                        return stampede::answer(app, showtime, &hold).await;
                    }
                    Body::from(bytes)
                }
            };
            let Ok(mut response) = router.call(Request::from_parts(take(&mut parts), body)).await;
            match response.extensions_mut().remove::<Problem>() {
                Some(problem) => Err(problem.with_headers_of(&response)),
                None => {
                    let changed = Changed::noted_on(&mut response);
                    Ok((response, changed))
                }
            }
        });
        let answer = routed.catch_unwind().await.unwrap_or_else(|_| {
            Err(Problem::new(Code::Internal, "A fault in the server; its log tells more."))
        });
        let ((mut response, changed), code) = match answer {
            Ok(answer) => (answer, None),
            Err(problem) => {
                let code = problem.code();
                let response = problem.render(passed.links.as_deref().unwrap_or(&app.public_url));
                ((response, None), Some(code))
            }
        };
        let status = response.status();
        let headers = response.headers_mut();
        add_common_headers(headers, id);
        // A key sees what is not published; a cache that others use must not keep that.
        if has_credentials && headers.get(header::CACHE_CONTROL).is_some_and(|value| value == PUBLIC) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=5"));
        }
        if let Some(origin) = page {
            cors::mark(headers, origin);
        }
        if let Some(trace) = &passed.trace {
            headers.insert(TRACE, trace.clone());
        }
        if !app.config.main.public_url.is_empty() {
            place_below(&app.public_url, headers);
        }
        if app.is_draining() && status != StatusCode::SWITCHING_PROTOCOLS {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let took = started.elapsed();
        app.metrics.answered(&line, response.status(), code, took);
        let code = code.map(|code| code.info().code);
        app.log.answered(&line, (&response, changed), code, took, &passed);
        response
    }
}

/// The head of a request; an empty one stays behind.
fn take(parts: &mut Parts) -> Parts {
    std::mem::replace(parts, Request::new(()).into_parts().0)
}

/// Makes a Location whole, which a path alone is not where the API stands below a path of another host.
fn place_below(public_url: &str, headers: &mut HeaderMap) {
    if let Some(Ok(path)) = headers.get(header::LOCATION).map(HeaderValue::to_str)
        && path.starts_with('/')
        && let Ok(whole) = HeaderValue::from_str(&[public_url, path].concat())
    {
        headers.insert(header::LOCATION, whole);
    }
}

/// The client's request id, if it sent a sane one, or one of our own.
fn request_id(app: &App, headers: &HeaderMap) -> HeaderValue {
    let sane = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
        (1..=128).contains(&bytes.len()) && bytes.iter().all(plain)
    };
    match headers.get(&REQUEST_ID).filter(sane) {
        Some(given) => origin::copied(given),
        None => app.next_request_id(),
    }
}
