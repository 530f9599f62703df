//! Watchers: each keeps a seat map, by asking any node for what changed after the revision that it has, or by following
//! the feed of a node for a while: slowly, until it drops off or the node crashes, and then on from there elsewhere.

use std::sync::Arc;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::SeatNo;
use boxoffice_core::seat::SeatStatus;
use tokio::sync::{mpsc, oneshot};

use crate::history::Look;
use crate::lots::Lots;
use crate::world::{Node, World};

/// How long a watcher follows one node at most, in milliseconds: a node that crashed tells nothing more.
const FOLLOWING_MS: u64 = 2000;

/// From how many boards on a node has room for those that are watched.
const ROOMY: usize = 100;

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
            // A board that is watched is not evicted: where there is room for one or two, others would be refused.
            if self.world.setup.limits.boards < ROOMY || lots.between(0, 1) == 0 {
                self.poll(&node).await;
            } else {
                self.follow(&node, &lots).await;
            }
        }
        // Whoever wanted to see the end may have given up.
        let _ = done.send(self);
    }

    /// Follows a node's feed for some updates, with pauses in which more may change than one update tells.
    async fn follow(&mut self, (link, office): &Node, lots: &Lots) {
        let (sender, mut seen) = mpsc::unbounded_channel();
        let (office, showtime, mut cursor) = (office.clone(), self.showtime, self.revision);
        let pauses: Vec<u64> = (0..lots.between(1, 6)).map(|_| lots.between(0, 400)).collect();
        let world = Arc::clone(&self.world);
        let follow = async move {
            let Ok(board) = office.board(showtime).await else { return };
            if office.catch_up_to(&board, cursor).await.is_err() || board.revision() < cursor {
                return;
            }
            let mut watch = office.watch(Arc::clone(&board));
            for pause in pauses {
                let update = board.update_since(Some(cursor), office.now());
                cursor = update.revision;
                // A watcher that has gone sees nothing.
                if sender.send(update).is_err() || board.is_broken() {
                    return;
                }
                // A board that is watched stays in memory, so nobody may watch on for a watcher that has gone.
                tokio::select! { biased;
                    () = sender.closed() => return,
                    _ = watch.told() => {}
                }
                world.executor.sleep(pause).await;
            }
        };
        self.world.spawn_on(link, Box::pin(follow));
        let patience = self.world.executor.sleep(FOLLOWING_MS);
        tokio::pin!(patience);
        loop {
            let update = tokio::select! { biased;
                update = seen.recv() => update,
                () = &mut patience => None,
            };
            let Some(update) = update else { return };
            let seats = update.seats.into_iter().map(|seat| (seat.no, seat.version, seat.status));
            self.take(seats, update.revision);
        }
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
        self.take(changed.into_iter().map(|seat| (seat.no, seat.version, seat.status)), revision);
    }

    fn take(&mut self, seats: impl Iterator<Item = (SeatNo, u32, SeatStatus)>, revision: u64) {
        for (no, version, status) in seats {
            if let Some(known) = self.seats.get_mut(no as usize) {
                *known = (version, status);
            }
        }
        self.revision = revision;
        let look = Look { showtime: self.showtime, revision, seats: self.seats.clone() };
        self.world.history.lock().looks.push(look);
    }
}
