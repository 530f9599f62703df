//! A stampede: thousands who want the same seats at once, some who vanish in the middle, some who never finish asking.

#[path = "server/support.rs"]
mod server;

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{Answer, Client, Dice, Hold, House, Request, Server, get, hall, labels, replay, text, until};

const CONNECTIONS: usize = 200;
const REQUESTS_EACH: usize = 10;

/// An answer that a crowd may get: its seats, or a refusal with all that it needs to go on.
fn is_final(answer: &Answer) -> bool {
    match answer.status {
        201 => true,
        409 => {
            let problem = answer.refusal(409, "seat_unavailable");
            let conflicts = problem["conflicts"].as_array().expect("conflicts");
            assert!(!conflicts.is_empty(), "{}", answer.told());
            let reasons = ["held", "claimed"];
            conflicts
                .iter()
                .all(|conflict| reasons.contains(&conflict["reason"].as_str().unwrap_or_default()))
        }
        _ => {
            let problem = answer.refusal(503, "overloaded");
            assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u64>().is_ok()));
            problem["retry_after_ms"].is_u64()
        }
    }
}

#[test]
fn two_thousand_at_once_never_share_a_seat() {
    let server = Server::start();
    let (plan, seats) = hall(15, 20);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let gun = Barrier::new(CONNECTIONS);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                let (gun, seats, showtime) = (&gun, &seats, &showtime);
                scope.spawn(move || {
                    let mut client = showtime.server.connect();
                    gun.wait();
                    let ask = |no: usize| {
                        let first = (connection + no * CONNECTIONS) % (seats.len() - 1);
                        let request = showtime.ask(&[&seats[first], &seats[first + 1]]);
                        client.send(&request).expect("an answer over a connection that stays")
                    };
                    (0..REQUESTS_EACH).map(ask).collect::<Vec<_>>()
                })
            })
            .collect();
        connections.into_iter().flat_map(|connection| connection.join().expect("a client")).collect()
    });
    assert_eq!(answers.len(), CONNECTIONS * REQUESTS_EACH);
    for answer in &answers {
        assert!(is_final(answer), "{}", answer.told());
    }
    let mut owners = BTreeMap::new();
    for hold in answers.iter().filter(|answer| answer.status == 201).map(Answer::json) {
        for seat in labels(&hold["seats"]) {
            let other = owners.insert(seat.clone(), text(&hold["id"]));
            assert!(other.is_none(), "{seat} has two owners: {other:?} and {}", hold["id"]);
        }
        let hold = Hold::answered(&server, hold);
        assert_eq!(labels(&hold.read()["seats"]), hold.seats(), "the hold is there, whole");
    }
    let mut held = showtime.seats();
    held.retain(|_, (status, _)| status != "available");
    assert!(held.values().all(|(status, version)| status == "held" && *version == 1), "{held:?}");
    assert_eq!(held.into_keys().collect::<Vec<_>>(), owners.into_keys().collect::<Vec<_>>());
    // Every pair of neighbours was wanted six times: a pair that is still free was refused for nothing.
    if answers.iter().all(|answer| answer.status != 503) {
        let status = showtime.seats();
        let free = |seat: &String| status[seat].0 == "available";
        let pair = seats.windows(2).find(|pair| free(&pair[0]) && free(&pair[1]));
        assert_eq!(pair, None, "nobody has these two, though they were asked for");
    }
    replay(&showtime);
    server.audit();
}

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    HalfHeader,
    HalfBody,
    BeforeTheAnswer,
}

/// Asks, and is gone.
fn vanish(client: &mut Client, request: &Request, leaving: Leaving) {
    let (head, body) = (request.head(), request.payload());
    let bytes = match leaving {
        Leaving::HalfHeader => head[..head.len() / 2].to_vec(),
        Leaving::HalfBody => [&head, &body[..body.len() / 2]].concat(),
        Leaving::BeforeTheAnswer => [&head, body].concat(),
    };
    client.write(&bytes).expect("a connection that takes bytes");
}

