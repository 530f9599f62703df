//! What only the operating system can do to a process: SIGTERM and Ctrl-C, limits of the size and the number of its files.

#![allow(unsafe_code, reason = "these calls have no safe wrapper in the standard library")]

use std::ptr;

/// Asks a process to end.
pub(crate) fn terminate(pid: u32) {
    signal(pid, libc::SIGTERM);
}

/// What Ctrl-C sends.
pub(crate) fn interrupt(pid: u32) {
    signal(pid, libc::SIGINT);
}

fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: kill takes no pointers; the pid is that of a child which has not been reaped.
    let outcome = unsafe { libc::kill(pid as libc::pid_t, signal) };
    assert_eq!(outcome, 0, "signal {signal} to {pid}");
}

/// From now on no file of this process can grow beyond `bytes`, as if the disk were full.
pub(crate) fn limit_file_size(pid: u32, bytes: u64) {
    set_file_size(pid, bytes);
}

/// Undoes [`limit_file_size`].
pub(crate) fn unlimit_file_size(pid: u32) {
    set_file_size(pid, libc::RLIM_INFINITY);
}

fn set_file_size(pid: u32, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` outlives the call, and a null pointer asks for no old limit.
    let outcome =
        unsafe { libc::prlimit(pid as libc::pid_t, libc::RLIMIT_FSIZE, &raw const limit, ptr::null_mut()) };
    assert_eq!(outcome, 0, "prlimit of {pid}");
}

/// Lets this process have as many files open as the system allows without asking anybody; how many that is.
pub(crate) fn raise_open_files() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a struct that outlives them.
    let outcomes = unsafe {
        let known = libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        [known, libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)]
    };
    assert_eq!(outcomes, [0, 0], "the limit of open files");
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}
