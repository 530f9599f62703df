-- Seats are sparse: one that never changed has no row. The key is showtime << 17 | number, so that a showtime's
-- seats lie together. Holds and events are appended in the order of time.
CREATE TABLE seat (
    id INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    status INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE hold (
    serial INTEGER PRIMARY KEY,
    showtime INTEGER NOT NULL,
    version INTEGER NOT NULL,
    status INTEGER NOT NULL,
    reference INTEGER,
    body BLOB NOT NULL,
    contact BLOB
) STRICT;
CREATE UNIQUE INDEX hold_reference ON hold (showtime, reference) WHERE reference IS NOT NULL;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    showtime INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Where events are, by showtime: the seq of each event from revision `first` on, as varints, the first one whole, the
-- others as distances. Events up to meta's `events_in_runs` are found here, later ones by reading them.
CREATE TABLE event_run (
    showtime INTEGER NOT NULL,
    first INTEGER NOT NULL,
    seqs BLOB NOT NULL,
    PRIMARY KEY (showtime, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE request_key (
    seq INTEGER PRIMARY KEY,
    showtime INTEGER NOT NULL,
    key BLOB NOT NULL,
    revision INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX request_key_key ON request_key (showtime, key);

CREATE TABLE plan (
    hash BLOB PRIMARY KEY,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Cinemas (1), movies (2) and auditoriums (3).
CREATE TABLE entry (
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    external_id TEXT,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entry_external_id ON entry (kind, external_id) WHERE external_id IS NOT NULL;

-- `revision` is that of the last change that touched no seat: the showtime's own is that or its seats' highest.
-- The columns after `settings` repeat what is in it, for lists.
CREATE TABLE showtime (
    id INTEGER PRIMARY KEY,
    plan BLOB NOT NULL,
    cinema INTEGER,
    external_id TEXT,
    ever_held INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0,
    settings BLOB NOT NULL,
    settings_version INTEGER NOT NULL,
    starts_at_ms INTEGER NOT NULL,
    on_sale_at_ms INTEGER NOT NULL,
    off_sale_at_ms INTEGER NOT NULL,
    movie INTEGER NOT NULL,
    auditorium INTEGER NOT NULL,
    published INTEGER NOT NULL,
    cancelled INTEGER NOT NULL
) STRICT;
CREATE INDEX showtime_starts_at ON showtime (starts_at_ms, id);
CREATE UNIQUE INDEX showtime_external_id ON showtime (external_id) WHERE external_id IS NOT NULL;

CREATE TABLE catalogue_key (
    caller TEXT NOT NULL,
    key BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE token_key (
    id INTEGER PRIMARY KEY,
    secret BLOB NOT NULL
) STRICT;

-- epoch: the name of this history. fence: raised to prove that an earlier commit is dead. backup: 1 in a copy that
-- nobody has written to yet. events_in_runs: the seq of the last event that event_run has.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('fence', '0'), ('backup', '0'), ('events_in_runs', '0');