#[test]
fn clients_that_vanish_leave_no_seat_behind() {
    let server = Server::start();
    let (plan, seats) = hall(15, 20);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let pairs: Vec<&[String]> = seats.chunks(2).collect();
    let wishes: Vec<Request> = pairs.iter().map(|pair| showtime.ask(&[&pair[0], &pair[1]])).collect();
    let ways = [Leaving::HalfHeader, Leaving::HalfBody, Leaving::BeforeTheAnswer];
    let leaving = |no: usize| ways[no % ways.len()];
    thread::scope(|scope| {
        for part in 0..4 {
            let (wishes, server) = (&wishes, &server);
            scope.spawn(move || {
                for no in (part..wishes.len()).step_by(4) {
                    vanish(&mut server.connect(), &wishes[no], leaving(no));
                }
            });
        }
    });
    // Half a request has no effect; a whole one has all of it or none, and its key tells which.
    for (no, (pair, wish)) in pairs.iter().zip(&wishes).enumerate() {
        match leaving(no) {
            Leaving::BeforeTheAnswer => {
                let hold = Hold::answered(&server, server.send(wish).expect(201));
                assert_eq!(hold.seats(), *pair);
                assert_eq!(hold.read()["status"], "active");
            }
            Leaving::HalfHeader | Leaving::HalfBody => assert_eq!(showtime.status(&pair[0]), "available"),
        }
    }
    let events = showtime.events();
    assert_eq!(events.len(), pairs.len() / 3, "one hold for each whole request");
    assert!(
        events.iter().all(|event| event["seats"].as_array().map(Vec::len) == Some(2)),
        "a hold is not whole"
    );
    replay(&showtime);
    // No claim is left: every seat is had at once, or refused because it is held.
    for (no, pair) in pairs.iter().enumerate() {
        match leaving(no) {
            Leaving::BeforeTheAnswer => showtime.refuses_seats(&[&pair[0]], &[(&pair[0], "held")]),
            Leaving::HalfHeader | Leaving::HalfBody => drop(showtime.hold(&[&pair[0], &pair[1]])),
        }
    }
    server.audit();
}

#[test]
fn clients_that_vanish_from_a_fight_leave_the_seats_whole() {
    let server = Server::start();
    let (plan, seats) = hall(5, 12);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let mut dice = Dice::from_clock();
    let wishes: Vec<Request> = (0..600)
        .map(|_| dice.below(seats.len() - 1))
        .map(|first: usize| showtime.ask(&[&seats[first], &seats[first + 1]]))
        .collect();
    thread::scope(|scope| {
        for part in 0..8 {
            let (wishes, server) = (&wishes, &server);
            scope.spawn(move || {
                for wish in wishes.iter().skip(part).step_by(8) {
                    vanish(&mut server.connect(), wish, Leaving::BeforeTheAnswer);
                }
            });
        }
    });
    let mut owned = Vec::new();
    for wish in &wishes {
        let answer = until("nobody is taking the seats this instant", Duration::from_secs(10), || {
            let answer = server.send(wish);
            (!answer.text().contains("\"claimed\"")).then_some(answer)
        });
        if answer.status == 201 {
            owned.extend(labels(&answer.json()["seats"]));
        } else {
            answer.refusal(409, "seat_unavailable");
        }
    }
    let held: Vec<String> = showtime
        .seats()
        .into_iter()
        .filter(|(_, (status, _))| status == "held")
        .map(|(seat, _)| seat)
        .collect();
    owned.sort();
    assert_eq!(owned, held, "each held seat is in one whole hold");
    assert!(held.len() >= seats.len() / 2, "{} of {} seats were held", held.len(), seats.len());
    replay(&showtime);
    server.audit();
}

#[test]
fn slow_clients_do_not_stop_others() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let wish = showtime.ask(&["A1"]);
    let head = wish.head();
    let slow: Vec<Client> = (0..300)
        .map(|_| {
            let mut client = server.connect();
            client.write(&head[..head.len() / 2]).expect("a connection that takes bytes");
            client
        })
        .collect();
    let begun = Instant::now();
    let mut client = server.connect();
    for no in 1..=10 {
        let answer = client.send(&showtime.ask(&[&format!("B{no}")])).expect("an answer");
        answer.expect_status(201);
    }
    assert_eq!(server.send(&get("/readyz")).status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    drop(slow);
    let showed: Value = showtime.read();
    assert_eq!(showed["counts"], json!({"available": 40, "held": 10, "booked": 0, "blocked": 0}));
}
