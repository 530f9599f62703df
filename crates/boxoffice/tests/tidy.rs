//! The house rules that neither rustfmt nor clippy sees: each names the file, the line and the reason.

#![allow(clippy::unwrap_used, reason = "what a test cannot unwrap has failed it")]

use std::path::{Path, PathBuf};

use boxoffice::config::Config;
use boxoffice::http::problem::CODES;

/// This file, which must name what it forbids.
const SELF: &str = "crates/boxoffice/tests/tidy.rs";
const MOST_LINES: usize = 460;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All files below the workspace with one of these endings, as (path from the root, text). Hidden folders and what
/// is built or installed are left out.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let ours = !["target", "node_modules"].contains(&name.as_str()) && !name.starts_with('.');
            if path.is_dir() && ours {
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
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let files: Vec<_> = found.into_iter().filter(wanted).map(|path| (name(&path), text(&path))).collect();
    assert!(!files.is_empty(), "no file ends with {endings:?}");
    files
}

fn fail_with(reason: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{reason}\n{}", faults.join("\n"));
}

/// Fails with every line that has one of the words, in the files that `applies` to.
fn nowhere(reason: &str, words: &[&str], endings: &[&str], applies: impl Fn(&str) -> bool) {
    let (mut faults, mut looked_at) = (Vec::new(), 0);
    for (name, text) in files(endings).into_iter().filter(|(name, _)| name != SELF && applies(name)) {
        looked_at += 1;
        let found = text.lines().enumerate().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
        faults.extend(found.map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim())));
    }
    assert!(looked_at > 0, "{reason} No file was looked at.");
    fail_with(reason, &faults);
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.contains("/examples/") || name.ends_with("/tests.rs")
}

/// Whether the text has the word whole: `serde` is not in `serde_json`.
fn has_word(text: &str, word: &str) -> bool {
    let in_word = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
    text.split(|character| !in_word(character)).any(|found| found == word)
}

/// The names below `[dependencies]` of a manifest, with their lines.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut names = Vec::new();
    for (number, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && !line.trim().is_empty() && !line.starts_with('#') {
            names.push((number + 1, line.split(['.', ' ', '=']).next().unwrap().to_owned()));
        }
    }
    names
}

#[test]
fn a_module_has_its_own_name() {
    let named_mod = |(name, _): (String, String)| name.ends_with("/mod.rs").then(|| format!("{name}:1"));
    let faults: Vec<_> = files(&[".rs"]).into_iter().filter_map(named_mod).collect();
    fail_with("A module's file has the module's name, so that it can be told from others.", &faults);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |(name, text): (String, String)| (!text.starts_with("//!")).then(|| format!("{name}:1"));
    let faults: Vec<_> = files(&[".rs"]).into_iter().filter_map(silent).collect();
    fail_with("The first line says what the file is for.", &faults);
}

#[test]
fn a_file_is_a_room_with_one_purpose() {
    let mut faults = Vec::new();
    for (name, text) in files(&[".rs"]) {
        let lines = text.lines().count();
        if lines > MOST_LINES {
            faults.push(format!("{name}:{lines}: at most {MOST_LINES} lines"));
        }
    }
    fail_with("A file that is too long has more than one purpose: split it.", &faults);
}

#[test]
fn nothing_is_left_for_later() {
    let words = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    nowhere("Finish it, or say in the notes that it is not done.", &words, &[".rs"], |_| true);
}

#[test]
fn text_files_are_clean() {
    let mut faults = Vec::new();
    for (name, text) in files(&[".rs", ".md", ".sql", ".toml"]) {
        if !text.ends_with('\n') || text.ends_with("\n\n") {
            faults.push(format!("{name}:{}: it must end with one newline", text.lines().count()));
        }
        for (number, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", number + 1);
            if line.trim_end() != line {
                faults.push(format!("{place}: spaces at the end"));
            }
            if line.contains('\t') {
                faults.push(format!("{place}: a tab"));
            }
        }
    }
    fail_with("Invisible differences are noise in every review.", &faults);
}

#[test]
fn the_rules_depend_on_nothing_with_effects() {
    let allowed =
        ["compact_str", "foldhash", "hashbrown", "sha2", "smallvec", "thiserror", "unicode-normalization"];
    let name = "crates/boxoffice-core/Cargo.toml";
    let found = dependencies(&read(name));
    assert!(!found.is_empty(), "{name}: no dependencies were found");
    let unknown = found.into_iter().filter(|(_, dependency)| !allowed.contains(&dependency.as_str()));
    let faults: Vec<_> =
        unknown.map(|(number, dependency)| format!("{name}:{number}: {dependency}")).collect();
    fail_with("Is it pure? Then add it to the list in this test.", &faults);
}

