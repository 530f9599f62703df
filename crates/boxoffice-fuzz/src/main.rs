//! The `boxoffice-fuzz` command: runs targets for some time without a look at coverage, replays an input, writes seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use boxoffice_fuzz::mutate::Mutator;
use boxoffice_fuzz::seeds;
use boxoffice_fuzz::targets::{TARGETS, Target, find};
use clap::{Arg, Command, value_parser};

fn arguments() -> Command {
    let option = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let number = || value_parser!(u64);
    Command::new("boxoffice-fuzz")
        .about("Fuzzes what reads bytes from outside")
        .arg(option("target", "NAME").default_value("all").help("The target, or all"))
        .arg(
            option("seconds", "N")
                .default_value("10")
                .value_parser(number())
                .help("How long each target runs"),
        )
        .arg(
            option("seed", "N").default_value("1").value_parser(number()).help("What the inputs follow from"),
        )
        .arg(option("replay", "FILE").help("Run the input in this file instead"))
        .arg(option("write-seeds", "FOLDER").help("Write seeds and a dictionary as libFuzzer reads them"))
}

fn main() -> anyhow::Result<ExitCode> {
    let given = arguments().get_matches();
    let text = |name: &str| given.get_one::<String>(name).map(String::as_str);
    let number = |name: &str| given.get_one::<u64>(name).copied().unwrap_or_default();
    let name = text("target").unwrap_or_default();
    if let Some(folder) = text("write-seeds") {
        write(Path::new(folder))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = text("replay") {
        let target = find(name).context("--replay needs a --target")?;
        (target.run)(&std::fs::read(file).with_context(|| file.to_owned())?);
        return Ok(ExitCode::SUCCESS);
    }
    let chosen: Vec<_> = TARGETS.iter().filter(|known| name == "all" || name == known.name).collect();
    anyhow::ensure!(!chosen.is_empty(), "there is no target {name}");
    let mut sound = true;
    for target in chosen {
        sound &= run(target, Duration::from_secs(number("seconds")), number("seed"))?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a target until the time is over or an input fails, which is saved.
#[expect(clippy::print_stdout, reason = "the figures are its output")]
fn run(target: &Target, time: Duration, seed: u64) -> anyhow::Result<bool> {
    let corpus = seeds::of(target.name);
    let words = seeds::words();
    let mutator = Mutator::new(seed, &words);
    let (start, mut runs, mut slowest) = (Instant::now(), 0u64, Duration::ZERO);
    while start.elapsed() < time {
        let input = match corpus.get(runs as usize) {
            Some(seed) => seed.clone(),
            None => mutator.mutate(&corpus, target.json),
        };
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        slowest = slowest.max(begun.elapsed());
        runs += 1;
        if outcome.is_err() {
            let file = format!("fuzz-{}-{seed}-{runs}", target.name);
            std::fs::write(&file, &input)?;
            println!(
                "{} fails; replay: cargo run -p boxoffice-fuzz -- --target {0} --replay {file}",
                target.name
            );
            return Ok(false);
        }
    }
    println!("{:9} {runs:>10} inputs, the slowest in {slowest:.1?}", target.name);
    Ok(true)
}

fn write(folder: &Path) -> anyhow::Result<()> {
    for target in &TARGETS {
        let corpus = folder.join(target.name);
        std::fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
        for (number, seed) in seeds::of(target.name).into_iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
    }
    let quoted = |word: String| {
        let bytes: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{bytes}\"\n")
    };
    let words: String = seeds::words().into_iter().map(quoted).collect();
    std::fs::write(folder.join("words.dict"), words)?;
    Ok(())
}
