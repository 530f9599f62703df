//! The stage of a run: a cinema, a movie, a room and showtimes, made through the public API.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::client::{Ask, Client, Target};
use super::ledger::Ledger;
use super::record::Recorder;
use super::room::Room;
use super::stop::Stop;

/// How long holds last, in seconds: no run with its check is longer.
const HOLD_TTL_S: u32 = 7200;

/// A showtime that is sold.
#[derive(Debug)]
pub(super) struct Showtime {
    /// Its id.
    pub(super) id: String,
    /// Where holds are made.
    pub(super) holds: String,
    /// Where its seat map is.
    pub(super) seats: String,
}

/// A run: where it goes, what is sold, and what is noted of it.
#[derive(Debug)]
pub(super) struct Run {
    /// The server.
    pub(super) target: Arc<Target>,
    /// An API key of scope admin.
    pub(super) key: String,
    /// The room of all showtimes.
    pub(super) room: Room,
    /// The showtimes.
    pub(super) showtimes: Vec<Showtime>,
    /// What is measured.
    pub(super) recorder: Recorder,
    /// What was acknowledged.
    pub(super) ledger: Ledger,
    /// Whether to end early.
    pub(super) stop: Stop,
}

impl Run {
    /// Makes all that a run needs.
    pub(super) async fn prepare(
        target: Arc<Target>,
        key: String,
        seats: u32,
        showtimes: u32,
        stop: Stop,
    ) -> anyhow::Result<Self> {
        let room = Room::of(seats);
        let mut made = Vec::new();
        let mut stage = Stage { client: Client::new(Arc::clone(&target)), key: &key };
        let cinema = stage.make("/v1/cinemas", json!({"name": "Load test", "time_zone": "UTC"})).await?;
        let movie = stage.make("/v1/movies", json!({"title": "The Stampede", "runtime_min": 90})).await?;
        let plan = json!({"name": format!("Room of {seats}"), "cinema": cinema, "plan": room.plan()});
        let auditorium = stage.make("/v1/auditoriums", plan).await?;
        let starts_at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
        for _ in 0..showtimes {
            if stop.is_asked() {
                bail!("stopped before the load began");
            }
            let wish = json!({
                "movie": movie, "auditorium": auditorium, "starts_at": starts_at.to_string(),
                "currency": "EUR", "prices": {"standard": 1250},
                "hold_ttl_s": HOLD_TTL_S, "max_hold_ttl_s": HOLD_TTL_S,
            });
            let id = stage.make("/v1/showtimes", wish).await?;
            let path = format!("/v1/showtimes/{id}");
            made.push(Showtime { holds: format!("{path}/holds"), seats: format!("{path}/seats"), id });
        }
        let (recorder, ledger) = (Recorder::new(), Ledger::default());
        Ok(Self { target, key, room, showtimes: made, recorder, ledger, stop })
    }
}

struct Stage<'a> {
    client: Client,
    key: &'a str,
}

impl Stage<'_> {
    /// Makes an entry of the catalogue; its id.
    async fn make(&mut self, path: &str, body: Value) -> anyhow::Result<String> {
        let body = body.to_string();
        let answer = self.client.send(Ask::post(path, &body).bearer(self.key)).await;
        let answer = answer.with_context(|| format!("--url: no answer to POST {path}"))?;
        let value: Value = serde_json::from_slice(answer.body).unwrap_or_default();
        match (answer.status, value["id"].as_str()) {
            (201, Some(id)) => Ok(id.to_owned()),
            (401 | 403, _) => bail!("--admin-key: the server does not take this key ({})", value["detail"]),
            (status, _) => bail!("POST {path} was answered {status}: {value}"),
        }
    }
}
