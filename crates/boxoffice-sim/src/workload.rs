//! What people want in one run: showtimes, patrons and staff with what each does in turn. Plain data, so that a
//! failing run can be cut down.

use std::fmt;

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::settings::Settings;
use boxoffice_engine::store::conformance::room;

use crate::lots::Lots;
use crate::rows::{Rows, ShowtimeRows};

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// One thing that somebody does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Step { $($(#[$doc])* $name,)* }

        impl fmt::Display for Step {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

steps! {
    /// Hold some seats.
    Hold = "hold";
    /// Hold seats at the versions that the seat map shows.
    HoldSeen = "hold at versions";
    /// Hold under the key of the request before.
    Reuse = "hold under a used key";
    /// Add a seat to the hold.
    Add = "add";
    /// Give one of its seats back.
    Remove = "remove";
    /// Both.
    Swap = "swap";
    /// Start its time anew.
    Extend = "extend";
    /// Give it back.
    Release = "release";
    /// Book it.
    Confirm = "confirm";
    /// Cancel the booking.
    Cancel = "cancel";
    /// Cancel one of its seats.
    CancelSome = "cancel some";
    /// Look at the hold or booking.
    Show = "show";
    /// Wait for some seconds, perhaps until the hold is over.
    Wait = "wait";
    /// Take seats off sale.
    Block = "block";
    /// Put them back.
    Unblock = "unblock";
    /// Change the showtime's settings.
    Change = "change settings";
    /// Call the showtime off.
    CallOff = "call off";
}

/// One thing that somebody does, and the seed of its details.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// What.
    pub step: Step,
    /// Of what is drawn while doing it.
    pub seed: u64,
}

/// Somebody.
#[derive(Debug, Clone)]
pub struct Client {
    /// At which showtime.
    pub showtime: ShowtimeId,
    /// When they come, in milliseconds.
    pub comes_ms: u64,
    /// What they do; `None` was cut out.
    pub ops: Vec<Option<Op>>,
}

/// What people want in one run.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The showtimes with their rooms and settings.
    pub rows: Rows,
    /// Everybody.
    pub clients: Vec<Client>,
    /// How many watch the seat maps.
    pub watchers: usize,
}

const STORIES: [&[Step]; 14] = [
    &[Step::Hold, Step::Confirm],
    &[Step::Hold, Step::Confirm, Step::Cancel],
    &[Step::Hold, Step::Extend, Step::Confirm, Step::Confirm, Step::Show],
    &[Step::Hold, Step::Release],
    &[Step::Hold, Step::Release, Step::Confirm, Step::Show],
    &[Step::HoldSeen, Step::Add, Step::Swap, Step::Confirm, Step::CancelSome, Step::Cancel],
    &[Step::HoldSeen, Step::Remove, Step::Extend, Step::Confirm, Step::CancelSome],
    &[Step::Hold, Step::Wait, Step::Confirm],
    &[Step::Hold, Step::Wait, Step::Extend, Step::Release],
    &[Step::Hold, Step::Extend, Step::Extend, Step::Extend, Step::Extend, Step::Show],
    &[Step::Hold],
    &[Step::HoldSeen, Step::Show],
    &[Step::Hold, Step::Reuse, Step::Confirm],
    &[Step::Hold, Step::Add, Step::Add, Step::Remove, Step::Wait, Step::Hold, Step::Confirm],
];

const CHORES: [Step; 8] = [
    Step::Block,
    Step::Unblock,
    Step::Block,
    Step::Unblock,
    Step::Change,
    Step::Change,
    Step::Wait,
    Step::CallOff,
];

impl Workload {
    /// Draws a workload.
    pub fn draw(seed: u64) -> Self {
        let lots = Lots::new(seed, 5);
        let count = lots.between(1, 3);
        let seats = lots.between(4, 14) as u32;
        let mut rows = Rows::new();
        for number in 1..=count {
            // What a plan blocks would be the first event of the log; here the log begins empty.
            let plan = room::plan(seats, None);
            let ttl_ms = lots.between(1500, 6000) as i64;
            let settings = Settings {
                hold_ttl_ms: ttl_ms,
                max_hold_ttl_ms: ttl_ms * 2,
                max_seats_per_hold: lots.between(2, 4) as u16,
                ..room::settings(number, 24)
            };
            rows.insert(ShowtimeId::from_number(number), ShowtimeRows::new(plan, &settings));
        }
        // Now and then a crowd.
        let busy = if lots.permille(100) { lots.between(15, 60) } else { lots.between(3, 14) };
        let mut clients: Vec<_> = (0..busy).map(|_| patron(&lots, count)).collect();
        for _ in 0..lots.below(3) {
            clients.push(staff(&lots, count));
        }
        Self { rows, clients, watchers: lots.between(1, 3) as usize }
    }

    /// Every op that is not cut out, as (client, place).
    pub fn ops(&self) -> Vec<(usize, usize)> {
        let places = |(client, what): (usize, &Client)| {
            let kept = what.ops.iter().enumerate().filter(|(_, op)| op.is_some());
            kept.map(move |(place, _)| (client, place)).collect::<Vec<_>>()
        };
        self.clients.iter().enumerate().flat_map(places).collect()
    }

    /// Cuts out every op that is not in `kept`.
    pub fn keep(&mut self, kept: &[(usize, usize)]) {
        for (client, what) in self.clients.iter_mut().enumerate() {
            for (place, op) in what.ops.iter_mut().enumerate() {
                if !kept.contains(&(client, place)) {
                    *op = None;
                }
            }
        }
    }
}

fn client(lots: &Lots, showtimes: u64, steps: impl Iterator<Item = Step>) -> Client {
    Client {
        showtime: ShowtimeId::from_number(lots.between(1, showtimes)),
        comes_ms: lots.below(6000),
        ops: steps.map(|step| Some(Op { step, seed: lots.draw() })).collect(),
    }
}

fn patron(lots: &Lots, showtimes: u64) -> Client {
    let stories: Vec<_> = (0..lots.between(1, 4)).map(|_| lots.pick(&STORIES)).collect();
    client(lots, showtimes, stories.into_iter().flatten().copied())
}

fn staff(lots: &Lots, showtimes: u64) -> Client {
    let chores: Vec<_> = (0..lots.between(2, 8)).map(|_| lots.pick(&CHORES)).collect();
    // Not many showtimes are called off, or there would be little to see.
    let calls_off = lots.permille(300);
    let chores = chores.into_iter().filter(move |step| *step != Step::CallOff || calls_off);
    client(lots, showtimes, chores)
}
