//! The seat page: served as browsers want it, and driven in a real one.
//!
//! The browser wants tools that are not Rust's. `scripts/test` installs them and names their folder in
//! `BOXOFFICE_PAGE_TOOLS`; without it these tests say that they are left out.

#[path = "server/support.rs"]
mod server;

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use server::{Server, get};

/// Browsers are heavy, and the tests have deadlines.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Past the capture of output: whoever runs the tests must see it.
fn say(text: &str) {
    std::io::stderr().write_all(format!("== left out: {text}\n").as_bytes()).expect("stderr");
}

/// Runs a file of `web/tests/browser` against the binary.
fn browse(file: &str) {
    let tools = env::var_os("BOXOFFICE_PAGE_TOOLS").map(PathBuf::from);
    if !tools.is_some_and(|tools| tools.join("playwright-core").is_dir()) {
        say(&format!("{file} in a browser, for BOXOFFICE_PAGE_TOOLS names no folder (see scripts/test)"));
        return;
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=spec"]).arg(workspace().join("web/tests/browser").join(file));
    command.env("BOXOFFICE_BINARY", env!("CARGO_BIN_EXE_boxoffice"));
    let plans = workspace().join("../shared/data/plans");
    if plans.is_dir() && env::var_os("BOXOFFICE_PLANS").is_none() {
        command.env("BOXOFFICE_PLANS", plans);
    } else if file == "looks.test.mjs" && env::var_os("BOXOFFICE_PLANS").is_none() {
        say("real rooms in a browser, for their seating plans are not there");
    }
    let output = command.output().expect("node");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("pass"), "{said}");
}

#[test]
fn a_browser_sees_others_changes_and_survives_a_restart() {
    browse("live.test.mjs");
}

#[test]
fn a_browser_buys_and_everything_that_goes_wrong_is_mended() {
    browse("purchase.test.mjs");
}

#[test]
fn a_keyboard_is_enough() {
    browse("keyboard.test.mjs");
}

#[test]
fn a_thumb_is_enough() {
    browse("phone.test.mjs");
}

#[test]
fn everybody_can_read_it() {
    browse("looks.test.mjs");
}

/// The path of a file as the page names it.
fn asset(index: &str, name: &str) -> String {
    let start = index.find("assets/").unwrap_or_else(|| panic!("no files in {index}"));
    let version = &index[start..start + "assets/".len() + 16];
    format!("/{version}/{name}")
}

#[test]
fn the_page_is_kept_by_browsers_and_lets_nothing_else_in() {
    let server = Server::start();
    let index = server.send(&get("/?from=a-friend"));
    index.expect_status(200);
    assert_eq!(index.header("cache-control"), Some("no-cache"));
    assert!(index.text().contains("<html lang=\"en\" data-page=\"full\">"), "{}", index.text());
    let below = server.send(&get("/showtimes/sho_anything"));
    below.expect_status(200);
    assert!(below.text().contains("\"../assets/"), "{}", below.text());
    let etag = index.header("etag").expect("an ETag").to_owned();
    server.send(&get("/").header("If-None-Match", &etag)).expect_status(304);
    for (name, kind) in [
        ("page.js", "text/javascript; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let path = asset(&index.text(), name);
        let file = server.send(&get(&path));
        file.expect_status(200);
        assert_eq!(file.header("content-type"), Some(kind));
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let policy = file.header("content-security-policy").expect("a policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        let packed = server.send(&get(&path).header("Accept-Encoding", "gzip, br"));
        assert_eq!(packed.header("content-encoding"), Some("br"));
        assert!(packed.body.len() < file.body.len());
        let etag = file.header("etag").expect("an ETag").to_owned();
        server.send(&get(&path).header("If-None-Match", &etag)).expect_status(304);
        // An index of before the last update still finds its files, but nobody keeps them under that name.
        let old = server.send(&get(format!("/assets/0123456789abcdef/{name}")));
        old.expect_status(200);
        assert_eq!(old.header("cache-control"), Some("no-cache"));
    }
    server.send(&get(asset(&index.text(), "page.ts"))).refusal(404, "route_not_found");
}

#[test]
fn the_page_can_sell_nothing_or_not_be_there() {
    let viewing = Server::start_with(&["--page", "view"]);
    let index = viewing.send(&get("/"));
    assert!(index.text().contains("data-page=\"view\""), "{}", index.text());
    let file = asset(&index.text(), "page.js");
    let etag = index.header("etag").expect("an ETag").to_owned();
    let selling = Server::start();
    selling.send(&get("/").header("If-None-Match", &etag)).expect_status(200);
    let off = Server::start_with(&["--page", "off"]);
    for path in ["/", "/showtimes/sho_anything", &file] {
        off.send(&get(path)).refusal(404, "route_not_found");
    }
}
