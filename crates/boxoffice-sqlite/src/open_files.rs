//! Whether the database still has its name: what is written to files that nobody will find again is lost.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::connection::log_of;
use crate::error::{At, OpenError};

/// A file, whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> std::io::Result<Self> {
        let file = std::fs::metadata(path)?;
        Ok(Self { device: file.dev(), inode: file.ino() })
    }
}

/// The database and its write-ahead log, as they were when they were opened. While they are open, no other file can
/// have their device and inode.
#[derive(Debug)]
pub(crate) struct OpenFiles([(PathBuf, Identity); 2]);

impl OpenFiles {
    /// The files that the names of the database at `path` lead to now. The log must be there.
    pub(crate) fn at(path: &Path) -> Result<Self, OpenError> {
        let log = log_of(path);
        let database = Identity::of(path).at(path)?;
        let log_identity = Identity::of(&log).at(&log)?;
        Ok(Self([(path.to_owned(), database), (log, log_identity)]))
    }

    /// The first name that no longer leads to its file.
    pub(crate) fn lost(&self) -> Option<&Path> {
        let has_gone = |(path, identity): &&(PathBuf, Identity)| {
            !Identity::of(path).is_ok_and(|found| found == *identity)
        };
        self.0.iter().find(has_gone).map(|(path, _)| path.as_path())
    }
}

/// For the lock file: which files they are.
impl fmt::Display for OpenFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [(_, database), (_, log)] = &self.0;
        write!(f, "{}:{} {}:{}", database.device, database.inode, log.device, log.inode)
    }
}
