//! Databases for nodes of one cluster, each test's own.

use std::io::Write as _;
use std::process::Command;

use super::wait::fresh_key;

/// The URL of an empty database on the PostgreSQL that BOXOFFICE_TEST_POSTGRES names; without one says what is left out.
pub(crate) fn postgres_database() -> Option<String> {
    let Ok(url) = std::env::var("BOXOFFICE_TEST_POSTGRES") else {
        // Past the capture of output: whoever runs the tests must see it.
        let said = "== left out: what wants PostgreSQL, for BOXOFFICE_TEST_POSTGRES names no server (see scripts/test)\n";
        std::io::stderr().write_all(said.as_bytes()).expect("stderr");
        return None;
    };
    let name = format!("test_{}", fresh_key().replace('-', "_"));
    let make = format!("CREATE DATABASE {name}");
    let made = Command::new("psql").args([&url, "-q", "-c", &make]).status().expect("psql");
    assert!(made.success(), "{name} was not made");
    let (base, _) = url.rsplit_once('/').expect("a database in the URL");
    Some(format!("{base}/{name}"))
}
