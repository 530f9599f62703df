-- Hot tables begin their key with showtime_id, so that they can be distributed by it. A showtime's clock row is what
-- its writers queue on: it counts revisions without a gap. Seats are sparse: one that never changed has no row.
CREATE TABLE clock (
    showtime_id bigint PRIMARY KEY,
    revision bigint NOT NULL DEFAULT 0,
    settings_version integer NOT NULL,
    ever_held boolean NOT NULL DEFAULT false,
    at_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE seat (
    showtime_id bigint NOT NULL,
    no integer NOT NULL,
    version integer NOT NULL,
    status smallint NOT NULL,
    owner bigint NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (showtime_id, no)
) WITH (fillfactor = 80);

-- Only bookings stand in the indexes: making, extending and ending a hold writes to the primary key alone, or to none.
-- `email` is in small letters; `cancelled` is 0 for none of the seats, 1 for some, 2 for all.
CREATE TABLE hold (
    showtime_id bigint NOT NULL,
    serial bigint NOT NULL,
    version integer NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    reference bigint,
    booked_at_ms bigint,
    cancelled smallint,
    email text,
    contact bytea,
    PRIMARY KEY (showtime_id, serial)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX hold_reference ON hold (reference, showtime_id) WHERE reference IS NOT NULL;
CREATE INDEX hold_booked ON hold (booked_at_ms, serial) WHERE booked_at_ms IS NOT NULL;
CREATE INDEX hold_showtime ON hold (showtime_id, booked_at_ms) WHERE booked_at_ms IS NOT NULL;
CREATE INDEX hold_contact ON hold (showtime_id) WHERE contact IS NOT NULL;
CREATE INDEX hold_email ON hold (email, booked_at_ms) WHERE email IS NOT NULL;

CREATE TABLE event (
    showtime_id bigint NOT NULL,
    revision bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (showtime_id, revision)
);

CREATE TABLE request_key (
    showtime_id bigint NOT NULL,
    key bytea NOT NULL,
    revision bigint NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (showtime_id, key)
);
CREATE INDEX request_key_at ON request_key USING brin (at_ms);

-- The id of each batch, inserted with it. Who does not know whether a batch was committed inserts its id as void: if
-- that succeeds, the batch never will be.
CREATE TABLE fence (
    showtime_id bigint NOT NULL,
    id bytea NOT NULL,
    void boolean NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (showtime_id, id)
);
CREATE INDEX fence_made_at ON fence USING brin (made_at);

-- The catalogue: small tables, which stand on every node of a distributed database.
CREATE TABLE plan (
    hash bytea PRIMARY KEY,
    body bytea NOT NULL
);

-- Cinemas (1), movies (2) and auditoriums (3).
CREATE TABLE entry (
    kind smallint NOT NULL,
    number bigint NOT NULL,
    external_id text,
    body bytea NOT NULL,
    PRIMARY KEY (kind, number)
);
CREATE UNIQUE INDEX entry_external_id ON entry (kind, external_id) WHERE external_id IS NOT NULL;

-- The columns after `settings` repeat what is in it, for lists.
CREATE TABLE showtime (
    id bigint PRIMARY KEY,
    plan bytea NOT NULL,
    cinema bigint,
    external_id text,
    settings bytea NOT NULL,
    starts_at_ms bigint NOT NULL,
    on_sale_at_ms bigint NOT NULL,
    off_sale_at_ms bigint NOT NULL,
    movie bigint NOT NULL,
    auditorium bigint NOT NULL,
    published boolean NOT NULL,
    cancelled boolean NOT NULL
);
CREATE INDEX showtime_starts_at ON showtime (starts_at_ms, id);
CREATE UNIQUE INDEX showtime_external_id ON showtime (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX showtime_cinema ON showtime (cinema, starts_at_ms, id) WHERE cinema IS NOT NULL;
CREATE INDEX showtime_movie ON showtime (movie, starts_at_ms, id);
CREATE INDEX showtime_auditorium ON showtime (auditorium, starts_at_ms, id);

-- Idempotency keys of catalogue requests, with what was answered.
CREATE TABLE catalogue_key (
    caller text NOT NULL,
    key bytea NOT NULL,
    fingerprint bytea NOT NULL,
    number bigint NOT NULL,
    at_ms bigint NOT NULL,
    answer bytea,
    PRIMARY KEY (caller, key)
);
CREATE INDEX catalogue_key_at ON catalogue_key (at_ms);

-- made_at_ms: 0 for the first key of an empty store. revoked_at_ms: set when its tokens are no longer taken.
CREATE TABLE token_key (
    id integer PRIMARY KEY,
    secret bytea NOT NULL,
    made_at_ms bigint NOT NULL DEFAULT 0,
    revoked_at_ms bigint
);

-- epoch: the name of this history, to which the server's timeline is added.
CREATE TABLE meta (
    name text PRIMARY KEY,
    value text NOT NULL
);
