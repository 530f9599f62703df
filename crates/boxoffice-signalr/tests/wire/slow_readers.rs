//! Clients that do not read: cut off or given the newest only, as the hub decides, and never a cost in memory.

use boxoffice_signalr::{Close, Config, Ending, Event, SendError, SlowReader};
use serde_json::{Value, json};

use crate::client::{Socket, negotiate, poll, post};
use crate::hub::{Running, start};

/// A connection that reads nothing: one over Long Polling, between two polls.
async fn silent_reader(running: &Running) -> String {
    let token = negotiate(running.address).await;
    poll(running.address, &token).await;
    post(running.address, &token, crate::client::HANDSHAKE).await;
    assert_eq!(poll(running.address, &token).await.text(), "{}\u{1e}");
    token
}

fn state(number: u64) -> Event {
    Event::new("State", [json!(number).into()])
}

#[tokio::test]
async fn a_slow_reader_is_cut_off_and_may_come_back() {
    let running = start(Config { max_queued_records: 4, ..Config::default() }).await;
    let token = silent_reader(&running).await;
    let connection = running.seen.connections.lock()[0].clone();
    for number in 0..4 {
        connection.send(&state(number)).unwrap();
    }
    assert_eq!(connection.send(&state(4)), Err(SendError::Ended));
    let close = Close::reconnect("The connection was too slow.");
    running.ending(|ending| *ending == Ending::Closed(close.clone())).await;
    let last = poll(running.address, &token).await;
    assert_eq!(
        last.text(),
        "{\"type\":7,\"error\":\"The connection was too slow.\",\"allowReconnect\":true}\u{1e}",
        "what waited was dropped"
    );
}

#[tokio::test]
async fn a_slow_reader_may_get_the_newest_only() {
    let running = start(Config { max_queued_records: 4, ..Config::default() }).await;
    *running.seen.policy.lock() = SlowReader::KeepLatest;
    let token = silent_reader(&running).await;
    let connection = running.seen.connections.lock()[0].clone();
    connection.send(&Event::new("Other", [])).unwrap();
    for number in 0..100 {
        connection.send(&state(number)).unwrap();
    }
    let text = poll(running.address, &token).await.text().to_owned();
    let records: Vec<Value> =
        text.split_terminator('\u{1e}').map(|record| serde_json::from_str(record).unwrap()).collect();
    assert!(records.len() <= 4, "{records:?}");
    assert_eq!(records[0]["target"], "Other", "other events stay");
    assert_eq!(records.last().unwrap()["arguments"], json!([99]));
}

#[tokio::test]
async fn a_source_costs_a_slow_reader_one_merged_event() {
    let running = start(Config::default()).await;
    let token = silent_reader(&running).await;
    post(running.address, &token, "{\"type\":1,\"target\":\"Follow\",\"arguments\":[]}\u{1e}").await;
    assert!(poll(running.address, &token).await.text().contains("[0]"));
    for number in 1..=1000 {
        running.seen.number.send_replace(number);
    }
    let text = poll(running.address, &token).await.text().to_owned();
    assert_eq!(text, "{\"type\":1,\"target\":\"Number\",\"arguments\":[1000]}\u{1e}");
}

#[tokio::test]
async fn a_client_that_asks_without_reading_is_not_listened_to() {
    let running = start(Config { max_queued_bytes: 100_000, ..Config::default() }).await;
    let mut socket = Socket::ready(running.address).await;
    let calls = 400;
    let call = "{\"type\":1,\"target\":\"Large\",\"arguments\":[50000],\"invocationId\":\"1\"}\u{1e}";
    // 20 MB of answers: more than the sockets hold, so the server must wait for us, and nothing is lost.
    for _ in 0..calls {
        socket.send(call).await;
    }
    let mut answers = 0;
    while answers < calls {
        answers += socket.text().await.matches('\u{1e}').count();
    }
    assert_eq!(answers, calls);
}

#[tokio::test]
async fn a_write_that_is_stuck_ends_the_connection() {
    let running =
        start(Config { write_timeout: std::time::Duration::from_millis(200), ..Config::default() }).await;
    let mut socket = Socket::ready(running.address).await;
    let call = "{\"type\":4,\"target\":\"Count\",\"arguments\":[100000000],\"invocationId\":\"1\"}\u{1e}";
    socket.send(call).await;
    // We read no more. The stream fills the sockets' buffers, and then a write is stuck.
    running.ending(|ending| *ending == Ending::Left).await;
}
