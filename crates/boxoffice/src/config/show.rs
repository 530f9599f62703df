//! The config as text: in the form of the TOML file, with where each value came from, and without secrets.

use std::fmt::Write as _;

use super::{Config, KeyInfo};

const MASK: &str = "***";

/// A value as it may be shown: secrets, and passwords in addresses, are masked.
pub(super) fn masked(key: &str, value: &str) -> String {
    if key == "admin_key" && !value.is_empty() {
        return MASK.to_owned();
    }
    match value.split_once("://") {
        Some((scheme, rest)) if ["store", "gate", "bus"].contains(&key) => {
            let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
            let shown = match rest.rsplit_once('@') {
                Some((user, host)) => match user.split_once(':') {
                    Some((user, _)) => format!("{scheme}://{user}:{MASK}@{host}"),
                    None => format!("{scheme}://{user}@{host}"),
                },
                None => format!("{scheme}://{rest}"),
            };
            let hide = |pair: &str| match pair.split_once('=') {
                Some((name, _)) if name.contains("password") => format!("{name}={MASK}"),
                _ => pair.to_owned(),
            };
            let query: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).map(hide).collect();
            if query.is_empty() { shown } else { format!("{shown}?{}", query.join("&")) }
        }
        _ => value.to_owned(),
    }
}

/// A TOML file with every key as it is, each with where its value came from.
pub fn print(config: &Config, origin: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    sections(&mut out, |out, key| {
        let text = masked(&key.name, &config.text(&key.name));
        let value = if text == config.text(&key.name) { config.toml(&key.name) } else { format!("{text:?}") };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{} = {value}  # {}", last(&key.name), origin(&key.name));
    });
    for key in &config.keys {
        let scope = key.scope.as_str();
        let _ = writeln!(
            out,
            "\n[[keys]]\nname = {:?}\nsha256 = \"{MASK}\"\nscope = \"{scope}\"  # file",
            key.name
        );
    }
    out
}

/// A TOML file that sets nothing: every key with what it is and its default, as a comment to be uncommented.
pub fn sample() -> String {
    let mut out = String::from(
        "# Every setting of `boxoffice serve`, with its default. Remove the # before what you want to change.\n\
         # This is the output of `boxoffice config sample`.\n",
    );
    let defaults = Config::default();
    sections(&mut out, |out, key| {
        let value = defaults.toml(&key.name);
        let _ = writeln!(out, "\n# {}\n#{} = {value}", key.help, last(&key.name));
    });
    out.push_str(
        "\n# API keys, as many as needed: a name for the event log, the SHA-256 of the secret, and a scope (read, sell or\n\
         # admin).\n#[[keys]]\n#name = \"shop\"\n\
         #sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n#scope = \"sell\"\n",
    );
    out
}

fn sections(out: &mut String, mut key: impl FnMut(&mut String, &KeyInfo)) {
    let mut section = String::new();
    for info in Config::key_infos() {
        let (name, _) = info.name.split_once('.').unwrap_or_default();
        if name != section {
            let _ = writeln!(out, "\n[{name}]");
            name.clone_into(&mut section);
        }
        key(out, &info);
    }
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        assert_eq!(masked("admin_key", "a long secret of mine"), MASK);
        assert_eq!(masked("store", "postgres://me:secret@db/shop"), "postgres://me:***@db/shop");
        assert_eq!(masked("gate", "redis://:secret@a,b"), "redis://:***@a,b");
        assert_eq!(masked("bus", "redis+sentinel://tickets:secret@a"), "redis+sentinel://tickets:***@a");
        assert_eq!(masked("store", "sqlite:shop.db"), "sqlite:shop.db");
        assert_eq!(masked("public_url", "https://tickets.example"), "https://tickets.example");
    }
}
