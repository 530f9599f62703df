//! Joins the writes of a commit to the write-ahead log: SQLite writes the head and the content of each page alone, and
//! so asks the system more often for these than a server does for all its sockets.
//!
//! SQLite calls a file through a table of methods (<https://sqlite.org/c3ref/io_methods.html>). The log's file gets a
//! copy of its table in which writing keeps what follows on what was kept before, and whatever looks at the file (reading,
//! syncing, its size) writes that down first. With `synchronous = FULL` a commit ends with a sync, and only then does the
//! head of the log's index tell other connections of its pages. Nothing is kept between transactions, when another process
//! may write: SQLite is told to write to the log only while it commits, and what is kept is gone when that fails.

use std::ffi::{c_int, c_void};
use std::ptr;

use rusqlite::{Connection, ffi};

/// How much is kept at most. SQLite's own methods write less than 128 KiB at once.
const AT_ONCE: usize = 64 * 1024;

/// Writes to the log of this connection are joined from now on; called once. Returns whether there is a log: a connection
/// has one once it has read something.
pub(crate) fn join(connection: &Connection) -> rusqlite::Result<bool> {
    // A cache that is full would else write pages of a transaction that may yet be undone.
    connection.pragma_update(None, "cache_spill", false)?;
    Ok(exchange(connection, |theirs| {
        let methods = ffi::sqlite3_io_methods {
            // Without the methods of later versions, which map a file into memory: a log has no use for them.
            iVersion: 1,
            xClose: Some(close),
            xRead: Some(read),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            xFileSize: Some(size),
            ..*theirs
        };
        let joined = Joined { methods, theirs, kept: Vec::with_capacity(AT_ONCE), from: 0 };
        Box::into_raw(Box::new(joined)).cast()
    }))
}

/// Gives the file of this connection's log the table that is made of its own. Returns whether there is a log.
#[expect(unsafe_code, reason = "a file's methods have no safe form")]
fn exchange(
    connection: &Connection,
    table: impl FnOnce(&'static ffi::sqlite3_io_methods) -> *const ffi::sqlite3_io_methods,
) -> bool {
    let mut log: *mut ffi::sqlite3_file = ptr::null_mut();
    // SAFETY: the handle is this connection's, which is used by nobody else meanwhile, and the call writes one pointer:
    // to the log where there is one, and to a file without methods else. Tables of SQLite's own are there for ever.
    unsafe {
        let (name, operation) = (c"main".as_ptr(), ffi::SQLITE_FCNTL_JOURNAL_POINTER);
        let asked =
            ffi::sqlite3_file_control(connection.handle(), name, operation, (&raw mut log).cast::<c_void>());
        if asked != ffi::SQLITE_OK || log.is_null() {
            return false;
        }
        let Some(theirs) = (*log).pMethods.as_ref() else { return false };
        (*log).pMethods = table(theirs);
    }
    true
}

/// What the log's file has for its table of methods.
#[repr(C)]
struct Joined {
    /// First: SQLite knows no more of this than its table.
    methods: ffi::sqlite3_io_methods,
    /// Those that the file was opened with.
    theirs: &'static ffi::sqlite3_io_methods,
    /// What is to be written.
    kept: Vec<u8>,
    /// Where it begins in the file.
    from: i64,
}

#[expect(unsafe_code, reason = "a file's methods have no safe form")]
impl Joined {
    /// Of a file that [`join`] was called for.
    ///
    /// # Safety
    ///
    /// The file's methods must be those of a `Joined`, and nobody may call another one of them meanwhile: a file is its
    /// connection's, and that is used by one thread at a time.
    unsafe fn of<'f>(file: *mut ffi::sqlite3_file) -> &'f mut Self {
        // SAFETY: as required above; the table comes first in it.
        unsafe { &mut *(*file).pMethods.cast_mut().cast::<Self>() }
    }

    /// Writes what is kept. Gone it is in any case: after an error the commit has failed.
    ///
    /// # Safety
    ///
    /// The file must be the one whose methods these are.
    unsafe fn write_out(&mut self, file: *mut ffi::sqlite3_file) -> c_int {
        if self.kept.is_empty() {
            return ffi::SQLITE_OK;
        }
        // SAFETY: the method takes as many bytes as are there.
        let written =
            unsafe { self.write_now(file, self.kept.as_ptr().cast(), self.kept.len() as c_int, self.from) };
        self.kept.clear();
        written
    }

    /// # Safety
    ///
    /// As the method that it calls.
    unsafe fn write_now(
        &self,
        file: *mut ffi::sqlite3_file,
        bytes: *const c_void,
        count: c_int,
        at: i64,
    ) -> c_int {
        match self.theirs.xWrite {
            // SAFETY: as required above.
            Some(write) => unsafe { write(file, bytes, count, at) },
            None => ffi::SQLITE_IOERR_WRITE,
        }
    }
}

#[expect(unsafe_code, reason = "called by SQLite")]
unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    at: i64,
) -> c_int {
    // SAFETY: SQLite calls this for the file that has it, with `count` bytes.
    unsafe {
        let joined = Joined::of(file);
        let length = usize::try_from(count).unwrap_or_default();
        let follows = at == joined.from + joined.kept.len() as i64;
        if !follows || joined.kept.len() + length > AT_ONCE {
            let written = joined.write_out(file);
            if written != ffi::SQLITE_OK {
                return written;
            }
            joined.from = at;
        }
        if length > AT_ONCE {
            return joined.write_now(file, bytes, count, at);
        }
        joined.kept.extend_from_slice(std::slice::from_raw_parts(bytes.cast::<u8>(), length));
        ffi::SQLITE_OK
    }
}

