//! The house rules that neither rustfmt nor clippy sees.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below the workspace with one of these endings, as (path from the root, text).
fn files(endings: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, found);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    let wanted = |path: &PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let files: Vec<_> = found
        .into_iter()
        .filter(wanted)
        .map(|path| (name(&path), std::fs::read_to_string(&path).unwrap()))
        .collect();
    assert!(!files.is_empty(), "no file ends with {endings:?}");
    files
}

/// Fails with every place where `is_fault` finds something in a line of the files that `applies` to.
fn no_line(reason: &str, applies: impl Fn(&str) -> bool, is_fault: impl Fn(&str) -> bool) {
    let mut faults = Vec::new();
    for (name, text) in files(&[".rs"]) {
        if applies(&name) {
            let found = text.lines().enumerate().filter(|(_, line)| is_fault(line));
            faults.extend(found.map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim())));
        }
    }
    assert!(faults.is_empty(), "{reason}\n{}", faults.join("\n"));
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.contains("/examples/") || name.ends_with("tests.rs")
}

#[test]
fn every_file_says_what_it_is_for() {
    for (name, text) in files(&[".rs"]) {
        assert!(text.starts_with("//!"), "{name}: its first line must say what it is for");
        assert!(!name.ends_with("/mod.rs"), "{name}: a module's file has the module's name");
    }
}

#[test]
fn a_file_is_a_room_with_one_purpose() {
    for (name, text) in files(&[".rs"]) {
        let lines = text.lines().count();
        assert!(lines <= 520, "{name} has {lines} lines: split it");
    }
}

#[test]
fn text_files_are_clean() {
    for (name, text) in files(&[".rs", ".md", ".sql", ".toml"]) {
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{name}: it must end with one newline");
        for (number, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", number + 1);
            assert_eq!(line.trim_end(), line, "{place}: spaces at the end");
            assert!(!line.contains('\t'), "{place}: a tab");
        }
    }
}

#[test]
fn the_core_is_pure() {
    let forbidden = ["std::fs", "std::net", "std::thread", "SystemTime", "Instant", "tokio", "serde"];
    let in_core = |name: &str| name.starts_with("crates/boxoffice-core/src");
    no_line("The rules do no I/O and read no clock.", in_core, |line| {
        forbidden.iter().any(|word| line.contains(word))
    });
    let manifest = std::fs::read_to_string(root().join("crates/boxoffice-core/Cargo.toml")).unwrap();
    let section =
        manifest.split("[dependencies]").nth(1).unwrap().split("[dev-dependencies]").next().unwrap();
    let allowed =
        ["compact_str", "foldhash", "hashbrown", "sha2", "smallvec", "thiserror", "unicode-normalization"];
    for line in section.lines().filter(|line| !line.trim().is_empty()) {
        let name = line.split(['.', ' ', '=']).next().unwrap();
        assert!(allowed.contains(&name), "boxoffice-core depends on {name}: is it pure?");
    }
}

#[test]
fn wall_time_is_read_in_one_file() {
    let applies = |name: &str| !is_test(name) && name != "crates/boxoffice-engine/src/clock.rs";
    no_line("Wall time is read in engine/src/clock.rs alone.", applies, |line| line.contains("SystemTime"));
}

#[test]
fn sql_is_in_the_store_alone() {
    let applies = |name: &str| !name.starts_with("crates/boxoffice-sqlite/") && !name.ends_with("tidy.rs");
    no_line("No SQL outside the store's crate.", applies, |line| line.contains("rusqlite::"));
}

#[test]
fn only_the_composition_root_and_the_commands_name_a_store() {
    let applies = |name: &str| {
        name.starts_with("crates/boxoffice/src")
            && !["crates/boxoffice/src/serve.rs", "crates/boxoffice/src/cli.rs"].contains(&name)
    };
    no_line("Name the port instead.", applies, |line| line.contains("boxoffice_sqlite"));
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"];
    let applies = |name: &str| !name.ends_with("tidy.rs");
    no_line("Finish it, or say in the notes that it is not.", applies, |line| {
        words.iter().any(|word| line.contains(word))
    });
}
