//! `boxoffice import`: check a seating plan, draw it, and make an auditorium of it if asked to.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::print_line;
use crate::config::from_environment;
use crate::plans::{Options, draw, import};

/// Its flags.
pub(super) fn command() -> Command {
    Command::new("import")
        .about("Check a seating plan (our own format, pretix's or Vista's) and draw it")
        .arg(Arg::new("file").value_name("PLAN.json").required(true).value_parser(value_parser!(PathBuf)))
        .arg(
            Arg::new("blocked")
                .long("blocked-category")
                .value_name("KEY")
                .action(ArgAction::Append)
                .help("Seats of this category are not for sale; may be given several times"),
        )
        .arg(
            Arg::new("into").long("into").value_name("URL").help(
                "Create an auditorium on this server (http); the key is taken from BOXOFFICE_ADMIN_KEY or BOXOFFICE_ADMIN_KEY_FILE",
            ),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("The auditorium's name, if not the plan's own"),
        )
}

/// Checks and draws; a plan with faults ends with status 1 and all of them.
pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let file = matches.get_one::<PathBuf>("file").context("a file is needed")?;
    let bytes = read(file)?;
    let blocked: Vec<String> = matches.get_many("blocked").into_iter().flatten().cloned().collect();
    let options = Options { blocked_categories: blocked.clone(), ..Options::default() };
    let imported = match import(&bytes, &options) {
        Ok(imported) => imported,
        Err(faults) => {
            for fault in &faults {
                eprintln!("{fault}");
            }
            eprintln!("{}: {} faults; nothing was imported", file.display(), faults.len());
            return Ok(ExitCode::FAILURE);
        }
    };
    print_line(&draw(&imported.plan));
    print_line(&format!(
        "format {}, labels by {}, plan {}",
        imported.format,
        imported.label_rule.as_str(),
        imported.plan.hash()
    ));
    for warning in &imported.warnings {
        print_line(&format!("warning: {warning}"));
    }
    if let Some(url) = matches.get_one::<String>("into") {
        let given = matches.get_one::<String>("name").cloned().or(imported.name);
        let name = given.context("the plan has no name: give one with --name")?;
        let plan: Value = serde_json::from_slice(&bytes).context("the plan cannot be sent")?;
        let body = json!({"name": name, "plan": plan, "blocked_categories": blocked});
        print_line(&format!("created {}", create(url, &body)?));
    }
    Ok(ExitCode::SUCCESS)
}

/// The file's bytes; one that cannot be a plan is not read into memory.
fn read(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let name = file.display();
    let length = std::fs::metadata(file).with_context(|| name.to_string())?.len();
    let limit = crate::plans::MAX_BYTES as u64;
    if length > limit {
        bail!("{name}: {length} bytes are more than a seating plan may have ({limit})");
    }
    std::fs::read(file).with_context(|| name.to_string())
}

fn create(url: &str, body: &Value) -> anyhow::Result<String> {
    const KEY: &str = "BOXOFFICE_ADMIN_KEY";
    let found = from_environment(KEY, &|name: &str| std::env::var(name).ok())?;
    let (key, _) = found.with_context(|| format!("neither {KEY} nor {KEY}_FILE is set"))?;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("{}/v1/auditoriums", url.trim_end_matches('/')));
    let mut response = request
        .header("Authorization", format!("Bearer {key}"))
        .send_json(body)
        .with_context(|| url.to_owned())?;
    let status = response.status();
    let answer: Value = response.body_mut().read_json()?;
    if status.is_success() {
        return Ok(answer["id"].as_str().unwrap_or_default().to_owned());
    }
    bail!("{url} said {status}: {answer}")
}
