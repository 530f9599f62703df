\set showtime random(1, :showtimes)
\set second 2 * random(1, :seats / 2)
\set first :second - 1
BEGIN;
SELECT seat_no, status, held_until FROM seats WHERE showtime_id = :showtime AND seat_no IN (:first, :second) ORDER BY seat_no FOR UPDATE;
UPDATE seats SET status = 'held', held_until = now() + interval '8 minutes', version = version + 1 WHERE showtime_id = :showtime AND seat_no IN (:first, :second);
INSERT INTO holds (showtime_id, first_seat, second_seat, expires_at) VALUES (:showtime, :first, :second, now() + interval '8 minutes');
COMMIT;
