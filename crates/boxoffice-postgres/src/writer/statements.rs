//! What a batch of one showtime says to a database whose tables are spread over parts or servers: set-based statements that
//! name the showtime as a constant, and so touch one of them. And what is said of fences and settings.

/// The history that the server goes on with. This and the next three give rows as the function `lock_batch` does.
pub(crate) const EPOCH: &str =
    "SELECT 0::int2, 0::int8, 0::int8, 0, false, convert_to(current_epoch(), 'UTF8'), NULL::bytea";

/// Locks the clock.
pub(crate) const LOCK: &str = "
    SELECT 1::int2, showtime_id, revision, settings_version, ever_held, NULL::bytea, tip
    FROM clock WHERE showtime_id = $1 FOR NO KEY UPDATE";

/// What is stored after a revision that is known, if the log has that batch there and there is no later snapshot, and
/// otherwise from the last snapshot on.
pub(crate) const STATE: &str = "
    SELECT 2::int2 AS kind, $1::int8 AS showtime_id, coalesce(t.revision, 0) AS revision, 0 AS number, false, t.body,
        NULL::bytea
    FROM (SELECT CASE WHEN $2::int8 < coalesce((SELECT revision FROM snapshot WHERE showtime_id = $1), 0) THEN -1
              WHEN $2 = 0 OR (SELECT tip = $3::bytea FROM log WHERE showtime_id = $1 AND revision = $2)
              THEN $2 ELSE -1 END AS known) AS i
        LEFT JOIN LATERAL (SELECT revision, body FROM snapshot WHERE showtime_id = $1 OFFSET 0) AS t ON true
    WHERE i.known < 0
    UNION ALL
    SELECT 3::int2, $1, t.revision, t.events, false, t.body, t.tip
    FROM (SELECT CASE WHEN $2 < coalesce((SELECT revision FROM snapshot WHERE showtime_id = $1), 0) THEN -1
              WHEN $2 = 0 OR (SELECT tip = $3 FROM log WHERE showtime_id = $1 AND revision = $2)
              THEN $2 ELSE -1 END AS known) AS i
        CROSS JOIN LATERAL (
            SELECT revision, events, body, tip FROM log WHERE showtime_id = $1 AND revision > greatest(i.known,
                (SELECT revision FROM snapshot WHERE showtime_id = $1 AND i.known < 0)) OFFSET 0) AS t
    ORDER BY kind, revision";

/// When keys were used. Each is looked up by itself: the planner cannot turn that round, and read the whole showtime because
/// it knows of few rows.
pub(crate) const KEYS: &str = "
    SELECT 4::int2, $1::int8, t.at_ms, 0, false, i.key, NULL::bytea
    FROM unnest($2::bytea[]) AS i(key) CROSS JOIN LATERAL (
        SELECT at_ms FROM request_key WHERE showtime_id = $1 AND key = i.key OFFSET 0) AS t";

/// Moves the clock on.
pub(crate) const WRITE_CLOCK: &str = "
    UPDATE clock SET revision = $2, settings_version = $3, ever_held = ever_held OR $4, at_ms = greatest(at_ms, $5),
        tip = $6
    WHERE showtime_id = $1 AND revision < $2";

/// Appends to the log.
pub(crate) const WRITE_LOG: &str = "
    INSERT INTO log (showtime_id, revision, events, body, tip)
    SELECT $1, i.revision, i.events, i.body, $2
    FROM unnest($3::int8[], $4::int4[], $5::bytea[]) AS i(revision, events, body)";

/// Puts a snapshot in the place of an older one.
pub(crate) const WRITE_SNAPSHOT: &str = "
    INSERT INTO snapshot (showtime_id, revision, body) VALUES ($1, $2, $3)
    ON CONFLICT (showtime_id) DO UPDATE SET revision = excluded.revision, body = excluded.body";

/// Writes bookings, and holds that have ended. One that was released or expired makes room for one that drew the same serial.
pub(crate) const WRITE_HOLDS: &str = "
    INSERT INTO hold AS t (showtime_id, serial, version, status, body, reference, booked_at_ms, cancelled, email, contact)
    SELECT $1, i.* FROM unnest($2::int8[], $3::int4[], $4::int2[], $5::bytea[], $6::int8[], $7::int8[], $8::int2[],
        $9::text[], $10::bytea[]) AS i(serial, version, status, body, reference, booked_at_ms, cancelled, email, contact)
    ON CONFLICT (showtime_id, serial) DO UPDATE SET version = excluded.version, status = excluded.status,
        body = excluded.body, reference = excluded.reference, booked_at_ms = excluded.booked_at_ms,
        cancelled = excluded.cancelled, email = coalesce(excluded.email, t.email),
        contact = coalesce(excluded.contact, t.contact)
        WHERE t.version < excluded.version OR t.status > 1";

/// Writes keys.
pub(crate) const WRITE_KEYS: &str = "
    INSERT INTO request_key (showtime_id, key, revision, at_ms)
    SELECT $1, i.* FROM unnest($2::bytea[], $3::int8[], $4::int8[]) AS i(key, revision, at_ms)
    ON CONFLICT (showtime_id, key) DO UPDATE SET revision = excluded.revision, at_ms = excluded.at_ms";

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
