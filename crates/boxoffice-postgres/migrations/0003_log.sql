-- The log is what is sold: a row of it for what a batch did to a showtime, and no row for each seat, hold and event. A
-- showtime's seats and active holds are what its snapshot and the log after it make. A hold gets a row of its own when
-- it becomes a booking or ends.
--
-- revision: of the last event in the row; tip: the id of the batch, by which another history is known that went on from an
-- older revision. Bodies are short of a page unless an event is longer, so that they are not kept aside; they are not
-- compressed, which would cost more time than all else.
LOCK TABLE clock, seat, hold, event, request_key IN ACCESS EXCLUSIVE MODE;

CREATE TABLE log (
    showtime_id bigint NOT NULL,
    revision bigint NOT NULL,
    events integer NOT NULL,
    body bytea NOT NULL,
    tip bytea NOT NULL DEFAULT '',
    PRIMARY KEY (showtime_id, revision)
) WITH (toast_tuple_target = 8160);

CREATE TABLE snapshot (
    showtime_id bigint PRIMARY KEY,
    revision bigint NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE log ALTER body SET STORAGE EXTERNAL;
ALTER TABLE snapshot ALTER body SET STORAGE EXTERNAL;
ALTER TABLE clock ADD COLUMN tip bytea NOT NULL DEFAULT '';

INSERT INTO log (showtime_id, revision, events, body)
SELECT showtime_id, revision, 1, int4send(length(body)) || body FROM event;
DELETE FROM hold WHERE status = 0;
DROP TABLE event;
DROP TABLE seat;
DROP FUNCTION write_batch;

-- A session keeps the plans of a function, so that a batch is not parsed and planned anew, and needs nothing of a session
-- that a pooler would not keep. They are made once, maybe for tables that are still small, and must be right for large
-- ones: no table is to be read whole, and neither `= ANY (ARRAY[…])` nor a subquery with OFFSET 0 can be merged or hashed or
-- turned round, so it goes from the batch's rows to the table's.

-- Locks the clocks of showtimes (if `locking`), given ascending, so that two writers do not wait for each other, and reads what
-- is stored of them: after a revision that is known, if the log still has that batch there, and otherwise, or if that is
-- negative, from the last snapshot on. A *_place is a place in ids, from 1. Kinds of rows: 0 the epoch (body), 1 a clock
-- (number: the version of its settings), 2 a showtime to be begun anew, with its snapshot if there is one, 3 a row of the
-- log (number: its events), 4 a key (revision: when it was used).
CREATE FUNCTION lock_batch(
    locking boolean, ids bigint[], known bigint[], known_tip bytea[], key_place integer[], key_bytes bytea[]
) RETURNS TABLE (kind smallint, showtime_id bigint, revision bigint, number integer, held boolean, body bytea, tip bytea)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    continued bigint[];
BEGIN
    RETURN QUERY SELECT 0::smallint, 0::bigint, 0::bigint, 0, false, convert_to(current_epoch(), 'UTF8'), NULL::bytea;
    IF locking THEN
        RETURN QUERY SELECT 1::smallint, t.showtime_id, t.revision, t.settings_version, t.ever_held, NULL::bytea, t.tip
        FROM (SELECT unnest(ids) AS id) AS i, clock AS t
        WHERE t.showtime_id = ANY (ARRAY[i.id]) FOR NO KEY UPDATE OF t;
    END IF;
    SELECT array_agg(
        CASE WHEN i.known < coalesce((SELECT s.revision FROM snapshot AS s WHERE s.showtime_id = i.id), 0) THEN -1
            WHEN i.known = 0 OR (SELECT l.tip = i.tip FROM log AS l WHERE l.showtime_id = i.id AND l.revision = i.known)
            THEN i.known ELSE -1 END ORDER BY i.place)
    INTO continued
    FROM (SELECT generate_subscripts(ids, 1) AS place, unnest(ids) AS id, unnest(known) AS known,
              unnest(known_tip) AS tip) AS i;
    RETURN QUERY SELECT 2::smallint, i.id, coalesce(t.revision, 0), 0, false, t.body, NULL::bytea
    FROM (SELECT unnest(ids) AS id, unnest(continued) AS known) AS i LEFT JOIN LATERAL (
        SELECT s.revision, s.body FROM snapshot AS s WHERE s.showtime_id = i.id OFFSET 0) AS t ON true
    WHERE i.known < 0;
    RETURN QUERY SELECT 3::smallint, i.id, t.revision, t.events, false, t.body, t.tip
    FROM (SELECT unnest(ids) AS id, unnest(continued) AS known) AS i CROSS JOIN LATERAL (
        SELECT l.revision, l.events, l.body, l.tip FROM log AS l WHERE l.showtime_id = i.id AND l.revision > greatest(i.known,
            (SELECT s.revision FROM snapshot AS s WHERE s.showtime_id = i.id AND i.known < 0))
        ORDER BY l.revision OFFSET 0) AS t;
    IF cardinality(key_bytes) > 0 THEN
        RETURN QUERY SELECT 4::smallint, ids[i.place], t.at_ms, 0, false, i.key, NULL::bytea
        FROM (SELECT unnest(key_place) AS place, unnest(key_bytes) AS key) AS i CROSS JOIN LATERAL (
            SELECT r.at_ms FROM request_key AS r WHERE r.showtime_id = ids[i.place] AND r.key = i.key OFFSET 0) AS t;
    END IF;
END
$$;

-- Writes a batch. If a showtime is not at the revision that the batch relies on, or anything else is in the way, it fails,
-- and nothing of the batch is done.
--
-- Only within a transaction that has set boxoffice.batch: by itself it would be committed at once, unheard.
--
-- clock_ids: the showtimes, ascending; clock_before, clock_tip and clock_after: their revisions and last batch. A *_place is a place in clock_ids,
-- from 1. A snapshot is of the revision before. A hold that was released or expired (status 2 or 3) makes room for one that
-- drew the same serial. keys_seen: whether keys that are there already were found to be out of date.
CREATE FUNCTION write_batch(
    epoch text, fence_showtime bigint, fence_id bytea,
    clock_ids bigint[], clock_before bigint[], clock_tip bytea[], clock_after bigint[], clock_settings integer[],
    clock_held boolean[], clock_at_ms bigint[],
    log_place integer[], log_revision bigint[], log_events integer[], log_body bytea[],
    snapshot_place integer[], snapshot_body bytea[],
    hold_place integer[], hold_serial bigint[], hold_version integer[], hold_status smallint[], hold_body bytea[],
    hold_reference bigint[], hold_booked_at_ms bigint[], hold_cancelled smallint[], hold_email text[],
    hold_contact bytea[],
    key_place integer[], key_bytes bytea[], key_revision bigint[], key_at_ms bigint[], keys_seen boolean
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    written bigint;
BEGIN
    IF current_setting('boxoffice.batch', true) IS DISTINCT FROM 'on' THEN
        RAISE 'a batch is written outside of a transaction of its own' USING ERRCODE = 'no_active_sql_transaction';
    END IF;
    IF epoch IS DISTINCT FROM current_epoch() THEN
        RAISE 'the database goes on with another history' USING ERRCODE = 'serialization_failure';
    END IF;
    UPDATE clock AS t SET revision = i.after, settings_version = i.settings, ever_held = t.ever_held OR i.held,
        at_ms = greatest(t.at_ms, i.at_ms), tip = fence_id
    FROM (SELECT unnest(clock_ids) AS showtime_id, unnest(clock_before) AS before, unnest(clock_tip) AS tip,
              unnest(clock_after) AS after, unnest(clock_settings) AS settings, unnest(clock_held) AS held,
              unnest(clock_at_ms) AS at_ms) AS i
    WHERE t.showtime_id = ANY (ARRAY[i.showtime_id]) AND t.revision = i.before AND t.tip = i.tip;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> cardinality(clock_ids) THEN
        RAISE 'a showtime is not as a batch relies on' USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO log (showtime_id, revision, events, body, tip)
    SELECT clock_ids[i.place], i.revision, i.events, i.body, fence_id
    FROM (SELECT unnest(log_place) AS place, unnest(log_revision) AS revision, unnest(log_events) AS events,
              unnest(log_body) AS body) AS i;
    IF cardinality(snapshot_place) > 0 THEN
        INSERT INTO snapshot (showtime_id, revision, body)
        SELECT clock_ids[i.place], clock_before[i.place], i.body
        FROM (SELECT unnest(snapshot_place) AS place, unnest(snapshot_body) AS body) AS i
        ON CONFLICT (showtime_id) DO UPDATE SET revision = excluded.revision, body = excluded.body;
    END IF;
    IF cardinality(hold_serial) > 0 THEN
        INSERT INTO hold AS t (showtime_id, serial, version, status, body, reference, booked_at_ms, cancelled, email,
            contact)
        SELECT clock_ids[i.place], i.serial, i.version, i.status, i.body, i.reference, i.booked_at_ms, i.cancelled,
            i.email, i.contact
        FROM (SELECT unnest(hold_place) AS place, unnest(hold_serial) AS serial, unnest(hold_version) AS version,
                  unnest(hold_status) AS status, unnest(hold_body) AS body, unnest(hold_reference) AS reference,
                  unnest(hold_booked_at_ms) AS booked_at_ms, unnest(hold_cancelled) AS cancelled,
                  unnest(hold_email) AS email, unnest(hold_contact) AS contact) AS i
        ON CONFLICT (showtime_id, serial) DO UPDATE SET version = excluded.version, status = excluded.status,
            body = excluded.body, reference = excluded.reference, booked_at_ms = excluded.booked_at_ms,
            cancelled = excluded.cancelled, email = coalesce(excluded.email, t.email),
            contact = coalesce(excluded.contact, t.contact)
            WHERE t.version < excluded.version OR t.status > 1;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> cardinality(hold_serial) THEN
            RAISE 'a hold is not as a batch relies on' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
    IF cardinality(key_bytes) > 0 THEN
        INSERT INTO request_key AS t (showtime_id, key, revision, at_ms)
        SELECT clock_ids[i.place], i.key, i.revision, i.at_ms
        FROM (SELECT unnest(key_place) AS place, unnest(key_bytes) AS key, unnest(key_revision) AS revision,
                  unnest(key_at_ms) AS at_ms) AS i
        ON CONFLICT (showtime_id, key) DO UPDATE SET revision = excluded.revision, at_ms = excluded.at_ms WHERE keys_seen;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> cardinality(key_bytes) THEN
            RAISE 'a key was used already' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
    INSERT INTO fence (showtime_id, id, void) VALUES (fence_showtime, fence_id, false);
END
$$;