#[test]
fn the_rules_do_no_io_and_read_no_clock() {
    let words = ["std::fs", "std::net", "std::thread", "SystemTime", "Instant", "tokio", "serde"];
    let in_core = |name: &str| name.starts_with("crates/boxoffice-core/src/");
    nowhere("Time, ids and randomness are arguments of the rules.", &words, &[".rs"], in_core);
}

#[test]
fn wall_time_is_read_in_one_file() {
    let applies = |name: &str| !is_test(name) && name != "crates/boxoffice-engine/src/clock.rs";
    nowhere("Wall time is read in engine/src/clock.rs alone.", &["SystemTime"], &[".rs"], applies);
}

#[test]
fn sqlite_is_known_to_one_crate() {
    let outside = |name: &str| name.starts_with("crates/") && !name.starts_with("crates/boxoffice-sqlite/");
    // A test may name the crate as a text that must not leak into answers.
    let words = ["rusqlite::", "use rusqlite", "rusqlite.workspace", "rusqlite ="];
    nowhere("No SQL outside the store's crate.", &words, &[".rs", "Cargo.toml"], outside);
}

#[test]
fn postgres_is_known_to_one_crate() {
    let outside = |name: &str| name.starts_with("crates/") && !name.starts_with("crates/boxoffice-postgres/");
    let words = ["tokio_postgres::", "use tokio_postgres", "tokio-postgres.workspace", "tokio-postgres ="];
    nowhere("No SQL outside the store's crate.", &words, &[".rs", "Cargo.toml"], outside);
}

#[test]
fn json_is_known_to_the_outermost_crates() {
    let mut faults = Vec::new();
    for (name, text) in files(&[".rs", "Cargo.toml"]) {
        // What SignalR's clients say is JSON, too; its crate knows nothing of seats. The fuzzer makes JSON to send.
        let may = ["crates/boxoffice/", "crates/boxoffice-fuzz/", "crates/boxoffice-signalr/"];
        if name.starts_with("crates/") && !may.iter().any(|outermost| name.starts_with(outermost)) {
            let names_it = |line: &str| has_word(line, "serde") || has_word(line, "serde_json");
            let found = text.lines().enumerate().filter(|(_, line)| names_it(line));
            faults.extend(found.map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim())));
        }
    }
    fail_with("The shape of JSON is the API's affair alone.", &faults);
}

#[test]
fn only_the_composition_root_and_the_commands_name_a_store() {
    let may = [
        "crates/boxoffice/src/serve.rs",
        "crates/boxoffice/src/cli.rs",
        "crates/boxoffice/src/cli/stores.rs",
    ];
    let links = "crates/boxoffice/src/links.rs";
    let applies = |name: &str| name.starts_with("crates/boxoffice/src/") && !may.contains(&name);
    nowhere("Name the port instead.", &["boxoffice_sqlite"], &[".rs"], applies);
    // A bus may be in a database.
    nowhere("Name the port instead.", &["boxoffice_postgres"], &[".rs"], |name| {
        applies(name) && name != links
    });
    let applies = |name: &str| name.starts_with("crates/boxoffice/src/") && name != links;
    nowhere("Name the port instead.", &["boxoffice_redis"], &[".rs"], applies);
}

#[test]
fn every_setting_is_documented() {
    let name = "docs/config.md";
    let text = read(name);
    let mut faults = Vec::new();
    for info in Config::key_infos() {
        let cells =
            [format!("`{}`", info.name), format!("`--{}`", info.flag()), format!("`{}`", info.variable())];
        let row = text.lines().enumerate().find(|(_, line)| line.starts_with(&format!("| {} |", cells[0])));
        let Some((number, row)) = row else {
            faults.push(format!("{name}: no row for {}", info.name));
            continue;
        };
        let default = if info.default.is_empty() { "none".to_owned() } else { format!("`{}`", info.default) };
        for cell in cells.into_iter().chain([default, info.help.to_owned()]) {
            if !row.contains(&format!("| {cell} |")) {
                faults.push(format!("{name}:{}: the row of {} has no cell {cell}", number + 1, info.name));
            }
        }
    }
    fail_with("Whoever runs the server must find every setting.", &faults);
}

