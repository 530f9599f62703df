//! Junk at the front door: each piece is answered with the right problem or cut off, nobody else is slowed, and memory
//! stays as it is.

#[path = "server/support.rs"]
mod server;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use boxoffice::http::openapi;
use serde_json::{Value, json};
use server::{Client, House, Request, Server, get, post, until};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends bytes and reads until the server closes: the status of its answer, or none if it was cut off.
fn knock(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("neither answered nor cut off"),
        // A reset is a cut-off.
        _ => {}
    }
    let line = String::from_utf8_lossy(&answer).into_owned();
    let is_problem = || {
        ["application/problem+json", "x-request-id: ", "\"code\":\""].iter().all(|part| line.contains(part))
    };
    assert!(line.is_empty() || is_problem(), "{line}");
    line.strip_prefix("HTTP/1.1 ").map(|rest| rest[..3].parse().unwrap_or_else(|_| panic!("{line}")))
}

/// All operations that take a JSON body: method, path with ids that exist, and the example of their body.
fn bodies(house: &Value) -> Vec<(&'static str, String, Value)> {
    let document = openapi::document("http://boxoffice.test");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, name) in [("post", "POST"), ("patch", "PATCH"), ("delete", "DELETE")] {
            let sample = &item[method]["requestBody"]["content"]["application/json"]["example"];
            if !sample.is_null() {
                let kind = path.split('/').nth(2).unwrap_or_default();
                found.push((
                    name,
                    path.replace("{id}", house[kind].as_str().unwrap_or_default()),
                    sample.clone(),
                ));
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

/// A house with a hold and a booking, by the names of paths.
fn house(server: &Server) -> Value {
    let house = House::open(server);
    let showtime = house.showtime();
    let (hold, booking) = (showtime.hold(&["A1"]), showtime.hold(&["A2"]).book());
    json!({"showtimes": showtime.id, "holds": hold.id(), "bookings": booking.id(),
        "cinemas": house.cinema, "movies": house.movie, "auditoriums": house.auditorium})
}

fn send(server: &Server, method: &'static str, path: &str, body: impl Into<Vec<u8>>) -> server::Answer {
    server.send(&Request::new(method, path).header("Content-Type", "application/json").admin().body(body))
}

#[test]
fn whatever_a_body_is_the_answer_is_described() {
    let server = Server::start();
    let house = house(&server);
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    let (lists, objects) = (deep("[", "]"), deep("{\"seats\":", "}"));
    for (method, path, sample) in bodies(&house) {
        for junk in [
            &b"{"[..],
            b"\xff\xfe\xfd",
            b"{\"a\":\"\xc3\"}",
            b"\0",
            b"{\"a\":1e}",
            b"nul",
            b"\xef\xbb\xbf{}",
            b"1 2",
        ] {
            send(&server, method, &path, junk).refusal(400, "malformed_body");
        }
        for nested in [&lists[..], &objects[..200_000], &format!("{{\"seats\":{}}}", &lists[..150_000])] {
            let answer = send(&server, method, &path, nested);
            let code = answer.code();
            assert!(
                ["malformed_body", "body_too_large"].contains(&code.as_str()),
                "{path}\n{}",
                answer.told()
            );
        }
        for wrong in [json!(null), json!(true), json!(7), json!("text"), json!([]), json!([{}])] {
            send(&server, method, &path, wrong.to_string()).refusal(400, "invalid_field");
        }
        for name in sample.as_object().expect("an object").keys() {
            for wrong in wrong_values() {
                let mut body = sample.clone();
                body[name.as_str()] = wrong;
                let answer = send(&server, method, &path, body.to_string());
                assert!(answer.status < 500, "{method} {path}\n{}", answer.told());
            }
        }
    }
    server.audit();
}

fn wrong_values() -> [Value; 13] {
    let long = "x".repeat(10_000);
    [
        json!(null),
        json!(false),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}"),
        json!(long),
        json!([]),
        json!([[null]]),
        json!({}),
        json!({"": {"a": [-1, "", null]}}),
    ]
}

#[test]
fn headers_and_parameters_that_cannot_be_are_named() {
    let server = Server::start();
    let house = house(&server);
    let showtime = format!("/v1/showtimes/{}", house["showtimes"].as_str().expect("an id"));
    let hold = || post(format!("{showtime}/holds"), &json!({"seats": ["A5"]}));
    let long = "k".repeat(256);
    for key in [
        &b""[..],
        b"short",
        b"with a space in it",
        b"\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc",
        long.as_bytes(),
    ] {
        server.send(&hold().header("Idempotency-Key", key)).refusal(400, "weak_idempotency_key");
    }
    // Nothing is changed by reading, so nothing is remembered under a key.
    server.send(&get("/v1/movies").header("Idempotency-Key", "short")).expect(200);
    for credentials in
        [&b"Bearer"[..], b"Bearer ", b"Basic YTpi", b"Bearer \xff\xfe", b"Bearer tok_", b"Bearer tok_\xc3"]
    {
        let answer = server.send(&get("/v1/holds/hld_1").header("Authorization", credentials));
        assert!([403, 404].contains(&answer.status), "{}", answer.told());
        let events = server.send(&get(format!("{showtime}/events")).header("Authorization", credentials));
        events.refusal(403, "credentials_wrong");
    }
    for path in
        ["?limit=%2B5", "?limit=5.0", "?limit=-1", "?limit=%FF", "?limit=99999999999999999999", "?limit="]
    {
        server.send(&get(format!("/v1/movies{path}"))).refusal(400, "invalid_field");
    }
    for after in ["-1", "%2B1", "9223372036854775808", "x", ""] {
        let events = get(format!("{showtime}/events?after={after}")).admin();
        server.send(&events).refusal(400, "invalid_cursor");
    }
    let last = get(format!("{showtime}/events?after=9223372036854775807")).admin();
    assert_eq!(server.send(&last).expect(200), json!({"data": [], "next": i64::MAX}));
    for since in ["-1", "%2B1", "a-b", "", "%FF"] {
        server.send(&get(format!("{showtime}/seats?since={since}"))).refusal(400, "invalid_field");
    }
    for above in ["9223372036854775808", "99999999999999999999"] {
        let map = server.send(&get(format!("{showtime}/seats?since={above}"))).expect(200);
        assert_eq!((&map["from"], &map["reset"]), (&json!(0), &json!(true)), "{above} is above the head");
    }
    server.send(&get("/v1/movies?%FF=1")).refusal(400, "unknown_parameter");
}

#[test]
fn what_is_not_http_is_refused_or_cut_off() {
    let server = Server::start_with(&["--http-header-timeout-ms", "1000"]);
    house(&server);
    let flood = |count: usize| (0..count).map(|no| format!("X-{no}: y\r\n")).collect::<String>();
    let request = |line: &str, headers: &str| format!("{line}\r\nHost: x\r\n{headers}\r\n").into_bytes();
    let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let junk = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        request("GET /livez HTTP/9.9", ""),
        request("GET /v1/\0 HTTP/1.1", ""),
        request("GET /livez HTTP/1.1", "No colon\r\n"),
        request("GET /livez HTTP/1.1", "X: a\0b\r\n"),
        request("GET /livez HTTP/1.1", &flood(5_000)),
        request("GET /livez HTTP/1.1", &format!("X: {}\r\n", "y".repeat(1_000_000))),
        request(&format!("GET /{} HTTP/1.1", "y".repeat(1_000_000)), ""),
        request("POST /v1/bookings HTTP/1.1", "Content-Length: -5\r\n"),
        request("POST /v1/bookings HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        request("POST /v1/bookings HTTP/1.1", "Transfer-Encoding: gzip\r\n"),
        [request("POST /v1/bookings HTTP/1.1", chunked), b"zzz\r\n".to_vec()].concat(),
        [request("POST /v1/bookings HTTP/1.1", chunked), b"ffffffffffffffffff\r\n".to_vec()].concat(),
    ];
    for bytes in junk {
        let status = knock(&server, &bytes);
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        if bytes.len() < 1000 && bytes.starts_with(b"GET") {
            assert_eq!(status, Some(400), "{start:?}");
        }
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?} to {start:?}");
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.send(&get("/livez")).expect(200);
}

#[test]
fn a_head_that_does_not_end_is_cut_off() {
    let server = Server::start_with(&["--http-header-timeout-ms", "300"]);
    for half in [&b""[..], b"G", b"GET / HTTP/1.1\r\nHos", b"GET / HTTP/1.1\r\nHost: x\r\n"] {
        let status = knock(&server, half);
        assert!(matches!(status, None | Some(408)), "{status:?} to {half:?}");
    }
}

#[test]
fn a_body_that_does_not_come_is_a_problem() {
    let server = Server::start_with(&["--http-body-timeout-ms", "300"]);
    let house = house(&server);
    for (method, path, _) in bodies(&house) {
        let whole = Request::new(method, path)
            .header("Content-Type", "application/json")
            .admin()
            .body("{\"seats\":[]}");
        let mut client = server.connect();
        client.write(&whole.head()).expect("the head");
        client.write(b"{\"se").expect("the beginning");
        client.answer(&whole.to_string()).expect("an answer").refusal(400, "malformed_body");
    }
    // One byte now and then does not win more time.
    let whole = post("/v1/bookings", &json!({"hold": "x".repeat(1000)})).admin();
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.write_all(&whole.head()).expect("the head");
    let begun = Instant::now();
    let dripped = whole.payload().iter().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(20));
        begun.elapsed() < PATIENCE && stream.write_all(&[**byte]).is_ok()
    });
    let dripped = dripped.count();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(dripped < whole.payload().len(), "the whole body was waited for");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let house = house(&server);
    let seats = format!("/v1/showtimes/{}/seats", house["showtimes"].as_str().expect("an id"));
    let paths = ["/livez", &seats, "/v1/nothing", "/v1/movies?limit=x", "/v1/cinemas"];
    let requests: Vec<Request> = (0..500)
        .map(|no| get(paths[no % paths.len()]).header("X-Request-Id", format!("pipelined-{no}")))
        .collect();
    let mut client = server.connect();
    let bytes: Vec<u8> = requests.iter().flat_map(Request::head).collect();
    client.write(&bytes).expect("all requests");
    for (no, request) in requests.iter().enumerate() {
        let answer = client.answer(&request.to_string()).expect("an answer");
        assert_eq!(answer.header("x-request-id"), Some(format!("pipelined-{no}").as_str()));
        assert_eq!(answer.status, [200, 200, 404, 400, 200][no % paths.len()], "{}", answer.told());
    }
}

