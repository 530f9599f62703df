//! A hold and a booking in a patron's hands: what was answered, and what can be done with it.

use serde_json::{Value, json};

use super::client::Answer;
use super::house::{id, text};
use super::process::Server;
use super::request::{Request, delete, get, patch, post};
use super::wait::fresh_key;

/// A hold, as it was last answered.
pub(crate) struct Hold<'a> {
    pub(super) server: &'a Server,
    /// The answer.
    pub(crate) body: Value,
}

impl<'a> Hold<'a> {
    /// The hold of this answer.
    pub(crate) fn answered(server: &'a Server, body: Value) -> Self {
        Self { server, body }
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        id(&self.body)
    }

    /// Its token.
    pub(crate) fn token(&self) -> String {
        text(&self.body["token"])
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        format!("/v1/holds/{}", self.id())
    }

    /// The labels of its seats in order.
    pub(crate) fn seats(&self) -> Vec<String> {
        labels(&self.body["seats"])
    }

    /// Reads it.
    #[track_caller]
    pub(crate) fn read(&self) -> Value {
        self.server.send(&get(self.path()).bearer(&self.token())).expect(200)
    }

    /// A request to change it, under a key of its own.
    pub(crate) fn ask(&self, change: &Value) -> Request {
        patch(self.path(), change).bearer(&self.token()).key(&fresh_key())
    }

    /// Changes it, whatever the outcome.
    pub(crate) fn try_change(&self, change: &Value) -> Answer {
        self.server.send(&self.ask(change))
    }

    /// Changes it.
    #[track_caller]
    pub(crate) fn change(&mut self, change: &Value) {
        self.body = self.try_change(change).expect(200);
    }

    /// A request to give it back, under a key of its own.
    pub(crate) fn ask_release(&self) -> Request {
        delete(self.path()).bearer(&self.token()).key(&fresh_key())
    }

    /// Gives it back.
    #[track_caller]
    pub(crate) fn release(&self) {
        self.server.send(&self.ask_release()).expect_status(204);
    }

    /// A request to book it, with more members, under a key of its own.
    pub(crate) fn ask_booking(&self, more: &Value) -> Request {
        let mut body = json!({"hold": self.id()});
        super::house::merge(&mut body, more);
        post("/v1/bookings", &body).bearer(&self.token()).key(&fresh_key())
    }

    /// Books it, whatever the outcome.
    pub(crate) fn try_book(&self) -> Answer {
        self.server.send(&self.ask_booking(&json!({})))
    }

    /// Books it.
    #[track_caller]
    pub(crate) fn book(&self) -> Booking<'a> {
        Booking { server: self.server, body: self.try_book().expect(201) }
    }
}

/// A booking, as it was last answered.
pub(crate) struct Booking<'a> {
    pub(super) server: &'a Server,
    /// The answer.
    pub(crate) body: Value,
}

impl Booking<'_> {
    /// Its id.
    pub(crate) fn id(&self) -> String {
        id(&self.body)
    }

    /// Its token.
    pub(crate) fn token(&self) -> String {
        text(&self.body["token"])
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        format!("/v1/bookings/{}", self.id())
    }

    /// Reads it.
    #[track_caller]
    pub(crate) fn read(&self) -> Value {
        self.server.send(&get(self.path()).bearer(&self.token())).expect(200)
    }

    /// A request to cancel some or all of it, under a key of its own.
    pub(crate) fn ask_cancel(&self, what: &Value) -> Request {
        post(format!("{}/cancel", self.path()), what).bearer(&self.token()).key(&fresh_key())
    }

    /// Cancels some or all of it, whatever the outcome.
    pub(crate) fn try_cancel(&self, what: &Value) -> Answer {
        self.server.send(&self.ask_cancel(what))
    }

    /// Cancels some or all of it.
    #[track_caller]
    pub(crate) fn cancel(&mut self, what: &Value) {
        self.body = self.try_cancel(what).expect(200);
    }

    /// Its seats as `A1 confirmed, A2 cancelled`.
    pub(crate) fn seats(&self) -> String {
        let seats = self.body["seats"].as_array().expect("a list of seats").iter();
        let spoken = seats.map(|seat| format!("{} {}", text(&seat["seat"]), text(&seat["status"])));
        spoken.collect::<Vec<_>>().join(", ")
    }
}

/// The labels in a list of seats.
pub(crate) fn labels(seats: &Value) -> Vec<String> {
    seats.as_array().expect("a list of seats").iter().map(|seat| text(&seat["seat"])).collect()
}