#[test]
fn every_limit_is_documented() {
    let table = read("docs/limits.md");
    let bounds = |name: &str| {
        let key = name.rsplit('.').next().unwrap();
        let words =
            ["max_", "timeout", "limit_s", "commit_queue", "ttl_s", "idempotency_h", "batch", "wal_kib"];
        words.iter().any(|word| key.contains(word))
    };
    let infos = Config::key_infos().into_iter().filter(|info| bounds(&info.name));
    let missing = infos.filter(|info| !table.contains(&format!("`{}`", info.name)));
    let faults: Vec<_> = missing.map(|info| format!("docs/limits.md: {} has no row", info.name)).collect();
    fail_with("Whoever meets a limit must find what it is.", &faults);
    let cells = table.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `"));
    let tests: Vec<_> = cells.map(|(_, test)| test).collect();
    assert!(tests.len() > 25, "{tests:?}");
    let untrue = tests.into_iter().filter(|test| {
        let (place, function) = test.rsplit_once(' ').unwrap();
        let (krate, file) = place.split_once(": ").unwrap_or(("", place));
        let krate = if krate.is_empty() { "boxoffice".to_owned() } else { format!("boxoffice-{krate}") };
        !read(&format!("crates/{krate}/tests/{file}")).contains(&format!("fn {function}("))
    });
    let faults: Vec<_> = untrue.map(|test| format!("docs/limits.md: there is no test {test}")).collect();
    fail_with("A limit that no test tries is a hope.", &faults);
}

#[test]
fn the_sample_of_the_settings_is_whole_and_can_be_read() {
    let name = "docs/boxoffice.sample.toml";
    let text = read(name);
    assert!(text == boxoffice::config::sample(), "{name} is old: write it with `boxoffice config sample`");
    let uncommented: Vec<_> = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
    let settings = |line: &&&str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), uncommented.iter().filter(settings).copied().collect::<Vec<_>>().join("\n"))
        .unwrap();
    let command = boxoffice::config::add_flags(clap::Command::new("test"));
    let flags = command.get_matches_from(["test", "--config", file.path().to_str().unwrap()]);
    let loaded = boxoffice::config::collect(Config::default(), &flags, |_| None);
    assert_eq!(loaded.faults, [], "{name}");
    let origins = Config::key_infos().into_iter().map(|info| loaded.origin(&info.name));
    assert!(origins.into_iter().all(|origin| origin.starts_with("file ")), "{name} sets every key");
    assert_eq!(loaded.config.keys.len(), 1);
}

#[test]
fn every_error_code_is_documented() {
    let name = "docs/errors.md";
    let text = read(name);
    let mut faults = Vec::new();
    for info in CODES.iter().map(|code| code.info()) {
        let row = format!("| `{}` | {} |", info.code, info.status.as_u16());
        if !text.lines().any(|line| line.starts_with(&row)) {
            faults.push(format!("{name}: no row begins with {row}"));
        }
    }
    fail_with("Whoever uses the API must find every code.", &faults);
}

/// The first sentence of a file's first lines, on one line.
fn first_sentence(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!").map(str::trim));
    let paragraph: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let ends = paragraph.match_indices(". ").map(|(at, _)| at).next();
    paragraph[..ends.unwrap_or(paragraph.len())].trim_end_matches('.').to_owned()
}

#[test]
fn every_module_is_in_the_architecture() {
    let name = "ARCHITECTURE.md";
    let text = read(name);
    let mut faults = Vec::new();
    for (file, source) in files(&[".rs"]) {
        let Some((place, module)) = file.strip_prefix("crates/").and_then(|file| file.split_once("/src/"))
        else {
            continue;
        };
        let module = module.trim_end_matches(".rs");
        if ["lib", "main"].contains(&module) || is_test(&file) || module.starts_with("bin/") {
            continue;
        }
        let section = text.split("\n### ").find(|section| section.starts_with(&format!("`{place}`")));
        let row = format!("| `{module}` | {} |", first_sentence(&source));
        if !section.is_some_and(|section| section.lines().any(|line| line == row)) {
            faults.push(format!("{name}: under {place} there is no row {row}"));
        }
    }
    fail_with("Whoever changes something must find where it is.", &faults);
}

#[test]
fn the_licence_is_the_one_that_the_manifests_name() {
    let licence = read("LICENSE");
    assert!(licence.contains("Apache License") && licence.contains("Version 2.0, January 2004"));
    assert!(licence.contains("END OF TERMS AND CONDITIONS"), "it is the whole text");
    assert!(read("Cargo.toml").contains("license = \"Apache-2.0\""));
    // What stands apart from the workspace says it in full.
    let own = |name: &str| ["Cargo.toml", "fuzz/Cargo.toml"].contains(&name);
    let others = |(name, text): (String, String)| {
        let says = if own(&name) { "license = \"Apache-2.0\"" } else { "license.workspace = true" };
        (!text.contains(says)).then_some(name)
    };
    let faults: Vec<_> = files(&["Cargo.toml"]).into_iter().filter_map(others).collect();
    fail_with("Every crate has the workspace's licence.", &faults);
}
