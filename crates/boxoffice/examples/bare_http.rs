//! What HTTP alone costs: answers `GET /` with a word, and `POST /` with a refusal after parsing the JSON body, by
//! hyper alone or by axum. A reference for measuring; it decides nothing.
//!
//! `cargo run --release -p boxoffice --example bare_http -- hyper|axum PORT`

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REFUSAL: &str = r#"{"code":"seat_unavailable","status":409}"#;

#[derive(Deserialize)]
struct Wanted {
    seats: Vec<String>,
}

fn judge(body: &[u8]) -> StatusCode {
    let wanted = serde_json::from_slice::<Wanted>(body);
    if wanted.is_ok_and(|wanted| !wanted.seats.is_empty()) {
        StatusCode::CONFLICT
    } else {
        StatusCode::BAD_REQUEST
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        return Ok(Response::new(Full::new(Bytes::from_static(b"ok"))));
    }
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let mut refused = Response::new(Full::new(Bytes::from_static(REFUSAL.as_bytes())));
    *refused.status_mut() = judge(&body.unwrap_or_default());
    Ok(refused)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, port] = arguments.as_slice() else { return Err(std::io::Error::other("hyper|axum PORT")) };
    let port = port.parse().map_err(std::io::Error::other)?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let refuse = async |body: Bytes| (judge(&body), REFUSAL);
    let router = Router::new().route("/", get(async || "ok").post(refuse));
    let by_axum = kind == "axum";
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (stream, router) = (TokioIo::new(stream), router.clone());
        tokio::spawn(async move {
            let builder = http1::Builder::new();
            // A client that goes away is no concern of a reference.
            if by_axum {
                let _ = builder.serve_connection(stream, TowerToHyperService::new(router)).await;
            } else {
                let _ = builder.serve_connection(stream, service_fn(answer)).await;
            }
        });
    }
}
