//! The end of a run: once faults stop, everything must come to rest, and every node and watcher must show what is
//! stored.

use std::sync::Arc;

use boxoffice_core::change::Actor;
use boxoffice_core::command::{Command, HoldSeats, SeatRequest};
use boxoffice_core::hold::HoldStatus;
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::refusal::{Refusal, Unavailable};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::Settings;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::Refused;
use boxoffice_engine::clock::Clock as _;
use compact_str::{CompactString, format_compact};
use tokio::sync::oneshot;

use crate::asking::{NOBODY, ask};
use crate::client::label;
use crate::history::{Answer, Question};
use crate::watcher::Watcher;
use crate::world::{Node, World};

/// Longer than any sleep, claim or late message from before the end of faults, in milliseconds.
const SETTLE_MS: u64 = 12_000;
/// For how long holds may need to end; clocks and extensions included.
const MOST_SECONDS: u64 = 60;
/// How often a node is asked that has no room.
const TRIES: usize = 20;
/// Longer than a sweep takes.
const SWEEP_MS: u64 = 1_000;

fn seats(world: &World, id: ShowtimeId) -> Vec<(u32, SeatStatus)> {
    world.truth.look(|rows| {
        let rows = &rows[&id];
        let row = |no| rows.seats.get(&no).copied().unwrap_or_default();
        (0..rows.plan.seat_count()).map(row).map(|seat| (seat.version, seat.status)).collect()
    })
}

fn last_deadline(world: &World) -> Timestamp {
    world.truth.look(|rows| {
        let holds = rows.values().flat_map(|rows| rows.holds.values()).filter_map(|row| row.decode().ok());
        let active = holds.filter(|stored| stored.hold.status == HoldStatus::Active);
        active.map(|stored| stored.hold.expires_at).max().unwrap_or_default()
    })
}

/// Waits until everything is at rest, and says what is not as it should be.
pub(crate) async fn drain(world: &Arc<World>, watchers: Vec<Watcher>) -> Vec<String> {
    let mut faults = Vec::new();
    world.executor.sleep(SETTLE_MS).await;
    let margin_ms = world.setup.limits.takeover_margin_ms;
    for _ in 0..MOST_SECONDS {
        let over = last_deadline(world).plus_ms(margin_ms);
        if world.clocks.iter().all(|clock| clock.now() > over) {
            break;
        }
        world.executor.sleep(1000).await;
    }
    let nodes = world.nodes();
    if nodes.len() < world.setup.nodes {
        faults.push("not every node is up again".into());
    }
    let ids: Vec<_> = world.truth.look(|rows| rows.keys().copied().collect());
    for id in ids {
        // A board that is loaded is swept.
        for node in &nodes {
            level(world, node, id).await;
        }
        world.executor.sleep(SWEEP_MS).await;
        for node in &nodes {
            level(world, node, id).await;
            faults.extend(check_node(world, node, id).await);
        }
        faults.extend(check_rows(world, id));
        for (number, node) in nodes.iter().enumerate() {
            faults.extend(probe(world, node, id, number).await);
            for other in &nodes {
                level(world, other, id).await;
            }
        }
    }
    for (link, office) in &nodes {
        if office.waiting() > 0 {
            faults.push(format!("node {}: {} transitions still wait", link.index, office.waiting()));
        }
    }
    for mut watcher in watchers {
        for node in &nodes {
            level(world, node, watcher.showtime()).await;
            watcher.poll(node).await;
            let stored = seats(world, watcher.showtime());
            if watcher.seats != stored {
                let (id, node) = (watcher.showtime(), node.0.index);
                let seen = &watcher.seats;
                faults.push(format!("{id}: after node {node} a watcher has {seen:?}, stored is {stored:?}"));
            }
        }
    }
    faults
}

/// Asks for what is not there, and is answered from a board that is level with the store. A node that has room for
/// one board may have to let go of another one first.
async fn level(world: &Arc<World>, node: &Node, id: ShowtimeId) {
    for _ in 0..TRIES {
        let asked = ask(world, node.clone(), (NOBODY, 0), id, Question::Show(1));
        if let Ok(Some(Answer::Shown(..))) = asked.await {
            return;
        }
        world.executor.sleep(100).await;
    }
}

