//! Faults of the system under the server: a disk that cannot sync.
//!
//! A small library, compiled with the C compiler that SQLite needs anyway, stands before the C library of the server's
//! process alone. The server knows nothing of it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use super::process::Server;

/// The faults of one server.
pub(crate) struct Faults(File);

impl Faults {
    /// Puts the library under a server that has not been started; nothing is wrong yet.
    pub(crate) fn under(server: &Server) -> Self {
        let library = server.path("faults.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/faults.c");
        let mut compiler = Command::new("cc");
        let made =
            compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        assert!(made.status().expect("a C compiler").success(), "{source} does not compile");
        let faults = Self(File::create(server.path("faults")).expect("a file"));
        faults.fail_syncs(false);
        server.set_variable("LD_PRELOAD", library);
        server.set_variable("FAULTS_FILE", server.path("faults"));
        faults
    }

    /// From now on every sync fails with an input/output error, or none does.
    pub(crate) fn fail_syncs(&self, fail: bool) {
        self.0.write_all_at(&i64::from(fail).to_ne_bytes(), 0).expect("eight bytes");
    }
}
