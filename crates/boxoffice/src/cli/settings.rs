//! `boxoffice config`: what the server would run with, where each value came from, and what is wrong with it.

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::print_line;
use crate::config::{self, Config};

/// What stands below the settings in `--help`.
pub(super) const MANUAL: &str = "\
Each setting is a flag, a variable and a key of the TOML file: --http-max-connections is BOXOFFICE_HTTP_MAX_CONNECTIONS, \
and max_connections in the section [http]. Each variable also exists as …_FILE, naming a file that has the value. A flag \
goes before a variable, a variable before the file, the file before the default. Lists have commas; in the file they are \
lists of texts.

API keys stand in the file alone, as many as needed:

  [[keys]]
  name = \"shop\"      # as the event log shows it
  sha256 = \"…\"       # of the secret: printf %s SECRET | sha256sum
  scope = \"sell\"     # read, sell or admin; each includes the ones before it

`boxoffice config sample` prints a file with every setting, `boxoffice config check` says what is wrong with what it is \
given as `serve` is, `boxoffice config print` shows what is in force.";

pub(super) fn command() -> Command {
    let with_settings =
        |name: &'static str, about: &'static str| config::add_flags(Command::new(name).about(about));
    Command::new("config")
        .about("Check and print the settings, given as to `serve`")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings("check", "Name every fault of the settings; exit status 1 if there is one"))
        .subcommand(with_settings("print", "Print every setting with where it came from, secrets masked"))
        .subcommand(Command::new("sample").about("Print a TOML file with every setting and its default"))
}

pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let variable = |name: &str| std::env::var(name).ok();
    let collect = |matches| config::collect(Config::default(), matches, variable);
    let faults = match matches.subcommand() {
        Some(("check", matches)) => {
            note_unknown_variables();
            let loaded = collect(matches);
            if loaded.faults.is_empty() {
                print_line("the settings are sound");
            }
            loaded.faults
        }
        Some(("print", matches)) => {
            let loaded = collect(matches);
            print_line(config::print(&loaded.config, |key| loaded.origin(key)).trim());
            loaded.faults
        }
        _ => {
            print_line(config::sample().trim_end());
            Vec::new()
        }
    };
    for fault in &faults {
        eprintln!("boxoffice: {fault}");
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A variable that nothing reads is perhaps a typo, perhaps the platform's: some set variables for each service.
fn note_unknown_variables() {
    let known: Vec<String> = Config::key_infos().iter().map(config::KeyInfo::variable).collect();
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let key = name.strip_suffix("_FILE").unwrap_or(&name);
        if name.starts_with("BOXOFFICE_")
            && name != "BOXOFFICE_CONFIG"
            && !known.iter().any(|known| known == key)
        {
            eprintln!("note: the variable {name} is not a setting");
        }
    }
}
