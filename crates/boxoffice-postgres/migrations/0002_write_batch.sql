-- The epoch: the name of this history, and the timeline of the server that goes on with it. A standby cannot say it.
CREATE FUNCTION current_epoch() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT value FROM meta WHERE name = 'epoch') || 't'
        || ltrim(left(pg_walfile_name(pg_current_wal_lsn()), 8), '0');
END
$$;

-- Writes a batch in which nobody is expected to lose, and returns each showtime's revision before it. If anything is not
-- as the batch relies on, it fails, and nothing of the batch is done.
--
-- A session keeps the plans of a function, so that a batch is not parsed and planned anew, and needs nothing of a session
-- that a pooler would not keep. They are made once, maybe for tables that are still small, and must be right for large
-- ones: no table is to be read whole, and `= ANY (ARRAY[…])` can be neither merged nor hashed nor turned round, but goes
-- from the batch's rows to the table's.
--
-- Only within a transaction that has set boxoffice.batch: by itself it would be committed at once, unheard.
--
-- clock_ids: the showtimes, ascending, so that two writers do not wait for each other; clock_settings: the version of
-- their settings that is relied on, or 0. A *_place is a place in clock_ids, from 1; a *_step is a revision, counted from
-- the showtime's revision before the batch. seat_before and hold_before: the version that is relied on, 0 for what has no
-- row yet; changed_seats and changed_holds: how many of them are not 0.
CREATE FUNCTION write_batch(
    epoch text, fence_showtime bigint, fence_id bytea, changed_seats bigint, changed_holds bigint,
    clock_ids bigint[], clock_steps bigint[], clock_settings integer[], clock_held boolean[], clock_at_ms bigint[],
    seat_place integer[], seat_no integer[], seat_before integer[], seat_version integer[], seat_status smallint[],
    seat_owner bigint[], seat_step bigint[],
    hold_place integer[], hold_serial bigint[], hold_before integer[], hold_version integer[], hold_status smallint[],
    hold_body bytea[], hold_reference bigint[], hold_booked_at_ms bigint[], hold_cancelled smallint[],
    hold_email text[], hold_contact bytea[],
    key_place integer[], key_bytes bytea[], key_step bigint[], key_at_ms bigint[],
    event_place integer[], event_step bigint[], event_body bytea[]
) RETURNS bigint[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    heads bigint[];
    written bigint;
BEGIN
    IF current_setting('boxoffice.batch', true) IS DISTINCT FROM 'on' THEN
        RAISE 'a batch is written outside of a transaction of its own' USING ERRCODE = 'no_active_sql_transaction';
    END IF;
    IF epoch IS DISTINCT FROM current_epoch() THEN
        RAISE 'the database goes on with another history' USING ERRCODE = 'serialization_failure';
    END IF;
    WITH moved AS (
        UPDATE clock AS t SET revision = t.revision + i.step, ever_held = t.ever_held OR i.held,
            at_ms = greatest(t.at_ms, i.at_ms)
        FROM (SELECT generate_subscripts(clock_ids, 1) AS place, unnest(clock_ids) AS showtime_id,
                  unnest(clock_steps) AS step, unnest(clock_settings) AS settings, unnest(clock_held) AS held,
                  unnest(clock_at_ms) AS at_ms) AS i
        WHERE t.showtime_id = ANY (ARRAY[i.showtime_id]) AND i.settings IN (0, t.settings_version)
        RETURNING i.place, t.revision - i.step AS head
    )
    SELECT array_agg(head ORDER BY place) INTO heads FROM moved;
    IF cardinality(heads) IS DISTINCT FROM cardinality(clock_ids) THEN
        RAISE 'a showtime is not as a batch relies on' USING ERRCODE = 'serialization_failure';
    END IF;

    IF cardinality(seat_no) > changed_seats THEN
        INSERT INTO seat (showtime_id, no, version, status, owner, revision)
        SELECT clock_ids[i.place], i.no, i.version, i.status, i.owner, heads[i.place] + i.step
        FROM (SELECT unnest(seat_place) AS place, unnest(seat_no) AS no, unnest(seat_before) AS before,
                  unnest(seat_version) AS version, unnest(seat_status) AS status, unnest(seat_owner) AS owner,
                  unnest(seat_step) AS step) AS i
        WHERE i.before = 0;
    END IF;
    IF changed_seats > 0 THEN
        UPDATE seat AS t SET version = i.version, status = i.status, owner = i.owner, revision = heads[i.place] + i.step
        FROM (SELECT unnest(seat_place) AS place, unnest(seat_no) AS no, unnest(seat_before) AS before,
                  unnest(seat_version) AS version, unnest(seat_status) AS status, unnest(seat_owner) AS owner,
                  unnest(seat_step) AS step) AS i
        WHERE t.showtime_id = ANY (ARRAY[clock_ids[i.place]]) AND t.no = i.no AND t.version = i.before AND i.before > 0;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> changed_seats THEN
            RAISE 'a seat is not as a batch relies on' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;

    IF cardinality(hold_serial) > changed_holds THEN
        INSERT INTO hold (showtime_id, serial, version, status, body, reference, booked_at_ms, cancelled, email, contact)
        SELECT clock_ids[i.place], i.serial, i.version, i.status, i.body, i.reference, i.booked_at_ms, i.cancelled,
            i.email, i.contact
        FROM (SELECT unnest(hold_place) AS place, unnest(hold_serial) AS serial, unnest(hold_before) AS before,
                  unnest(hold_version) AS version, unnest(hold_status) AS status, unnest(hold_body) AS body,
                  unnest(hold_reference) AS reference, unnest(hold_booked_at_ms) AS booked_at_ms,
                  unnest(hold_cancelled) AS cancelled, unnest(hold_email) AS email, unnest(hold_contact) AS contact) AS i
        WHERE i.before = 0;
    END IF;
    IF changed_holds > 0 THEN
        UPDATE hold AS t SET version = i.version, status = i.status, body = i.body, reference = i.reference,
            booked_at_ms = i.booked_at_ms, cancelled = i.cancelled, email = coalesce(i.email, t.email),
            contact = coalesce(i.contact, t.contact)
        FROM (SELECT unnest(hold_place) AS place, unnest(hold_serial) AS serial, unnest(hold_before) AS before,
                  unnest(hold_version) AS version, unnest(hold_status) AS status, unnest(hold_body) AS body,
                  unnest(hold_reference) AS reference, unnest(hold_booked_at_ms) AS booked_at_ms,
                  unnest(hold_cancelled) AS cancelled, unnest(hold_email) AS email, unnest(hold_contact) AS contact) AS i
        WHERE t.showtime_id = ANY (ARRAY[clock_ids[i.place]]) AND t.serial = i.serial AND t.version = i.before
            AND i.before > 0;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> changed_holds THEN
            RAISE 'a hold is not as a batch relies on' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;

    IF cardinality(key_bytes) > 0 THEN
        INSERT INTO request_key (showtime_id, key, revision, at_ms)
        SELECT clock_ids[i.place], i.key, heads[i.place] + i.step, i.at_ms
        FROM (SELECT unnest(key_place) AS place, unnest(key_bytes) AS key, unnest(key_step) AS step,
                  unnest(key_at_ms) AS at_ms) AS i;
    END IF;
    INSERT INTO event (showtime_id, revision, body)
    SELECT clock_ids[i.place], heads[i.place] + i.step, i.body
    FROM (SELECT unnest(event_place) AS place, unnest(event_step) AS step, unnest(event_body) AS body) AS i;
    INSERT INTO fence (showtime_id, id, void) VALUES (fence_showtime, fence_id, false);
    RETURN heads;
END
$$;
