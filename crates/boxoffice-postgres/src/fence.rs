//! The fence: finding out whether a transaction whose COMMIT was not answered was committed, for good.
//!
//! Each batch inserts an id of its own. Who wants to know inserts the same id as void: PostgreSQL makes that wait for
//! whoever is still about to commit it. If it succeeds, the batch can never be committed any more.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::Client;

use crate::Address;
use crate::error::Failure;
use crate::history::random;
use crate::session::{STEP, connect, within};
use crate::values::{execute, get, row, values};
use crate::writer::statements::{IS_VOID, VOID};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was committed.
    Committed,
    /// It was not, and never will be.
    Void,
}

/// Gives ids to batches: one part for this process, one counted.
pub(crate) struct Ids {
    process: [u8; 8],
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { process: random()?, next: AtomicU64::new(0) })
    }

    pub(crate) fn next(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.process);
        id[8..].copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        id
    }
}

/// Decides a batch's fate, on a new connection, which is good to go on with.
pub(crate) async fn settle(
    address: &Address,
    (showtime, id): (i64, [u8; 16]),
) -> Result<(Client, Verdict), Failure> {
    let client = connect(address).await?;
    within(STEP, execute(&client, VOID, values![showtime, &id[..]])).await?;
    // It may be void by an earlier try of ours whose answer was lost.
    let found = within(STEP, row(&client, IS_VOID, values![showtime, &id[..]])).await?;
    let found = found.ok_or_else(|| Failure::Damaged("a fence has vanished".into()))?;
    let verdict = if get(&found, 0)? { Verdict::Void } else { Verdict::Committed };
    Ok((client, verdict))
}
