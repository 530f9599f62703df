//! Where settings come from: flags, environment variables, a TOML file.

use std::collections::BTreeMap;
use std::path::Path;

use clap::{Arg, ArgMatches, Command};

use super::{ApiKey, Config, ConfigError, ConfigFaults};

/// Adds a flag for each key, so that `--help` is the manual of the config.
pub fn add_flags(mut command: Command) -> Command {
    command = command.arg(
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .env("BOXOFFICE_CONFIG")
            .help("A TOML file with settings"),
    );
    for info in Config::key_infos() {
        let default = if info.default.is_empty() { "none" } else { &info.default };
        let help = format!(
            "{}\n[default: {default}] [key: {}] [variable: {}]",
            info.help,
            info.name,
            info.variable()
        );
        let flag = info.flag();
        let heading = info.section.trim_end_matches('.');
        command = command.arg(
            Arg::new(info.name)
                .long(flag)
                .value_name("VALUE")
                .allow_hyphen_values(true)
                .help_heading(heading)
                .help(help),
        );
    }
    command
}

/// The config as it was put together, sound or not.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Everything that is wrong with them.
    pub faults: Vec<ConfigError>,
    /// Where values came from that are not defaults.
    origins: BTreeMap<String, String>,
}

impl Loaded {
    /// Where a key's value came from.
    pub fn origin(&self, key: &str) -> String {
        self.origins.get(key).cloned().unwrap_or_else(|| "default".to_owned())
    }

    fn set(&mut self, key: &str, value: Result<String, ConfigError>, origin: String) {
        match value.and_then(|value| self.config.set(key, &value)) {
            Ok(()) => drop(self.origins.insert(key.to_owned(), origin)),
            Err(fault) => self.faults.push(fault),
        }
    }
}

/// Puts the config together from `defaults`, the file that the flags name, `variable`s and the flags; refused if
/// anything is wrong with it.
pub fn load(
    defaults: Config,
    flags: &ArgMatches,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Config, ConfigFaults> {
    let loaded = collect(defaults, flags, variable);
    if loaded.faults.is_empty() { Ok(loaded.config) } else { Err(ConfigFaults(loaded.faults)) }
}

/// As [`load`], with every fault beside what could be read.
pub fn collect(defaults: Config, flags: &ArgMatches, variable: impl Fn(&str) -> Option<String>) -> Loaded {
    let mut loaded = Loaded { config: defaults, faults: Vec::new(), origins: BTreeMap::new() };
    if let Some(file) = flags.get_one::<String>("config") {
        read_file(&mut loaded, Path::new(file));
    }
    for info in Config::key_infos() {
        match from_environment(&info.variable(), &variable) {
            Ok(None) => {}
            Ok(Some((value, origin))) => loaded.set(&info.name, Ok(value), origin),
            Err(fault) => loaded.faults.push(fault),
        }
        if let Some(value) = flags.get_one::<String>(&info.name) {
            loaded.set(&info.name, Ok(value.clone()), format!("flag --{}", info.flag()));
        }
    }
    let wrong = loaded.config.check().err().map(|faults| faults.0).unwrap_or_default();
    loaded.faults.extend(wrong);
    loaded
}

/// A variable's value, or the content of the file that its `_FILE` sister names; and where it was.
pub(crate) fn from_environment(
    name: &str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Option<(String, String)>, ConfigError> {
    let file_variable = format!("{name}_FILE");
    match (variable(name), variable(&file_variable)) {
        (Some(_), Some(_)) => {
            Err(ConfigError::Invalid { key: name.to_owned(), why: format!("{file_variable} is set too") })
        }
        (Some(value), None) => Ok(Some((value, format!("variable {name}")))),
        (None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(value) => {
                let value = value.trim_end_matches(['\r', '\n']).to_owned();
                Ok(Some((value, format!("{file}, by variable {file_variable}"))))
            }
            Err(error) => Err(ConfigError::File { file, why: error.to_string() }),
        },
        (None, None) => Ok(None),
    }
}

fn read_file(loaded: &mut Loaded, file: &Path) {
    let name = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => read_table(loaded, &text, &name),
        Err(error) => loaded.faults.push(ConfigError::File { file: name, why: error.to_string() }),
    }
}

/// The settings of the text of a TOML file; `name` is what errors call it. They are not checked together yet.
pub fn read_toml(text: &str, name: &str) -> Loaded {
    let mut loaded = Loaded { config: Config::default(), faults: Vec::new(), origins: BTreeMap::new() };
    read_table(&mut loaded, text, name);
    loaded
}

fn read_table(loaded: &mut Loaded, text: &str, name: &str) {
    let fault = |why: String| ConfigError::File { file: name.to_owned(), why };
    let table: toml::Table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => return loaded.faults.push(fault(error.to_string())),
    };
    let origin = format!("file {name}");
    for (key, value) in &table {
        match (key.as_str(), value) {
            ("keys", toml::Value::Array(keys)) => {
                for (number, key) in keys.iter().enumerate() {
                    let table =
                        key.as_table().ok_or_else(|| fault(format!("keys[{number}] must be a table")));
                    match table.and_then(|table| ApiKey::read(table, number)) {
                        Ok(key) => loaded.config.keys.push(key),
                        Err(fault) => loaded.faults.push(fault),
                    }
                }
            }
            (_, toml::Value::Table(section)) => {
                for (inner, value) in section {
                    set(loaded, &format!("{key}.{inner}"), value, &origin);
                }
            }
            (_, value) => set(loaded, key, value, &origin),
        }
    }
}

