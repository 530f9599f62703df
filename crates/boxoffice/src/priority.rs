//! Which threads go first where there are too few cores: those of the embedded store, for whose writer everybody waits,
//! then those that speak HTTP, then those that write to watchers. A system that gives turns of milliseconds would
//! otherwise let a commit that is on the disk wait for one.

use std::sync::LazyLock;

use crate::config::Config;

/// How far the threads that speak HTTP stand back behind those of the store in the same process: a third of their weight.
const BEHIND_STORE: i32 = 5;
/// How far those that write to watchers stand back behind those that speak HTTP: a tenth of their weight.
const BEHIND_SALES: i32 = 10;

/// How far the threads that speak HTTP stand back. Where the store is another process, there is nobody to stand behind.
pub(crate) fn of_sales(config: &Config) -> i32 {
    if config.sqlite_path().is_some() { BEHIND_STORE } else { 0 }
}

/// How far those that write to watchers do.
pub(crate) fn of_watching(config: &Config) -> i32 {
    of_sales(config) + BEHIND_SALES
}

/// The lowest priority there is.
const LAST: i32 = 19;

/// Makes the calling thread stand back so far behind the priority that the process was started with (setpriority(2)).
pub(crate) fn stand_back(steps: i32) {
    static STARTED_WITH: LazyLock<i32> = LazyLock::new(of_process);
    lower((*STARTED_WITH + steps).min(LAST));
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no calls for priorities")]
fn of_process() -> i32 {
    // SAFETY: the call takes no pointers. The first thread of a process has its number; what that was started with, it has.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, std::process::id()) }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no calls for priorities")]
fn lower(priority: i32) {
    // SAFETY: the call takes no pointers. On Linux 0 is the calling thread alone.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, priority);
    }
}

#[cfg(not(target_os = "linux"))]
fn of_process() -> i32 {
    0
}

/// Elsewhere it would be the whole process.
#[cfg(not(target_os = "linux"))]
fn lower(_: i32) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The 19th field of a thread's stat, by proc(5).
    fn nice_of(thread: &str) -> i32 {
        let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().nth(16).and_then(|nice| nice.parse().ok()).expect("a number")
    }

    #[test]
    fn a_thread_stands_back_alone() {
        let before = nice_of("self");
        let back = std::thread::spawn(|| {
            stand_back(BEHIND_STORE);
            nice_of("thread-self")
        });
        assert_eq!(back.join().expect("the thread ends"), (before + BEHIND_STORE).min(LAST));
        assert_eq!(nice_of("self"), before);
    }
}
