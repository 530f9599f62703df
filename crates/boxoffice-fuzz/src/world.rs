//! A whole server in memory, the same each time: what requests are sent to, and what they may change.

use std::net::Ipv4Addr;
use std::sync::Arc;

use boxoffice::config::Config;
use boxoffice::http::auth::Tokens;
use boxoffice::http::{App, Shared, router, server};
use boxoffice::live::hub;
use boxoffice::runtime::TokioRuntime;
use boxoffice_core::change::Actor;
use boxoffice_core::command::{Command, HoldSeats, SeatRequest};
use boxoffice_core::hold::{Contact, Hold, HoldStatus};
use boxoffice_core::id::{BookingId, CinemaId, HoldId, MovieId, ShowtimeId};
use boxoffice_core::plan::{CategoryDraft, Plan, PlanDraft, RowDraft, SeatDraft};
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_engine::box_office::{BoxOffice, Caller, Limits, Ports};
use boxoffice_engine::bus::InProcessBus;
use boxoffice_engine::catalogue::{Cinema, Entry, EntryFilter, Kind, Movie, New, ShowtimeFilter};
use boxoffice_engine::clock::ManualClock;
use boxoffice_engine::gate::LocalGate;
use boxoffice_engine::random::Seeded;
use boxoffice_engine::store::Store as _;
use boxoffice_engine::store::conformance::room;
use boxoffice_engine::store::memory::MemoryStore;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};

use crate::words::ADMIN_KEY;

/// The showtime that is on sale.
const ON_SALE: ShowtimeId = ShowtimeId::from_number(5);
/// A showtime that is not published.
const HIDDEN: ShowtimeId = ShowtimeId::from_number(6);

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as it is on the wire.
    pub body: Bytes,
}

/// What names the things in a world; the same in every world.
pub struct Names {
    /// The showtime on sale: seats A1 to A8 standard, B1 to B4 vip.
    pub showtime: String,
    /// A hold of A1 and A2.
    pub hold: String,
    /// Its token.
    pub hold_token: String,
    /// A booking of B1.
    pub booking: String,
    /// Its token.
    pub booking_token: String,
    /// The rooms' plan.
    pub plan: String,
}

/// The server.
pub struct World {
    runtime: tokio::runtime::Runtime,
    app: Shared,
    store: Arc<MemoryStore>,
    /// What is there.
    pub names: Names,
}

/// Everything that a request could change.
#[derive(Debug, PartialEq)]
pub struct State {
    revisions: [u64; 2],
    seats: Vec<(SeatStatus, u32)>,
    holds: Vec<Arc<Hold>>,
    entries: [usize; 3],
    showtimes: usize,
}

impl Default for World {
    fn default() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime without a network needs nothing of the system");
        let (app, store, names) = runtime.block_on(open());
        Self { runtime, app, store, names }
    }
}

async fn open() -> (Shared, Arc<MemoryStore>, Names) {
    let tasks = Arc::new(TokioRuntime::current());
    let store = Arc::new(MemoryStore::new(Arc::clone(&tasks) as _));
    let plan = furnish(&store).await;
    let ports = Ports {
        store: Arc::clone(&store) as _,
        gate: Arc::new(LocalGate),
        bus: Arc::new(InProcessBus::default()),
        clock: Arc::new(ManualClock::at(room::NOW)),
        random: Arc::new(Seeded::new(1)),
        runtime: tasks,
    };
    let keys = store.token_keys().await.expect("keys");
    let key_id = keys.last().expect("a key").id;
    let mut config = Config::default();
    config.main.admin_key = ADMIN_KEY.to_owned();
    config.log.level = "error".to_owned();
    let office = BoxOffice::start(ports, Limits::default(), key_id);
    let app = Arc::new(App::new(office, config, Tokens::new(keys), "http://localhost".to_owned()));
    let held = sell(&app.office, &["A1", "A2"]).await;
    let booked = sell(&app.office, &["B1"]).await;
    let confirm = Command::Confirm { hold: booked, contact: Contact::default(), metadata: Vec::new() };
    app.office.execute(ON_SALE, &confirm, &patron()).await.expect("a booking");
    let hold = HoldId { showtime: ON_SALE, serial: held }.to_string();
    let booking = BookingId { showtime: ON_SALE, serial: booked }.to_string();
    let names = Names {
        showtime: ON_SALE.to_string(),
        hold_token: app.tokens.of(&hold, key_id),
        booking_token: app.tokens.of(&booking, key_id),
        hold,
        booking,
        plan: plan.hash().to_string(),
    };
    (app, store, names)
}

fn patron() -> Caller {
    Caller { actor: Actor::Patron, request: None }
}

async fn sell(office: &BoxOffice, seats: &[&str]) -> u64 {
    let seats = seats.iter().map(|seat| SeatRequest { seat: (*seat).into(), ticket: None }).collect();
    let command = Command::Hold(HoldSeats { seats, ..HoldSeats::default() });
    let done = office.execute(ON_SALE, &command, &patron()).await.expect("free seats");
    done.hold.expect("a hold").serial
}

