//! Faults: what can go wrong, how likely each is in a run, and how often it was injected.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::lots::Lots;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $most:literal;)*) => {
        /// Something that can go wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// In how many of a thousand cases it strikes at most.
            fn most_permille(self) -> u64 {
                match self { $(Self::$name => $most,)* }
            }
        }
    };
}

faults! {
    /// A commit fails and says so.
    CommitFails = "commit-fails", 120;
    /// A commit is applied, but its answer is lost.
    CommitAnswerLost = "commit-answer-lost", 80;
    /// A commit whose answer is lost is applied after a while.
    CommitLate = "commit-late", 80;
    /// A commit is lost on its way.
    CommitLost = "commit-lost", 80;
    /// The fence that would settle a lost commit fails.
    FenceFails = "fence-fails", 500;
    /// The node crashes before it sends a commit.
    CrashBeforeCommit = "crash-before-commit", 30;
    /// The node crashes while its commit is on the way.
    CrashDuringCommit = "crash-during-commit", 30;
    /// The node crashes after the commit, before anybody is told.
    CrashAfterCommit = "crash-after-commit", 30;
    /// The node crashes at any moment.
    CrashAnytime = "crash-anytime", 150;
    /// A read of the store fails.
    ReadFails = "read-fails", 60;
    /// The store is slow.
    StoreSlow = "store-slow", 60;
    /// The gate lets someone through without a claim.
    GateAdmits = "gate-admits", 900;
    /// The gate turns someone away for no reason.
    GateRefuses = "gate-refuses", 200;
    /// The gate forgets all claims.
    GateForgets = "gate-forgets", 150;
    /// The gate is slow.
    GateSlow = "gate-slow", 150;
    /// A message between nodes is lost.
    MessageLost = "message-lost", 600;
    /// A message comes twice.
    MessageDoubled = "message-doubled", 300;
    /// A message is overtaken by the next one.
    MessageOvertaken = "message-overtaken", 300;
    /// A message is late.
    MessageLate = "message-late", 400;
    /// A node's clock is ahead of or behind the others when it starts.
    ClockDiffers = "clock-differs", 900;
    /// A node's clock jumps.
    ClockJumps = "clock-jumps", 200;
    /// The writer stands still, so that the queue fills.
    WriterStalls = "writer-stalls", 60;
    /// A sleep takes much longer.
    SleepStalls = "sleep-stalls", 60;
    /// A client vanishes while it waits.
    ClientVanishes = "client-vanishes", 150;
    /// An answer is lost on its way to the client.
    AnswerLost = "answer-lost", 250;
    /// A node draws the same lots again and again.
    LotsRepeat = "lots-repeat", 300;
}

const COUNT: usize = Fault::ALL.len();

/// How often each fault was injected.
pub type FaultCounts = [u64; COUNT];

/// The faults of one run.
pub struct Faults {
    permille: [u64; COUNT],
    injected: [AtomicU64; COUNT],
    over: AtomicBool,
    lots: Lots,
}

impl Faults {
    /// Draws which faults there are in a run and how likely each is: about half of them, and none of `without`.
    pub fn new(seed: u64, without: &[Fault]) -> Self {
        let lots = Lots::new(seed, 2);
        let calm = lots.permille(30);
        let mut permille = [0; COUNT];
        for fault in Fault::ALL {
            // Drawn for all of them, so that leaving one out does not change the others.
            let (present, often) = (lots.permille(500), lots.between(1, fault.most_permille()));
            if present && !calm && !without.contains(fault) {
                permille[*fault as usize] = often;
            }
        }
        let injected = std::array::from_fn(|_| AtomicU64::new(0));
        Self { permille, injected, over: AtomicBool::new(false), lots }
    }

    /// Whether this fault is to happen now; then it is counted.
    pub fn strikes(&self, fault: Fault) -> bool {
        let permille = self.permille[fault as usize];
        if permille == 0 || self.over.load(Ordering::Relaxed) || !self.lots.permille(permille) {
            return false;
        }
        self.injected[fault as usize].fetch_add(1, Ordering::Relaxed);
        true
    }

    /// No faults from now on.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether faults may still happen.
    pub fn are_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// A lot about how a fault shows.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        self.lots.between(low, high)
    }

    /// How often each was injected.
    pub fn counts(&self) -> FaultCounts {
        std::array::from_fn(|at| self.injected[at].load(Ordering::Relaxed))
    }
}
