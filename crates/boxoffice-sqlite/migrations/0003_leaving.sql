-- Who uses a cinema, a movie or an auditorium; and lists of showtimes by them.
CREATE INDEX showtime_cinema ON showtime (cinema, starts_at_ms, id) WHERE cinema IS NOT NULL;
CREATE INDEX showtime_movie ON showtime (movie, starts_at_ms, id);
CREATE INDEX showtime_auditorium ON showtime (auditorium, starts_at_ms, id);

-- What was answered, to be answered again.
ALTER TABLE catalogue_key ADD COLUMN answer BLOB;
CREATE INDEX catalogue_key_at ON catalogue_key (at_ms);

-- Showtimes that are gone, but of which rows are left to be removed: events up to `revision` are gone already, with
-- the holds that they made.
CREATE TABLE leaving (
    showtime INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;