async fn furnish(store: &MemoryStore) -> Arc<Plan> {
    let category = |key: &str| CategoryDraft { key: key.into(), name: key.into(), color: None, origin: 0 };
    let row = |y: f64, name: &str, seats: u32, category: &str| {
        let seat = |number: u32| SeatDraft {
            number: number.to_string().into(),
            x: number.into(),
            y,
            category: category.into(),
            ..SeatDraft::default()
        };
        RowDraft { name: name.into(), zone: None, seats: (1..=seats).map(seat).collect(), origin: 0 }
    };
    let draft = PlanDraft {
        categories: ["standard", "vip"].map(category).into(),
        rows: vec![row(0.0, "A", 8, "standard"), row(1.0, "B", 4, "vip")],
        screen: None,
    };
    let plan = Arc::new(Plan::build(draft).expect("a sound draft").0);
    let price = |ticket: &str, amount| TicketPrice { ticket: ticket.into(), amount };
    let prices = Prices(vec![vec![price("adult", 1000), price("child", 700)], vec![price("adult", 2500)]]);
    let settings = |auditorium| Settings { prices: prices.clone(), ..room::settings(auditorium, 24) };
    let cinema = Cinema {
        id: CinemaId::from_number(1),
        name: "Orpheum".into(),
        time_zone: "Europe/Berlin".into(),
        address: None,
        external_id: Some("cinema".into()),
    };
    let movie = Movie {
        id: MovieId::from_number(1),
        title: "Orbit of Two".into(),
        runtime_min: Some(142),
        rating: None,
        synopsis: None,
        external_id: None,
    };
    for entry in [Entry::Cinema(cinema), Entry::Movie(movie)] {
        store.catalogue().create(New::Entry(entry), None).await.expect("an entry");
    }
    room::make_showtime(store, ON_SALE, Arc::clone(&plan), settings(1)).await;
    let hidden = Settings { published: false, ..settings(2) };
    room::make_showtime(store, HIDDEN, Arc::clone(&plan), hidden).await;
    plan
}

impl World {
    /// Sends a request and waits for its answer.
    pub fn send(&self, request: Request<Bytes>) -> Answer {
        self.runtime.block_on(async {
            let request = request.map(Full::new);
            let serves = (server::Serves::Everything, router(Arc::clone(&self.app), &hub::server(&self.app)));
            let peer = (Ipv4Addr::LOCALHOST, 50_000).into();
            let answer = server::answer(&self.app, serves, request, peer).await;
            let (parts, mut body) = answer.into_parts();
            let is_stream = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
            let body = if is_stream {
                // It goes on for ever: the first message is enough.
                let first = body.frame().await.and_then(Result::ok);
                first.and_then(|frame| frame.into_data().ok()).unwrap_or_default()
            } else {
                body.collect().await.expect("a body from memory").to_bytes()
            };
            Answer { status: parts.status, headers: parts.headers, body }
        })
    }

    /// Everything that a request could change, as it is now.
    pub fn state(&self) -> State {
        self.runtime.block_on(async {
            let mut revisions = [0; 2];
            let mut seats = Vec::new();
            for (revision, id) in revisions.iter_mut().zip([ON_SALE, HIDDEN]) {
                let board = self.app.office.board(id).await.expect("a board");
                let (views, now) = board.seats(room::NOW);
                *revision = now;
                seats.extend(views.iter().map(|view| (view.status, view.version)));
            }
            let catalogue = self.store.catalogue();
            let mut entries = [0; 3];
            for (count, kind) in entries.iter_mut().zip([Kind::Cinema, Kind::Movie, Kind::Auditorium]) {
                let filter = EntryFilter { limit: 100, ..EntryFilter::default() };
                *count = catalogue.entries(kind, filter).await.expect("entries").len();
            }
            let filter = ShowtimeFilter { limit: 100, ..ShowtimeFilter::default() };
            let showtimes = catalogue.showtimes(filter).await.expect("showtimes").len();
            State { revisions, seats, holds: self.store.holds(ON_SALE), entries, showtimes }
        })
    }

    /// Every seat that is shown as owned has one owner by the store's records, and no other seat has one.
    pub fn check_owners(&self) {
        let mut owners = std::collections::BTreeMap::new();
        for hold in self.store.holds(ON_SALE) {
            if matches!(hold.status, HoldStatus::Active | HoldStatus::Booked) {
                for seat in hold.seats.iter().filter(|seat| !seat.cancelled) {
                    let other = owners.insert(seat.no, hold.serial);
                    assert_eq!(other, None, "seat {} has two owners", seat.no);
                }
            }
        }
        let board = self.runtime.block_on(self.app.office.board(ON_SALE)).expect("a board");
        for view in board.seats(room::NOW).0 {
            let shown = matches!(view.status, SeatStatus::Held | SeatStatus::Booked);
            assert_eq!(shown, owners.contains_key(&view.no), "seat {}", view.no);
        }
    }

    /// All seats that are shown as free can be held: no claim was left behind. The world is not as before then.
    pub fn take_all_free_seats(&self) {
        self.runtime.block_on(async {
            let board = self.app.office.board(ON_SALE).await.expect("a board");
            let views = board.seats(room::NOW).0;
            for view in views.iter().filter(|view| view.status == SeatStatus::Available) {
                sell(&self.app.office, &[board.plan().seat(view.no).label.as_str()]).await;
            }
        });
    }
}