/// One of the file's own methods, after what is kept has been written.
macro_rules! after_writing {
    ($name:ident, $method:ident, $error:ident $(, $argument:ident: $type:ty)*) => {
        #[expect(unsafe_code, reason = "called by SQLite")]
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $type)*) -> c_int {
            // SAFETY: SQLite calls this for the file that has it, as it would call the method behind it.
            unsafe {
                let joined = Joined::of(file);
                match (joined.write_out(file), joined.theirs.$method) {
                    (ffi::SQLITE_OK, Some(method)) => method(file $(, $argument)*),
                    (ffi::SQLITE_OK, None) => ffi::$error,
                    (error, _) => error,
                }
            }
        }
    };
}
after_writing!(read, xRead, SQLITE_IOERR_READ, into: *mut c_void, count: c_int, at: i64);
after_writing!(truncate, xTruncate, SQLITE_IOERR_TRUNCATE, size: i64);
after_writing!(sync, xSync, SQLITE_IOERR_FSYNC, flags: c_int);
after_writing!(size, xFileSize, SQLITE_IOERR_FSTAT, size: *mut i64);

#[expect(unsafe_code, reason = "called by SQLite")]
unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite calls this once for the file that has it, and nothing after it. The file has its own methods again
    // before this table goes.
    unsafe {
        let joined = Box::from_raw((*file).pMethods.cast_mut().cast::<Joined>());
        (*file).pMethods = joined.theirs;
        joined.theirs.xClose.map_or(ffi::SQLITE_OK, |close| close(file))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rusqlite::wal::CheckpointMode;

    use super::*;
    use crate::connection::{open_reader, open_writer};

    /// A database with an empty table, and its writer's connection.
    fn opened(path: &Path, cache_kib: u32) -> Connection {
        let connection = open_writer(path, cache_kib).unwrap();
        connection.execute_batch("CREATE TABLE x (y BLOB)").unwrap();
        connection
    }

    /// Some 1,000 pages.
    fn insert(connection: &Connection) {
        let mut statement = connection.prepare_cached("INSERT INTO x VALUES (randomblob(1500))").unwrap();
        for _ in 0..1000 {
            statement.execute([]).unwrap();
        }
    }

    fn count(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM x", [], |row| row.get(0)).unwrap()
    }

    fn integrity(connection: &Connection) -> String {
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_commit_of_many_pages_is_a_few_writes_and_nothing_is_written_before_it() {
        fn writes_of_this_thread() -> u64 {
            let told = std::fs::read_to_string("/proc/thread-self/io").unwrap();
            let line = told.lines().find_map(|line| line.strip_prefix("syscw: ")).unwrap();
            line.parse().unwrap()
        }
        let folder = tempfile::tempdir().unwrap();
        // What is written does not fit into the cache.
        let connection = opened(&folder.path().join("b.db"), 100);
        let commit = || {
            let before = writes_of_this_thread();
            connection.execute_batch("BEGIN").unwrap();
            insert(&connection);
            let within = writes_of_this_thread();
            connection.execute_batch("COMMIT").unwrap();
            (within - before, writes_of_this_thread() - before)
        };
        let (_, alone) = commit();
        assert!(alone > 2000, "{alone} writes of a log whose writes are not joined");
        assert!(join(&connection).unwrap());
        let (within, joined) = commit();
        assert!(joined < 100, "{joined} writes of one whose writes are");
        assert_eq!(within, 0, "pages of a transaction that may yet be undone were written");
    }

    #[test]
    fn others_see_what_was_committed_at_once_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let connection = opened(&path, 100);
        assert!(join(&connection).unwrap());
        let reader = open_reader(&path).unwrap();
        for round in 0..6 {
            let committed = count(&reader);
            connection.execute_batch("BEGIN").unwrap();
            insert(&connection);
            connection.execute_batch("UPDATE x SET y = randomblob(1400) WHERE rowid % 7 = 0").unwrap();
            assert_eq!((count(&reader), count(&connection)), (committed, committed + 1000));
            let (end, after) = match round % 3 {
                0 => ("ROLLBACK", committed),
                _ => ("COMMIT", committed + 1000),
            };
            connection.execute_batch(end).unwrap();
            assert_eq!(integrity(&reader), "ok");
            assert_eq!((count(&reader), count(&connection)), (after, after));
            if round == 3 {
                let other = open_writer(&path, 100).unwrap();
                let (log, copied) = other.wal_checkpoint_v2::<&str>(None, CheckpointMode::PASSIVE).unwrap();
                assert!(log > 0 && log == copied, "{copied} of {log} pages");
            }
        }
        drop(connection);
        assert_eq!((integrity(&reader).as_str(), count(&reader)), ("ok", 4000));
    }

    static FULL: AtomicBool = AtomicBool::new(false);
    /// The methods that `no_room` stands before.
    static BELOW: OnceLock<&'static ffi::sqlite3_io_methods> = OnceLock::new();

    #[expect(unsafe_code, reason = "called by SQLite")]
    unsafe extern "C" fn no_room(
        file: *mut ffi::sqlite3_file,
        bytes: *const c_void,
        count: c_int,
        at: i64,
    ) -> c_int {
        if FULL.load(Ordering::SeqCst) {
            return ffi::SQLITE_FULL;
        }
        let write = BELOW.get().and_then(|below| below.xWrite);
        // SAFETY: as this was called; it stands for that method.
        write.map_or(ffi::SQLITE_IOERR_WRITE, |write| unsafe { write(file, bytes, count, at) })
    }

    #[test]
    fn a_commit_that_finds_no_room_fails_and_leaves_nothing_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        let connection = opened(&path, 8000);
        let failing = |theirs: &'static ffi::sqlite3_io_methods| {
            BELOW.get_or_init(|| theirs);
            let table = ffi::sqlite3_io_methods { iVersion: 1, xWrite: Some(no_room), ..*theirs };
            std::ptr::from_ref(Box::leak(Box::new(table)))
        };
        assert!(exchange(&connection, failing));
        assert!(join(&connection).unwrap());
        insert(&connection);
        let reader = open_reader(&path).unwrap();
        for full in [true, false, true, false] {
            let before = count(&reader);
            FULL.store(full, Ordering::SeqCst);
            connection.execute_batch("BEGIN").unwrap();
            insert(&connection);
            assert_eq!(connection.execute_batch("COMMIT").is_err(), full);
            FULL.store(false, Ordering::SeqCst);
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK").unwrap();
            }
            // Somebody else writes where the failed commit would have.
            open_writer(&path, 100).unwrap().execute_batch("INSERT INTO x VALUES ('other')").unwrap();
            let after = before + 1 + if full { 0 } else { 1000 };
            assert_eq!((count(&reader), count(&connection)), (after, after));
            assert_eq!(integrity(&reader), "ok");
        }
    }

    #[test]
    fn a_connection_that_has_no_log_yet_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.db");
        drop(opened(&path, 100));
        let connection = Connection::open(&path).unwrap();
        assert!(!exchange(&connection, |_| unreachable!("there is no log")));
        assert_eq!(count(&connection), 0);
        assert!(join(&connection).unwrap());
        insert(&connection);
        assert_eq!(count(&connection), 1000);
    }
}
