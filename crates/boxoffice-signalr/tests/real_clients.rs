//! Real clients against the chat example: npm's @microsoft/signalr, PyPI's signalrcore and pysignalr. They are installed
//! by `scripts/test` into the folder that `SIGNALR_CLIENTS` names; without it they are left out.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]
#![allow(clippy::print_stdout, reason = "it says what is left out")]

#[path = "../examples/chat.rs"]
#[allow(unreachable_pub, reason = "it is a program of its own, too")]
mod chat;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use boxoffice_signalr::Config;

/// The folder that has `node_modules` and the Python environment `venv`.
const VARIABLE: &str = "SIGNALR_CLIENTS";
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_clients_talk_to_the_chat() {
    let Ok(folder) = std::env::var(VARIABLE) else {
        println!("left out: {VARIABLE} names no folder of installed clients, so no real client was tried");
        return;
    };
    let folder = Path::new(&folder).canonicalize().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/chat", listener.local_addr().unwrap());
    let (server, router) = chat::application(Config::default());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let python = folder.join("venv/bin/python");
    for (program, script, argument) in [
        (Path::new("node"), "typescript.mjs", Some(&folder)),
        (&python, "signalrcore_client.py", None),
        (&python, "pysignalr_client.py", None),
    ] {
        let mut command = tokio::process::Command::new(program);
        command.arg(scripts.join(script)).arg(&url).args(argument).stdin(Stdio::null()).kill_on_drop(true);
        let output =
            tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{script}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(" checks"), "{script}: {said}");
        print!("{said}");
    }
    // None of them leaves a connection behind: those that only stopped are noticed by their sockets' ends.
    tokio::time::timeout(PATIENCE, server.drained()).await.expect("all are gone");
}
