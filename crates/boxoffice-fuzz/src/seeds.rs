//! First inputs of every target, made by code: one of each shape that is understood, for a fuzzer to go on from.

use std::sync::Arc;

use boxoffice::plans::{Options, import, wire};
use boxoffice_core::change::{Actor, Change, Event, EventKind, RequestKey, SeatChange};
use boxoffice_core::hold::{Booking, Contact, HeldSeat, Hold, HoldStatus};
use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId, Reference, ShowtimeId};
use boxoffice_core::seat::SeatStatus;
use boxoffice_engine::bus::message::{Draft, Origin};
use boxoffice_engine::catalogue::{Auditorium, Cinema, Entry, Movie};
use boxoffice_engine::store::conformance::room;
use boxoffice_signalr::Protocol;
use boxoffice_signalr::reading::{self, Call};
use serde_json::json;

use crate::targets::requests::routes;
use crate::words::{ADMIN_KEY, WORDS};
use crate::world::{Names, World};

/// First inputs of the target of this name.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let names = World::default().names;
    let texts = match target {
        "bodies" => bodies(&names),
        "doors" => bodies(&names)[..3].iter().map(|body| body[1..].to_owned()).collect(),
        "headers" => headers(&names),
        "queries" => queries(&names),
        "requests" => requests(&names),
        "plans" => return PLANS.iter().map(|plan| plan.to_vec()).chain([own_plan()]).collect(),
        "rows" => return rows(),
        "frames" => return frames(),
        "records" => return records(),
        "bus" => return vec![bus_message()],
        "json" => vec![
            r#"{"a":[1,-2.5e3,true,null,"\u00e4\n"],"b":{"c":{}}}"#.to_owned(),
            r#"{"a":1,"a":2}"#.to_owned(),
        ],
        "ids" => vec![
            names.showtime,
            names.hold,
            names.booking,
            names.plan,
            CinemaId::from_number(1).to_string(),
            "7k3m9-oil00".to_owned(),
        ],
        "tokens" => vec![
            format!("Bearer {ADMIN_KEY}"),
            format!("bearer {}", names.hold_token),
            // The token of the hold that the target asks about, made as the server makes it.
            format!("Bearer {}", own_token()),
        ],
        "config" => vec![CONFIG.to_owned()],
        _ => Vec::new(),
    };
    texts.into_iter().map(String::into_bytes).collect()
}

/// The dictionary: words that a fuzzer would guess too seldom.
pub fn words() -> Vec<String> {
    let Names { showtime, hold, hold_token, booking, booking_token, plan } = World::default().names;
    let names = [showtime, hold, hold_token, booking, booking_token, plan, ADMIN_KEY.to_owned()];
    WORDS.iter().map(|word| (*word).to_owned()).chain(names).collect()
}

const PLANS: [&[u8]; 6] = [
    include_bytes!("../../../samples/plans/small-studio.json"),
    include_bytes!("../../../samples/plans/pretix-two-zones.json"),
    include_bytes!("../../../samples/plans/vista-shared-rows.json"),
    include_bytes!("../../../samples/plans/vista-bare-camel-case.json"),
    include_bytes!("../../../samples/plans/major-house-seats.json"),
    br#"{"rows":[{"row":"A","seats":4},{"row":"B","kind":"wheelchair","seats":"1-3,5"}]}"#,
];

const CONFIG: &str = "listen = \"127.0.0.1:0\"\nstore = \"sqlite:x.db\"\n[http]\nmax_connections = 11\n\
    [holds]\nttl_s = 60\nmax_ttl_s = 120\n[[keys]]\nname = \"desk\"\nscope = \"sell\"\n\
    sha256 = \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n";

fn own_plan() -> Vec<u8> {
    let plan = import(PLANS[0], &Options::default()).expect("the sample is sound").plan;
    serde_json::to_vec(&wire(&plan)).expect("a plan is JSON")
}

fn own_token() -> String {
    let key = boxoffice_engine::store::TokenKey {
        id: 3,
        secret: [3; 32],
        made_at: boxoffice_core::time::Timestamp::from_ms(0),
        revoked: false,
    };
    boxoffice::http::auth::Tokens::new(vec![key]).of("hld_000000000a0000000000001", 3)
}

