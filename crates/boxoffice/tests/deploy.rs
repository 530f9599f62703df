//! The files below `deploy/`: they can be read, name settings that exist, fit each other, and the server takes them. No
//! container engine is needed, and none is asked.

#[path = "server/support.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boxoffice::config::Config;
use serde_json::Value;
use server::{document, installed};

const COMPOSE: &str = "deploy/compose.yaml";
const NODES: &str = "deploy/kubernetes/boxoffice.yaml";
const MIGRATE: &str = "deploy/kubernetes/migrate.yaml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All documents of a file, anchors and merges resolved.
fn yaml(name: &str) -> Vec<Value> {
    let text = document(name);
    let documents = serde_yaml_ng::Deserializer::from_str(&text).map(|part| {
        let mut value: serde_yaml_ng::Value =
            serde::Deserialize::deserialize(part).unwrap_or_else(|error| panic!("{name}: {error}"));
        value.apply_merge().unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::to_value(value).expect("JSON")
    });
    documents.collect()
}

fn compose() -> Value {
    yaml(COMPOSE).swap_remove(0)
}

/// The document of this kind.
fn of_kind(name: &str, kind: &str) -> Value {
    let found = yaml(name).into_iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("{name} has no {kind}"))
}

fn container(name: &str, kind: &str) -> Value {
    of_kind(name, kind)["spec"]["template"]["spec"]["containers"][0].clone()
}

/// Members and values as texts.
fn texts(map: &Value) -> BTreeMap<String, String> {
    let pairs = map.as_object().expect("a map").iter();
    pairs.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
}

fn environment(container: &Value) -> BTreeMap<String, String> {
    let list = container["env"].as_array().expect("variables").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    list.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

/// What the server says of a config in this environment, whose secrets are in `folder`.
fn check(folder: &Path, environment: &BTreeMap<String, String>, what: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boxoffice"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOXOFFICE_"))
    {
        command.env_remove(name);
    }
    let here = |value: &str| {
        let file = Path::new(value).file_name().filter(|_| value.starts_with('/'));
        file.map_or(value.to_owned(), |name| folder.join(name).display().to_string())
    };
    command.envs(environment.iter().map(|(name, value)| (name, here(value))));
    let output = command.args(["config", what]).output().expect("a run");
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "{environment:?}: {said}");
    assert!(!said.contains("is not a setting"), "{said}");
    said
}

/// The value of a setting that `config print` shows.
fn number(printed: &str, section: &str, key: &str) -> u64 {
    let (_, rest) = printed.split_once(&format!("[{section}]")).expect("a section");
    let line = rest.lines().find_map(|line| line.trim().strip_prefix(&format!("{key} = ")));
    let digits = line.expect("a setting").split(|character: char| !character.is_ascii_digit()).next();
    digits.expect("a number").parse().expect("a number")
}

fn seconds(value: &Value) -> u64 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.trim_end_matches('s').parse().expect("seconds")
}

/// The folder that the secrets and the config of the manifests are mounted as.
fn mounted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    for (name, value) in texts(&of_kind(NODES, "Secret")["stringData"]) {
        write(&name, &format!("{value}\n"));
    }
    for (name, value) in texts(&of_kind(NODES, "ConfigMap")["data"]) {
        write(&name, &value);
    }
    folder
}

/// A node has longer to end than it takes at most, and the balancer notices before it stops taking requests.
fn ends_in_time(printed: &str, grace_s: u64, noticed_s: u64) {
    let [delay, limit] = ["delay_s", "limit_s"].map(|key| number(printed, "drain", key));
    assert!(grace_s >= delay + limit + 5, "{grace_s} s are not enough for {delay} and {limit}");
    assert!(noticed_s < delay, "noticed after {noticed_s} s, and gone after {delay}");
}

#[test]
fn the_server_takes_what_compose_gives_its_nodes() {
    let (folder, compose) = (mounted(), compose());
    let proxy = document("deploy/haproxy.cfg");
    for node in ["node-1", "node-2", "node-3"] {
        let service = &compose["services"][node];
        let variables = texts(&service["environment"]);
        check(folder.path(), &variables, "check");
        let printed = check(folder.path(), &variables, "print");
        // Twice half a second.
        assert!(proxy.contains(" inter 500ms fall 2 "), "{proxy}");
        ends_in_time(&printed, seconds(&service["stop_grace_period"]), 1);
        let files = service["ulimits"]["nofile"].as_u64().expect("a number");
        assert!(files >= number(&printed, "http", "max_connections") + 256, "{files} files");
        assert_eq!(proxy.matches(&format!(" {node}:8080 ")).count(), 3, "{node} stands in every backend");
        let port = variables["BOXOFFICE_LISTEN"].rsplit_once(':').expect("a port").1;
        assert_eq!(port, "8080");
        for secret in service["secrets"].as_array().expect("secrets") {
            assert!(compose["secrets"][secret.as_str().expect("a name")]["file"].is_string(), "{secret}");
        }
        for other in service["depends_on"].as_object().expect("services").keys() {
            assert!(compose["services"][other].is_object(), "{other}");
        }
    }
    check(folder.path(), &texts(&compose["services"]["migrate"]["environment"]), "check");
}

