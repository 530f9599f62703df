//! Why a command was not carried out: the rules, or what keeps the engine from asking them.

use boxoffice_core::refusal::Refusal;

use crate::queue::Rejected;
use crate::store::StoreError;

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The rules say no.
    Rule(Refusal),
    /// There is no such showtime.
    ShowtimeNotFound,
    /// Too much waits already.
    Overloaded,
    /// The store cannot be written or read for now; nothing was done.
    StoreUnavailable,
    /// It may or may not have been done; ask again with the same key.
    OutcomeUnknown,
    /// The node is going down.
    Draining,
    /// The first request under this key has not ended yet.
    IdempotencyInProgress,
    /// The key was used for something else.
    IdempotencyKeyReused,
    /// What is stored contradicts itself.
    Damaged,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Rule(refusal)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded => Self::Overloaded,
            StoreError::Unavailable(why) => {
                tracing::warn!(why, "a read failed");
                Self::StoreUnavailable
            }
            StoreError::Damaged(what) => {
                tracing::error!(what, "the store is damaged");
                Self::Damaged
            }
        }
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Full => Self::Overloaded,
            Rejected::Unavailable => Self::StoreUnavailable,
            Rejected::Closed => Self::Draining,
        }
    }
}
