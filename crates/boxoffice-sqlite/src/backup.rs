//! Copies: taken while the server runs, checked before they get their name, restored only into nothing.

use std::fs::File;
use std::path::Path;

use boxoffice_engine::audit::AuditReport;
use rusqlite::{Connection, OpenFlags};

use crate::audit::{self, integrity};
use crate::connection::{beside, check_ours, check_version, has_content, log_of, open_reader};
use crate::error::{At, OpenError};
use crate::lock::{WriterLock, writes_elsewhere};
use crate::migration::{MIGRATIONS, check};
use crate::store::{Options, SqliteStore};

/// Copies the database at `path` to `target`, which must not exist. The copy is marked: whatever first opens it for
/// writing gives it a new epoch. It is made as `target.part` and renamed once it has passed its checks.
pub fn back_up(path: &Path, target: &Path) -> Result<AuditReport, OpenError> {
    check_version()?;
    check_named(path)?;
    if !path.exists() {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let source = open_reader(path)?;
    check_ours(&source, path)?;
    check(&source, path, MIGRATIONS)?;
    publish(target, path, |part| {
        source.execute("VACUUM INTO ?1", [&*part.to_string_lossy()]).at(part)?;
        check_named(path)
    })
}

/// Refuses to copy what the running server, if there is one, does not write to.
fn check_named(path: &Path) -> Result<(), OpenError> {
    if writes_elsewhere(path) { Err(OpenError::Lost(path.to_owned())) } else { Ok(()) }
}

/// Copies the backup at `file` to `target`, where nothing may be, and gives it a new epoch.
pub fn restore(file: &Path, target: &Path) -> Result<AuditReport, OpenError> {
    check_version()?;
    if !file.exists() {
        return Err(OpenError::Missing(file.to_owned()));
    }
    let log = log_of(file);
    if has_content(&log) {
        return Err(OpenError::LogBeside { path: file.to_owned(), log });
    }
    if target.exists() {
        return Err(OpenError::Exists(target.to_owned()));
    }
    // Held to the end: a server whose file was deleted under it may still be there.
    let lock = WriterLock::take(target)?;
    remove_empty_log(target)?;
    let report = publish(target, file, |part| std::fs::copy(file, part).map(drop).at(part))?;
    // Opening it for writing renews the epoch.
    drop(SqliteStore::open_locked(target, Options::default(), lock)?);
    Ok(report)
}

/// Removes what a reader left beside a database that is no more: a log in which nothing stands, and its index. A log
/// in which something stands is kept, and refused.
pub(crate) fn remove_empty_log(target: &Path) -> Result<(), OpenError> {
    let log = beside(target, "-wal");
    if has_content(&log) {
        return Err(OpenError::Exists(log));
    }
    for name in [log, beside(target, "-shm")] {
        if name.exists() {
            std::fs::remove_file(&name).at(&name)?;
        }
    }
    Ok(())
}

/// Makes `target` by way of `target.part`: written, marked, checked, synced, renamed. What is wrong with the content is
/// the fault of `source`.
pub(crate) fn publish(
    target: &Path,
    source: &Path,
    write: impl FnOnce(&Path) -> Result<(), OpenError>,
) -> Result<AuditReport, OpenError> {
    if target.exists() {
        return Err(OpenError::Exists(target.to_owned()));
    }
    let part = beside(target, ".part");
    if part.exists() {
        return Err(OpenError::Exists(part));
    }
    let made = write(&part).and_then(|()| mark(&part, source)).and_then(|()| examine(&part));
    let report = match made {
        Ok(report) => report,
        Err(error) => {
            // What is half made is of no use; the error says what happened.
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    };
    File::open(&part).and_then(|file| file.sync_all()).at(&part)?;
    // A hard link fails where a rename would overwrite.
    std::fs::hard_link(&part, target).at(target)?;
    std::fs::remove_file(&part).at(&part)?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).at(folder)?;
    Ok(report)
}

fn mark(part: &Path, source: &Path) -> Result<(), OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(part, flags).at(part)?;
    check_ours(&connection, source)?;
    let damage = integrity(&connection).at(source)?;
    if let Some(first) = damage.first() {
        return Err(OpenError::Unsound(first.clone()));
    }
    connection.pragma_update(None, "journal_mode", "DELETE").at(part)?;
    connection.execute("UPDATE meta SET value = '1' WHERE name = 'backup'", []).at(source)?;
    Ok(())
}

fn examine(part: &Path) -> Result<AuditReport, OpenError> {
    let report = audit::run(part, |_, _| {})?;
    match report.violations.first() {
        None => Ok(report),
        Some(first) => Err(OpenError::Unsound(first.clone())),
    }
}
