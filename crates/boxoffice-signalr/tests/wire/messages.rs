//! Calls, errors, streams, groups and sources, in JSON and in MessagePack.

use std::collections::BTreeSet;

use boxoffice_signalr::{Close, Config, Ending, Event};
use serde_json::{Value, json};

use crate::client::Socket;
use crate::hub::start;

fn call(id: &str, target: &str, arguments: &Value) -> String {
    json!({"target": target, "arguments": arguments, "invocationId": id, "type": 1}).to_string()
}

#[tokio::test]
async fn calls_are_answered_whatever_the_case_of_their_names() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    for target in ["Add", "add", "ADD"] {
        let answer = socket.call(&call("0", target, &json!([2, 3]))).await;
        assert_eq!(answer, r#"{"type":3,"invocationId":"0","result":5}"#);
    }
    assert_eq!(socket.call(&call("1", "Void", &json!([]))).await, r#"{"type":3,"invocationId":"1"}"#);
    let null = socket.call(&call("2", "Echo", &json!([null]))).await;
    assert_eq!(null, r#"{"type":3,"invocationId":"2","result":null}"#);
}

#[tokio::test]
async fn item_5_errors_have_the_words_that_clients_know_and_need_an_id() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    for (target, arguments, error) in [
        ("Nope", json!([]), "Unknown hub method 'Nope'"),
        ("Add", json!(["x"]), "Failed to invoke 'Add' due to an error on the server."),
        ("Forbidden", json!([]), "Failed to invoke 'Forbidden' because user is unauthorized"),
        ("Panic", json!([]), "An unexpected error occurred invoking 'Panic' on the server."),
        (
            "Told",
            json!([]),
            "An unexpected error occurred invoking 'Told' on the server. HubException: because",
        ),
        (
            "Count",
            json!([3]),
            "The client attempted to invoke the streaming 'Count' method with a non-streaming invocation.",
        ),
    ] {
        let answer: Value = serde_json::from_str(&socket.call(&call("9", target, &arguments)).await).unwrap();
        assert_eq!(answer, json!({"type": 3, "invocationId": "9", "error": error}));
    }
    for target in ["Nope", "Add", "Panic", "Void"] {
        socket.send(&format!("{{\"type\":1,\"target\":\"{target}\",\"arguments\":[]}}\u{1e}")).await;
    }
    // The next thing that is heard answers the call with an id.
    let answer = socket.call(&call("10", "Void", &json!([]))).await;
    assert_eq!(answer, r#"{"type":3,"invocationId":"10"}"#);
}

#[tokio::test]
async fn item_6_a_stream_ends_by_itself_with_an_error_or_by_cancelling() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    let stream = |id: &str, target: &str| {
        format!("{{\"type\":4,\"target\":\"{target}\",\"arguments\":[3],\"invocationId\":\"{id}\"}}\u{1e}")
    };
    let mut heard = Vec::new();
    socket.send(&stream("5", "Count")).await;
    while heard.len() < 4 {
        heard.extend(socket.text().await.split_terminator('\u{1e}').map(str::to_owned));
    }
    let item = |number| format!(r#"{{"type":2,"invocationId":"5","item":{number}}}"#);
    assert_eq!(heard, [item(1), item(2), item(3), r#"{"type":3,"invocationId":"5"}"#.to_owned()]);

    socket.send(&stream("6", "Failing")).await;
    let mut said = String::new();
    while !said.contains("\"type\":3") {
        said += &socket.text().await;
    }
    assert!(said.contains("An unexpected error occurred invoking 'Failing' on the server."), "{said}");

    socket.send(&stream("7", "Pending")).await;
    socket.send(&stream("7", "Pending")).await;
    assert!(socket.record().await.contains("Invocation ID '7' is already in use."));
    socket.send("{\"type\":5,\"invocationId\":\"unknown\"}\u{1e}").await;
    let cancelled = socket.call(r#"{"type":5,"invocationId":"7"}"#).await;
    assert_eq!(cancelled, r#"{"type":3,"invocationId":"7"}"#);
    let wrong = socket.call(stream("8", "Add").trim_end_matches('\u{1e}')).await;
    assert!(wrong.contains("\"error\""), "{wrong}");
}

#[tokio::test]
async fn streams_have_a_limit_and_uploads_are_refused() {
    let running = start(Config { max_streams: 2, ..Config::default() }).await;
    let mut socket = Socket::ready(running.address).await;
    for id in 0..2 {
        let call =
            format!("{{\"type\":4,\"target\":\"Pending\",\"arguments\":[],\"invocationId\":\"{id}\"}}\u{1e}");
        socket.send(&call).await;
    }
    let third = socket.call(r#"{"type":4,"target":"Pending","arguments":[],"invocationId":"2"}"#).await;
    assert_eq!(third, r#"{"type":3,"invocationId":"2","error":"Too many streams are open."}"#);
    let upload = r#"{"type":1,"target":"Void","arguments":[],"invocationId":"4","streamIds":["3"]}"#;
    assert!(socket.call(upload).await.contains("Failed to invoke 'Void' due to an error on the server."));
    socket
        .send("{\"type\":2,\"invocationId\":\"3\",\"item\":1}\u{1e}{\"type\":3,\"invocationId\":\"3\"}\u{1e}")
        .await;
    assert_eq!(socket.call(&call("5", "Void", &json!([]))).await, r#"{"type":3,"invocationId":"5"}"#);
}

#[tokio::test]
async fn item_12_messagepack_of_five_and_of_six_items() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready_binary(running.address).await;
    for record in [
        &b"\x0c\x95\x01\x80\xa1\x30\xa3Add\x92\x02\x03"[..],
        b"\x0d\x96\x01\x80\xa1\x30\xa3Add\x92\x02\x03\x90",
    ] {
        socket.send_binary(record).await;
        assert_eq!(&socket.binary().await[..], b"\x07\x95\x03\x80\xa1\x30\x03\x05");
    }
    // Two records, cut in the middle of the second's length.
    let long = [&b"\x95\x01\x80\xa1\x31\xa4Echo\x91\xd9\xc8"[..], &[b'x'; 200]].concat();
    let wire =
        [b"\x02\x91\x06", &[0x80 | (long.len() & 0x7F) as u8, (long.len() >> 7) as u8][..], &long].concat();
    socket.send_binary(&wire[..4]).await;
    socket.send_binary(&wire[4..]).await;
    let answer = socket.binary().await;
    assert_eq!(answer[2..7], *b"\x95\x03\x80\xa1\x31");
    assert_eq!(answer[answer.len() - 200..], [b'x'; 200]);
}

#[tokio::test]
async fn groups_have_those_who_joined_until_they_leave_or_end() {
    let running = start(Config::default()).await;
    let (mut first, mut second) =
        (Socket::ready(running.address).await, Socket::ready_binary(running.address).await);
    let clients = running.server.clients();
    first.call(&call("1", "Join", &json!(["room"]))).await;
    second.send_binary(b"\x10\x95\x01\x80\xa1\x31\xa4Join\x91\xa4room").await;
    second.binary().await;
    assert_eq!(clients.group("room").len(), 2);
    let event = Event::new("Said", [json!({"text": "hello"}).into()]);
    clients.send_group("room", &event);
    assert_eq!(first.record().await, r#"{"type":1,"target":"Said","arguments":[{"text":"hello"}]}"#);
    assert_eq!(&second.binary().await[..], b"\x17\x96\x01\x80\xc0\xa4Said\x91\x81\xa4text\xa5hello\x90");

    first.call(&call("2", "Leave", &json!(["room"]))).await;
    assert_eq!(clients.group("room").len(), 1);
    drop(second);
    running.ending(|ending| *ending == Ending::Left).await;
    assert!(clients.group("room").is_empty(), "membership ends with the connection");
    clients.send_all(&event);
    assert!(first.record().await.contains("Said"));
    assert_eq!(clients.len(), 1);
}

#[tokio::test]
async fn a_source_begins_after_the_answer_and_ends_when_detached() {
    let running = start(Config::default()).await;
    running.seen.number.send_replace(1);
    let mut socket = Socket::ready(running.address).await;
    socket.send(&format!("{}\u{1e}", call("1", "Follow", &json!([])))).await;
    let mut said = String::new();
    while said.matches('\u{1e}').count() < 2 {
        said += &socket.text().await;
    }
    let following = "{\"type\":3,\"invocationId\":\"1\",\"result\":\"following\"}\u{1e}";
    let number = |number| format!("{{\"type\":1,\"target\":\"Number\",\"arguments\":[{number}]}}\u{1e}");
    assert_eq!(said, format!("{following}{}", number(1)));
    running.seen.number.send_replace(2);
    assert_eq!(socket.text().await, number(2));
    socket.call(&call("2", "Unfollow", &json!([]))).await;
    running.seen.number.send_replace(3);
    let next = socket.call(&call("3", "Void", &json!([]))).await;
    assert_eq!(next, r#"{"type":3,"invocationId":"3"}"#);
}

#[tokio::test]
async fn item_11_closing_says_whether_to_come_back() {
    let running = start(Config::default()).await;
    for (again, close) in
        [(true, "{\"type\":7,\"allowReconnect\":true}\u{1e}"), (false, "{\"type\":7}\u{1e}")]
    {
        let mut socket = Socket::ready(running.address).await;
        socket.send(&format!("{{\"type\":1,\"target\":\"Close\",\"arguments\":[{again}]}}\u{1e}")).await;
        assert_eq!(socket.text().await, close);
        assert_eq!(socket.message().await.err(), Some(Some(1000)));
    }
    // Draining the whole server.
    let mut socket = Socket::ready(running.address).await;
    let mut silent = Socket::open(running.address, "/hub").await.unwrap();
    running.server.drain(&Close { error: None, allow_reconnect: true });
    assert_eq!(socket.text().await, "{\"type\":7,\"allowReconnect\":true}\u{1e}");
    assert_eq!(socket.message().await.err(), Some(Some(1000)));
    assert_eq!(silent.message().await.err(), Some(Some(1000)), "also before its handshake");
    assert_eq!(
        Socket::open(running.address, "/hub").await.err(),
        Some(http::StatusCode::SERVICE_UNAVAILABLE)
    );
    crate::client::soon(running.server.drained()).await;
}

#[tokio::test]
async fn item_13_no_member_or_type_that_pysignalr_does_not_know() {
    let running = start(Config::default()).await;
    let mut socket = Socket::ready(running.address).await;
    let calls = [
        call("1", "Add", &json!([1, 2])),
        call("2", "Nope", &json!([])),
        call("3", "Follow", &json!([])),
        r#"{"type":4,"target":"Count","arguments":[2],"invocationId":"4"}"#.to_owned(),
    ];
    for call in calls {
        socket.send(&format!("{call}\u{1e}")).await;
    }
    let mut types = BTreeSet::new();
    while let Ok(message) = socket.message().await {
        for record in message.to_text().unwrap().split_terminator('\u{1e}') {
            let record: Value = serde_json::from_str(record).unwrap();
            let kind = record["type"].as_u64().unwrap();
            let known: &[&str] = match kind {
                1 => &["type", "target", "arguments"],
                2 => &["type", "invocationId", "item"],
                3 => &["type", "invocationId", "result", "error"],
                7 => &["type", "error", "allowReconnect"],
                other => panic!("a record of type {other}"),
            };
            assert!(record.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{record}");
            types.insert(kind);
        }
        // The source may speak at any time after its method's answer.
        if types == BTreeSet::from([1, 2, 3]) {
            socket.send(&format!("{}\u{1e}", call("5", "Close", &json!([true])))).await;
        }
    }
    assert_eq!(types, BTreeSet::from([1, 2, 3, 7]));
}
