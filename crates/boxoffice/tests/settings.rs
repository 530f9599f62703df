//! Settings are checked and printed before anything starts.

#[path = "server/support.rs"]
mod server;

use std::fs;

use server::Server;

#[test]
fn every_fault_is_named_and_nothing_is_started() {
    let home = Server::idle(&[]);
    let file = "[http]\nmax_conections = 11\nmax_plans_at_once = 0\n[[keys]]\nname = \"shop\"\nsha256 = \"12\"\nscope = \"sell\"\n";
    fs::write(home.path("b.toml"), file).expect("a file");
    let flags = [
        "--config",
        "b.toml",
        "--listen",
        "nowhere",
        "--cors-origins",
        "https://a.example/",
        "--proxies",
        "10.0.0.0/99",
    ];
    let check = home.run(&[&["config", "check"], &flags[..]].concat());
    assert_eq!(check.code, Some(1), "{}", check.said);
    let serve = home.run(&[&["serve"], &flags[..]].concat());
    assert_eq!(serve.code, Some(1), "{}", serve.said);
    for key in [
        "http.max_conections",
        "http.max_plans_at_once",
        "keys[0].sha256",
        "listen:",
        "cors.origins",
        "proxies",
    ] {
        assert!(check.said.contains(key), "{key} is not named: {}", check.said);
        assert!(serve.said.contains(key), "{key} is not named: {}", serve.said);
    }
    assert!(!home.path("boxoffice.db").exists() && !serve.said.contains("listening on"), "{}", serve.said);
    let sound = home.run(&["config", "check"]);
    assert_eq!(sound.code, Some(0), "{}", sound.said);
}

#[test]
fn what_cannot_work_is_found_before_the_start() {
    let home = Server::idle(&[]);
    let hash = "51af04139eaf54248c5eca1357995475ed46b88a1ca110409577d1c0a868a4d1";
    let key = format!("[[keys]]\nname = \"admin\"\nsha256 = \"{hash}\"\nscope = \"sell\"\n");
    fs::write(home.path("twice.toml"), key).expect("a file");
    for (flags, key) in [
        (&["--store", "postgres://db:99999/sales"][..], "store:"),
        (&["--redis-ca-file", "nowhere.pem"], "redis.ca_file"),
        (&["--http-body-timeout-ms", "0"], "http.body_timeout_ms"),
        (&["--drain-limit-s", "18446744073709551615"], "drain.limit_s"),
        (&["--public-url", "https://tickets.example/#top"], "public_url"),
        (
            &["--config", "twice.toml", "--admin-key", "an-admin-key-of-some-length"],
            "two keys are named admin",
        ),
    ] {
        let check = home.run(&[&["config", "check"], flags].concat());
        assert_eq!(check.code, Some(1), "{flags:?}: {}", check.said);
        assert!(check.said.contains(key), "{key} is not named: {}", check.said);
    }
}

#[test]
fn what_is_in_force_is_printed_with_its_origin_and_without_secrets() {
    let home = Server::idle(&[]);
    let file = "[http]\nmax_connections = 11\n[[keys]]\nname = \"shop\"\nsha256 = \"1111111111111111111111111111111111111111111111111111111111111111\"\nscope = \"sell\"\n";
    fs::write(home.path("b.toml"), file).expect("a file");
    let print = home.run(&["config", "print", "--config", "b.toml", "--log-level", "warn"]);
    assert_eq!(print.code, Some(0), "{}", print.said);
    for line in [
        "max_connections = 11  # file b.toml",
        "level = \"warn\"  # flag --log-level",
        "admin_key = \"***\"  # variable BOXOFFICE_ADMIN_KEY",
        "ttl_s = 480  # default",
        "name = \"shop\"",
    ] {
        assert!(print.said.lines().any(|printed| printed == line), "{line} is not there: {}", print.said);
    }
    for secret in [server::ADMIN_KEY, "11111111"] {
        assert!(!print.said.contains(secret), "{}", print.said);
    }
    fs::write(home.path("printed.toml"), print.said.replace("\"***\"", "\"0123456789abcdef\""))
        .expect("a file");
    let again = home.run(&["config", "print", "--config", "printed.toml"]);
    assert!(again.said.contains("max_connections = 11"), "what is printed is a file: {}", again.said);
}

#[test]
fn the_help_of_serve_is_the_manual() {
    let help = Server::idle(&[]).run(&["serve", "--help"]).said;
    for info in boxoffice::config::Config::key_infos() {
        assert!(help.contains(&format!("--{}", info.flag())), "{}", info.name);
        assert!(help.contains(&info.variable()), "{}", info.name);
    }
    assert!(help.contains("[[keys]]") && help.contains("_FILE"), "{help}");
}
