//! The machine that a figure belongs to, and how much of it each side used.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

/// A second of processor time in the units of /proc (USER_HZ, which is 100 on every Linux that we know).
const TICKS_PER_SECOND: f64 = 100.0;
/// How often the disk is asked to sync for the probe.
const PROBES: usize = 60;

/// A machine.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    /// The processor's name.
    pub(super) processor: String,
    /// How many threads can run at once.
    pub(super) cores: usize,
    /// Memory in MiB.
    pub(super) memory_mib: u64,
    /// The kernel.
    pub(super) system: String,
    /// The file system of the server's data, where it is known.
    pub(super) file_system: Option<String>,
    /// How long a sync of a small write takes there, in milliseconds, median.
    pub(super) sync_ms: Option<f64>,
}

impl Machine {
    /// This one; `data` is where a server of our own has its data.
    pub(super) fn look(data: Option<&Path>) -> Self {
        let value = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = value("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_mib: memory.trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024,
            system: format!("{} {}", std::env::consts::OS, kernel.trim()).trim().to_owned(),
            file_system: data.and_then(file_system),
            sync_ms: data.and_then(sync_ms),
        }
    }

    /// In one line.
    pub(super) fn describe(&self) -> String {
        let mut text = format!(
            "{} cores of {}, {:.1} GiB, {}",
            self.cores,
            self.processor,
            self.memory_mib as f64 / 1024.0,
            self.system
        );
        if let Some(kind) = &self.file_system {
            text += &format!(", data on {kind}");
        }
        if let Some(ms) = self.sync_ms {
            text += &format!(", fdatasync {ms:.2} ms median");
        }
        text
    }
}

/// The kind of file system that a path is on.
pub(super) fn file_system(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let around = fields.filter(|fields| fields.len() > 2 && path.starts_with(fields[1]));
    // Of mounts at the same place the last one is what is seen.
    let nearest = around.max_by_key(|fields| fields[1].len())?;
    Some(nearest[2].to_owned())
}

fn sync_ms(folder: &Path) -> Option<f64> {
    let path = folder.join("sync-probe");
    let mut file = fs::File::create(&path).ok()?;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..PROBES {
        let started = Instant::now();
        file.write_all(&[0; 4096]).ok()?;
        file.sync_data().ok()?;
        times.push(started.elapsed());
    }
    drop(file);
    fs::remove_file(&path).ok()?;
    times.sort_unstable();
    Some(times[times.len() / 2].as_secs_f64() * 1000.0)
}

/// The processor time that a process has used, in seconds (proc(5): fields 14 and 15 of stat).
pub(super) fn cpu_s(pid: Option<u32>) -> Option<f64> {
    let file = pid.map_or("/proc/self/stat".to_owned(), |pid| format!("/proc/{pid}/stat"));
    let text = fs::read_to_string(file).ok()?;
    // The name, which may have spaces, ends with the last bracket.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS_PER_SECOND)
}

/// The memory that a process has, in bytes (proc(5): VmRSS).
pub(super) fn resident_bytes(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

/// The processor time that all processes together have used, in seconds (proc(5): all of `cpu` in /proc/stat but
/// idle and iowait).
pub(super) fn all_cpu_s() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).map_while(|n| n.parse().ok()).collect();
    let busy: f64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|place| fields.get(*place)).sum();
    Some(busy / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_passes() {
        let before = cpu_s(None).unwrap();
        let mut sum = 0u64;
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(60) {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        assert!(cpu_s(None).unwrap() > before);
        assert!(cpu_s(Some(std::process::id())).is_some());
        assert!(all_cpu_s().unwrap() >= cpu_s(None).unwrap() - before);
    }

    #[test]
    fn the_file_system_of_proc_is_known() {
        assert_eq!(file_system(Path::new("/proc/self")).as_deref(), Some("proc"));
    }
}
