//! Behind HAProxy, nginx and Caddy, with the very configurations of docs/deployment.md and docs/haproxy.cfg: everything
//! works as without them. Each is left out where the proxy is not installed.

#[path = "server/support.rs"]
mod server;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{
    Client, House, Proxy, Server, Showtime, Watcher, block, document, free_address, get, installed, post,
    room, swap, text, until,
};
use tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);
const PAGE: &str = "docs/deployment.md";
const FLAGS: [&str; 8] =
    ["--proxies", "127.0.0.1", "--log-addresses", "true", "--log-format", "json", "--log-sample", "1"];

/// Somebody at another address than the proxy's.
fn from_elsewhere(proxy: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)).into()).expect("an address");
    socket.connect(&proxy.into()).expect("the proxy");
    Client::over(TcpStream::from(socket)).expect("a client")
}

/// Requests come through whole, and the server knows who asked.
fn carries_requests(server: &Server, proxy: &Proxy, base: &str) {
    let mut client = from_elsewhere(proxy.address);
    let mut send = |request| client.send(&request).expect("an answer");
    let house = House::open(server);
    let showtime = house.showtime();
    let ask = post(format!("{base}{}", showtime.path("/holds")), &json!({"seats": ["A1", "A2"]}));
    let ask = ask.key(&server::fresh_key());
    let hold = send(ask.clone()).expect(201);
    assert_eq!(send(ask).expect(201)["id"], hold["id"], "repeated under its key");
    let book = post(format!("{base}/v1/bookings"), &json!({"hold": hold["id"]}));
    send(book.bearer(&text(&hold["token"]))).expect(201);
    assert_eq!(showtime.taken(), "A1 booked, A2 booked");
    let seats = send(get(format!("{base}{}", showtime.path("/seats"))));
    let tag = seats.header("etag").expect("an ETag").to_owned();
    let again = get(format!("{base}{}", showtime.path("/seats"))).header("If-None-Match", &tag);
    send(again).expect_status(304);

    let lied = get(format!("{base}/v1/nowhere")).header("X-Forwarded-For", "6.6.6.6");
    let problem = send(lied.header("X-Forwarded-Proto", "https")).refusal(404, "route_not_found");
    if base.is_empty() {
        assert_eq!(problem["type"], "http://boxoffice.test/problems/route_not_found");
    }
    let line = until("the request is in the log", PATIENCE, || {
        let lines: Vec<Value> =
            server.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.into_iter().rev().find(|line| line["path"] == "/v1/nowhere")
    });
    assert_eq!(line["address"], "127.0.0.2", "{line}");

    send(get(format!("{base}/metrics"))).expect_status(404);
    send(get(format!("{base}/livez"))).expect_status(200);
    // Proxies have limits of their own for bodies, and often lower ones.
    let plan = room(&[("A", 2, "standard")]);
    let body = json!({"name": "Saal 2", "cinema": house.cinema, "plan": plan}).to_string();
    let large = body + &" ".repeat(2 << 20);
    let large = post(format!("{base}/v1/auditoriums"), &json!({})).admin().body(large);
    send(large).expect_status(201);
}

/// Watchers are told at once, over every transport.
fn carries_the_live_feed(server: &Server, proxy: &Proxy, base: &str) {
    let showtime = House::open(server).showtime();
    let path = format!("{base}{}", showtime.path("/live"));
    let mut socket = Watcher::socket_at(proxy.address, &path);
    let (mut stream, _) = Watcher::stream_at(proxy.address, &path, "Accept-Encoding: gzip\r\n");
    for watcher in [&mut socket, &mut stream] {
        assert_eq!(watcher.follow()["type"], "snapshot");
    }
    for seat in ["B1", "B2", "B3"] {
        let began = Instant::now();
        showtime.hold(&[seat]);
        for watcher in [&mut socket, &mut stream] {
            assert_eq!(watcher.follow()["type"], "delta");
        }
        assert!(began.elapsed() < Duration::from_secs(2), "not gathered on the way: {:?}", began.elapsed());
    }
    for watcher in [&mut socket, &mut stream] {
        watcher.agrees(&showtime);
    }
    speaks_signalr(&showtime, proxy, base);
}

fn speaks_signalr(showtime: &Showtime<'_>, proxy: &Proxy, base: &str) {
    let hub = format!("{base}/hubs/seats");
    let mut client = Client::connect(proxy.address).expect("a connection");
    let negotiate = post(format!("{hub}/negotiate?negotiateVersion=1"), &json!({}));
    let offer = client.send(&negotiate).expect("an answer").expect(200);
    assert_eq!(offer["availableTransports"].as_array().map(Vec::len), Some(3), "{offer}");
    let mut socket =
        Watcher::socket_at(proxy.address, &format!("{hub}?id={}", text(&offer["connectionToken"])));
    let socket = socket.raw();
    let mut say = |value: Value| {
        socket.send(Message::text(format!("{value}\u{1e}"))).expect("sent");
        loop {
            let heard = socket.read().expect("an answer").into_text().expect("a text").to_string();
            let records =
                heard.split_terminator('\u{1e}').map(|record| serde_json::from_str(record).expect("JSON"));
            // A ping may come in between.
            if let Some(answer) = records.into_iter().find(|record: &Value| record["type"] != 6) {
                return answer;
            }
        }
    };
    assert_eq!(say(json!({"protocol": "json", "version": 1})), json!({}));
    let join = json!({"type": 1, "invocationId": "1", "target": "JoinShowtime", "arguments": [showtime.id]});
    let joined = say(join);
    assert_eq!((&joined["type"], &joined["result"]["type"]), (&json!(3), &json!("snapshot")), "{joined}");
    assert_eq!(joined["result"]["seats"].as_array().map(Vec::len), Some(3), "{joined}");
}

