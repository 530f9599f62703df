//! TLS: a server whose certificate is signed by an authority that the config names, and by no other.

use std::path::Path;
use std::process::{Command, Stdio};

use boxoffice_core::id::ShowtimeId;
use boxoffice_engine::gate::{Gate as _, Passage};
use boxoffice_redis::{OnFailure, Options, RedisGate};

use crate::servers::{Server, address, are_there, first, free_port, options, wait_until};

/// Runs openssl in a folder; false if it is not installed.
fn openssl(folder: &Path, words: &str) -> bool {
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) => {
            assert!(status.success(), "openssl {words}");
            true
        }
        Err(_) => {
            eprintln!("left out: openssl is not installed");
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_whose_certificate_is_signed_by_the_given_authority() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let authority =
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem";
    if !are_there() || !openssl(folder, authority) {
        return;
    }
    openssl(folder, "req -newkey rsa:2048 -nodes -subj /CN=redis -keyout redis.key -out redis.csr");
    openssl(
        folder,
        "x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out redis.pem",
    );
    openssl(folder, &authority.replace("ca.", "other."));
    let port = free_port();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (certificate, key, ca) = (file("redis.pem"), file("redis.key"), file("ca.pem"));
    let port_text = port.to_string();
    let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let rest = ["--port", "0", "--tls-port", &port_text, "--tls-auth-clients", "no"];
    let _server = Server::start_at(port, &[&files[..], &rest].concat());
    let url = format!("rediss://127.0.0.1:{port}");
    let gate = |ca: &str| {
        let ca = Some(std::fs::read(folder.join(ca)).unwrap());
        RedisGate::start(address(&url), Options { ca, ..options() }, OnFailure::Admit).unwrap()
    };
    let (trusting, wary) = (gate("ca.pem"), gate("other.pem"));
    wait_until("the gate to be well", || trusting.health().unwrap().trouble.is_none()).await;
    assert_eq!(trusting.claim(ShowtimeId::from_number(5), first(&[1]), 7).await, Passage::Admitted);
    assert_eq!((trusting.figures().admitted, trusting.figures().opened), (1, 0));
    wait_until("the refusal", || {
        wary.health().unwrap().trouble.is_some_and(|why| why.contains("certificate"))
    })
    .await;
    assert_eq!(
        wary.claim(ShowtimeId::from_number(5), first(&[1]), 8).await,
        Passage::Admitted,
        "nobody can say"
    );
    assert_eq!(wary.figures().opened, 1);
}
