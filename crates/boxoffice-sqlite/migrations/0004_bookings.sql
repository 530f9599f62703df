-- What bookings are found by. Only bookings stand in these indexes: making, changing and ending a hold writes to none.
-- `email` is in small letters; `cancelled` is 0 for none of the seats, 1 for some, 2 for all.
ALTER TABLE hold ADD COLUMN booked_at_ms INTEGER;
ALTER TABLE hold ADD COLUMN cancelled INTEGER;
ALTER TABLE hold ADD COLUMN email TEXT;

DROP INDEX hold_reference;
CREATE UNIQUE INDEX hold_reference ON hold (reference, showtime) WHERE reference IS NOT NULL;
CREATE INDEX hold_booked ON hold (booked_at_ms, serial, showtime, cancelled) WHERE status = 1;
CREATE INDEX hold_showtime ON hold (showtime, (contact IS NOT NULL), booked_at_ms) WHERE status = 1;
CREATE INDEX hold_email ON hold (email, booked_at_ms) WHERE email IS NOT NULL;
