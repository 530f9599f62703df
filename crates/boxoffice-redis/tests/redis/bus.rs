//! The bus on a single server: what one node commits reaches the others, and nothing waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_core::change::{Actor, Change, Event, EventKind};
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::bus::{Bus, Message};
use boxoffice_redis::RedisBus;
use parking_lot::Mutex;

use crate::servers::{Server, address, are_there, options, wait_until};

pub(crate) fn message(showtime: u64, revision: u64) -> Message {
    let change = Change {
        at: Timestamp::from_ms(1),
        kind: EventKind::HELD,
        actor: Actor::Patron,
        seats: Default::default(),
        holds: Default::default(),
        settings: None,
        request: None,
        reason: Some("a test".into()),
    };
    (ShowtimeId::from_number(showtime), Arc::new(Event { revision, change: Arc::new(change) }))
}

/// What a node has heard, and when.
pub(crate) type Heard = Arc<Mutex<Vec<(Message, Instant)>>>;

/// A bus as one node has it.
pub(crate) fn bus(url: &str, node: u64, epoch: &'static str) -> (RedisBus, Heard) {
    let bus = RedisBus::start(address(url), options(), Arc::new(|| epoch.into())).unwrap();
    let heard = Heard::default();
    let hears = Arc::clone(&heard);
    let subscriber = move |messages: &[Message]| {
        hears.lock().extend(messages.iter().map(|message| (message.clone(), Instant::now())));
    };
    bus.subscribe(node, Box::new(subscriber));
    (bus, heard)
}

pub(crate) async fn ready(bus: &RedisBus) {
    wait_until("the bus to be well", || bus.health().unwrap().trouble.is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_publishes_reaches_the_others_of_its_history_in_order() {
    if !are_there() {
        return;
    }
    let server = Server::start(&[]);
    let (one, own) = bus(&server.url(), 1, "history");
    let (other, heard) = bus(&server.url(), 2, "history");
    let (stranger, strange) = bus(&server.url(), 3, "another history");
    for bus in [&one, &other, &stranger] {
        ready(bus).await;
    }
    // Many at once, over all channels.
    let sent: Vec<_> = (1..=100).flat_map(|revision| (1..=20).map(move |id| message(id, revision))).collect();
    one.publish(1, &sent);
    wait_until("all to be heard", || heard.lock().len() >= sent.len()).await;
    for id in 1..=20 {
        let of = |(message, _): &(Message, Instant)| (message.0.number() == id).then(|| message.clone());
        let of_showtime: Vec<_> = heard.lock().iter().filter_map(of).collect();
        let expected: Vec<_> = (1..=100).map(|revision| message(id, revision)).collect();
        assert_eq!(of_showtime, expected);
    }
    assert!(own.lock().is_empty(), "what it said itself");
    assert!(strange.lock().is_empty(), "revisions of another history mean other things");
    assert_eq!((one.figures().published, other.figures().received), (2000, 2000));
    assert_eq!((one.figures().dropped, other.figures().dropped, stranger.figures().received), (0, 0, 0));
    // One at a time: how long each takes.
    heard.lock().clear();
    let mut took = Vec::new();
    for revision in 1..=300 {
        let sent_at = Instant::now();
        one.publish(1, &[message(1, revision)]);
        wait_until("it to be heard", || heard.lock().len() as u64 == revision).await;
        took.push(heard.lock()[revision as usize - 1].1 - sent_at);
    }
    took.sort_unstable();
    eprintln!("from node to node: p50 {:?}, p99 {:?} (aim: below 100 ms)", took[150], took[297]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_a_bus_whose_server_is_away() {
    if !are_there() {
        return;
    }
    let mut server = Server::start(&[]);
    let (one, _) = bus(&server.url(), 1, "history");
    let (other, heard) = bus(&server.url(), 2, "history");
    for bus in [&one, &other] {
        ready(bus).await;
    }
    server.stop();
    let began = Instant::now();
    for revision in 0..50_000 {
        one.publish(1, &[message(1, revision)]);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?} for 50,000", began.elapsed());
    wait_until("both to notice", || [&one, &other].iter().all(|bus| bus.health().unwrap().trouble.is_some()))
        .await;
    wait_until("all to be dropped", || one.figures().dropped == 50_000).await;
    server.start_again();
    for bus in [&one, &other] {
        ready(bus).await;
    }
    one.publish(1, &[message(1, 50_001)]);
    wait_until("the subscription to be there again", || !heard.lock().is_empty()).await;
    assert_eq!(heard.lock()[0].0, message(1, 50_001));
}
