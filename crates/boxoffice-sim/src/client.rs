//! Patrons and staff at work: each does one thing after another, and asks again under the same key while it does not
//! know what became of it.

use std::sync::Arc;

use boxoffice_core::change::{Actor, RequestKey};
use boxoffice_core::command::{Command, ExpectedVersion, HoldEdit, HoldSeats, SeatRequest, SettingsPatch};
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::id::MovieId;
use boxoffice_core::settings::{Prices, TicketPrice};
use boxoffice_engine::clock::Clock as _;
use compact_str::{CompactString, format_compact};
use tokio::sync::oneshot;

use crate::asking::{ask, is_worth_a_retry};
use crate::history::{Answer, Question};
use crate::lots::Lots;
use crate::workload::{Client, Op, Step};
use crate::world::{Node, World};

/// How often a request under a key is repeated.
const TRIES: u64 = 5;

/// Somebody, and what they know.
struct Person {
    world: Arc<World>,
    number: usize,
    seats: u32,
    at: Client,
    /// The hold or booking that they had last.
    own: Option<Arc<Hold>>,
    last_key: Option<[u8; 16]>,
}

fn key(client: usize, place: usize) -> [u8; 16] {
    let mut key = [0; 16];
    (key[0], key[1], key[2]) = (1, client as u8, place as u8);
    key
}

/// The label of a seat.
pub(crate) fn label(no: u32) -> CompactString {
    format_compact!("A{}", no + 1)
}

fn want(no: u32) -> SeatRequest {
    SeatRequest { seat: label(no), ticket: None }
}

/// Does everything that a client has in mind; then `done`.
pub(crate) async fn run(world: Arc<World>, number: usize, client: Client, done: oneshot::Sender<()>) {
    let seats = world.truth.look(|rows| rows.get(&client.showtime).map_or(1, |rows| rows.plan.seat_count()));
    world.executor.sleep(client.comes_ms).await;
    let ops = client.ops.clone();
    let mut person = Person { world, number, seats, at: client, own: None, last_key: None };
    for (place, op) in ops.into_iter().enumerate() {
        if let Some(op) = op {
            person.act(place, op).await;
        }
    }
    // Whoever counts may have stopped counting.
    let _ = done.send(());
}

impl Person {
    async fn act(&mut self, place: usize, op: Op) {
        let lots = Lots::new(op.seed, 6);
        let world = Arc::clone(&self.world);
        let pause = if op.step == Step::Wait { lots.between(800, 9000) } else { lots.below(700) };
        world.executor.sleep(pause).await;
        if op.step == Step::Wait {
            return;
        }
        let node = world.node(lots.draw()).await;
        let Some(question) = self.question(place, op.step, &lots, &node).await else { return };
        let keyed = matches!(question, Question::Do(_, Some(_), _));
        let by = (self.number, place);
        let showtime = self.at.showtime;
        let mut node = node;
        let mut tries = 0;
        loop {
            tries += 1;
            let first = ask(&world, node, by, showtime, question.clone());
            // A double click, on any node.
            let double = (keyed && lots.permille(120)).then(|| lots.draw());
            let second = match double {
                Some(prefer) => Some(ask(&world, world.node(prefer).await, by, showtime, question.clone())),
                None => None,
            };
            let mut heard = first.await.unwrap_or(None);
            if let Some(second) = second {
                let other = second.await.unwrap_or(None);
                heard = heard.filter(|heard| !is_worth_a_retry(Some(heard))).or(other);
            }
            let again = is_worth_a_retry(heard.as_ref()) || lots.permille(60);
            self.learn(heard);
            if !keyed || !again || tries >= TRIES {
                return;
            }
            world.executor.sleep(lots.between(1, 1500)).await;
            node = world.node(lots.draw()).await;
        }
    }

    fn learn(&mut self, heard: Option<Answer>) {
        if let Some(Answer::Done { hold: Some(hold), .. } | Answer::Shown(Some(hold), _)) = heard {
            self.own = Some(hold);
        }
    }