/// The line of the page that takes a path away.
fn strips(proxy: &str) -> String {
    let page = document(PAGE);
    let row = page.lines().find(|line| line.starts_with(&format!("| {proxy} | first in ")));
    let line = row.and_then(|row| row.strip_suffix("` |")?.rsplit_once('`')).expect("a row with a line").1;
    format!("    {line}\n")
}

/// With the line as the first one after `head`, all is below a path, and `/metrics` still is not there.
fn works_below_a_path(proxy: impl FnOnce(&Server, &str) -> Proxy, name: &str, config: &str, head: &str) {
    let server =
        Server::start_with(&[&FLAGS[..], &["--public-url", "https://cinema.example/tickets"]].concat());
    let config = swap(config, head, &format!("{head}{}", strips(name)));
    let proxy = proxy(&server, &config);
    carries_requests(&server, &proxy, "/tickets");
    carries_the_live_feed(&server, &proxy, "/tickets");
    let mut client = Client::connect(proxy.address).expect("a connection");
    let page = client.send(&get("/tickets/")).expect("an answer");
    assert!(page.text().contains("href=\"docs\""), "links stay below the path: {}", page.told());
    client.send(&get("/tickets/docs")).expect("an answer").expect_status(200);
    let problem = client.send(&get("/tickets/v1/nowhere")).expect("an answer").json();
    assert_eq!(problem["type"], "https://cinema.example/tickets/problems/route_not_found");
}

#[test]
fn haproxy_is_not_noticed() {
    if !installed(&[("haproxy", "-v")]) {
        return;
    }
    let (server, config) = (Server::start_with(&FLAGS), document("docs/haproxy.cfg"));
    let proxy = Proxy::haproxy(&server, &config);
    carries_requests(&server, &proxy, "");
    carries_the_live_feed(&server, &proxy, "");
    watchers_leave_room_for_buyers(&server, &config);
    works_below_a_path(Proxy::haproxy, "HAProxy", &config, "frontend public\n");
}

/// However few connections are kept for buyers, watchers use none of them.
fn watchers_leave_room_for_buyers(server: &Server, config: &str) {
    let proxy = Proxy::haproxy(server, &swap(config, " maxconn 2000 ", " maxconn 1 "));
    let showtime = House::open(server).showtime();
    let mut watchers: Vec<Watcher> =
        (0..4).map(|_| Watcher::socket_at(proxy.address, &showtime.path("/live"))).collect();
    let mut client = Client::connect(proxy.address).expect("a connection");
    client.send(&showtime.ask(&["C1"])).expect("an answer").expect_status(201);
    for watcher in &mut watchers {
        watcher.agrees(&showtime);
    }
}

#[test]
fn nginx_is_not_noticed() {
    if !installed(&[("nginx", "-v"), ("openssl", "version"), ("curl", "--version")]) {
        return;
    }
    let (server, config) = (Server::start_with(&FLAGS), block(PAGE, "nginx"));
    let tls = free_address();
    let proxy = Proxy::nginx(&server, &config, tls);
    carries_requests(&server, &proxy, "");
    carries_the_live_feed(&server, &proxy, "");
    speaks_tls(tls);

    server.kill();
    let ask = || Client::connect(proxy.address)?.send(&get("/livez"));
    ask().expect("nginx answers alone").expect_status(502);
    server.start_again_there();
    ask().expect("an answer").expect_status(200);
    let there = |server: &Server, config: &str| Proxy::nginx(server, config, free_address());
    works_below_a_path(there, "nginx", &config, "server {\n");
}

/// Links are then https, also where no `public_url` is set.
fn speaks_tls(address: SocketAddr) {
    let port = address.port();
    let mut curl = Command::new("curl");
    curl.args(["-sk", "--http2", "--max-time", "20", "-w", " %{http_version}", "--resolve"]);
    curl.args([
        format!("tickets.example:{port}:127.0.0.1"),
        format!("https://tickets.example:{port}/v1/nowhere"),
    ]);
    let output = curl.output().expect("curl");
    let said = String::from_utf8_lossy(&output.stdout);
    let link = format!("\"https://tickets.example:{port}/problems/route_not_found\"");
    assert!(said.contains(&link) && said.ends_with(" 2"), "{said}");
}

#[test]
fn caddy_is_not_noticed() {
    if !installed(&[("caddy", "version")]) {
        return;
    }
    let (server, config) = (Server::start_with(&FLAGS), block(PAGE, "caddyfile"));
    let proxy = Proxy::caddy(&server, &config);
    carries_requests(&server, &proxy, "");
    carries_the_live_feed(&server, &proxy, "");

    server.kill();
    thread::scope(|scope| {
        let mut client = Client::connect(proxy.address).expect("a connection");
        let waits = scope.spawn(move || client.send(&get("/livez")));
        server.start_again_there();
        waits.join().expect("no panic").expect("an answer").expect_status(200);
    });
    works_below_a_path(Proxy::caddy, "Caddy", &config, "tickets.example {\n");
}
