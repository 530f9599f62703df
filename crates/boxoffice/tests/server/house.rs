//! A house to sell seats of: a cinema, a movie and an auditorium, and showtimes in it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::client::Answer;
use super::ledger::Hold;
use super::process::Server;
use super::request::{Request, get, post};
use super::wait::fresh_key;

/// A plan of our own format: rows of one category each, as `(row, seats, category)`.
pub(crate) fn room(rows: &[(&str, u32, &str)]) -> Value {
    let mut categories: Vec<&str> = rows.iter().map(|(_, _, category)| *category).collect();
    categories.sort_unstable();
    categories.dedup();
    let categories: Vec<Value> = categories.iter().map(|key| json!({"key": key, "name": key})).collect();
    let row = |(y, (row, seats, category)): (usize, &(&str, u32, &str))| {
        let seat = |no: u32| json!({"number": no.to_string(), "category": category, "x": no - 1, "y": y});
        json!({"row": row, "seats": (1..=*seats).map(seat).collect::<Vec<_>>()})
    };
    json!({"categories": categories, "rows": rows.iter().enumerate().map(row).collect::<Vec<_>>()})
}

/// A plan of `rows` rows of `seats` standard seats, and its labels in the plan's order.
pub(crate) fn hall(rows: u32, seats: u32) -> (Value, Vec<String>) {
    let names: Vec<String> =
        (0..rows).map(|row| format!("{}{}", letter(row / 26), letter(row % 26))).collect();
    let plan = room(&names.iter().map(|name| (name.as_str(), seats, "standard")).collect::<Vec<_>>());
    let labels = names.iter().flat_map(|name| (1..=seats).map(move |no| format!("{name}{no}")));
    (plan, labels.collect())
}

fn letter(no: u32) -> char {
    char::from_digit(10 + no, 36).expect("one of 26 letters").to_ascii_uppercase()
}

/// A cinema with one auditorium, and a movie to show in it.
pub(crate) struct House<'a> {
    server: &'a Server,
    /// The cinema's id.
    pub(crate) cinema: String,
    /// The movie's id.
    pub(crate) movie: String,
    /// The auditorium's id.
    pub(crate) auditorium: String,
    /// The hash of the auditorium's plan.
    pub(crate) plan: String,
}

impl<'a> House<'a> {
    /// Rows A to D with ten standard seats each, row E with ten premium ones.
    pub(crate) fn open(server: &'a Server) -> Self {
        let standard = ["A", "B", "C", "D"].map(|row| (row, 10, "standard"));
        Self::with_plan(server, &room(&[&standard[..], &[("E", 10, "premium")]].concat()))
    }

    /// With this plan.
    pub(crate) fn with_plan(server: &'a Server, plan: &Value) -> Self {
        let made = |path: &str, body: Value| server.send(&post(path, &body).admin()).expect(201);
        let cinema = made("/v1/cinemas", json!({"name": "Lichtspiele", "time_zone": "Europe/Berlin"}));
        let movie = made("/v1/movies", json!({"title": "Metropolis", "runtime_min": 153, "rating": "6"}));
        let room = json!({"name": "Saal 1", "cinema": cinema["id"], "plan": plan});
        let room = made("/v1/auditoriums", room);
        Self {
            server,
            cinema: id(&cinema),
            movie: id(&movie),
            auditorium: id(&room),
            plan: text(&room["plan"]),
        }
    }

    /// What a showtime of this house is made from, with some members replaced or added.
    pub(crate) fn wish(&self, changes: &Value) -> Value {
        let mut wish = json!({
            "movie": self.movie,
            "auditorium": self.auditorium,
            "starts_at": from_now(30 * 24 * 3600),
            "currency": "EUR",
            "prices": {"standard": 1250, "premium": {"adult": 1500, "child": 900}},
        });
        merge(&mut wish, changes);
        wish
    }

    /// A showtime on sale now.
    pub(crate) fn showtime(&self) -> Showtime<'a> {
        self.showtime_with(&json!({}))
    }

    /// A showtime in a house without premium seats.
    pub(crate) fn plain_showtime(&self) -> Showtime<'a> {
        self.showtime_with(&json!({"prices": {"standard": 1250}}))
    }

    /// A showtime with some settings of its own.
    #[track_caller]
    pub(crate) fn showtime_with(&self, changes: &Value) -> Showtime<'a> {
        let made = self.server.send(&post("/v1/showtimes", &self.wish(changes)).admin()).expect(201);
        Showtime { server: self.server, id: id(&made) }
    }
}

/// A showtime.
#[derive(Clone)]
pub(crate) struct Showtime<'a> {
    /// Who sells it.
    pub(crate) server: &'a Server,
    /// Its id.
    pub(crate) id: String,
}

