//! One writing process per file: an advisory lock on a file beside the database, which says what its holder writes to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::connection::{beside, real};
use crate::error::{At, OpenError};
use crate::open_files::OpenFiles;

/// Held as long as the process writes; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
}

impl WriterLock {
    /// Takes the lock of the database at `path`, or says that another process has it.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        if std::fs::metadata(path).is_ok_and(|file| file.nlink() > 1) {
            // Each name would have a log of its own, and neither process would know of the other.
            let error = std::io::Error::other("the file has several names (hard links); give it one");
            return Err(OpenError::Io { path: path.to_owned(), error });
        }
        let name = beside(&real(path), ".lock");
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
        // What is not there is the folder.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let file = opened.at(folder.unwrap_or(&name))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(error).at(&name),
        }
        // What an earlier holder wrote to means nothing any more.
        file.set_len(0).at(&name)?;
        Ok(Self { file })
    }

    /// Writes down which files the holder writes to, for [`writes_elsewhere`].
    pub(crate) fn tell(&self, files: &OpenFiles) -> std::io::Result<()> {
        (&self.file).write_all(files.to_string().as_bytes())
    }
}

/// Whether a process has the lock of the database at `path`, but writes to other files than those that are there
/// now: they were deleted, moved or replaced after it had opened them.
pub(crate) fn writes_elsewhere(path: &Path) -> bool {
    let name = beside(&real(path), ".lock");
    let Ok(told) = std::fs::read_to_string(&name) else { return false };
    if told.is_empty() || OpenFiles::at(path).is_ok_and(|files| files.to_string() == told) {
        return false;
    }
    // What is told counts only while somebody holds the lock.
    let held = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    File::open(&name).is_ok_and(held)
}