#[test]
fn the_server_takes_what_kubernetes_gives_it() {
    let folder = mounted();
    let node = container(NODES, "Deployment");
    let variables = environment(&node);
    check(folder.path(), &variables, "check");
    let printed = check(folder.path(), &variables, "print");
    let pod = of_kind(NODES, "Deployment")["spec"]["template"]["spec"].clone();
    let probe = &node["readinessProbe"];
    let noticed = seconds(&probe["periodSeconds"]) * seconds(&probe["failureThreshold"]);
    ends_in_time(&printed, seconds(&pod["terminationGracePeriodSeconds"]), noticed);
    check(folder.path(), &environment(&container(MIGRATE, "Job")), "check");

    let ports: BTreeMap<&str, u64> = node["ports"]
        .as_array()
        .expect("ports")
        .iter()
        .map(|port| (port["name"].as_str().expect("a name"), port["containerPort"].as_u64().expect("a port")))
        .collect();
    for (port, key) in [("http", "listen"), ("operations", "ops_listen")] {
        assert!(printed.contains(&format!("{key} = \"0.0.0.0:{}\"", ports[port])), "{port}: {printed}");
    }
    for (probe, path) in
        [("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]
    {
        assert_eq!(
            (&node[probe]["httpGet"]["path"], &node[probe]["httpGet"]["port"]),
            (&path.into(), &"operations".into())
        );
    }
    let service = of_kind(NODES, "Service");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], "http");
    let labels = &of_kind(NODES, "Deployment")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(&of_kind(NODES, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels);
    // What is mounted is what the variables name.
    let mounts: BTreeSet<&str> = node["volumeMounts"]
        .as_array()
        .expect("mounts")
        .iter()
        .map(|mount| mount["mountPath"].as_str().expect("a path"))
        .collect();
    for path in variables.values().filter(|value| value.starts_with('/')) {
        let folder = Path::new(path).parent().and_then(Path::to_str).expect("a folder");
        assert!(mounts.contains(folder), "{path} is not mounted");
    }
}

#[test]
fn every_file_can_be_read_and_names_settings_that_exist() {
    let mut known: BTreeSet<String> =
        Config::key_infos().iter().map(boxoffice::config::KeyInfo::variable).collect();
    known.insert("BOXOFFICE_CONFIG".to_owned());
    let mut files = vec![PathBuf::from("docs/many-nodes.md")];
    for folder in ["deploy", "deploy/kubernetes"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        let entries = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_file());
        files.extend(entries.map(|entry| Path::new(folder).join(entry.file_name())));
    }
    let (mut variables, mut objects) = (0, 0);
    for file in files {
        let name = file.to_str().expect("a path");
        let text = document(name);
        let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        // BOXOFFICE_PORT and its like are Kubernetes' own.
        for word in words.filter(|word| word.starts_with("BOXOFFICE_") && *word != "BOXOFFICE_PORT") {
            let key = word.strip_suffix("_FILE").unwrap_or(word);
            assert!(known.contains(key), "{name}: {word} is no setting");
            variables += 1;
        }
        if name.starts_with("deploy/kubernetes") {
            for object in yaml(name) {
                objects += 1;
                let named = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
                let all = [&object["apiVersion"], &object["kind"], &object["metadata"]["name"]];
                assert!(all.into_iter().all(named), "{name}: {object}");
            }
        }
    }
    assert!(variables > 15 && objects == 6, "{variables} variables, {objects} objects");
    yaml("docs/alerts.yml");
}

/// A job has the address of the store as a file, as the nodes have.
#[test]
fn commands_find_the_store_by_the_variables_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("store");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boxoffice"));
        command.env_remove("BOXOFFICE_STORE").env("BOXOFFICE_STORE_FILE", &file);
        let output = command.args(arguments).current_dir(folder.path()).output().expect("a run");
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run(&["audit"]).contains("BOXOFFICE_STORE_FILE"), "there is no such file");
    fs::write(&file, "sqlite:elsewhere.db\n").expect("a file");
    assert!(run(&["audit"]).contains("elsewhere.db"));
    assert!(run(&["audit", "--store", "sqlite:flag.db"]).contains("flag.db"), "a flag goes before it");
    assert!(run(&["migrate"]).contains("elsewhere.db"));
    assert!(run(&["migrate", "--distributed"]).contains("is for postgres://"));
}

#[test]
fn haproxy_takes_its_files() {
    if !installed(&[("haproxy", "-v")]) {
        return;
    }
    for name in ["deploy/haproxy.cfg", "docs/haproxy.cfg"] {
        let output =
            Command::new("haproxy").args(["-c", "-f"]).arg(root().join(name)).output().expect("a run");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_image_is_made_of_what_is_there() {
    let (file, manifest) = (document("deploy/Dockerfile"), document("Cargo.toml"));
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a version");
    assert!(
        file.contains(&format!("FROM rust:{}-slim-bookworm AS build", version.trim_matches('"'))),
        "{file}"
    );
    let user = file.lines().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    let pod = of_kind(NODES, "Deployment")["spec"]["template"]["spec"]["securityContext"].clone();
    assert_eq!(user, format!("{}:{}", pod["runAsUser"], pod["runAsGroup"]));
    assert_eq!(pod["runAsNonRoot"], true);
    assert!(file.find("USER ") < file.find("ENTRYPOINT "), "it does not start as root");
    // What is left out of the build is nothing that is built from.
    for line in document("deploy/Dockerfile.dockerignore").lines() {
        assert!(!["crates", "web", "web/built", "docs", "samples", "Cargo.lock"].contains(&line), "{line}");
    }
}
