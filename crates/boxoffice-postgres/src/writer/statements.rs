//! What a batch says to the database: set-based statements, in one form for a single showtime, which names it as a
//! constant and so touches one partition or shard, and in one for many.

use std::sync::LazyLock;

/// The statements of a batch. The first parameter is the showtime, or the showtimes of the rows.
pub(crate) struct Statements {
    /// Locks the clocks, in the order of their showtimes: two writers can wait for each other, but not in a circle.
    pub(crate) lock: String,
    /// The versions of seats.
    pub(crate) seats: String,
    /// The versions of holds and bookings.
    pub(crate) holds: String,
    /// When keys were used.
    pub(crate) keys: String,
    /// Adds seats that have no row yet: half the price of finding that out.
    pub(crate) new_seats: String,
    /// Writes seats.
    pub(crate) write_seats: String,
    /// Adds holds.
    pub(crate) new_holds: String,
    /// Writes holds and bookings.
    pub(crate) write_holds: String,
    /// Writes keys.
    pub(crate) write_keys: String,
    /// Appends to the log.
    pub(crate) write_events: String,
    /// Moves the clocks on.
    pub(crate) write_clocks: String,
}

/// For one showtime.
pub(crate) static ONE: LazyLock<Statements> = LazyLock::new(|| Statements::new(true));
/// For many.
pub(crate) static MANY: LazyLock<Statements> = LazyLock::new(|| Statements::new(false));

/// The columns of a seat, but for its showtime.
const SEAT: &[(&str, &str)] =
    &[("no", "int4"), ("version", "int4"), ("status", "int2"), ("owner", "int8"), ("revision", "int8")];
/// The columns of a hold, but for its showtime.
const HOLD: &[(&str, &str)] = &[
    ("serial", "int8"),
    ("version", "int4"),
    ("status", "int2"),
    ("body", "bytea"),
    ("reference", "int8"),
    ("booked_at_ms", "int8"),
    ("cancelled", "int2"),
    ("email", "text"),
    ("contact", "bytea"),
];

/// The batch's id, inserted with it.
pub(crate) const WRITE_FENCE: &str = "INSERT INTO fence (showtime_id, id, void) VALUES ($1, $2, false)";
/// The same id as void: waits for whoever is inserting it, and does nothing if it is there.
pub(crate) const VOID: &str =
    "INSERT INTO fence (showtime_id, id, void) VALUES ($1, $2, true) ON CONFLICT DO NOTHING";
/// What the id is.
pub(crate) const IS_VOID: &str = "SELECT void FROM fence WHERE showtime_id = $1 AND id = $2";

/// Writes a showtime's settings, and the columns that repeat them for lists.
pub(crate) const WRITE_SETTINGS: &str = "
    UPDATE showtime SET settings = $2, starts_at_ms = $3, on_sale_at_ms = $4, off_sale_at_ms = $5, movie = $6,
        auditorium = $7, published = $8, cancelled = $9 WHERE id = $1";

impl Statements {
    fn new(one: bool) -> Self {
        let given = |columns: &[(&str, &str)]| given(one, columns);
        let insert = |table: &str, columns: &[(&str, &str)], conflict: &str| {
            let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            let rows = given(columns);
            format!(
                "INSERT INTO {table} AS t (showtime_id, {names}) SELECT i.showtime_id, {names} FROM {rows} {conflict}"
            )
        };
        // Of one showtime each key is looked up by itself: the planner cannot turn that round, and read the whole showtime
        // because it knows of few rows.
        let read = |table: &str, column: &str, (key, kind): (&str, &str)| {
            let rows = given(&[(key, kind)]);
            let found = if one {
                format!(
                    "CROSS JOIN LATERAL (SELECT {column} FROM {table} WHERE showtime_id = $1 AND {key} = i.{key} OFFSET 0) t"
                )
            } else {
                format!("JOIN {table} t ON t.showtime_id = i.showtime_id AND t.{key} = i.{key}")
            };
            format!("SELECT i.showtime_id, i.{key}, t.{column} FROM {rows} {found}")
        };
        let equal = if one { "t.showtime_id = $1" } else { "t.showtime_id = i.showtime_id" };
        let which = if one { "showtime_id = $1" } else { "showtime_id = ANY($1) ORDER BY showtime_id" };
        Self {
            lock: format!(
                "SELECT showtime_id, revision, settings_version, ever_held FROM clock WHERE {which} FOR NO KEY UPDATE"
            ),
            seats: read("seat", "version", ("no", "int4")),
            holds: read("hold", "version", ("serial", "int8")),
            keys: read("request_key", "at_ms", ("key", "bytea")),
            new_seats: insert("seat", SEAT, ""),
            write_seats: insert(
                "seat",
                SEAT,
                "ON CONFLICT (showtime_id, no) DO UPDATE SET version = excluded.version, status = excluded.status,
                     owner = excluded.owner, revision = excluded.revision WHERE t.version < excluded.version",
            ),
            new_holds: insert("hold", HOLD, ""),
            write_holds: insert(
                "hold",
                HOLD,
                "ON CONFLICT (showtime_id, serial) DO UPDATE SET version = excluded.version,
                     status = excluded.status, body = excluded.body, reference = excluded.reference,
                     booked_at_ms = excluded.booked_at_ms, cancelled = excluded.cancelled,
                     email = coalesce(excluded.email, t.email), contact = coalesce(excluded.contact, t.contact)
                     WHERE t.version < excluded.version",
            ),
            write_keys: insert(
                "request_key",
                &[("key", "bytea"), ("revision", "int8"), ("at_ms", "int8")],
                "ON CONFLICT (showtime_id, key) DO UPDATE SET revision = excluded.revision, at_ms = excluded.at_ms",
            ),
            write_events: insert("event", &[("revision", "int8"), ("body", "bytea")], ""),
            write_clocks: format!(
                "UPDATE clock AS t SET revision = i.revision, settings_version = i.settings_version,
                     ever_held = i.ever_held, at_ms = greatest(t.at_ms, i.at_ms)
                 FROM {} WHERE {equal} AND t.revision < i.revision",
                given(&[
                    ("revision", "int8"),
                    ("settings_version", "int4"),
                    ("ever_held", "bool"),
                    ("at_ms", "int8")
                ])
            ),
        }
    }
}

/// The rows that the parameters give, as `i`.
fn given(one: bool, columns: &[(&str, &str)]) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let arrays: Vec<_> =
        (2..).zip(columns).map(|(number, (_, kind))| format!("${number}::{kind}[]")).collect();
    let (names, arrays) = (names.join(", "), arrays.join(", "));
    if one {
        format!("(SELECT $1::int8 AS showtime_id, u.* FROM unnest({arrays}) AS u({names})) AS i")
    } else {
        format!("unnest($1::int8[], {arrays}) AS i(showtime_id, {names})")
    }
}