fn check_rows(world: &World, id: ShowtimeId) -> Option<String> {
    let active: Vec<_> = world.truth.look(|rows| {
        let holds = rows[&id].holds.values().filter_map(|row| row.decode().ok());
        holds.filter(|stored| stored.hold.status == HoldStatus::Active).map(|stored| stored.hold).collect()
    });
    let names: Vec<_> = active.iter().map(|hold| crate::words::hold(hold)).collect();
    (!names.is_empty()).then(|| format!("{id}: nobody swept {names:?}"))
}

/// The node shows exactly what is stored, and nothing as held.
async fn check_node(world: &Arc<World>, (link, office): &Node, id: ShowtimeId) -> Option<String> {
    let (sender, seen) = oneshot::channel();
    let of = office.clone();
    let look = async move {
        if let Ok(board) = of.board(id).await {
            // Whoever asked waits for it.
            let _ = sender.send(board.seats(of.now()));
        }
    };
    world.spawn_on(link, Box::pin(look));
    let Ok((seen, _)) = seen.await else { return Some(format!("{id}: node {} has no board", link.index)) };
    let seen: Vec<_> = seen.iter().map(|seat| (seat.version, seat.status)).collect();
    let stored = seats(world, id);
    let held = seen.iter().any(|(_, status)| *status == SeatStatus::Held);
    let node = link.index;
    (seen != stored || held).then(|| format!("{id}: node {node} shows {seen:?}, stored is {stored:?}"))
}

/// Every seat that nobody has can be had: no claim was left behind.
async fn probe(world: &Arc<World>, node: &Node, id: ShowtimeId, number: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let free: Vec<CompactString> = (0..)
        .zip(seats(world, id))
        .filter(|(_, (_, status))| *status == SeatStatus::Available)
        .map(|(no, _)| label(no))
        .collect();
    let cancelled = world.truth.look(|rows| Settings::decode(&rows[&id].settings));
    let cancelled = cancelled.is_ok_and(|settings| settings.cancelled);
    if cancelled {
        let taken = seats(world, id).iter().any(|(_, status)| *status == SeatStatus::Booked);
        if taken {
            faults.push(format!("{id}: called off, but seats are still booked"));
        }
        return faults;
    }
    let Some(first) = free.first().cloned() else { return faults };
    let hold = HoldSeats {
        seats: [SeatRequest { seat: first, ticket: None }].into_iter().collect(),
        ..HoldSeats::default()
    };
    let commands = [
        Command::Block { seats: free.clone(), reason: None },
        Command::Unblock { seats: free, reason: None },
        Command::Hold(hold),
    ];
    for (place, command) in commands.into_iter().enumerate() {
        let name = format_compact!("probe {number} {place} of {id}");
        match insist(world, node, id, &command, &name).await {
            Ok(Some(Answer::Done { hold: Some(hold), .. })) => {
                let name = format_compact!("{name} released");
                let question = Question::Do(Arc::new(Command::Release(hold.serial)), None, Actor::Key(name));
                let released = ask(world, node.clone(), (NOBODY, place), id, question).await;
                if !matches!(released, Ok(Some(Answer::Done { .. }))) {
                    faults.push(format!("{id}: the last hold cannot be released: {released:?}"));
                }
            }
            Ok(Some(Answer::Done { .. })) => {}
            Ok(Some(Answer::Refused(Refused::Rule(Refusal::NotOnSale { .. })))) => {}
            other => faults.push(format!("{id}: at rest, {name} on node {} got {other:?}", node.0.index)),
        }
    }
    faults
}

/// Asks until no seat is claimed. A node whose clock is ahead may be about to sweep a hold that another one has just
/// let go; a claim that stays is a fault.
async fn insist(
    world: &Arc<World>,
    node: &Node,
    id: ShowtimeId,
    command: &Command,
    name: &CompactString,
) -> Result<Option<Answer>, oneshot::error::RecvError> {
    let mut heard = Ok(None);
    for attempt in 0..TRIES {
        let actor = Actor::Key(format_compact!("{name}, attempt {attempt}"));
        let question = Question::Do(Arc::new(command.clone()), None, actor);
        heard = ask(world, node.clone(), (NOBODY, attempt), id, question).await;
        let claimed = match &heard {
            Ok(Some(Answer::Refused(Refused::Rule(Refusal::SeatUnavailable(seats))))) => {
                seats.iter().any(|(_, why)| *why == Unavailable::Claimed)
            }
            _ => false,
        };
        if !claimed {
            break;
        }
        world.executor.sleep(100).await;
    }
    heard
}
