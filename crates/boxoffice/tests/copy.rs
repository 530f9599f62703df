//! A database that a server has filled, copied with `boxoffice copy`: nothing is lost on the way to PostgreSQL and back.
//! Without BOXOFFICE_TEST_POSTGRES from file to file only.

#[path = "server/support.rs"]
mod server;

use std::process::Command;

use serde_json::{Value, json};
use server::{House, Request, Server, delete, fresh_key, get, patch, post, postgres_database, text};

/// What was asked and answered before the copy, and everything that could be read.
struct Before {
    /// Requests under a key, with their first answers.
    asked: Vec<(Request, u16, Value)>,
    /// Requests without an effect, with their answers.
    read: Vec<(Request, Value)>,
    epoch: Value,
    map: String,
    hold: (String, String),
}

/// An answer without what another history or a later moment may change in it.
fn lasting(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("epoch");
        fields.remove("expires_in_ms");
    }
    body
}

/// Sells on a server in every way there is.
fn fill(server: &Server) -> Before {
    let showtime = House::open(server).showtime();
    let (mut asked, mut read) = (Vec::new(), Vec::new());
    let mut ask = |request: Request, status: u16| {
        let request = request.key(&fresh_key());
        let body = server.send(&request).expect(status);
        asked.push((request, status, body.clone()));
        body
    };
    ask(post("/v1/movies", &json!({"title": "M", "external_id": "m-1931"})).admin(), 201);
    let seats = |seats: &[&str]| post(showtime.path("/holds"), &json!({"seats": seats}));
    let (kept, changed, booked, released) = (
        ask(seats(&["A1", "A2"]), 201),
        ask(seats(&["B1"]), 201),
        ask(seats(&["C1", "C2", "C3"]), 201),
        ask(seats(&["D1"]), 201),
    );
    let path = |kind: &str, of: &Value| format!("/v1/{kind}/{}", text(&of["id"]));
    let token = |of: &Value| text(&of["token"]);
    ask(patch(path("holds", &changed), &json!({"add": ["B2"]})).bearer(&token(&changed)), 200);
    server.send(&delete(path("holds", &released)).bearer(&token(&released)));
    let contact = json!({"name": "Fritz", "email": "Fritz@example.org"});
    let book = json!({"hold": booked["id"], "contact": contact});
    let booking = ask(post("/v1/bookings", &book).bearer(&token(&booked)), 201);
    let cancel = post(format!("{}/cancel", path("bookings", &booking)), &json!({"seats": ["C3"]}));
    ask(cancel.bearer(&token(&booking)), 200);
    ask(post(showtime.path("/block"), &json!({"seats": ["E1"]})).admin(), 200);
    for request in [
        get(showtime.path("")).admin(),
        get(showtime.path("/events")).admin(),
        get(path("holds", &kept)).bearer(&token(&kept)),
        get(path("bookings", &booking)).bearer(&token(&booking)),
        get("/v1/bookings?email=fritz@example.org").admin(),
        get("/v1/movies?external_id=m-1931").admin(),
        get("/v1/cinemas").admin(),
    ] {
        let body = lasting(server.send(&request).expect(200));
        read.push((request, body));
    }
    let map = get(showtime.path("/seats"));
    let body = server.send(&map).expect(200);
    let epoch = body["epoch"].clone();
    assert!(epoch.is_string(), "{body}");
    read.push((map, lasting(body)));
    let hold = (path("holds", &kept), token(&kept));
    Before { asked, read, epoch, map: showtime.path("/seats"), hold }
}

/// A server on the copy knows all that the first one knew. It changes nothing, and is ended.
fn knows(store: &str, before: &Before, what: &str) {
    let server = Server::start_on_store(store, &[]);
    for (request, body) in &before.read {
        let now = lasting(server.send(request).expect(200));
        assert_eq!(now, *body, "{what}: {request}");
    }
    for (request, status, body) in &before.asked {
        let again = server.send(request);
        assert!(again.is_replay(), "{what}: {request} is done again: {}", again.told());
        assert_eq!(lasting(again.expect(*status)), lasting(body.clone()), "{what}: {request}");
    }
    let epoch = server.send(&get(before.map.as_str())).expect(200)["epoch"].clone();
    assert_ne!(epoch, before.epoch, "{what}: histories may go apart from here");
    server.audit();
    server.ask_to_end();
    server.ended();
}

