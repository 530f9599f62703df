//! One showtime's state in the memory of this node: decides, claims, and applies what was committed in the order
//! of revisions.

mod looking;
mod turns;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use boxoffice_core::change::{Change, Event};
use boxoffice_core::command::{Command, HoldSeats};
use boxoffice_core::decide::{Context, Decided, Decision, Taken, check_hold, decide};
use boxoffice_core::hold::{Hold, HoldStatus};
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::plan::{Plan, SeatNo};
use boxoffice_core::refusal::Refusal;
use boxoffice_core::settings::Settings;
use boxoffice_core::showtime::{Misapplied, Showtime};
use boxoffice_core::time::Timestamp;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::feed::Feed;
use crate::seat_words::SeatWords;
use crate::store::{Loaded, StoreError, UsedKey};
pub use looking::SeatView;
use turns::Turns;
pub(crate) use turns::{KeyEntry, KeyGuard, TurnGuard};

/// Whoever is told that a commit of this node is applied.
pub(crate) trait Applied: Send {
    /// It is.
    fn applied(self: Box<Self>, event: Arc<Event>);
}

/// A showtime in memory.
pub struct Board {
    id: ShowtimeId,
    /// The history that its revisions belong to.
    epoch: Arc<str>,
    plan: Arc<Plan>,
    takeover_margin_ms: i64,
    words: SeatWords,
    settings: ArcSwap<Settings>,
    head: AtomicU64,
    next_deadline_ms: AtomicI64,
    /// When the board was last known to be level with the store, in milliseconds.
    level_ms: AtomicI64,
    /// For the choice of boards to evict: the number of the sweep during which it was last asked for.
    pub(crate) last_used: AtomicU64,
    /// Set when the log contradicted the board: it is to be thrown away and loaded anew.
    broken: AtomicBool,
    /// Set when there is no such showtime any more.
    gone: AtomicBool,
    pub(crate) winding_up: AtomicBool,
    state: Mutex<State>,
    turns: Turns,
    feed: Feed,
    pub(crate) reads: CatchUpReads,
    companion: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// Lets one read of the log serve everybody who waits for the board to be level.
#[derive(Default)]
pub(crate) struct CatchUpReads {
    pub(crate) started: AtomicU64,
    /// Whether one is about to begin for whoever asked for it and went on.
    pub(crate) later: AtomicBool,
    /// The last one that has ended, and why it came to nothing, if it did.
    pub(crate) finished: tokio::sync::Mutex<(u64, Option<StoreError>)>,
}

struct State {
    showtime: Showtime,
    /// The revision of the last change of the settings, or at which the board was loaded.
    settings_revision: u64,
    deadlines: BTreeSet<(Timestamp, Serial)>,
    keys: HashMap<[u8; 16], UsedKey, FixedState>,
    /// Own commits whose predecessors are not known yet.
    early: BTreeMap<u64, Early>,
}

/// A commit that is ahead of the board.
struct Early {
    event: Arc<Event>,
    claims: Claims,
    waiting: Box<dyn Applied>,
}

/// Seats that are claimed for a transition in flight.
pub(crate) type Claims = SmallVec<[SeatNo; 4]>;

/// What a board made of a command.
pub(crate) enum Step {
    /// To be committed; the seats are claimed.
    Commit(Decided),
    /// Nothing to do, as of this revision.
    Unchanged(Option<Arc<Hold>>, u64),
}

impl Board {
    /// A board of a showtime that was just read from the store.
    pub(crate) fn new(
        id: ShowtimeId,
        loaded: Loaded,
        epoch: Arc<str>,
        takeover_margin_ms: i64,
        now: Timestamp,
    ) -> Result<Self, Misapplied> {
        let Loaded { plan, snapshot, keys } = loaded;
        let showtime = Showtime::restore(id, Arc::clone(&plan), snapshot)?;
        let board = Self {
            id,
            epoch,
            takeover_margin_ms,
            words: SeatWords::new(plan.seat_count()),
            plan,
            settings: ArcSwap::new(Arc::clone(showtime.settings())),
            head: AtomicU64::new(showtime.revision()),
            next_deadline_ms: AtomicI64::new(i64::MAX),
            level_ms: AtomicI64::new(now.as_ms()),
            last_used: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            winding_up: AtomicBool::new(false),
            turns: Turns::default(),
            feed: Feed::new(showtime.revision()),
            reads: CatchUpReads::default(),
            companion: OnceLock::new(),
            state: Mutex::new(State {
                deadlines: showtime.holds().map(|hold| (hold.expires_at, hold.serial)).collect(),
                keys: keys.into_iter().map(|used| (used.key, used)).collect(),
                early: BTreeMap::new(),
                settings_revision: showtime.revision(),
                showtime,
            }),
        };
        {
            let state = board.state.lock();
            for (no, _) in state.showtime.changed_since(0) {
                board.refresh_word(&state.showtime, no);
            }
            board.note_deadline(&state);
        }
        Ok(board)
    }

