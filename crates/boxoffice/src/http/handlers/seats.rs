//! `GET /v1/showtimes/{id}/seats`: the seat map from memory, encoded once for each revision.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::board::Board;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::super::encoded::{Encoded, is_current};
use super::super::problem::Problem;
use super::super::request::{Asked, Id};
use super::super::wire::{self, seats};
use super::super::{App, Shared};
use super::visible_board;

/// The encoded forms of a board's map at its newest revision.
#[derive(Default)]
struct MapCache(ArcSwapOption<EncodedMap>);

struct EncodedMap {
    revision: u64,
    /// When the first of its holds expires, and the map is another without a new revision.
    valid_until: Timestamp,
    etag: HeaderValue,
    body: Encoded,
}

/// `GET /v1/showtimes/{id}/seats`
pub async fn read(
    State(app): State<Shared>,
    Id(id): Id<ShowtimeId>,
    mut asked: Asked,
) -> Result<Response, Problem> {
    let since = asked.read_parameter("since", read_since, "a revision, or an epoch, a hyphen and a revision");
    asked.no_more_parameters()?;
    let board = visible_board(&app, id, &asked.credential).await?;
    let response = match since {
        Some((epoch, revision)) => {
            let caught_up = app.office.catch_up_to(&board, revision).await;
            caught_up.map_err(|refused| app.problem(&refused, None))?;
            changed(&app, &board, epoch.as_deref(), revision)
        }
        None => whole(&app, &board, &asked.headers),
    };
    Ok(revalidate(response))
}

/// Clients and caches may keep it, but ask each time whether it still holds.
fn revalidate(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Origin"));
    response
}

/// After which revision, and of which epoch if that is known.
pub type Since = (Option<String>, u64);

/// `R` or `<epoch>-<R>`.
pub fn read_since(text: &str) -> Option<Since> {
    let (epoch, revision) = match text.rsplit_once('-') {
        Some((epoch, revision)) if !epoch.is_empty() => (Some(epoch.to_owned()), revision),
        Some(_) => return None,
        None => (None, text),
    };
    let digits = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit());
    // One that cannot be counted to is above every head.
    digits.then(|| (epoch, revision.parse().unwrap_or(u64::MAX)))
}

/// What changed after a revision; everything that ever changed if the client's revision is of another history.
fn changed(app: &App, board: &Board, epoch: Option<&str>, since: u64) -> Response {
    let foreign = epoch.is_some_and(|epoch| *epoch != **board.epoch()) || since > board.revision();
    let from = if foreign { 0 } else { since };
    let (views, revision) = board.changed_since(from, app.office.now());
    let mut views = views;
    views.sort_unstable_by_key(|view| view.no);
    let seats = views.iter().map(|view| seats::sparse(board.plan(), view)).collect();
    let map = seats::SparseMap { from, reset: foreign, epoch: board.epoch(), revision, seats };
    wire::answer(StatusCode::OK, &map)
}

fn whole(app: &App, board: &Arc<Board>, headers: &HeaderMap) -> Response {
    let map = encoded(app, board);
    let mut response = if is_current(headers, &map.etag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        map.body.answer(headers, "application/json")
    };
    response.headers_mut().insert(header::ETAG, map.etag.clone());
    response
}

/// The map at the board's newest revision, encoded if nobody has done so yet.
fn encoded(app: &App, board: &Arc<Board>) -> Arc<EncodedMap> {
    let cache = board.companion::<MapCache>();
    let kept = cache.and_then(|cache| cache.0.load_full());
    let now = app.office.now();
    if let Some(kept) = kept.filter(|kept| kept.revision == board.revision() && now < kept.valid_until) {
        return kept;
    }
    let (plan, settings) = (board.plan(), board.settings());
    let (views, revision) = board.seats(now);
    let map = seats::FullMap {
        showtime: board.id().to_string(),
        epoch: board.epoch(),
        revision,
        seats: views.iter().map(|view| seats::full(plan, &settings, view)).collect(),
    };
    let etag = format!("W/\"{}-{revision}\"", board.epoch());
    let map = Arc::new(EncodedMap {
        revision,
        valid_until: views.iter().filter_map(|view| view.expires_at).min().unwrap_or(Timestamp::MAX),
        etag: HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("W/\"\"")),
        body: Encoded::new(serde_json::to_vec(&map).unwrap_or_default()),
    });
    if let Some(cache) = cache {
        cache.0.store(Some(Arc::clone(&map)));
    }
    map
}

#[cfg(test)]
mod tests {
    use super::read_since;

    #[test]
    fn since_is_a_revision_with_or_without_an_epoch() {
        assert_eq!(read_since("41"), Some((None, 41)));
        assert_eq!(read_since("0a1b-41"), Some((Some("0a1b".into()), 41)));
        assert_eq!(read_since("99999999999999999999"), Some((None, u64::MAX)), "above every head");
        for text in ["", "-", "-1", "x", "0a1b-", "1.5", "+1"] {
            assert_eq!(read_since(text), None, "{text}");
        }
    }
}
