//! The HTTP API: every route on one screen, and what all handlers share.

pub mod auth;
mod body;
pub mod cors;
mod encoded;
pub mod entries;
pub mod handlers;
mod head_timer;
pub mod json;
pub mod linger;
pub mod log;
pub mod metrics;
pub mod names;
pub mod openapi;
pub mod origin;
mod outside;
pub mod problem;
pub mod request;
pub mod server;
mod stampede;
pub mod token_keys;
pub mod wire;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::{MethodRouter, get};
use boxoffice_core::plan::Plan;
use boxoffice_engine::box_office::{BoxOffice, Refused};
use boxoffice_signalr::SignalR;
use http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::live::{self, Live};
use auth::{Keys, Tokens};
use entries::EntryCache;
use handlers::catalogue::change;
use handlers::{bookings, catalogue, holds, operations, pages, plans, seat_page, seats, showtimes, staff};
use log::AccessLog;
use metrics::Metrics;
use openapi::Described;
use problem::Problem;

/// What all handlers share.
pub type Shared = Arc<App>;

/// The server's state.
pub struct App {
    /// The engine.
    pub office: BoxOffice,
    /// The settings.
    pub config: Config,
    /// API keys.
    pub keys: Keys,
    /// Tokens of holds and bookings.
    pub tokens: Tokens,
    /// When the keys that tokens are made with were read last.
    pub token_keys_read: token_keys::LastRead,
    /// What links begin with, without a slash at the end: the config's, or else our own address.
    pub public_url: String,
    /// Whether links always begin with that; otherwise with what the client used, where that is known.
    links_are_fixed: bool,
    /// Web pages of other origins that may use the API.
    pub cors: cors::Cors,
    /// Cinemas, movies and auditoriums that were read.
    pub entries: EntryCache,
    /// Held for reading while something is made that refers to an entry, and for writing while entries go or move: so
    /// that nothing comes to refer to what is not there.
    pub references: tokio::sync::RwLock<()>,
    /// Who watches which showtime.
    pub live: Live,
    /// What is counted.
    pub metrics: Metrics,
    /// What is logged of requests.
    pub log: AccessLog,
    /// Set when the node is going down.
    pub draining: AtomicBool,
    /// The description of the API, once it was asked for.
    pub description: OnceLock<Described>,
    /// How many seating plans may be read at once.
    pub plan_slots: Semaphore,
    /// For request ids of our own: a random start, and how many were given out.
    request_ids: (u32, AtomicU64),
}

impl App {
    /// The state of a server that is about to start.
    pub fn new(office: BoxOffice, config: Config, tokens: Tokens, public_url: String) -> Self {
        Self {
            keys: Keys::new(&config),
            tokens,
            token_keys_read: token_keys::LastRead::default(),
            links_are_fixed: origin::links_are_fixed(&config),
            public_url,
            cors: cors::Cors::new(&config.cors.origins),
            entries: EntryCache::default(),
            references: tokio::sync::RwLock::default(),
            live: Live::new(&config),
            metrics: Metrics::default(),
            log: AccessLog::new(&config.log),
            draining: AtomicBool::new(false),
            description: OnceLock::new(),
            plan_slots: Semaphore::new(config.http.max_plans_at_once),
            request_ids: (office.ports().random.next() as u32, AtomicU64::new(0)),
            config,
            office,
        }
    }

    fn next_request_id(&self) -> HeaderValue {
        let (start, given) = &self.request_ids;
        let number = given.fetch_add(1, Ordering::Relaxed) as u32;
        let mut id = [b'-'; 17];
        for (digits, value) in [(0..8, *start), (9..17, number)] {
            for (digit, shift) in id[digits].iter_mut().zip((0..8).rev()) {
                *digit = b"0123456789abcdef"[(value >> (4 * shift) & 15) as usize];
            }
        }
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
    }

