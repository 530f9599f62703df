//! The command line of the judge: many seeds, or one with its trace.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use boxoffice_sim::campaign::{Summary, campaign};
use boxoffice_sim::faults::Fault;
use boxoffice_sim::rows::Mutation;
use boxoffice_sim::run::{Options, run, workload};
use boxoffice_sim::shrink::{command as replay, shrink};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// How many violations of a run are shown.
const SHOWN: usize = 20;
/// How often progress is shown, in seconds.
const PROGRESS_S: u64 = 10;

fn flags() -> Command {
    let number = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").value_parser(value_parser!(u64)).help(help)
    };
    let list = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("LIST").value_delimiter(',').action(ArgAction::Append).help(help)
    };
    let mutations = Mutation::ALL.map(Mutation::as_str);
    Command::new("boxoffice-sim")
        .about("Runs the engine through seeded faults in virtual time, and judges what came out")
        .arg(number("seeds", "How many seeds to run").default_value("1000"))
        .arg(number("start", "The first of them").default_value("0"))
        .arg(number("threads", "How many to run at once; as many as there are cores if not given"))
        .arg(number("seed", "Run this one alone").conflicts_with_all(["seeds", "start"]))
        .arg(
            Arg::new("trace")
                .long("trace")
                .action(ArgAction::SetTrue)
                .help("Show everything that happens in it"),
        )
        .arg(list("without", "Faults to leave out of it"))
        .arg(list("only", "The only ops to keep in it, as CLIENT.PLACE"))
        .arg(
            Arg::new("mutation")
                .long("mutation")
                .value_name("NAME")
                .value_parser(mutations)
                .help("Break the system on purpose: the judge must notice"),
        )
}

fn main() -> ExitCode {
    // A panic is a finding, told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let flags = flags().get_matches();
    let mutation = flags.get_one::<String>("mutation");
    let mutation =
        mutation.and_then(|name| Mutation::ALL.into_iter().find(|mutation| mutation.as_str() == name));
    let done = match flags.get_one::<u64>("seed") {
        Some(seed) => run_one(*seed, mutation, &flags),
        None => run_many(mutation, &flags),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody reads standard output any more; perhaps somebody reads this.
            let _ = writeln!(io::stderr(), "boxoffice-sim: {error}");
            ExitCode::from(2)
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{what} is neither a fault nor CLIENT.PLACE"))
}

fn read_op(text: &str) -> io::Result<(usize, usize)> {
    let numbers =
        text.split_once('.').and_then(|(client, place)| Some((client.parse().ok()?, place.parse().ok()?)));
    numbers.ok_or_else(|| invalid(text))
}

fn read_fault(text: &str) -> io::Result<Fault> {
    let fault = Fault::ALL.iter().find(|fault| fault.as_str() == text);
    fault.copied().ok_or_else(|| invalid(text))
}

fn run_one(seed: u64, mutation: Option<Mutation>, flags: &ArgMatches) -> io::Result<bool> {
    let list = |name| flags.get_many::<String>(name).map(|list| list.map(String::as_str).collect::<Vec<_>>());
    let without =
        list("without").unwrap_or_default().into_iter().map(read_fault).collect::<io::Result<_>>()?;
    let only = list("only").map(|ops| ops.into_iter().map(read_op).collect::<io::Result<Vec<_>>>());
    let options =
        Options { seed, mutation, without, only: only.transpose()?, trace: flags.get_flag("trace") };
    let report = run(&options);
    let mut out = io::stdout().lock();
    for line in &report.lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "seed {seed}: {} steps, trace {:016x}", report.steps, report.hash)?;
    show_violations(&mut out, &report.violations)?;
    Ok(report.violations.is_empty())
}

fn show_violations(out: &mut impl io::Write, violations: &[String]) -> io::Result<()> {
    for violation in violations.iter().take(SHOWN) {
        writeln!(out, "VIOLATION {violation}")?;
    }
    if violations.len() > SHOWN {
        writeln!(out, "and {} more", violations.len() - SHOWN)?;
    }
    Ok(())
}

fn run_many(mutation: Option<Mutation>, flags: &ArgMatches) -> io::Result<bool> {
    let number = |name| flags.get_one::<u64>(name).copied();
    let (start, seeds) = (number("start").unwrap_or(0), number("seeds").unwrap_or(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = number("threads").map_or(cores, |threads| threads as usize);
    let began = Instant::now();
    let shown = std::sync::atomic::AtomicU64::new(0);
    let summary = campaign(start, seeds, threads, mutation, |done| {
        let elapsed_s = began.elapsed().as_secs();
        let before = shown.fetch_max(elapsed_s / PROGRESS_S, std::sync::atomic::Ordering::Relaxed);
        if before < elapsed_s / PROGRESS_S {
            // Progress that nobody reads is no loss.
            let _ = writeln!(io::stderr(), "{done} of {seeds} seeds after {elapsed_s} s");
        }
    });
    let mut out = io::stdout().lock();
    show_summary(&mut out, &summary, began.elapsed().as_secs_f64())?;
    if let Some((seed, violations)) = &summary.failed {
        let failed = Options { seed: *seed, mutation, ..Options::default() };
        writeln!(out, "\nseed {seed} fails; {}", replay(&failed))?;
        show_violations(&mut out, violations)?;
        show_shortest(&mut out, &failed)?;
        return Ok(false);
    }
    let missing = summary.missing();
    if !missing.is_empty() {
        writeln!(out, "\nnever reached, so little is proved: {}", missing.join(", "))?;
        return Ok(false);
    }
    Ok(true)
}

fn show_summary(out: &mut impl io::Write, summary: &Summary, elapsed_s: f64) -> io::Result<()> {
    writeln!(out, "{} seeds, {} steps, {elapsed_s:.1} s", summary.seeds, summary.steps)?;
    writeln!(out, "\nfaults injected")?;
    for fault in Fault::ALL {
        writeln!(out, "  {:<32}{:>12}", fault.as_str(), summary.faults[*fault as usize])?;
    }
    writeln!(out, "\noutcomes reached")?;
    for (what, count) in &summary.outcomes.0 {
        writeln!(out, "  {what:<32}{count:>12}")?;
    }
    Ok(())
}

/// The shortest history that still fails.
fn show_shortest(out: &mut impl io::Write, failed: &Options) -> io::Result<()> {
    writeln!(out, "\nlooking for a shorter history that fails")?;
    out.flush()?;
    let shortest = shrink(failed);
    let report = run(&Options { trace: true, ..shortest.clone() });
    let ops = workload(&shortest).ops().len();
    writeln!(out, "{ops} ops are enough; {}", replay(&shortest))?;
    for line in &report.lines {
        writeln!(out, "{line}")?;
    }
    show_violations(out, &report.violations)
}
