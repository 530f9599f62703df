//! The progress bar: on stderr, and only where a person looks.

use std::io::IsTerminal as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::cli::Job;
use super::stage::Run;

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// Shows how far a run is, until it is dropped together with the task that runs it.
pub(super) async fn show(run: &'static Run, job: Job) {
    if !std::io::stderr().is_terminal() {
        return std::future::pending().await;
    }
    let (length, style) = match job {
        Job::Herd { patrons, .. } => {
            (patrons as u64, "{bar:40} {pos} of {len} patrons have their answer  {msg}")
        }
        Job::Holds(_, duration)
        | Job::Mix(_, duration)
        | Job::Reads(_, duration, _)
        | Job::Live(_, duration) => (duration.as_millis() as u64, "{bar:40} {elapsed} {msg}"),
    };
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    let bar = Cleared(bar);
    let (mut before, mut at) = (0, Instant::now());
    loop {
        tokio::time::sleep(EVERY).await;
        let done = run.recorder.done.load(Ordering::Relaxed);
        let rate = (done - before) as f64 / at.elapsed().as_secs_f64();
        (before, at) = (done, Instant::now());
        bar.0.set_message(format!("{rate:.0}/s"));
        match job {
            Job::Herd { .. } => bar.0.set_position(done),
            _ => bar.0.set_position(run.recorder.start().elapsed().as_millis() as u64),
        }
    }
}

/// A bar that leaves nothing behind.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
