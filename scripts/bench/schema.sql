-- The usual design of a seat reservation: one row per seat of a showtime, locked while it changes hands.
DROP TABLE IF EXISTS seats, holds;

CREATE TABLE seats (
    showtime_id integer     NOT NULL,
    seat_no     integer     NOT NULL,
    status      text        NOT NULL DEFAULT 'available',
    held_until  timestamptz,
    version     integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (showtime_id, seat_no)
);

CREATE TABLE holds (
    id          bigserial   PRIMARY KEY,
    showtime_id integer     NOT NULL,
    first_seat  integer     NOT NULL,
    second_seat integer     NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);

INSERT INTO seats (showtime_id, seat_no)
SELECT showtime_id, seat_no
FROM generate_series(1, :showtimes) AS showtime_id, generate_series(1, :seats) AS seat_no;

VACUUM ANALYZE seats;
CHECKPOINT;