fn copy(home: &Server, from: &str, to: &str) {
    let run = home.run(&["copy", "--from", from, "--to", to]);
    assert_eq!(run.code, Some(0), "{from} to {to}: {}", run.said);
    assert!(run.said.contains("copied 1 plans") && run.said.contains("digest"), "{}", run.said);
    assert_eq!(run.said.matches(" is clean").count(), 2, "{}", run.said);
}

fn refused(home: &Server, from: &str, to: &str, why: &str) {
    let run = home.run(&["copy", "--from", from, "--to", to]);
    assert_eq!(run.code, Some(1), "{from} to {to}: {}", run.said);
    assert!(run.said.contains(why), "{from} to {to}: {}", run.said);
}

fn psql(url: &str, sql: &str) {
    let run = Command::new("psql").args([url, "-q", "-v", "ON_ERROR_STOP=1", "-c", sql]).status();
    assert!(run.expect("psql").success(), "{sql}");
}

/// Empty databases: one without tables, one with partitioned ones.
fn databases(home: &Server) -> Option<[String; 2]> {
    let made = [postgres_database()?, postgres_database()?];
    assert_eq!(home.run(&["migrate", "--store", &made[1]]).code, Some(0));
    for table in ["clock", "log", "snapshot", "hold", "request_key", "fence"] {
        let mut sql = format!(
            "ALTER TABLE {table} RENAME TO {table}_plain;
             CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS INCLUDING INDEXES)
                 PARTITION BY HASH (showtime_id);
             DROP TABLE {table}_plain;"
        );
        for part in 0..2 {
            let parts = format!("FOR VALUES WITH (MODULUS 2, REMAINDER {part})");
            sql += &format!("CREATE TABLE {table}_{part} PARTITION OF {table} {parts};");
        }
        psql(&made[1], &sql);
    }
    Some(made)
}

#[test]
fn nothing_is_lost_from_store_to_store_and_back() {
    let server = Server::start();
    let before = fill(&server);
    let file = |name: &str| format!("sqlite:{}", server.path(name).display());
    refused(&server, &server.store(), &file("copy.db"), "is in use");
    assert!(!server.path("copy.db").exists());
    server.ask_to_end();
    server.ended();
    refused(&server, &server.store(), &server.store(), "the same");
    copy(&server, &server.store(), &file("copy.db"));
    refused(&server, &server.store(), &file("copy.db"), "exists already");
    knows(&file("copy.db"), &before, "a copy from file to file");

    let Some(databases) = databases(&server) else { return };
    for (database, back) in databases.iter().zip(["back.db", "back-split.db"]) {
        copy(&server, &server.store(), database);
        refused(&server, &server.store(), database, "is not empty");
        knows(database, &before, "a copy on PostgreSQL");
        let running = Server::start_on_store(database, &[]);
        refused(&server, database, &file(back), "sessions of boxoffice are connected");
        running.ask_to_end();
        running.ended();
        copy(&server, database, &file(back));
        knows(&file(back), &before, "a copy back from PostgreSQL");
    }
    // The copy is one to go on with: the token of the hold is good, and what comes next is the next revision.
    let on = Server::start_on_store(&databases[1], &[]);
    let (hold, token) = &before.hold;
    let changed = patch(hold.as_str(), &json!({"add": ["A3"]})).bearer(token).key(&fresh_key());
    assert_eq!(on.send(&changed).expect(200)["seats"].as_array().map(Vec::len), Some(3));
    on.audit();

    // What cannot be copied whole is not there at all.
    psql(&databases[0], "UPDATE log SET body = '\\x00'");
    let run = server.run(&["copy", "--from", &databases[0], "--to", &file("damaged.db")]);
    assert_eq!(run.code, Some(1), "{}", run.said);
    assert!(!server.path("damaged.db").exists() && !server.path("damaged.db.part").exists(), "{}", run.said);
}
