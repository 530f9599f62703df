//! Where settings come from: flags, environment variables, a TOML file.

use std::path::Path;

use clap::{Arg, ArgMatches, Command};

use super::{ApiKey, Config, ConfigError};

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
        let help = format!("{} [default: {default}]", info.help);
        let flag = info.flag();
        command = command
            .arg(Arg::new(info.name).long(flag).value_name("VALUE").allow_hyphen_values(true).help(help));
    }
    command
}

/// Puts the config together from `defaults`, the file that the flags name, `variable`s and the flags.
pub fn load(
    defaults: Config,
    flags: &ArgMatches,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut config = defaults;
    if let Some(file) = flags.get_one::<String>("config") {
        read_file(&mut config, Path::new(file))?;
    }
    for info in Config::key_infos() {
        if let Some(value) = from_environment(&info.variable(), &variable)? {
            config.set(&info.name, &value)?;
        }
        if let Some(value) = flags.get_one::<String>(&info.name) {
            config.set(&info.name, value)?;
        }
    }
    config.check()?;
    Ok(config)
}

/// A variable's value, or the content of the file that its `_FILE` sister names.
fn from_environment(
    name: &str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, ConfigError> {
    let file_variable = format!("{name}_FILE");
    match (variable(name), variable(&file_variable)) {
        (Some(_), Some(_)) => {
            Err(ConfigError::Invalid { key: name.to_owned(), why: format!("{file_variable} is set too") })
        }
        (Some(value), None) => Ok(Some(value)),
        (None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(value) => Ok(Some(value.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => Err(ConfigError::File { file, why: error.to_string() }),
        },
        (None, None) => Ok(None),
    }
}

fn read_file(config: &mut Config, file: &Path) -> Result<(), ConfigError> {
    let name = file.display().to_string();
    let fault = |why: String| ConfigError::File { file: name.clone(), why };
    let text = std::fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| fault(error.to_string()))?;
    for (key, value) in &table {
        match (key.as_str(), value) {
            ("keys", toml::Value::Array(keys)) => {
                for (number, key) in keys.iter().enumerate() {
                    let key =
                        key.as_table().ok_or_else(|| fault(format!("keys[{number}] must be a table")))?;
                    config.keys.push(ApiKey::read(key, number)?);
                }
            }
            (_, toml::Value::Table(section)) => {
                for (inner, value) in section {
                    set(config, &format!("{key}.{inner}"), value, &name)?;
                }
            }
            (_, value) => set(config, key, value, &name)?,
        }
    }
    Ok(())
}

fn set(config: &mut Config, key: &str, value: &toml::Value, file: &str) -> Result<(), ConfigError> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Float(_) => value.to_string(),
        _ => {
            return Err(ConfigError::Invalid {
                key: key.to_owned(),
                why: "it must be a plain value".to_owned(),
            });
        }
    };
    config.set(key, &text).map_err(|error| match error {
        ConfigError::Unknown { key, .. } => ConfigError::Unknown { key, source_name: file.to_owned() },
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
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
    }
}
