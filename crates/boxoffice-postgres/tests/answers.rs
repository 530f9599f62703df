//! Something between a node and its database that gives up a connection in the middle of a batch, in words of its own, after
//! it has passed all of it on: the batch is committed, and nobody is told anything else.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

#[path = "support/node.rs"]
mod node;
#[path = "../../boxoffice-engine/tests/support/ports.rs"]
mod ports;
#[path = "support/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use boxoffice_engine::store::conformance::room;
use boxoffice_postgres::migrate;
use node::{ID, ask, hold, node};
use server::{address, database};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a pooler says when it closes a connection (protocol 3.0, ErrorResponse).
const GIVEN_UP: &[u8] = b"E\0\0\0\x2eSFATAL\0VFATAL\0C08P01\0Mgiven up, for a test\0\0";

/// Passes everything on; once, when it is armed and has a call of `write_batch` with its COMMIT, it answers by itself and
/// closes the connection. Says where it listens.
async fn between(server: &str, armed: Arc<AtomicBool>) -> String {
    let target = server.split_once('@').unwrap().1.split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (target, armed) = (target.clone(), Arc::clone(&armed));
            tokio::spawn(async move {
                let far = TcpStream::connect(target).await.unwrap();
                let (mut from_node, mut to_node) = near.into_split();
                let (mut from_server, mut to_server) = far.into_split();
                let is_silent = Arc::new(AtomicBool::new(false));
                let silent = Arc::clone(&is_silent);
                let answers = tokio::spawn(async move {
                    let mut bytes = [0; 65536];
                    while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
                        if silent.load(Ordering::SeqCst) {
                            continue;
                        }
                        if to_node.write_all(&bytes[..count]).await.is_err() {
                            break;
                        }
                    }
                    (from_server, to_node)
                });
                let mut seen = Vec::new();
                let mut bytes = [0; 65536];
                while let Ok(count @ 1..) = from_node.read(&mut bytes).await {
                    if !armed.load(Ordering::SeqCst) {
                        seen.clear();
                    }
                    seen.extend_from_slice(&bytes[..count]);
                    let place = |words: &[u8]| seen.windows(words.len()).rposition(|part| part == words);
                    let call = place(b"write_batch").filter(|_| armed.load(Ordering::SeqCst));
                    is_silent.fetch_or(call.is_some(), Ordering::SeqCst);
                    if to_server.write_all(&bytes[..count]).await.is_err() {
                        return;
                    }
                    if call.is_some_and(|call| place(b"COMMIT").is_some_and(|commit| commit > call)) {
                        armed.store(false, Ordering::SeqCst);
                        // The server ends once it has read all; by then it has done all.
                        drop(to_server);
                        let (_, mut to_node) = answers.await.unwrap();
                        to_node.write_all(GIVEN_UP).await.unwrap();
                        return;
                    }
                }
            });
        }
    });
    format!("127.0.0.1:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_though_somebody_else_gave_up_is_told_as_committed() {
    let Some(server) = server::server() else { return };
    let url = database(&server).await;
    migrate(&address(&url), false).await.unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let place = between(&server, Arc::clone(&armed)).await;
    let (user, path) = (url.split_once('@').unwrap().0, url.rsplit_once('/').unwrap().1);
    let node = node(&format!("{user}@{place}/{path}"), 1).await;
    room::make_showtime(&*node.ports().store, ID, room::plan(8, None), room::settings(1, 24)).await;
    for seat in ["A1", "A2", "A3"] {
        // What comes after a surprise is written after a look; after three more batches it is written at once again.
        for other in if seat == "A3" { vec!["A5", "A6", "A7", "A8"] } else { vec![] } {
            assert!(ask(&node, hold(&[other])).await.is_ok());
        }
        armed.store(true, Ordering::SeqCst);
        let held = ask(&node, hold(&[seat])).await;
        assert!(!armed.load(Ordering::SeqCst), "{seat}: nobody gave up");
        let serial = held.unwrap_or_else(|refused| panic!("{seat}: {refused:?}")).hold.unwrap().serial;
        assert!(node.ports().store.hold(ID, serial).await.unwrap().is_some(), "{seat}");
    }
}