fn bodies(names: &Names) -> Vec<String> {
    let movie = MovieId::from_number(1).to_string();
    let (cinema, auditorium) = (CinemaId::from_number(1), AuditoriumId::from_number(1));
    let bodies = [
        ('a', json!({"seats": ["A3", "A4"]})),
        ('a', json!({"seats": ["A1"]})),
        (
            'a',
            json!({"seats": [{"seat": "A5", "ticket": "child"}, "B2"], "versions": {"A5": 0}, "ttl_s": 60,
            "metadata": {"lane": "3"}}),
        ),
        ('b', json!({"add": ["A3"], "remove": ["A1"], "extend": true, "versions": {"A1": 1, "A3": 0}})),
        ('c', json!({})),
        (
            'd',
            json!({"hold": names.hold, "contact": {"name": "Ada", "email": "ada@example.org"},
            "metadata": {"lane": "3"}}),
        ),
        ('e', json!({"seats": ["B1"]})),
        ('f', json!({"seats": ["A3", "B4"], "reason": "broken"})),
        ('g', json!({"seats": ["A3"]})),
        ('h', json!({"name": "Roxy", "time_zone": "UTC", "address": "Main Street 1", "external_id": "7"})),
        ('i', json!({"title": "Metropolis", "runtime_min": 153, "rating": "12", "synopsis": "A city."})),
        (
            'j',
            json!({"name": "Studio", "cinema": cinema.to_string(), "screen": "IMAX", "external_id": "s",
            "blocked_categories": ["vip"], "plan": {"rows": [{"row": "A", "seats": 4}]}}),
        ),
        (
            'k',
            json!({"movie": movie, "auditorium": auditorium.to_string(),
            "starts_at": "2027-01-15T20:00:00Z", "on_sale_at": "2027-01-15T08:00:00Z",
            "off_sale_at": "2027-01-15T19:00:00Z", "currency": "EUR", "hold_ttl_s": 300,
            "max_hold_ttl_s": 600, "max_seats_per_hold": 4, "published": false,
            "prices": {"standard": {"adult": 1250, "child": 900}, "vip": 2000}}),
        ),
        (
            'l',
            json!({"starts_at": "2027-01-15T21:00:00+01:00", "published": true, "prices": {"standard": 5,
            "vip": {"adult": 7}}, "movie": movie}),
        ),
        ('m', json!({})),
    ];
    bodies.into_iter().map(|(route, body)| format!("{route}{body}")).collect()
}

fn headers(names: &Names) -> Vec<String> {
    [
        "aW/\"memory-3\", \"x\"".to_owned(),
        "a*".to_owned(),
        "bbr;q=0, gzip".to_owned(),
        format!("cBearer {}", names.hold_token),
        "d0123456789abcdef0123".to_owned(),
        "eapplication/json; charset=utf-8".to_owned(),
        format!("fBearer {ADMIN_KEY}"),
        "greq-1".to_owned(),
    ]
    .into()
}

fn queries(names: &Names) -> Vec<String> {
    let cinema = CinemaId::from_number(1);
    [
        format!("alimit=3&cinema={cinema}&status=on_sale&from=2027-01-15&to=2027-02-01T00:00:00Z"),
        format!("aafter=1800086400000-{}", names.showtime),
        format!("blimit=200&after={cinema}"),
        "cexternal_id=a%20b+c".to_owned(),
        "dlimit=1".to_owned(),
        "eafter=1&limit=2".to_owned(),
        "fsince=2".to_owned(),
        "fsince=memory-1".to_owned(),
        "g".to_owned(),
        format!("h{}", names.showtime),
        format!("i{}", names.hold),
        format!("j{}", names.plan),
        "kseat_unavailable".to_owned(),
        format!("l{cinema}"),
        "mmetrics".to_owned(),
        "mopenapi.json".to_owned(),
    ]
    .into()
}

fn requests(names: &Names) -> Vec<String> {
    let mut all: Vec<String> = bodies(names)
        .iter()
        .map(|body| {
            let (letter, body) = body.split_at(1);
            let at = letter.bytes().next().map_or(0, |letter| usize::from(letter - b'a'));
            let (method, path, secret) = routes(names)[at].clone();
            let secret = secret.unwrap_or(ADMIN_KEY);
            format!(
                "{method} {path}\nauthorization: Bearer {secret}\ncontent-type: application/json\n\n{body}"
            )
        })
        .collect();
    all.push(format!("GET /v1/showtimes/{}/seats?since=1\naccept: */*\n\n", names.showtime));
    all.push(format!("HEAD /v1/holds/{}\nauthorization: Bearer {}\n\n", names.hold, names.hold_token));
    all
}

