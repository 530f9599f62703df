//! Watchers: each keeps a seat map by asking any node for what changed after the revision that it has.

use std::sync::Arc;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::seat::SeatStatus;
use tokio::sync::oneshot;

use crate::history::Look;
use crate::lots::Lots;
use crate::world::{Node, World};

/// One watcher of one showtime.
pub(crate) struct Watcher {
    world: Arc<World>,
    showtime: ShowtimeId,
    /// Version and status of each seat.
    pub(crate) seats: Vec<(u32, SeatStatus)>,
    /// Of which revision.
    pub(crate) revision: u64,
}

impl Watcher {
    /// A watcher who has seen nothing yet.
    pub(crate) fn new(world: &Arc<World>, showtime: ShowtimeId) -> Self {
        let seats = world.truth.look(|rows| rows.get(&showtime).map_or(0, |rows| rows.plan.seat_count()));
        let seats = vec![(0, SeatStatus::Available); seats as usize];
        Self { world: Arc::clone(world), showtime, seats, revision: 0 }
    }

    /// Which showtime it watches.
    pub(crate) fn showtime(&self) -> ShowtimeId {
        self.showtime
    }

    /// Watches until faults are over.
    pub(crate) async fn run(mut self, lots: Lots, done: oneshot::Sender<Self>) {
        while !self.world.faults.are_over() {
            self.world.executor.sleep(lots.between(50, 2000)).await;
            let node = self.world.node(lots.draw()).await;
            self.poll(&node).await;
        }
        // Whoever wanted to see the end may have given up.
        let _ = done.send(self);
    }

    /// Asks a node once. A node that is behind the watcher has nothing to tell.
    pub(crate) async fn poll(&mut self, (link, office): &Node) {
        let (sender, seen) = oneshot::channel();
        let (office, showtime, since) = (office.clone(), self.showtime, self.revision);
        let look = async move {
            if let Ok(board) = office.board(showtime).await {
                // A watcher that has gone sees nothing.
                let _ = sender.send(board.changed_since(since, office.now()));
            }
        };
        self.world.spawn_on(link, Box::pin(look));
        let Ok((changed, revision)) = seen.await else { return };
        if revision < self.revision {
            return;
        }
        for seat in changed {
            if let Some(known) = self.seats.get_mut(seat.no as usize) {
                *known = (seat.version, seat.status);
            }
        }
        self.revision = revision;
        let look = Look { showtime, revision, seats: self.seats.clone() };
        self.world.history.lock().looks.push(look);
    }
}