#[test]
fn an_answer_does_not_wait_for_what_comes_behind_its_request() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    for (seat, behind) in [("A1", "GET /liv"), ("A2", "JUNK\r\n\r\n")] {
        let request = showtime.ask(&[seat]);
        let mut client = server.connect();
        client.write(&[&request.head(), request.payload(), behind.as_bytes()].concat()).expect("both");
        client.answer(&request.to_string()).expect("an answer at once").expect(201);
        if behind.starts_with("GET") {
            client.write(b"ez HTTP/1.1\r\nHost: x\r\n\r\n").expect("the rest");
            client.answer("the rest").expect("an answer").expect(200);
        } else {
            assert_eq!(client.answer(behind).expect("an answer").status, 400);
        }
    }
}

#[test]
fn three_hundred_slow_clients_slow_nobody() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    let half_body = post(showtime.path("/holds"), &json!({"seats": ["A1"]}));
    let slow: Vec<Client> = (0..300)
        .map(|no| {
            let mut client = server.connect();
            let bytes = if no % 2 == 0 { b"GET /livez HTTP/1.1\r\nHo".to_vec() } else { half_body.head() };
            client.write(&bytes).expect("the beginning");
            client
        })
        .collect();
    let mut client = server.connect();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let asked = Instant::now();
            client.send(&get(showtime.path("/seats"))).expect("an answer").expect_status(200);
            asked.elapsed()
        })
        .collect();
    times.sort();
    // Were there a queue behind the slow, it would take their timeout: 20 or 30 s.
    assert!(times[190] < Duration::from_secs(1), "{:?}", &times[190..]);
    showtime.hold(&["A2"]);
    drop(slow);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = Server::start_with(&["--http-max-connections", "3"]);
    let mut held: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut held {
        client.send(&get("/livez")).expect("an answer").expect(200);
    }
    let answer = server.send(&get("/readyz"));
    let problem = answer.refusal(503, "overloaded");
    assert!(
        problem["retry_after_ms"].is_u64() && answer.header("connection") == Some("close"),
        "{}",
        answer.told()
    );
    held.pop();
    until("there is room again", PATIENCE, || {
        let answer = Client::connect(server.address()).and_then(|mut client| client.send(&get("/livez")));
        answer.is_ok_and(|answer| answer.status == 200).then_some(())
    });
}

#[test]
fn memory_stays_as_it_is_under_junk() {
    let server = Server::start();
    let house = house(&server);
    let path = format!("/v1/showtimes/{}/holds", house["showtimes"].as_str().expect("an id"));
    let deep = "[".repeat(200_000);
    let wide = json!({"seats": vec!["Z9"; 20_000]}).to_string();
    let large = vec![b'x'; 900_000];
    let junk = || {
        for _ in 0..40 {
            send(&server, "POST", &path, deep.as_str()).refusal(400, "malformed_body");
            send(&server, "POST", &path, wide.as_str()).refusal(422, "too_many_seats");
            send(&server, "POST", &path, large.as_slice()).refusal(413, "body_too_large");
            send(&server, "POST", "/v1/auditoriums", deep.as_str()).refusal(400, "malformed_body");
            knock(&server, format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(500_000)).as_bytes());
        }
    };
    junk();
    let before = resident_kib(server.pid());
    for _ in 0..4 {
        junk();
    }
    let after = resident_kib(server.pid());
    assert!(after < before + 24 * 1024, "from {before} KiB to {after} KiB");
}

/// The memory of a process that is in use, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
