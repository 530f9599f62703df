//! Every setting of the server: one struct for each concern, each field documented here and nowhere else.
//!
//! A key has one name: `http.header_timeout_ms` in the TOML file is `--http-header-timeout-ms` on the command line
//! and `BOXOFFICE_HTTP_HEADER_TIMEOUT_MS` (or `…_FILE`, naming a file with the value) in the environment. A flag
//! goes before a variable, a variable before the file, the file before the default.

mod api_keys;
mod keys;
mod show;
mod sources;
mod value;

pub use api_keys::{ADMIN_NAME, ApiKey, Scope};
pub use keys::{ConfigError, ConfigFaults, KeyInfo};
pub use show::{print, sample};
pub(crate) use sources::from_environment;
pub use sources::{Loaded, add_flags, collect, load, read_toml};
pub use value::{List, Network, Origin};

use std::path::PathBuf;

use keys::config;

use crate::links;

config! {
    /// Where it listens and where its data is.
    "" => Main main {
        /// Address and port to listen on; port 0 takes any free one.
        listen: String = "127.0.0.1:8080".to_owned(),
        /// The store: sqlite:FILE, or postgres://USER:PASSWORD@HOST/DATABASE for many nodes.
        store: String = "sqlite:boxoffice.db".to_owned(),
        /// The gate between nodes: memory, for one node; redis://HOST, a list of hosts for a Cluster, redis+sentinel://MASTER@HOSTS; rediss for TLS.
        gate: String = "memory".to_owned(),
        /// The bus between nodes: as the gate, or postgres://…; if not set, it is on the gate's Redis, and without one in the PostgreSQL of the store.
        bus: String = String::new(),
        /// An API key of scope admin, at least 16 characters. Better given as a variable than as a flag.
        admin_key: String = String::new(),
        /// What links begin with, where it is not the address that the client used: https://tickets.example.
        public_url: String = String::new(),
        /// Networks of the proxies in front, as in 10.0.0.0/8: X-Forwarded-For and X-Forwarded-Proto are believed only from there.
        proxies: List<Network> = List::default(),
        /// A second address and port, for operations: if set, /metrics is only there.
        ops_listen: String = String::new(),
        /// What is at /: full, view or off.
        page: String = "full".to_owned(),
    }
    /// The HTTP server.
    "http" => Http http {
        /// The most connections at once; beyond it new ones are answered 503 and closed.
        max_connections: usize = 20_000,
        /// How long headers may take to come, and a connection may be idle, in milliseconds; at most 30000.
        header_timeout_ms: u64 = 30_000,
        /// How long a client may take to send a request's body, in milliseconds; at most 600000.
        body_timeout_ms: u64 = 20_000,
        /// The largest body, in bytes.
        max_body_bytes: usize = 256 * 1024,
        /// The largest seating plan, in bytes.
        max_plan_bytes: usize = 32 * 1024 * 1024,
        /// How many seating plans may be read at once.
        max_plans_at_once: usize = 2,
    }
    /// Web pages of other origins that may use the API.
    "cors" => Cors cors {
        /// Their origins, as in https://tickets.example; pages of others cannot read answers.
        origins: List<Origin> = List::default(),
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
    /// The live seat map.
    "feed" => Feed feed {
        /// How long changes are gathered before those who watch are told, in milliseconds; the first one after a quiet time is told at once.
        tick_ms: u64 = 20,
        /// The most connections that watch; beyond it new ones are told when to come back. It should be below http.max_connections, so that buyers get through.
        max_watchers: usize = 18_000,
        /// The most of them from one address; 0 for any number, because carriers and proxies share addresses.
        max_per_address: usize = 0,
        /// How many may be told at once that there is no place; beyond it they get a plain 503.
        farewells: usize = 256,
        /// The largest message of a client, in bytes.
        max_message_bytes: usize = 32 * 1024,
        /// How many showtimes one connection of the hub may watch.
        max_showtimes: usize = 16,
        /// For how long a single write may be stuck before its watcher is cut off, in seconds; at most 3600.
        write_timeout_s: u64 = 90,
    }
    /// Redis, where gate and bus are.
    "redis" => Redis redis {
        /// What the gate does when Redis does not answer: admit (the store decides) or refuse.
        gate_on_failure: String = "admit".to_owned(),
        /// How long the gate waits for Redis, in milliseconds; at most 5000.
        gate_timeout_ms: u64 = 50,
        /// What the names of keys and channels begin with; installations that share a Redis need one each.
        prefix: String = "boxoffice".to_owned(),
        /// A file with the certificates (PEM) that may sign the servers', instead of the system's.
        ca_file: String = String::new(),
    }
    /// Time, where there are several nodes.
    "clock" => Clock clock {
        /// By how much the nodes' clocks may differ, in milliseconds: so long seats of an expired hold rest before others take them. One node waits for nobody.
        max_error_ms: u32 = 250,
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
    /// The cluster's store.
    "postgres" => Postgres postgres {
        /// How many writers share the showtimes, each on a connection of its own.
        writers: usize = 3,
        /// The most changes in one transaction.
        batch: usize = 512,
        /// Connections that read.
        readers: usize = 2,
        /// How many reads may wait.
        max_waiting_reads: usize = 4096,
        /// How many catalogue changes may wait.
        max_waiting_creations: usize = 1024,
    }
    /// How long things are kept.
    "retention" => Retention retention {
        /// Idempotency keys, in hours; at least 24.
        idempotency_h: u32 = 24,
        /// Buyers' names and addresses, in days after the showtime has started; 0 keeps them for ever.
        contacts_days: u32 = 30,
        /// Showtimes with their bookings and their log, in days after they have started; 0 keeps them for ever.
        showtime_days: u32 = 0,
    }
    /// Going down.
    "drain" => Drain drain {
        /// How long to go on accepting after readiness is withdrawn, in seconds; at most 3600.
        delay_s: u64 = 0,
        /// After how long to give up waiting for requests in flight, in seconds; at most 3600.
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
        /// Whether lines of requests have the client's address, which is personal data: true or false.
        addresses: bool = false,
    }
}

impl Config {
    /// Refuses values that cannot work, naming each key.
    pub fn check(&self) -> Result<(), ConfigFaults> {
        let faults = self.faults();
        if faults.is_empty() { Ok(()) } else { Err(ConfigFaults(faults)) }
    }

    /// Every value that cannot work.
    fn faults(&self) -> Vec<ConfigError> {
        let mut faults = Vec::new();
        let mut must = |key: &str, fits: bool, why: &str| {
            if !fits {
                faults.push(ConfigError::Invalid { key: key.into(), why: why.into() });
            }
        };
        let is_address = |text: &str| text.parse::<std::net::SocketAddr>().is_ok();
        let address = "it must be an address and a port, such as 127.0.0.1:8080";
        must("listen", is_address(&self.main.listen), address);
        must("ops_listen", self.main.ops_listen.is_empty() || is_address(&self.main.ops_listen), address);
        let is_store = self.sqlite_path().is_some() || is_postgres(&self.main.store);
        must("store", is_store, "it must be sqlite:FILE or postgres://…");
        if is_postgres(&self.main.store) {
            let fault = links::bus_fault(&self.main.store);
            must("store", fault.is_none(), &fault.unwrap_or_default());
        }
        let ca_file = &self.redis.ca_file;
        let readable = ca_file.is_empty() || std::fs::File::open(ca_file).is_ok();
        must("redis.ca_file", readable, "there is no such file, or it may not be read");
        for (key, fault) in
            [("gate", links::fault(&self.main.gate)), ("bus", links::bus_fault(&self.main.bus))]
        {
            must(key, fault.is_none(), &fault.unwrap_or_default());
        }
        let prefix = "it must have 1 to 64 letters, digits or any of - _ . :";
        must("redis.prefix", links::is_prefix(&self.redis.prefix), prefix);
        let in_time = (1..=5_000).contains(&self.redis.gate_timeout_ms);
        must("redis.gate_timeout_ms", in_time, "it must be from 1 to 5000");
        let key = self.main.admin_key.len();
        must("admin_key", key == 0 || key >= 16, "it must have at least 16 characters");
        let url = self.main.public_url.as_str();
        must(
            "public_url",
            url.is_empty() || is_web_address(url),
            "it must be an address as in https://tickets.example",
        );
        for (key, value, known) in [
            ("page", &self.main.page, &["full", "view", "off"][..]),
            ("bookings.confirm_by", &self.bookings.confirm_by, &["holder", "key"]),
            ("redis.gate_on_failure", &self.redis.gate_on_failure, &["admit", "refuse"]),
            ("log.format", &self.log.format, &["text", "json"]),
            ("log.level", &self.log.level, &["error", "warn", "info", "debug", "trace"]),
        ] {
            must(key, known.contains(&value.as_str()), &format!("it must be one of {}", known.join(", ")));
        }
        must("retention.idempotency_h", self.retention.idempotency_h >= 24, "it must be at least 24");
        let holds = &self.holds;
        must(
            "holds.max_ttl_s",
            holds.ttl_s > 0 && holds.max_ttl_s >= holds.ttl_s,
            "it must not be below holds.ttl_s, which must be at least 1",
        );
        for (key, value) in [
            ("http.max_connections", self.http.max_connections),
            ("http.max_body_bytes", self.http.max_body_bytes),
            ("http.max_plan_bytes", self.http.max_plan_bytes),
            ("http.max_plans_at_once", self.http.max_plans_at_once),
            ("engine.max_boards", self.engine.max_boards),
            ("feed.max_watchers", self.feed.max_watchers),
            ("feed.max_message_bytes", self.feed.max_message_bytes),
            ("feed.max_showtimes", self.feed.max_showtimes),
            ("sqlite.batch", self.sqlite.batch),
            ("postgres.writers", self.postgres.writers),
            ("postgres.batch", self.postgres.batch),
            ("postgres.readers", self.postgres.readers),
        ] {
            must(key, value > 0, "it must be at least 1");
        }
        for (key, value, least, most) in [
            ("http.header_timeout_ms", self.http.header_timeout_ms, 1, 30_000),
            ("holds.max_seats", u64::from(self.holds.max_seats), 1, 500),
            ("http.body_timeout_ms", self.http.body_timeout_ms, 1, 600_000),
            ("feed.write_timeout_s", self.feed.write_timeout_s, 1, 3600),
            ("drain.delay_s", self.drain.delay_s, 0, 3600),
            ("drain.limit_s", self.drain.limit_s, 0, 3600),
        ] {
            let fits = (least..=most).contains(&value);
            must(key, fits, &format!("it must be from {least} to {most}"));
        }
        let mut names: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
        names.extend((key > 0).then_some(ADMIN_NAME));
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        must("keys", twice.is_none(), &format!("two keys are named {}", twice.unwrap_or_default()));
        faults
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

/// Whether a store is a PostgreSQL database.
pub fn is_postgres(store: &str) -> bool {
    store.starts_with("postgres://") || store.starts_with("postgresql://")
}

/// Whether links can begin with it.
fn is_web_address(text: &str) -> bool {
    let parsed: Option<http::Uri> = text.parse().ok();
    parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some()
            && uri.query().is_none()
            && !text.contains('#')
    })
}