impl<'a> Showtime<'a> {
    /// A path below the showtime's own.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/showtimes/{}{rest}", self.id)
    }

    /// The showtime as the public sees it.
    pub(crate) fn read(&self) -> Value {
        self.server.send(&get(self.path(""))).expect(200)
    }

    /// A request for a hold of these seats, under a key of its own.
    pub(crate) fn ask(&self, seats: &[&str]) -> Request {
        self.ask_with(&json!({"seats": seats}))
    }

    /// A request for a hold with this body, under a key of its own.
    pub(crate) fn ask_with(&self, body: &Value) -> Request {
        post(self.path("/holds"), body).key(&fresh_key())
    }

    /// Holds these seats.
    #[track_caller]
    pub(crate) fn hold(&self, seats: &[&str]) -> Hold<'a> {
        self.hold_with(&json!({"seats": seats}))
    }

    /// Holds with this body.
    #[track_caller]
    pub(crate) fn hold_with(&self, body: &Value) -> Hold<'a> {
        Hold { server: self.server, body: self.server.send(&self.ask_with(body)).expect(201) }
    }

    /// Asks for a hold and is refused.
    #[track_caller]
    pub(crate) fn refuses(&self, body: &Value, status: u16, code: &str) -> Value {
        self.server.send(&self.ask_with(body)).refusal(status, code)
    }

    /// Is refused these seats, each for a reason: `("A1", "held")`.
    #[track_caller]
    pub(crate) fn refuses_seats(&self, seats: &[&str], conflicts: &[(&str, &str)]) {
        let problem = self.refuses(&json!({"seats": seats}), 409, "seat_unavailable");
        let expected: Vec<Value> =
            conflicts.iter().map(|(seat, reason)| json!({"seat": seat, "reason": reason})).collect();
        assert_eq!(problem["conflicts"], json!(expected));
    }

    /// A request of the staff below the showtime's path.
    pub(crate) fn staff(&self, rest: &str, body: &Value) -> Answer {
        self.server.send(&post(self.path(rest), body).admin())
    }

    /// The seat map as it is answered.
    pub(crate) fn map(&self) -> Value {
        self.server.send(&get(self.path("/seats"))).expect(200)
    }

    /// Every seat's status and version.
    pub(crate) fn seats(&self) -> BTreeMap<String, (String, u64)> {
        states(&self.map()["seats"])
    }

    /// One seat's status.
    #[track_caller]
    pub(crate) fn status(&self, seat: &str) -> String {
        self.seats().remove(seat).unwrap_or_else(|| panic!("no seat {seat}")).0
    }

    /// The seats that are not available, as `A1 held, A2 booked`.
    pub(crate) fn taken(&self) -> String {
        let seats = self.seats();
        let taken = seats.iter().filter(|(_, (status, _))| status != "available");
        taken.map(|(seat, (status, _))| format!("{seat} {status}")).collect::<Vec<_>>().join(", ")
    }

    /// The whole event log.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let path = self.path(&format!("/events?after={after}&limit=200"));
            let page = self.server.send(&get(path).admin()).expect(200);
            let data = page["data"].as_array().expect("a list");
            if data.is_empty() {
                return events;
            }
            events.extend(data.iter().cloned());
            after = page["next"].as_u64().expect("next is always a revision to go on from");
        }
    }

    /// The kinds of all events in order.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.events().iter().map(|event| text(&event["kind"])).collect()
    }
}

/// Each listed seat's status and version.
pub(crate) fn states(seats: &Value) -> BTreeMap<String, (String, u64)> {
    let state = |seat: &Value| (text(&seat["status"]), seat["version"].as_u64().expect("a version"));
    let seats = seats.as_array().expect("a list of seats").iter();
    seats.map(|seat| (text(&seat["seat"]), state(seat))).collect()
}

/// A time so many seconds from now, as the API writes it.
pub(crate) fn from_now(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

/// The id of an answer.
pub(crate) fn id(body: &Value) -> String {
    text(&body["id"])
}

/// A text in an answer.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text was expected: {value}")).to_owned()
}

/// Replaces or adds members; a null takes a member away.
pub(crate) fn merge(into: &mut Value, changes: &Value) {
    let (Value::Object(into), Value::Object(changes)) = (into, changes) else { panic!("objects") };
    for (name, value) in changes {
        put(into, name, value);
    }
}

fn put(into: &mut Map<String, Value>, name: &str, value: &Value) {
    if value.is_null() {
        into.remove(name);
    } else {
        into.insert(name.to_owned(), value.clone());
    }
}