    /// Whose board it is.
    pub fn id(&self) -> ShowtimeId {
        self.id
    }

    /// The name of the history that its revisions belong to.
    pub fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// The room.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The settings.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Whether the public sees it.
    pub fn is_published(&self) -> bool {
        self.settings.load().published
    }

    /// The revision of the last applied change.
    pub fn revision(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// A place for what an outer layer keeps with the board, such as encoded forms of it; made on first use.
    pub fn companion<T: Any + Send + Sync + Default>(&self) -> Option<&T> {
        self.companion.get_or_init(|| Box::new(T::default())).downcast_ref()
    }

    /// Refuses what a look without a lock can refuse. `None` means that a full decision is needed.
    pub(crate) fn refuse_at_a_glance(&self, request: &HoldSeats, now: Timestamp) -> Option<Refusal> {
        let settings = self.settings.load();
        let wanted = match check_hold(&self.plan, &settings, request, now) {
            Ok(wanted) => wanted,
            Err(refusal) => return Some(refusal),
        };
        if !request.versions.is_empty() {
            return None;
        }
        let taken: Taken =
            wanted.iter().filter_map(|seat| Some((seat.no, self.words.look(seat.no, now)?))).collect();
        (!taken.is_empty()).then_some(Refusal::SeatUnavailable(taken))
    }

    /// Decides a command and claims the seats of the change that it leads to.
    pub(crate) fn decide(
        &self,
        command: &Command,
        records: &[Arc<Hold>],
        context: &Context,
    ) -> Result<Step, Refusal> {
        let state = self.state.lock();
        let claimed = |no| self.words.is_claimed(no);
        match decide(&state.showtime, &claimed, records, command, context)? {
            Decision::Unchanged(record) => Ok(Step::Unchanged(record, state.showtime.revision())),
            Decision::Commit(decided) => {
                self.words.claim(&decided.claims);
                Ok(Step::Commit(decided))
            }
        }
    }

    /// Lets go of claims whose transition came to nothing.
    pub(crate) fn unclaim(&self, claims: &[SeatNo]) {
        let _state = self.state.lock();
        self.words.unclaim(claims);
    }

    /// A transition of this node was committed: applies it, or keeps it until the ones before it are known (then
    /// false: the log must be read). `waiting` is told once it is applied, without the board's lock.
    pub(crate) fn committed(&self, event: Arc<Event>, claims: Claims, waiting: Box<dyn Applied>) -> bool {
        let mut state = self.state.lock();
        let next = state.showtime.revision() + 1;
        if event.revision > next && !self.is_broken() {
            state.early.insert(event.revision, Early { event, claims, waiting });
            return false;
        }
        if event.revision == next {
            self.apply(&mut state, &event);
        }
        self.note_own(&event);
        self.words.unclaim(&claims);
        let ready = self.apply_early(&mut state);
        drop(state);
        self.feed.wake();
        waiting.applied(event);
        tell(ready);
        true
    }

    /// Applies events from the log or from another node that continue the board; older ones are passed over.
    /// False if there is a gap.
    pub(crate) fn follow<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> bool {
        let mut state = self.state.lock();
        let mut level = true;
        for event in events {
            let next = state.showtime.revision() + 1;
            if event.revision == next {
                self.apply(&mut state, event);
            } else if event.revision > next {
                level = false;
                break;
            }
        }
        let ready = self.apply_early(&mut state);
        drop(state);
        self.feed.wake();
        tell(ready);
        level
    }

    /// Applies own commits that waited for their predecessors.
    fn apply_early(&self, state: &mut State) -> Vec<(Arc<Event>, Box<dyn Applied>)> {
        let mut ready = Vec::new();
        while let Some(entry) = state.early.first_entry() {
            // A broken board goes no further: what was committed is told all the same.
            if *entry.key() > state.showtime.revision() + 1 && !self.is_broken() {
                break;
            }
            let Early { event, claims, waiting } = entry.remove();
            if event.revision == state.showtime.revision() + 1 {
                self.apply(state, &event);
            }
            self.note_own(&event);
            self.words.unclaim(&claims);
            ready.push((event, waiting));
        }
        ready
    }

    /// Notes an own commit, with which the board is level: it was decided before it was committed, so that what others
    /// had committed by then is among what goes before it.
    fn note_own(&self, event: &Event) {
        if !self.is_broken() {
            self.note_level(event.change.at);
        }
    }

    fn apply(&self, state: &mut State, event: &Event) {
        let change: &Change = &event.change;
        for hold in &change.holds {
            if let Some(before) = state.showtime.hold(hold.serial) {
                state.deadlines.remove(&(before.expires_at, hold.serial));
            }
        }
        if let Err(misapplied) = state.showtime.apply(event) {
            tracing::error!(showtime = %self.id, %misapplied, "the log contradicts the board; loading it anew");
            self.note_broken();
            return;
        }
        for hold in change.holds.iter().filter(|hold| hold.status == HoldStatus::Active) {
            state.deadlines.insert((hold.expires_at, hold.serial));
        }
        for seat in &change.seats {
            self.refresh_word(&state.showtime, seat.no);
        }
        if let Some(settings) = &change.settings {
            self.settings.store(Arc::clone(settings));
            state.settings_revision = event.revision;
        }
        self.feed.note(change.at);
        if let Some(request) = change.request {
            let used = UsedKey { key: request.key, revision: event.revision, at: change.at };
            state.keys.insert(request.key, used);
        }
        if !change.holds.is_empty() {
            self.note_deadline(state);
        }
        self.head.store(event.revision, Ordering::Release);
    }

    fn refresh_word(&self, showtime: &Showtime, no: SeatNo) {
        let free_from = showtime.held_until(no).map(|until| until.plus_ms(self.takeover_margin_ms));
        self.words.set(no, showtime.seat(no).status, free_from);
    }

    fn note_deadline(&self, state: &State) {
        let next = state.deadlines.first().map_or(i64::MAX, |(deadline, _)| deadline.as_ms());
        self.next_deadline_ms.store(next, Ordering::Release);
    }

    /// Whether a hold's time is over that has not been swept.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let next = self.next_deadline_ms.load(Ordering::Acquire);
        next != i64::MAX && next.saturating_add(self.takeover_margin_ms) <= now.as_ms()
    }

