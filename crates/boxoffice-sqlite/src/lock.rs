//! One writing process per file: an advisory lock on a file beside the database.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{At, OpenError};

/// Held as long as the process writes; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of the database at `path`, or says that another process has it.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let name = Path::new(&name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(name).at(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(error).at(name),
        }
    }
}
