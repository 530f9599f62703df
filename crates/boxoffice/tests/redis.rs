//! The server with its gate and bus on a real Redis that comes and goes: where redis-server is installed.

#[path = "server/support.rs"]
mod server;

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use server::{House, Server, get, until};

/// A Redis of this test. It ends with the test.
struct Redis(Child);

impl Redis {
    fn start(port: u16) -> Self {
        let port_text = port.to_string();
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &port_text,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--requirepass",
            "s3cret-w0rd",
        ]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a Redis");
        until("Redis listens", Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", port)).ok());
        Self(child)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ready(server: &Server, wanted: &str) -> serde_json::Value {
    until(wanted, Duration::from_secs(15), || {
        Some(server.send(&get("/readyz")).expect(200)).filter(|ready| ready["status"] == wanted)
    })
}

fn figure(server: &Server, sample: &str) -> f64 {
    let text = server.send(&get("/metrics")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample}")).parse().expect("a number")
}

#[test]
fn a_server_sells_whether_its_redis_is_there_or_not() {
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("left out: redis-server is not installed");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = format!("redis://:s3cret-w0rd@127.0.0.1:{port}");
    // It starts without its Redis.
    let server = Server::start_with(&["--gate", &url]);
    let showtime = House::open(&server).showtime();
    let degraded = ready(&server, "degraded");
    assert_eq!(degraded["checks"]["store"]["status"], "ok");
    for link in ["gate", "bus"] {
        let check = &degraded["checks"][link];
        assert_eq!(check["status"], "unavailable", "the bus follows the gate's Redis");
        assert!(check["detail"].as_str().is_some_and(|why| why.contains(&port.to_string())), "{check}");
    }
    showtime.hold(&["A1"]).try_book().expect(201);
    assert_eq!(figure(&server, "boxoffice_gate_calls_total{outcome=\"opened\"}"), 1.0);
    assert_eq!(figure(&server, "boxoffice_gate_available"), 0.0);

    let redis = Redis::start(port);
    let whole = ready(&server, "ok");
    assert_eq!(whole["checks"].as_object().map(serde_json::Map::len), Some(3));
    showtime.hold(&["A2"]).try_book().expect(201);
    showtime.refuses_seats(&["A2"], &[("A2", "booked")]);
    let calls =
        |outcome: &str| figure(&server, &format!("boxoffice_gate_calls_total{{outcome=\"{outcome}\"}}"));
    assert_eq!(
        (calls("admitted"), calls("refused"), calls("opened")),
        (1.0, 0.0, 1.0),
        "a refusal costs no call"
    );
    assert_eq!(figure(&server, "boxoffice_gate_call_duration_seconds_count"), 2.0);
    until("changes to be published", Duration::from_secs(5), || {
        (figure(&server, "boxoffice_bus_changes_total{way=\"published\"}") == 2.0).then_some(())
    });

    drop(redis);
    ready(&server, "degraded");
    showtime.hold(&["A3"]).try_book().expect(201);
    assert_eq!(showtime.taken(), "A1 booked, A2 booked, A3 booked");
    assert!(!server.log().contains("s3cret-w0rd"), "{}", server.log());
    let print = server.run(&["config", "print", "--gate", &url]);
    assert!(print.said.contains(":***@127.0.0.1") && !print.said.contains("s3cret-w0rd"), "{}", print.said);
}

#[test]
fn a_bad_address_is_named_without_its_password() {
    let home = Server::idle(&[]);
    let flags = ["--gate", "redis://:s3cret/w0rd@a", "--bus", "nats://a", "--redis-prefix", "{a}"];
    let check = home.run(&[&["config", "check"], &flags[..]].concat());
    assert_eq!(check.code, Some(1), "{}", check.said);
    for key in ["gate:", "bus:", "redis.prefix:"] {
        assert!(check.said.contains(key), "{key} is not named: {}", check.said);
    }
    assert!(!check.said.contains("s3cret"), "{}", check.said);
    for store in ["postgres://h/d?user=u&password=s3cret", "postgres://u:s3cret/w0rd@h/d"] {
        let print = home.run(&["config", "print", "--store", store]);
        assert!(print.said.contains("***") && !print.said.contains("s3cret"), "{}", print.said);
    }
}
