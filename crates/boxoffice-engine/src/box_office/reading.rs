//! Reading holds and bookings.

use std::sync::Arc;

use boxoffice_core::command::Command;
use boxoffice_core::decide::WIND_UP_SEATS;
use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::id::{HoldId, Serial, ShowtimeId};

use super::{BoxOffice, Refused};
use crate::board::Board;

/// A hold or booking, and the showtime that it is in.
#[derive(Clone)]
pub struct HoldView {
    /// The showtime.
    pub board: Arc<Board>,
    /// The record.
    pub hold: Arc<Hold>,
    /// The buyer, once booked.
    pub contact: Option<Contact>,
}

/// The records that a command is about.
pub(super) fn wanted_records(board: &Board, command: &Command) -> Vec<Serial> {
    match command {
        Command::WindUp => board.owners(WIND_UP_SEATS),
        _ => command.target().into_iter().collect(),
    }
}

impl BoxOffice {
    /// A hold, active or ended; `None` if there is none, or if it ended too long ago to be shown.
    pub async fn hold(&self, id: HoldId) -> Result<Option<HoldView>, Refused> {
        let found = self.record(id.showtime, id.serial).await?;
        let shown_since = self.now().plus_ms(-self.0.limits.read_ended_holds_ms);
        Ok(found.filter(|view| match view.hold.status {
            HoldStatus::Active => view.hold.expires_at >= shown_since,
            _ => view.hold.ended_at.is_none_or(|ended| ended >= shown_since),
        }))
    }

    /// A booking by the serial of the hold that it was.
    pub async fn booking(&self, showtime: ShowtimeId, serial: Serial) -> Result<Option<HoldView>, Refused> {
        let found = self.record(showtime, serial).await?;
        Ok(found.filter(|view| view.hold.status == HoldStatus::Booked))
    }

    async fn record(&self, showtime: ShowtimeId, serial: Serial) -> Result<Option<HoldView>, Refused> {
        let board = match self.board(showtime).await {
            Err(Refused::ShowtimeNotFound) => return Ok(None),
            board => board?,
        };
        if !self.0.exclusive {
            self.catch_up(&board).await?;
        }
        if let Some(hold) = board.active_hold(serial) {
            return Ok(Some(HoldView { board, hold, contact: None }));
        }
        let stored = self.0.ports.store.hold(showtime, serial).await?;
        Ok(stored.map(|stored| HoldView { board, hold: stored.hold, contact: stored.contact }))
    }

    /// Records, as the board or the store has them.
    pub(super) async fn records(
        &self,
        board: &Arc<Board>,
        wanted: Vec<Serial>,
    ) -> Result<Vec<Arc<Hold>>, Refused> {
        let mut records = Vec::with_capacity(wanted.len());
        for serial in wanted {
            let mut record = board.active_hold(serial);
            if record.is_none() && !self.0.exclusive {
                // The board may be behind, and then it would not find the hold's seats to be the hold's.
                self.catch_up(board).await?;
                record = board.active_hold(serial);
            }
            if record.is_none() {
                record = self.stored_record(board, serial).await?;
            }
            records.extend(record);
        }
        Ok(records)
    }

    async fn stored_record(&self, board: &Board, serial: Serial) -> Result<Option<Arc<Hold>>, Refused> {
        let stored = self.0.ports.store.hold(board.id(), serial).await?;
        Ok(stored.map(|stored| stored.hold))
    }

    /// The buyer of a booking: as just given, or as stored.
    pub(super) async fn contact(
        &self,
        board: &Arc<Board>,
        hold: Option<&Arc<Hold>>,
        given: Option<&Contact>,
    ) -> Result<Option<Contact>, Refused> {
        let Some(hold) = hold.filter(|hold| hold.status == HoldStatus::Booked) else { return Ok(None) };
        if let Some(given) = given {
            return Ok(Some(given.clone()));
        }
        let stored = self.0.ports.store.hold(board.id(), hold.serial).await?;
        Ok(stored.and_then(|stored| stored.contact))
    }
}
