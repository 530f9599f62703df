//! The port to the truth: transactions and row versions.
//!
//! A store never sees a rule. It commits a transition whole or not at all: every seat and hold at exactly the
//! version that the change says it had before, the settings at the version that the decision relied on, the
//! request's key unused in that showtime. It gives each committed transition its showtime's next revision. A store may forget
//! the versions of holds that were released or expired, of which nothing changes any more.

pub mod conformance;
pub mod copy;
pub mod memory;

use std::sync::Arc;

use boxoffice_core::change::Event;
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, PlanHash};
use boxoffice_core::showtime::Snapshot;
use boxoffice_core::time::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::archive::Archive;
use crate::catalogue::Catalogue;
use crate::counters::Figure;
use crate::queue::{CommitQueue, Outcome, Ticket};
use crate::runtime::BoxFuture;

/// Why a store could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or cannot read or write for now; the text says why, for operators.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Too many reads wait already.
    #[error("too many reads wait for the store")]
    Overloaded,
    /// What it holds cannot be understood.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

impl From<boxoffice_core::codec::Malformed> for StoreError {
    fn from(malformed: boxoffice_core::codec::Malformed) -> Self {
        Self::Damaged(malformed.to_string())
    }
}

/// The outcomes of one batch, in the order of commit.
pub type Outcomes = Vec<(Box<dyn Ticket>, Outcome)>;

/// Where a store hands back outcomes: once per batch, not once per transition.
pub type OutcomeSink = UnboundedSender<Outcomes>;

/// An idempotency key that was used in a showtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedKey {
    /// The hashed key.
    pub key: [u8; 16],
    /// The revision of the change that was made under it.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
}

/// A showtime, read in one database snapshot.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its room.
    pub plan: Arc<Plan>,
    /// Its state.
    pub snapshot: Snapshot,
    /// The keys of its requests that are still kept.
    pub keys: Vec<UsedKey>,
}

/// A hold or booking as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHold {
    /// The record.
    pub hold: Arc<Hold>,
    /// The buyer, once booked.
    pub contact: Option<Contact>,
}

/// A key that tokens are made with.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// Its id, kept with each hold.
    pub id: u32,
    /// The secret.
    pub secret: [u8; 32],
    /// Since when it has been in the store; 0 for the first one of an empty store, with which nobody waits.
    pub made_at: Timestamp,
    /// Whether tokens that were made with it are refused.
    pub revoked: bool,
}

/// How long a key has to be in the store before tokens are made with it: by then every node has read it, so that no
/// node is shown a token that it cannot verify.
pub const KEY_REST_MS: i64 = 60_000;

/// The key to make tokens with at `now`, of all that there are, oldest first: the newest that has rested and was not
/// revoked. When there is none, because the others were revoked in a hurry, the oldest that was not revoked.
pub fn signing_key(keys: &[TokenKey], now: Timestamp) -> Option<u32> {
    let good = || keys.iter().filter(|key| !key.revoked);
    let rested =
        |key: &&TokenKey| key.made_at == Timestamp::default() || now.since_ms(key.made_at) >= KEY_REST_MS;
    good().rfind(rested).or_else(|| good().next()).map(|key| key.id)
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey({})", self.id)
    }
}

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// Why writes are refused, if they are.
    pub trouble: Option<String>,
    /// Why this node should not be asked for anything, though others may be, if so.
    pub unfit: Option<String>,
}

/// The truth.
pub trait Store: Send + Sync {
    /// Whether nobody else can write to it, so that a board which applied all its commits is never behind.
    fn is_exclusive(&self) -> bool;

    /// Begins to commit what comes into `queue`, handing outcomes to `sink`. Called once.
    fn start(&self, queue: Arc<CommitQueue>, sink: OutcomeSink);

    /// Ends when what was committed before the queue was closed is safely away and the store has let go of its files.
    /// After it nothing can be read.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// The name of the history that revisions belong to.
    fn epoch(&self) -> Arc<str>;

    /// Names the history anew if its name still is `known`: it was found to be without changes that it had before.
    /// What nobody else writes to loses nothing unnoticed, and keeps its name.
    fn renew_epoch(&self, _known: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The newest time in its log when it was opened.
    fn newest_time(&self) -> Timestamp;

    /// The keys for tokens, oldest first, revoked ones too. Other processes may add and revoke keys at any time.
    fn token_keys(&self) -> BoxFuture<'_, Result<Vec<TokenKey>, StoreError>>;

    /// Reads a showtime; `None` if there is none of this id. Keys used before `keys_since` may be left out.
    fn load(
        &self,
        showtime: ShowtimeId,
        keys_since: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Loaded>, StoreError>>;

    /// Reads up to `limit` events after a revision, without a gap.
    fn events(
        &self,
        showtime: ShowtimeId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Event>, StoreError>>;

    /// The revisions that showtimes are at: of those of the given ones that exist, in any order, by one read. At
    /// least all is seen that was committed before the call.
    fn heads(&self, showtimes: &[ShowtimeId]) -> BoxFuture<'_, Result<Vec<(ShowtimeId, u64)>, StoreError>>;

    /// Reads a hold or booking.
    fn hold(
        &self,
        showtime: ShowtimeId,
        serial: Serial,
    ) -> BoxFuture<'_, Result<Option<StoredHold>, StoreError>>;

    /// Reads a plan.
    fn plan(&self, hash: PlanHash) -> BoxFuture<'_, Result<Option<Arc<Plan>>, StoreError>>;

    /// The cinemas, movies, auditoriums and showtimes.
    fn catalogue(&self) -> &dyn Catalogue;

    /// What was sold.
    fn archive(&self) -> &dyn Archive;

    /// How it is.
    fn health(&self) -> StoreHealth;

    /// What it counts.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32, made_at_ms: i64, revoked: bool) -> TokenKey {
        TokenKey { id, secret: [0; 32], made_at: Timestamp::from_ms(made_at_ms), revoked }
    }

    #[test]
    fn the_newest_key_that_has_rested_signs() {
        let now = Timestamp::from_ms(1_000_000);
        let signs = |keys: &[TokenKey]| signing_key(keys, now);
        assert_eq!(signs(&[]), None);
        assert_eq!(signs(&[key(1, 0, false)]), Some(1), "the first key of an empty store signs at once");
        assert_eq!(signs(&[key(1, 0, false), key(2, 940_001, false)]), Some(1), "59.999 s are too few");
        assert_eq!(signs(&[key(1, 0, false), key(2, 940_000, false)]), Some(2));
        assert_eq!(signs(&[key(1, 0, false), key(2, 5, false), key(3, 999_999, false)]), Some(2));
        assert_eq!(signs(&[key(1, 0, false), key(2, 5, true)]), Some(1), "a revoked key never signs");
        assert_eq!(signs(&[key(1, 0, true), key(2, 999_999, false)]), Some(2), "there is no other");
        assert_eq!(
            signs(&[key(1, 0, false), key(2, 2_000_000, false)]),
            Some(1),
            "made by a clock ahead of ours"
        );
        assert_eq!(signs(&[key(1, 0, true)]), None);
    }
}