    /// Up to `most` holds whose time is over, the earliest first.
    pub(crate) fn due(&self, now: Timestamp, most: usize) -> Vec<Serial> {
        let before = now.plus_ms(-self.takeover_margin_ms);
        let state = self.state.lock();
        let due = state.deadlines.range(..=(before, Serial::MAX));
        due.take(most).map(|(_, serial)| *serial).collect()
    }

    /// The active hold of this serial.
    pub fn active_hold(&self, serial: Serial) -> Option<Arc<Hold>> {
        self.state.lock().showtime.hold(serial).cloned()
    }

    /// The serials of holds and bookings that have seats, until they have `most` seats together.
    pub(crate) fn owners(&self, most: usize) -> Vec<Serial> {
        let state = self.state.lock();
        let owners = state.showtime.seats().iter().map(|seat| seat.owner).filter(|owner| *owner != 0);
        owners.take(most).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The key of an earlier request, if it is still kept at `now`.
    pub(crate) fn used_key(&self, key: &[u8; 16], since: Timestamp) -> Option<UsedKey> {
        self.state.lock().keys.get(key).filter(|used| used.at >= since).copied()
    }

    /// Forgets keys used before `since`.
    pub(crate) fn forget_keys(&self, since: Timestamp) {
        self.state.lock().keys.retain(|_, used| used.at >= since);
    }

    /// Whether any hold or booking still has seats.
    pub(crate) fn has_owners(&self) -> bool {
        self.state.lock().showtime.seats().iter().any(|seat| seat.owner != 0)
    }

    /// The store goes on with another history: it is to be thrown away and loaded anew. Whoever waits for a commit of the
    /// old one is told of it.
    pub(crate) fn give_up(&self) {
        self.note_broken();
        let ready = self.apply_early(&mut self.state.lock());
        tell(ready);
    }

    /// It is to be thrown away and loaded anew.
    fn note_broken(&self) {
        self.broken.store(true, Ordering::Release);
        self.feed.wake();
    }

    /// Whether the log contradicted it, so that it is of no use any more.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Whether the showtime was taken away while somebody had its board in hand.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(crate) fn note_gone(&self) {
        self.gone.store(true, Ordering::Release);
        self.feed.wake();
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(crate) fn note_level(&self, now: Timestamp) {
        self.level_ms.fetch_max(now.as_ms(), Ordering::AcqRel);
    }

    pub(crate) fn level_at(&self) -> Timestamp {
        Timestamp::from_ms(self.level_ms.load(Ordering::Acquire))
    }

    /// Enters the queue of commands about one hold or booking.
    pub(crate) async fn turn(self: &Arc<Self>, serial: Serial) -> Option<TurnGuard> {
        let waiting = turns::enter_turn(self, serial)?;
        waiting.await
    }

    /// The turn of a hold or booking if nobody has it.
    pub(crate) fn try_turn(self: &Arc<Self>, serial: Serial) -> Option<TurnGuard> {
        turns::try_turn(self, serial)
    }

    /// Enters a request under its key.
    pub(crate) fn enter_key(self: &Arc<Self>, key: [u8; 16]) -> KeyEntry {
        turns::enter_key(self, key)
    }
}

fn tell(ready: Vec<(Arc<Event>, Box<dyn Applied>)>) {
    for (event, waiting) in ready {
        waiting.applied(event);
    }
}