fn set(loaded: &mut Loaded, key: &str, value: &toml::Value, origin: &str) {
    if !Config::key_infos().iter().any(|info| info.name == key) {
        let source_name = origin.trim_start_matches("file ").to_owned();
        loaded.faults.push(ConfigError::Unknown { key: key.to_owned(), source_name });
        return;
    }
    loaded.set(key, plain(value).ok_or_else(|| unfit(key)), origin.to_owned());
}

fn unfit(key: &str) -> ConfigError {
    ConfigError::Invalid {
        key: key.to_owned(),
        why: "it must be a plain value, or a list of them".to_owned(),
    }
}

/// A value as flags and variables have it.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Float(_) => Some(value.to_string()),
        toml::Value::Array(items) => Some(items.iter().map(plain).collect::<Option<Vec<_>>>()?.join(",")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
        let command = add_flags(Command::new("test"));
        let matches = command.get_matches_from([&["test"], flags].concat());
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        load(Config::default(), &matches, find)
    }

    #[test]
    fn a_flag_goes_before_a_variable_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b.toml");
        std::fs::write(
            &file,
            "listen = \"127.0.0.1:1\"\n[http]\nmax_connections = 11\nbody_timeout_ms = 12\n",
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let variables = [("BOXOFFICE_HTTP_MAX_CONNECTIONS", "21"), ("BOXOFFICE_LISTEN", "127.0.0.1:2")];
        let config = load_with(&["--config", file, "--listen", "127.0.0.1:3"], &variables).unwrap();
        assert_eq!(config.main.listen, "127.0.0.1:3");
        assert_eq!(config.http.max_connections, 21);
        assert_eq!(config.http.body_timeout_ms, 12);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused =
            |flags: &[&str], variables: &[(&str, &str)]| load_with(flags, variables).unwrap_err().to_string();
        assert!(refused(&["--listen", "nowhere"], &[]).starts_with("listen:"));
        assert!(refused(&["--log-format", "xml"], &[]).starts_with("log.format:"));
        assert!(refused(&[], &[("BOXOFFICE_SQLITE_BATCH", "many")]).starts_with("sqlite.batch:"));
        assert!(refused(&["--admin-key", "short"], &[]).starts_with("admin_key:"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b.toml");
        std::fs::write(&file, "[http]\nmax_conections = 11\n").unwrap();
        assert!(refused(&["--config", file.to_str().unwrap()], &[]).contains("http.max_conections"));
        let all = refused(&["--listen", "nowhere", "--cors-origins", "*", "--proxies", "all"], &[]);
        for key in ["listen:", "cors.origins:", "proxies:"] {
            assert!(all.lines().any(|line| line.starts_with(key)), "{all}");
        }
    }

    #[test]
    fn a_list_is_a_list_in_the_file_and_has_commas_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b.toml");
        std::fs::write(
            &file,
            "proxies = [\"10.0.0.0/8\", \"::1\"]\n[cors]\norigins = [\"https://a.example\"]\n",
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let config = load_with(&["--config", file], &[]).unwrap();
        assert_eq!(config.main.proxies.to_string(), "10.0.0.0/8,::1/128");
        assert_eq!(config.cors.origins.0.len(), 1);
        let origins = [("BOXOFFICE_CORS_ORIGINS", "https://b.example,https://c.example")];
        assert_eq!(load_with(&["--config", file], &origins).unwrap().cors.origins.0.len(), 2);
    }
}
