//! Many clients that come, listen and vanish while events are sent: everybody hears everything in order, and nothing
//! stays behind.

use std::time::Duration;

use boxoffice_signalr::{Config, Event};
use serde_json::{Value, json};

use crate::client::{Events, Socket, post, soon};
use crate::hub::{Running, start};

const NUMBERS: u64 = 200;

/// Joins the group by a WebSocket and listens until the last number.
async fn listen(running: &Running) -> Vec<u64> {
    let mut socket = Socket::ready(running.address).await;
    socket
        .send("{\"type\":1,\"target\":\"Join\",\"arguments\":[\"all\"],\"invocationId\":\"1\"}\u{1e}")
        .await;
    let mut heard = Vec::new();
    while heard.last() != Some(&NUMBERS) {
        let text = socket.text().await;
        for record in text.split_terminator('\u{1e}') {
            let record: Value = serde_json::from_str(record).unwrap();
            if record["type"] == 1 {
                heard.push(record["arguments"][0].as_u64().unwrap());
            }
        }
    }
    heard
}

/// Comes and goes without a word.
async fn vanish(running: &Running, number: usize) {
    if number.is_multiple_of(2) {
        let mut socket = Socket::ready(running.address).await;
        socket.send("{\"type\":1,\"target\":\"Join\",\"arguments\":[\"all\"]}\u{1e}").await;
    } else {
        let (_events, token) = Events::ready(running.address).await;
        post(running.address, &token, "{\"type\":1,\"target\":\"Join\",\"arguments\":[\"all\"]}\u{1e}").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stays_hears_everything_and_who_vanishes_leaves_nothing() {
    // Nobody shall be cut off, however slowly the machine runs.
    let max_queued_records = NUMBERS as usize + 10;
    let config = Config { keep_alive: Duration::from_millis(100), max_queued_records, ..Config::default() };
    let running = start(config).await;
    let clients = running.server.clients();
    let sending = async {
        while clients.group("all").len() < 20 {
            tokio::task::yield_now().await;
        }
        for number in 1..=NUMBERS {
            clients.send_group("all", &Event::new("Number", [json!(number).into()]));
            tokio::task::yield_now().await;
        }
    };
    // Twenty are there before the first number.
    let listening = futures_util::future::join_all((0..20).map(|_| listen(&running)));
    let (heard, ()) = soon(async { tokio::join!(listening, sending) }).await;
    for numbers in heard {
        assert_eq!(numbers, (1..=NUMBERS).collect::<Vec<_>>());
    }
    let vanishing = futures_util::future::join_all((0..60).map(|number| vanish(&running, number)));
    let disturbing = async {
        for number in 0..2000_u64 {
            clients.send_group("all", &Event::new("Number", [json!(number).into()]));
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(vanishing, disturbing);
    soon(running.server.drained()).await;
    assert!(clients.is_empty() && clients.group("all").is_empty());
    assert!(running.seen.connections.lock().is_empty(), "the hub heard of every end");
}
