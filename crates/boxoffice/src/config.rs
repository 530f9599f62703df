//! Every setting of the server: one struct for each concern, each field documented here and nowhere else.
//!
//! A key has one name: `http.header_timeout_ms` in the TOML file is `--http-header-timeout-ms` on the command line
//! and `BOXOFFICE_HTTP_HEADER_TIMEOUT_MS` (or `…_FILE`, naming a file with the value) in the environment. A flag
//! goes before a variable, a variable before the file, the file before the default.

mod api_keys;
mod keys;
mod sources;

pub use api_keys::{ApiKey, Scope};
pub use keys::{ConfigError, KeyInfo};
pub use sources::{add_flags, load};

use std::path::PathBuf;

use keys::config;

config! {
    /// Where it listens and where its data is.
    "" => Main main {
        /// Address and port to listen on; port 0 takes any free one.
        listen: String = "127.0.0.1:8080".to_owned(),
        /// The store: sqlite:FILE.
        store: String = "sqlite:boxoffice.db".to_owned(),
        /// The gate between nodes: memory, for one node.
        gate: String = "memory".to_owned(),
        /// An API key of scope admin, at least 16 characters. Better given as a variable than as a flag.
        admin_key: String = String::new(),
        /// What links begin with, where it is not the address that the client used: https://tickets.example.
        public_url: String = String::new(),
        /// What is at /: full, view or off.
        page: String = "full".to_owned(),
    }
    /// The HTTP server.
    "http" => Http http {
        /// The most connections at once; beyond it new ones are answered 503 and closed.
        max_connections: usize = 20_000,
        /// How long headers may take to come, and a connection may be idle, in milliseconds; at most 30000.
        header_timeout_ms: u64 = 30_000,
        /// How long a client may take to send a request's body, in milliseconds.
        body_timeout_ms: u64 = 20_000,
        /// The largest body, in bytes.
        max_body_bytes: usize = 256 * 1024,
        /// The largest seating plan, in bytes.
        max_plan_bytes: usize = 32 * 1024 * 1024,
        /// How many seating plans may be read at once.
        max_plans_at_once: usize = 2,
    }
    /// What one showtime's holds may be, where the showtime does not say.
    "holds" => Holds holds {
        /// How long a hold lasts, in seconds.
        ttl_s: u32 = 480,
        /// How long it may last in all, extensions included, in seconds.
        max_ttl_s: u32 = 1440,
        /// How many seats it may have.
        max_seats: u16 = 10,
    }
    /// Bookings.
    "bookings" => Bookings bookings {
        /// Who may confirm and cancel: holder (whoever has the token) or key (a sell or admin key).
        confirm_by: String = "holder".to_owned(),
    }
    /// The engine.
    "engine" => Engine engine {
        /// How many changes may wait to be committed; a quarter is kept for confirm, extend, release and cancel.
        commit_queue: usize = 16_384,
        /// How many showtimes may be in memory.
        max_boards: usize = 20_000,
    }
    /// The embedded store.
    "sqlite" => Sqlite sqlite {
        /// The most changes in one transaction.
        batch: usize = 1024,
        /// Threads that read.
        readers: usize = 2,
        /// How many reads may wait.
        max_waiting_reads: usize = 4096,
        /// How many catalogue changes may wait.
        max_waiting_creations: usize = 1024,
        /// The writer's page cache, in KiB; the system's cache has the rest.
        cache_kib: u32 = 8 * 1024,
        /// From which size on the write-ahead log is copied into the database, in KiB.
        wal_kib: u32 = 32 * 1024,
    }
    /// How long things are kept.
    "retention" => Retention retention {
        /// Idempotency keys, in hours; at least 24.
        idempotency_h: u32 = 24,
    }
    /// Going down.
    "drain" => Drain drain {
        /// How long to go on accepting after readiness is withdrawn, in seconds.
        delay_s: u64 = 0,
        /// After how long to give up waiting for requests in flight, in seconds.
        limit_s: u64 = 15,
    }
    /// Logs, on stderr.
    "log" => Log log {
        /// text or json.
        format: String = "text".to_owned(),
        /// error, warn, info, debug or trace.
        level: String = "info".to_owned(),
        /// One in so many reads and refusals is logged; 0 for none.
        sample: u64 = 1000,
        /// From how long on a request is logged as slow, in milliseconds.
        slow_ms: u64 = 1000,
    }
}

impl Config {
    /// Refuses values that cannot work, naming the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key: &str, why: &str| Err(ConfigError::Invalid { key: key.into(), why: why.into() });
        if self.main.listen.parse::<std::net::SocketAddr>().is_err() {
            return invalid("listen", "it must be an address and a port, such as 127.0.0.1:8080");
        }
        if self.sqlite_path().is_none() {
            return invalid("store", "it must be sqlite:FILE");
        }
        if self.main.gate != "memory" {
            return invalid("gate", "it must be memory");
        }
        if !self.main.admin_key.is_empty() && self.main.admin_key.len() < 16 {
            return invalid("admin_key", "it must have at least 16 characters");
        }
        one_of("page", &self.main.page, &["full", "view", "off"])?;
        one_of("bookings.confirm_by", &self.bookings.confirm_by, &["holder", "key"])?;
        one_of("log.format", &self.log.format, &["text", "json"])?;
        one_of("log.level", &self.log.level, &["error", "warn", "info", "debug", "trace"])?;
        if self.retention.idempotency_h < 24 {
            return invalid("retention.idempotency_h", "it must be at least 24");
        }
        if self.holds.ttl_s == 0 || self.holds.max_ttl_s < self.holds.ttl_s {
            return invalid("holds.max_ttl_s", "it must not be below holds.ttl_s, which must be at least 1");
        }
        for (key, value) in [
            ("holds.max_seats", usize::from(self.holds.max_seats)),
            ("http.max_connections", self.http.max_connections),
            ("http.max_body_bytes", self.http.max_body_bytes),
            ("http.max_plan_bytes", self.http.max_plan_bytes),
            ("http.max_plans_at_once", self.http.max_plans_at_once),
            ("engine.max_boards", self.engine.max_boards),
            ("sqlite.batch", self.sqlite.batch),
        ] {
            if value == 0 {
                return invalid(key, "it must be at least 1");
            }
        }
        if !(1..=30_000).contains(&self.http.header_timeout_ms) {
            return invalid("http.header_timeout_ms", "it must be from 1 to 30000");
        }
        Ok(())
    }

    /// The file of a `sqlite:` store.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        sqlite_path(&self.main.store)
    }
}

/// The file that `sqlite:FILE` names.
pub fn sqlite_path(store: &str) -> Option<PathBuf> {
    let path = store.strip_prefix("sqlite:")?;
    (!path.is_empty()).then(|| path.into())
}

fn one_of(key: &str, value: &str, known: &[&str]) -> Result<(), ConfigError> {
    if known.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Invalid { key: key.into(), why: format!("it must be one of {}", known.join(", ")) })
}
