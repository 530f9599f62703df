//! Clients that vanish at each point of a request: what they asked for is done whole or not at all, and no claim stays.

#[path = "server/support.rs"]
mod server;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use server::{House, Request, Server, Showtime, hall, replay, until};

const PATIENCE: Duration = Duration::from_secs(20);

/// Where the client vanishes.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Point {
    Connected,
    HalfHead,
    WholeHead,
    HalfBody,
    WholeBody,
    HalfAnswer,
}

const POINTS: [Point; 6] = [
    Point::Connected,
    Point::HalfHead,
    Point::WholeHead,
    Point::HalfBody,
    Point::WholeBody,
    Point::HalfAnswer,
];

/// Sends as much of a request as `point` says, and vanishes. Whether the server has all of it.
fn vanish(server: &Server, request: &Request, point: Point) -> bool {
    let (head, body) = (request.head(), request.payload());
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let (head_sent, body_sent) = match point {
        Point::Connected => (0, 0),
        Point::HalfHead => (head.len() / 2, 0),
        Point::WholeHead => (head.len(), 0),
        Point::HalfBody => (head.len(), body.len() / 2),
        Point::WholeBody | Point::HalfAnswer => (head.len(), body.len()),
    };
    stream.write_all(&head[..head_sent]).expect("a server that reads");
    stream.write_all(&body[..body_sent]).expect("a server that reads");
    if point == Point::HalfAnswer {
        // What is left unread turns the end of the connection into a reset.
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        stream.read_exact(&mut [0; 40]).expect("the beginning of an answer");
    }
    head_sent == head.len() && body_sent == body.len()
}

/// What is asked for: a showtime that is ready for it, the request, and the seats that it takes or frees.
struct Case<'a> {
    showtime: Showtime<'a>,
    what: &'static str,
    request: Request,
    /// What is taken afterwards, if it is done.
    after: &'static str,
}

fn cases<'a>(house: &House<'a>) -> Vec<Case<'a>> {
    let case = |what, after, make: &dyn Fn(&Showtime<'a>) -> Request| {
        let showtime = house.plain_showtime();
        let request = make(&showtime);
        Case { showtime, what, request, after }
    };
    let body = json!({"seats": ["AA1", "AA2"]});
    vec![
        case("a plain hold", "AA1 held, AA2 held", &|showtime| server::post(showtime.path("/holds"), &body)),
        case("a hold", "AA1 held, AA2 held", &|showtime| showtime.ask(&["AA1", "AA2"])),
        case("a change", "AA2 held, AA3 held", &|showtime| {
            showtime.hold(&["AA1", "AA2"]).ask(&json!({"add": ["AA3"], "remove": ["AA1"]}))
        }),
        case("a release", "", &|showtime| showtime.hold(&["AA1", "AA2"]).ask_release()),
        case("a booking", "AA1 booked, AA2 booked", &|showtime| {
            showtime.hold(&["AA1", "AA2"]).ask_booking(&json!({}))
        }),
        case("a cancellation", "AA2 booked", &|showtime| {
            showtime.hold(&["AA1", "AA2"]).book().ask_cancel(&json!({"seats": ["AA1"]}))
        }),
        case("a block", "AA1 blocked, AA2 blocked", &|showtime| {
            server::post(showtime.path("/block"), &body).admin().key(&server::fresh_key())
        }),
    ]
}

/// What was asked for is asked again: it is done then, by this request or the one before, and once.
fn ask_again(case: &Case<'_>, place: &str) {
    let answer = until(&format!("an answer, {place}"), PATIENCE, || {
        let answer = case.showtime.server.send(&case.request);
        // The first one may still be under way; its claims are let go or become seats.
        let in_flight = answer.code() == "idempotency_in_progress" || answer.text().contains("\"claimed\"");
        (!in_flight).then_some(answer)
    });
    match answer.status {
        200 | 201 | 204 => {}
        // Without a key it is another one, who comes too late.
        409 => {
            assert_eq!(case.request.key_given(), None, "{place}\n{}", answer.told());
            let held = |seat: &str| json!({"seat": seat, "reason": "held"});
            assert_eq!(
                answer.refusal(409, "seat_unavailable")["conflicts"],
                json!([held("AA1"), held("AA2")])
            );
        }
        _ => panic!("{place}\n{}", answer.told()),
    }
    assert_eq!(case.showtime.taken(), case.after, "{place}");
}

/// Every seat that is free can be held: no claim was left. Returns in how many holds.
fn fill(showtime: &Showtime<'_>) -> usize {
    let seats = showtime.seats();
    let free: Vec<&str> = seats
        .iter()
        .filter(|(_, (status, _))| status == "available")
        .map(|(seat, _)| seat.as_str())
        .collect();
    let holds: Vec<_> = free.chunks(10).map(|some| showtime.hold(some)).collect();
    holds.len()
}

#[test]
fn a_client_that_vanishes_leaves_all_or_nothing() {
    let server = Server::start();
    let house = House::with_plan(&server, &hall(2, 10).0);
    let mut sold = Vec::new();
    // Whoever has sent everything vanishes at a moment of chance: more than once.
    let more = [Point::WholeBody; 8];
    for point in POINTS.into_iter().chain(more) {
        for case in cases(&house) {
            let place = format!("{} whose client vanished at {point:?}", case.what);
            let (before, events) = (case.showtime.taken(), case.showtime.events().len());
            let sent = vanish(&server, &case.request, point);
            let now = case.showtime.taken();
            assert!(now == before || (sent && now == case.after), "{now:?}: {place}");
            if point == Point::HalfAnswer {
                assert_eq!(now, case.after, "whoever is answered has it: {place}");
            }
            ask_again(&case, &place);
            assert_eq!(case.showtime.events().len(), events + 1, "it was done once: {place}");
            let holds = fill(&case.showtime);
            sold.push((case.showtime, events + 1 + holds, place));
        }
    }
    for (showtime, events, place) in &sold {
        assert_eq!(replay(showtime), *events, "nothing came later: {place}");
    }
    server.audit();
}

#[test]
fn a_connection_that_says_half_a_request_is_closed_in_time() {
    let server = Server::start_with(&["--http-header-timeout-ms", "300", "--http-body-timeout-ms", "300"]);
    let showtime = House::with_plan(&server, &hall(1, 10).0).plain_showtime();
    let request = showtime.ask(&["AA1", "AA2"]);
    for point in [Point::Connected, Point::HalfHead, Point::WholeHead, Point::HalfBody] {
        let (head, body) = (request.head(), request.payload());
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        let sent = match point {
            Point::Connected => Vec::new(),
            Point::HalfHead => head[..head.len() / 2].to_vec(),
            Point::WholeHead => head,
            _ => [head.as_slice(), &body[..body.len() / 2]].concat(),
        };
        stream.write_all(&sent).expect("a server that reads");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        // It may be told why; then the connection ends.
        let mut told = Vec::new();
        match stream.read_to_end(&mut told) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{point:?} stays open"),
        }
        assert_eq!(showtime.taken(), "", "{point:?}");
    }
    server.send(&request).expect(201);
    assert_eq!(replay(&showtime), 1);
}
