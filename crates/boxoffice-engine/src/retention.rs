//! How long things are kept: buyers are blanked and old showtimes let go in small steps, at the start and every hour.

use std::sync::{Arc, Weak};

use crate::box_office::{BoxOffice, Inner};
use crate::catalogue::NotAltered;

/// How often it looks, in milliseconds.
const EVERY_MS: u64 = 60 * 60 * 1000;
/// How long it rests between two steps, in milliseconds.
const REST_MS: u64 = 50;
/// How many buyers are blanked, and how many showtimes let go, in one step.
const CONTACTS: usize = 200;
const SHOWTIMES: usize = 10;

/// What is kept for how long after a showtime has started, in milliseconds; `None` for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Retention {
    /// Buyers.
    pub contacts_ms: Option<i64>,
    /// Showtimes, with all that is of them.
    pub showtimes_ms: Option<i64>,
}

impl BoxOffice {
    /// Keeps to it until the engine is gone.
    pub fn keep_to(&self, retention: Retention) {
        let engine = Arc::downgrade(&self.0);
        self.0.ports.runtime.spawn(Box::pin(run(engine, retention)));
    }
}

async fn run(engine: Weak<Inner>, retention: Retention) {
    loop {
        let Some(office) = engine.upgrade().map(BoxOffice) else { return };
        let pause = match step(&office, retention).await {
            Ok(true) => REST_MS,
            Ok(false) => EVERY_MS,
            Err(error) => {
                tracing::warn!(%error, "what is too old could not be removed; it is tried again in an hour");
                EVERY_MS
            }
        };
        let pause = office.0.ports.runtime.sleep(pause);
        drop(office);
        pause.await;
    }
}

/// One step; whether there may be more to do at once.
async fn step(office: &BoxOffice, retention: Retention) -> Result<bool, NotAltered> {
    let now = office.now();
    let archive = office.0.ports.store.archive();
    let mut more = false;
    if let Some(kept_ms) = retention.showtimes_ms {
        let gone = archive.remove_old_showtimes(now.plus_ms(-kept_ms), SHOWTIMES).await?;
        for id in &gone {
            office.0.boards.forget(*id);
            tracing::info!(showtime = %id, "the showtime is old and was removed");
        }
        more |= gone.len() == SHOWTIMES;
    }
    if let Some(kept_ms) = retention.contacts_ms {
        let count = archive.erase_old_contacts(now.plus_ms(-kept_ms), CONTACTS).await?;
        if count > 0 {
            tracing::info!(count, "buyers of old bookings were blanked");
        }
        more |= count == CONTACTS;
    }
    Ok(more)
}
