//! A batch in which nobody is expected to lose, as one call of a function in the database, which writes all of it or
//! fails: the session keeps the plans of the function's statements, and nothing is read before.

use std::sync::LazyLock;

use boxoffice_engine::queue::{Outcome, Sealed};
use tokio_postgres::Client;

use super::batch::{BatchError, Known, Map, begin, commit, judge};
use super::rows::Rows;
use crate::error::Failure;
use crate::reads::key_of;
use crate::session::{STEP, within};
use crate::values::{get, row, values};

/// Calls the function with so many parameters.
static CALL: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<_> = (1..=PARAMETERS).map(|number| format!("${number}")).collect();
    format!("SELECT write_batch({})", places.join(", "))
});
const PARAMETERS: usize = 35;

/// Such a batch.
pub(super) struct Whole<'b> {
    batch: &'b [Sealed],
    epoch: &'b str,
    /// With revisions that are counted from each showtime's before the batch, as those of the rows.
    outcomes: Vec<Outcome>,
    rows: Rows<'b>,
    /// The place of each showtime among the clocks.
    places: Map<i64, usize>,
}

impl<'b> Whole<'b> {
    /// Takes a batch that is to be committed in this history; `None` if somebody in it loses to somebody else in it, or
    /// asks for what is rare and better looked at: a change of settings, or a showtime that was never held from.
    pub(super) fn of(batch: &'b [Sealed], epoch: &'b str) -> Option<Self> {
        if batch
            .iter()
            .any(|Sealed { transition, .. }| transition.never_held || transition.change.settings.is_some())
        {
            return None;
        }
        let (outcomes, rows) = judge(batch, Known::as_relied_on(batch, epoch), Rows::together());
        if outcomes.contains(&Outcome::Conflict) {
            return None;
        }
        let places = rows.clocks.ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        Some(Self { batch, epoch, outcomes, rows, places })
    }

    /// Writes and commits it, under the id of its fence.
    pub(super) async fn write(
        self,
        client: &Client,
        fence: (i64, [u8; 16]),
    ) -> Result<Vec<Outcome>, BatchError> {
        let heads = async { tokio::try_join!(biased; begin(client), self.call(client, fence)) };
        let ((), heads) = within(STEP, heads).await?;
        let mut outcomes = self.outcomes;
        for (outcome, sealed) in outcomes.iter_mut().zip(self.batch) {
            let head =
                self.places.get(&key_of(sealed.transition.showtime)).and_then(|place| heads.get(*place));
            let head = head.ok_or_else(|| Failure::Damaged("a showtime's revision is missing".into()))?;
            if let Outcome::Committed { revision } = outcome {
                *revision += *head as u64;
            }
        }
        commit(client, outcomes).await
    }

    /// Has the function write everything; says each showtime's revision before.
    async fn call(&self, client: &Client, (showtime, id): (i64, [u8; 16])) -> Result<Vec<i64>, Failure> {
        let Rows { seats, holds, keys, events, clocks, .. } = &self.rows;
        let changed = |befores: &[i32]| befores.iter().filter(|before| **before > 0).count() as i64;
        let place = |ids: &[i64]| -> Vec<i32> {
            ids.iter().map(|id| self.places.get(id).map_or(0, |place| *place as i32 + 1)).collect()
        };
        let found = row(
            client,
            &CALL,
            values![
                self.epoch,
                showtime,
                &id[..],
                changed(&seats.befores),
                changed(&holds.befores),
                clocks.ids,
                clocks.revisions,
                clocks.settings_versions,
                clocks.ever_held,
                clocks.at_ms,
                place(&seats.ids),
                seats.nos,
                seats.befores,
                seats.versions,
                seats.statuses,
                seats.owners,
                seats.revisions,
                place(&holds.ids),
                holds.serials,
                holds.befores,
                holds.versions,
                holds.statuses,
                holds.bodies,
                holds.references,
                holds.booked,
                holds.cancelled,
                holds.emails,
                holds.contacts,
                place(&keys.ids),
                keys.keys,
                keys.revisions,
                keys.at_ms,
                place(&events.ids),
                events.revisions,
                events.bodies,
            ],
        )
        .await?;
        found.map_or_else(|| Err(Failure::Damaged("write_batch answered nothing".into())), |row| get(&row, 0))
    }
}
