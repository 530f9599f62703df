//! The bus on LISTEN and NOTIFY on a real server: what one node commits reaches the others, nothing waits for it, and a
//! connection that ends is made anew.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/server.rs"]
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_core::change::{Actor, Change, Event, EventKind};
use boxoffice_core::id::ShowtimeId;
use boxoffice_core::time::Timestamp;
use boxoffice_engine::bus::{Bus as _, Message};
use boxoffice_postgres::{Address, PostgresBus};
use parking_lot::Mutex;
use server::{address, database, plain};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

fn message(showtime: u64, revision: u64) -> Message {
    with_reason(showtime, revision, "a test")
}

fn with_reason(showtime: u64, revision: u64, reason: &str) -> Message {
    let change = Change {
        at: Timestamp::from_ms(1),
        kind: EventKind::HELD,
        actor: Actor::Patron,
        seats: Default::default(),
        holds: Default::default(),
        settings: None,
        request: None,
        reason: Some(reason.into()),
    };
    (ShowtimeId::from_number(showtime), Arc::new(Event { revision, change: Arc::new(change) }))
}

/// What a node has heard, and when.
type Heard = Arc<Mutex<Vec<(Message, Instant)>>>;

/// A bus as one node has it.
fn bus(address: Address, node: u64, epoch: &'static str) -> (PostgresBus, Heard) {
    let bus = PostgresBus::start(address, Arc::new(|| epoch.into())).unwrap();
    let heard = Heard::default();
    let hears = Arc::clone(&heard);
    let subscriber = move |messages: &[Message]| {
        hears.lock().extend(messages.iter().map(|message| (message.clone(), Instant::now())));
    };
    bus.subscribe(node, Box::new(subscriber));
    (bus, heard)
}

fn trouble(bus: &PostgresBus) -> Option<String> {
    bus.health().unwrap().trouble
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn well(buses: &[&PostgresBus]) {
    wait_until("the buses to be well", || buses.iter().all(|bus| trouble(bus).is_none())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_publishes_reaches_the_others_of_its_history_in_order() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let (one, own) = bus(address(&url), 1, "history");
    let (other, heard) = bus(address(&url), 2, "history");
    let (stranger, strange) = bus(address(&url), 3, "another history");
    well(&[&one, &other, &stranger]).await;
    let sent: Vec<_> = (1..=100).flat_map(|revision| (1..=20).map(move |id| message(id, revision))).collect();
    one.publish(1, &sent);
    wait_until("all to be heard", || heard.lock().len() >= sent.len()).await;
    let messages =
        |heard: &Heard| heard.lock().iter().map(|(message, _)| message.clone()).collect::<Vec<_>>();
    assert_eq!(messages(&heard), sent);
    assert!(own.lock().is_empty(), "what it said itself");
    assert!(strange.lock().is_empty(), "revisions of another history mean other things");
    // It is counted once the database has answered, which may be after others have heard.
    wait_until("all to be counted", || one.figures().published >= 2000).await;
    assert_eq!((one.figures().published, other.figures().received), (2000, 2000));
    assert_eq!((one.figures().dropped, other.figures().dropped, stranger.figures().received), (0, 0, 0));
    // One that a single notification has no room for.
    heard.lock().clear();
    let long = with_reason(1, 101, &"long ".repeat(10_000));
    one.publish(1, std::slice::from_ref(&long));
    wait_until("it to be heard", || !heard.lock().is_empty()).await;
    assert_eq!(messages(&heard), [long]);
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
async fn a_connection_that_was_ended_is_made_anew() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let (one, _own) = bus(address(&url), 1, "history");
    let (other, heard) = bus(address(&url), 2, "history");
    well(&[&one, &other]).await;
    let client = plain(&url).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 1..=3 {
        assert_eq!(client.query(end, &[]).await.unwrap().len(), 4, "two buses, to tell and to listen");
        // It may be lost or not: until both are well again nothing is promised, but the next one is heard.
        wait_until("four new connections, and both to be well", || {
            one.publish(1, &[message(1, round)]);
            !heard.lock().is_empty() && [&one, &other].iter().all(|bus| trouble(bus).is_none())
        })
        .await;
        let count = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let deadline = Instant::now() + Duration::from_secs(30);
        while client.query_one(count, &[]).await.unwrap().get::<_, i64>(0) != 4 {
            assert!(Instant::now() < deadline, "the connections are not back");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        well(&[&one, &other]).await;
        heard.lock().clear();
        let told = message(2, round);
        one.publish(1, std::slice::from_ref(&told));
        let is_heard = || heard.lock().iter().any(|(message, _)| *message == told);
        wait_until("what is told afterwards to be heard", is_heard).await;
        heard.lock().clear();
    }
}

/// A way to the server that can be cut, as a wire is: whoever is on it hears nothing any more.
async fn way(server: &str) -> (String, tokio::sync::watch::Sender<bool>) {
    let target = server.split_once('@').unwrap().1.split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cut, is_cut) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (mut is_cut, target) = (is_cut.clone(), target.clone());
            tokio::spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                let mut until = async |wanted: bool| drop(is_cut.wait_for(|cut| *cut == wanted).await);
                let ended = tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => true,
                    () = until(true) => false,
                };
                if !ended {
                    // Silent, not closed; until the wire is there again.
                    until(false).await;
                }
            });
        }
    });
    (format!("127.0.0.1:{port}"), cut)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hears_no_other_tells_nothing_until_one_comes() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let (one, _own) = bus(address(&url), 1, "history");
    well(&[&one]).await;
    let (mut told, mut since) = (0, Instant::now());
    wait_until("it to find that it is alone", || {
        one.publish(1, &[message(1, 1)]);
        if told < one.figures().published {
            (told, since) = (one.figures().published, Instant::now());
        }
        told > 0 && since.elapsed() > Duration::from_secs(4)
    })
    .await;
    assert_eq!((trouble(&one), one.figures().dropped), (None, 0), "it hears itself all the same");
    let (other, heard) = bus(address(&url), 2, "history");
    well(&[&other]).await;
    wait_until("it to be told", || {
        one.publish(1, &[message(2, 1)]);
        !heard.lock().is_empty()
    })
    .await;
    // The other says nothing but that it is there, and that is enough.
    tokio::time::sleep(Duration::from_secs(7)).await;
    heard.lock().clear();
    one.publish(1, &[message(3, 1)]);
    wait_until("it to be told still", || !heard.lock().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_a_bus_whose_server_is_silent() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    let (host, cut) = way(&server).await;
    let (user, path) = (url.split_once('@').unwrap().0, url.rsplit_once('/').unwrap().1);
    let (one, _own) = bus(address(&format!("{user}@{host}/{path}")), 1, "history");
    let (other, heard) = bus(address(&url), 2, "history");
    well(&[&one, &other]).await;
    cut.send_replace(true);
    let began = Instant::now();
    for revision in 0..50_000 {
        one.publish(1, &[message(1, revision)]);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?} for 50,000", began.elapsed());
    wait_until("the silence to be noticed", || trouble(&one).is_some()).await;
    wait_until("all to be dropped", || one.figures().dropped + one.figures().published >= 50_000).await;
    cut.send_replace(false);
    well(&[&one, &other]).await;
    let last = message(2, 1);
    one.publish(1, std::slice::from_ref(&last));
    wait_until("it to be heard", || heard.lock().iter().any(|(it, _)| *it == last)).await;
}
