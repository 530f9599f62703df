//! The WebSocket transport: whole records, its own pings and close codes, and calls in order.

use boxoffice_signalr::{Config, Ending};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{HANDSHAKE, Socket, negotiate, soon};
use crate::hub::start;

#[tokio::test]
async fn item_7_a_message_ends_with_a_record() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    // Many calls at once, with answers long enough to need several messages.
    let calls: String = (0..60)
        .map(|id| {
            format!(
                "{{\"type\":1,\"target\":\"Large\",\"arguments\":[3000],\"invocationId\":\"{id}\"}}\u{1e}"
            )
        })
        .collect();
    socket.send(&calls).await;
    let (mut next, mut messages) = (0, 0);
    while next < 60 {
        let text = socket.text().await;
        messages += 1;
        assert!(text.ends_with('\u{1e}'));
        for record in text.split_terminator('\u{1e}') {
            let record: serde_json::Value = serde_json::from_str(record).expect("a whole record");
            assert_eq!(record["invocationId"], next.to_string(), "answers come in the order of calls");
            next += 1;
        }
    }
    assert!(messages > 1);
}

#[tokio::test]
async fn skip_negotiation_needs_no_id_and_negotiation_may_be_used_once() {
    let running = start(Config::default()).await;
    Socket::ready(running.address).await;
    let token = negotiate(running.address).await;
    let path = format!("/hub?eventId=7&id={token}");
    let mut socket = Socket::open(running.address, &path).await.unwrap();
    socket.send(HANDSHAKE).await;
    socket.text().await;
    socket.send("{\"type\":7}\u{1e}").await;
    assert_eq!(socket.message().await.err(), Some(Some(1000)));
    soon(async {
        // The id ends a moment after its connection.
        while Socket::open(running.address, &path).await.err() != Some(http::StatusCode::NOT_FOUND) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn pings_of_the_websocket_are_answered() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    socket.0.send(Message::Ping("here?".into())).await.unwrap();
    let Some(Ok(Message::Pong(pong))) = soon(socket.0.next()).await else { panic!("no pong") };
    assert_eq!(&pong[..], b"here?");
}

#[tokio::test]
async fn a_client_that_vanishes_is_noticed_also_while_its_method_runs() {
    let running =
        start(Config { keep_alive: std::time::Duration::from_millis(20), ..Config::default() }).await;
    let mut socket = Socket::ready(running.address).await;
    socket.send("{\"type\":1,\"target\":\"Never\",\"arguments\":[]}\u{1e}").await;
    drop(socket);
    running.ending(|ending| *ending == Ending::Left).await;
    soon(running.server.drained()).await;
}