/// A hold that becomes a booking, in a change that has everything a change can have.
fn change() -> Change {
    let seat =
        HeldSeat { no: 1, version: 2, category: 0, ticket: "adult".into(), price: 1000, cancelled: false };
    let hold = Hold {
        serial: 9,
        version: 3,
        status: HoldStatus::Booked,
        seats: [seat].into_iter().collect(),
        currency: room::settings(1, 1).currency,
        created_at: room::NOW,
        expires_at: room::NOW.plus_ms(480_000),
        extendable_until: room::NOW.plus_ms(960_000),
        ended_at: None,
        key_id: 1,
        metadata: vec![("lane".into(), "3".into())],
        booking: Some(Booking { reference: Reference::from_number(77), created_at: room::NOW }),
    };
    let booked = SeatChange { no: 1, from: SeatStatus::Held, to: SeatStatus::Booked, version: 2, owner: 9 };
    Change {
        at: room::NOW,
        kind: EventKind::BOOKED,
        actor: Actor::Key("desk".into()),
        seats: [booked].into_iter().collect(),
        holds: [Arc::new(hold)].into_iter().collect(),
        settings: Some(room::settings(1, 1).into()),
        request: Some(RequestKey { key: [1; 16], fingerprint: [2; 16] }),
        reason: Some("broken".into()),
    }
}

fn rows() -> Vec<Vec<u8>> {
    let change = change();
    let hold = Arc::clone(&change.holds[0]);
    let contact = Contact { name: Some("Ada".into()), email: Some("ada@example.org".into()) };
    let plan = import(PLANS[1], &Options::default()).expect("the sample is sound").plan;
    let entries = [
        Entry::Cinema(Cinema {
            id: CinemaId::from_number(1),
            name: "Orpheum".into(),
            time_zone: "UTC".into(),
            address: Some("Main Street 1".into()),
            external_id: None,
        }),
        Entry::Movie(Movie {
            id: MovieId::from_number(1),
            title: "Metropolis".into(),
            runtime_min: Some(153),
            rating: None,
            synopsis: Some("A city.".into()),
            external_id: None,
        }),
        Entry::Auditorium(Auditorium {
            id: AuditoriumId::from_number(1),
            name: "Studio".into(),
            cinema: Some(CinemaId::from_number(1)),
            plan: plan.hash(),
            screen: None,
            external_id: None,
        }),
    ];
    let [cinema, movie, auditorium] = entries.map(|entry| entry.encode());
    let settings = room::settings(1, 24).encode();
    let all = [
        change.encode(),
        hold.encode(),
        settings,
        contact.encode(),
        plan.encode(),
        cinema,
        movie,
        auditorium,
    ];
    (0u8..).zip(all).map(|(kind, bytes)| [&[kind], bytes.as_slice()].concat()).collect()
}

/// A ping, a message in two parts around another ping, and the end, as a client masks them.
fn frames() -> Vec<Vec<u8>> {
    const MASK: [u8; 4] = [7, 77, 177, 1];
    let masked = |first: u8, payload: &[u8]| {
        let head = [first, 0x80 | payload.len() as u8].into_iter().chain(MASK);
        head.chain(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask))
            .collect::<Vec<u8>>()
    };
    let talk = [
        masked(0x89, b"ping"),
        masked(0x01, b"what nobody"),
        masked(0x89, b""),
        masked(0x80, b"reads"),
        masked(0x88, &[3, 232]),
    ];
    let long = [&[0x82, 0x80 | 126, 1, 0], &MASK[..], &[0; 256]].concat();
    vec![talk.concat(), long]
}

/// A handshake and what clients say after it, in both protocols.
fn records() -> Vec<Vec<u8>> {
    let call = Call {
        target: "Watch".into(),
        arguments: vec![json!("sho_1"), json!({ "since": 7, "all": [true, null, -2.5, "\u{e9}"] })],
    };
    let json = [
        r#"{"protocol":"json","version":1}"#,
        r#"{"type":6}"#,
        r#"{"type":4,"invocationId":"1","target":"Seats","arguments":["sho_1"],"streamIds":[]}"#,
        r#"{"type":5,"invocationId":"1"}"#,
        r#"{"type":7}"#,
        "",
    ];
    vec![
        reading::written(Protocol::Json, &call),
        reading::written(Protocol::MessagePack, &call),
        json.join("\u{1e}").into_bytes(),
    ]
}

/// Two changes of one node.
fn bus_message() -> Vec<u8> {
    let mut draft = Draft::new(&Origin { node: 5, epoch: "memory".into() });
    for revision in 1..3 {
        draft.add(ShowtimeId::from_number(9), &Event { revision, change: Arc::new(change()) });
    }
    draft.finish()
}