    /// What to ask, or nothing if there is nothing to ask about.
    async fn question(&mut self, place: usize, step: Step, lots: &Lots, node: &Node) -> Option<Question> {
        let guess = lots.permille(30).then(|| lots.draw() >> 1);
        let serial = || guess.or(self.own.as_ref().map(|hold| hold.serial));
        let edit = |edit| Some(Command::Edit(serial()?, edit));
        let own_seat = || {
            let hold = self.own.as_ref()?;
            if lots.permille(80) {
                return Some(label(lots.below(u64::from(self.seats)) as u32));
            }
            let seats: Vec<_> = hold.seats.iter().map(|seat| label(seat.no)).collect();
            (!seats.is_empty()).then(|| seats[lots.below(seats.len() as u64) as usize].clone())
        };
        let another = || [want(lots.below(u64::from(self.seats)) as u32)].into_iter().collect();
        let command = match step {
            Step::Hold | Step::Reuse => Some(Command::Hold(self.hold(lots))),
            Step::HoldSeen => Some(Command::Hold(self.hold_seen(lots, node).await)),
            Step::Add => edit(HoldEdit { add: another(), ..HoldEdit::default() }),
            Step::Remove => edit(HoldEdit { remove: vec![own_seat()?], ..HoldEdit::default() }),
            Step::Swap => edit(HoldEdit {
                add: another(),
                remove: vec![own_seat()?],
                extend: lots.permille(300),
                ..HoldEdit::default()
            }),
            Step::Extend => edit(HoldEdit { extend: true, ..HoldEdit::default() }),
            Step::Release => serial().map(Command::Release),
            Step::Confirm => {
                let name = format_compact!("client {} op {place}", self.number);
                let contact = Contact { name: Some(name), email: None };
                serial().map(|hold| Command::Confirm { hold, contact, metadata: Vec::new() })
            }
            Step::Cancel => serial().map(|booking| Command::Cancel { booking, seats: None }),
            Step::CancelSome => {
                let seats = Some(vec![own_seat()?]);
                serial().map(|booking| Command::Cancel { booking, seats })
            }
            Step::Show => return serial().map(Question::Show),
            Step::Block => {
                Some(Command::Block { seats: self.some_labels(lots), reason: Some("broken".into()) })
            }
            Step::Unblock => Some(Command::Unblock { seats: self.some_labels(lots), reason: None }),
            Step::Change => Some(Command::ChangeShowtime(self.patch(lots, node))),
            Step::CallOff => Some(Command::CancelShowtime),
            Step::Wait => None,
        }?;
        Some(self.sign(command, place, step, lots))
    }

    /// Most ask under a key of their own. Those who do not are known to the auditor by their name.
    fn sign(&mut self, command: Command, place: usize, step: Step, lots: &Lots) -> Question {
        let own = key(self.number, place);
        let key = if step == Step::Reuse { self.last_key.unwrap_or(own) } else { own };
        if step != Step::Reuse && lots.permille(350) {
            let name = format_compact!("client {} op {place}", self.number);
            return Question::Do(Arc::new(command), None, Actor::Key(name));
        }
        self.last_key = Some(key);
        Question::Do(Arc::new(command), Some(RequestKey { key, fingerprint: own }), Actor::Patron)
    }

    fn hold(&self, lots: &Lots) -> HoldSeats {
        let count = lots.between(1, 3).min(u64::from(self.seats)) as u32;
        let first = lots.below(u64::from(self.seats)) as u32;
        // Round the corner: few collisions would be had from the ends of the row otherwise.
        let seats = (0..count).map(|at| want((first + at) % self.seats)).collect();
        let ttl_ms = lots.permille(150).then(|| lots.between(1000, 7000) as i64);
        HoldSeats { seats, ttl_ms, ..HoldSeats::default() }
    }

    /// Wants free seats at the versions that the node's map shows, or one below.
    async fn hold_seen(&self, lots: &Lots, node: &Node) -> HoldSeats {
        let mut request = self.hold(lots);
        let (sender, seen) = oneshot::channel();
        let (office, showtime) = (node.1.clone(), self.at.showtime);
        let look = async move {
            if let Ok(board) = office.board(showtime).await {
                // A client that has gone sees nothing.
                let _ = sender.send(board.seats(office.now()).0);
            }
        };
        self.world.spawn_on(&node.0, Box::pin(look));
        let Ok(seen) = seen.await else { return request };
        let wrong = u32::from(lots.permille(80));
        for wanted in &request.seats {
            let found = seen.iter().find(|seat| label(seat.no) == wanted.seat);
            let version = found.map_or(0, |seat| seat.version).saturating_sub(wrong);
            request.versions.push(ExpectedVersion { seat: wanted.seat.clone(), version });
        }
        request
    }

    fn some_labels(&self, lots: &Lots) -> Vec<CompactString> {
        let count = lots.between(1, 3).min(u64::from(self.seats)) as u32;
        let first = lots.below(u64::from(self.seats)) as u32;
        (0..count).map(|at| label((first + at) % self.seats)).collect()
    }

    fn patch(&self, lots: &Lots, node: &Node) -> SettingsPatch {
        let now = self.world.clocks[node.0.index].now();
        let none = SettingsPatch::default();
        let soon = |most: u64| Some(now.plus_ms(lots.below(most) as i64));
        match lots.below(8) {
            0 => SettingsPatch { on_sale_at: soon(3000), ..none },
            1 => SettingsPatch { off_sale_at: soon(10_000), ..none },
            2 => SettingsPatch { starts_at: soon(20_000), ..none },
            3 => SettingsPatch { movie: Some(MovieId::from_number(lots.between(1, 3))), ..none },
            4 => SettingsPatch { max_seats_per_hold: Some(lots.between(0, 4) as u16), ..none },
            5 => SettingsPatch { off_sale_at: Some(now.plus_ms(3_600_000)), ..none },
            6 => SettingsPatch { hold_ttl_ms: Some(lots.between(1500, 4000) as i64), ..none },
            _ => {
                let amount = lots.between(500, 2000) as i64;
                let price = TicketPrice { ticket: "standard".into(), amount };
                SettingsPatch { prices: Some(Prices(vec![vec![price]])), ..none }
            }
        }
    }
}
