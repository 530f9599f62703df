//! A batch as one call of a function in the database, which writes all of it or fails: the session keeps the plans of the
//! function's statements.

use std::sync::LazyLock;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::batch::begin;
use super::rows::{Rows, place_in};
use crate::error::{Failure, words};
use crate::session::{COMMIT, END, STEP, within};
use crate::values::{execute, values};

/// Calls the function with so many parameters.
static CALL: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<_> = (1..=PARAMETERS).map(|number| format!("${number}")).collect();
    format!("SELECT write_batch({})", places.join(", "))
});
const PARAMETERS: usize = 31;

/// Writes all rows of a batch that was decided in this history, under the id of its fence, and commits: in the transaction
/// that looked at what the batch relies on, or in one that it begins. If it is [lost](Failure::Lost), it may have been
/// committed all the same.
pub(super) async fn write_whole(
    client: &Client,
    rows: &Rows<'_>,
    epoch: &str,
    fence: (i64, [u8; 16]),
    looked: bool,
) -> Result<(), Failure> {
    let Rows { log, snapshots, holds, keys, clocks, .. } = rows;
    let place = |ids: &[i64]| -> Vec<i32> { ids.iter().map(|id| place_in(&clocks.ids, *id)).collect() };
    let (log_places, snapshot_places) = (place(&log.ids), place(&snapshots.ids));
    let (hold_places, key_places) = (place(&holds.ids), place(&keys.ids));
    let fence_id = &fence.1[..];
    let first = values![
        epoch,
        fence.0,
        fence_id,
        clocks.ids,
        clocks.befores,
        clocks.tips,
        clocks.revisions,
        clocks.settings_versions,
        clocks.ever_held,
        clocks.at_ms,
        log_places,
        log.revisions,
        log.events,
        log.bodies,
        snapshot_places,
        snapshots.bodies,
        hold_places,
    ];
    let keys = values![key_places, keys.keys, keys.revisions, keys.at_ms, looked,];
    let values = [&first[..], &holds.columns(), keys].concat();
    let write = execute(client, &CALL, &values);
    let begun = async { if looked { Ok(()) } else { begin(client).await } };
    let done = async { tokio::try_join!(biased; begun, write) };
    let done = async {
        match within(STEP, done).await {
            Err(Failure::Lost(why)) => Err(Failure::Lost(why)),
            answered => Ok(answered.map(|_| ())),
        }
    };
    // All is sent at once: COMMIT stands behind a statement that a failed transaction refuses.
    let ended = async { Ok(tokio::time::timeout(STEP + COMMIT, client.batch_execute(END)).await) };
    match tokio::try_join!(biased; done, ended)? {
        (Ok(()), Ok(Ok(()))) => Ok(()),
        // Only this proves it. An error may be a pooler's, which has sent COMMIT on.
        (Err(refused), Ok(Err(error))) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => {
            Err(refused)
        }
        (Err(failure), _) => Err(Failure::Lost(failure.to_string())),
        (Ok(()), Ok(Err(error))) => Err(Failure::Lost(words(&error))),
        (Ok(()), Err(_)) => Err(Failure::Lost("COMMIT was not answered in time".into())),
    }
}