    /// Whether a page asks that is neither ours nor of an origin that may.
    pub(crate) fn is_foreign(&self, headers: &HeaderMap) -> bool {
        self.cors.is_foreign(&self.public_url, headers)
    }

    /// Whether the node is going down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// What the engine said, as a problem; `plan` names seats.
    pub(crate) fn problem(&self, refused: &Refused, plan: Option<&Plan>) -> Problem {
        let spread = match refused {
            Refused::Rule(_) => 0,
            _ => self.office.ports().random.next(),
        };
        Problem::refused(refused, plan, spread)
    }
}

/// From the lines of a router: the router, and the list of its routes for those who describe them.
macro_rules! routes {
    (Router::new() $(.route($path:literal, $($method:ident($handler:path)).+ $(,)?))+) => {
        /// Every route: its path, and its methods in lower case.
        pub const ROUTES: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+])),+];

        fn routes() -> Router<Shared> {
            Router::new()$(.route($path, MethodRouter::new()$(.$method($handler))+))+
        }
    };
}

routes! {
    Router::new()
        .route("/v1/cinemas", get(catalogue::list_cinemas).post(catalogue::create_cinema))
        .route(
            "/v1/cinemas/{id}",
            get(catalogue::read_cinema).patch(change::cinema).delete(change::delete_cinema),
        )
        .route("/v1/movies", get(catalogue::list_movies).post(catalogue::create_movie))
        .route(
            "/v1/movies/{id}",
            get(catalogue::read_movie).patch(change::movie).delete(change::delete_movie),
        )
        .route("/v1/auditoriums", get(catalogue::list_auditoriums).post(plans::create_auditorium))
        .route(
            "/v1/auditoriums/{id}",
            get(catalogue::read_auditorium).patch(plans::change_auditorium).delete(change::delete_auditorium),
        )
        .route("/v1/plans/{hash}", get(plans::read))
        .route("/v1/showtimes", get(showtimes::list).post(showtimes::create))
        .route("/v1/showtimes/{id}", get(showtimes::read).patch(showtimes::change).delete(showtimes::delete))
        .route("/v1/showtimes/{id}/cancel", post(showtimes::cancel))
        .route("/v1/showtimes/{id}/seats", get(seats::read))
        .route("/v1/showtimes/{id}/live", get(live::live))
        .route("/v1/showtimes/{id}/holds", post(holds::create))
        .route("/v1/showtimes/{id}/block", post(staff::block))
        .route("/v1/showtimes/{id}/unblock", post(staff::unblock))
        .route("/v1/showtimes/{id}/events", get(staff::events))
        .route("/v1/holds/{id}", get(holds::read).patch(holds::change).delete(holds::release))
        .route("/v1/bookings", get(bookings::desk::list).post(bookings::create))
        .route("/v1/bookings/{id}", get(bookings::read))
        .route("/v1/bookings/{id}/cancel", post(bookings::cancel))
        .route("/v1/bookings/{id}/erase", post(bookings::desk::erase))
        .route("/livez", get(operations::live))
        .route("/readyz", get(operations::ready))
        .route("/metrics", get(operations::public_metrics))
        .route("/openapi.json", get(pages::description))
        .route("/docs", get(pages::docs))
        .route("/problems/{code}", get(pages::problem))
        .route("/", get(seat_page::programme))
        .route("/showtimes/{id}", get(seat_page::showtime))
        .route("/assets/{version}/{file}", get(seat_page::asset))
}

/// Every route there is, and the answers where there is none.
pub fn router(app: Shared, hub: &SignalR) -> Router {
    let routes = routes().nest(live::hub::PATH, hub.router());
    routes.fallback(operations::no_route).method_not_allowed_fallback(operations::no_method).with_state(app)
}

/// What `ops_listen` serves.
pub fn operations_router(app: Shared) -> Router {
    Router::new()
        .route("/livez", get(operations::live))
        .route("/readyz", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .fallback(operations::no_route)
        .method_not_allowed_fallback(operations::no_method)
        .with_state(app)
}
