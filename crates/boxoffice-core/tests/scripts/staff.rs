//! The box office's own doing: seats off sale and back.

use super::stage::play;

#[test]
fn blocked_seats_are_not_for_sale_until_unblocked() {
    play(
        "block A1 A2 by=desk reason=broken
         event => blocked by desk because broken A1 available>blocked:1 A2 available>blocked:1
         relies => v1
         counts => 16 0 0 2
         hold a A1 => seat_unavailable A1 blocked
         unblock A1 by=desk reason=mended
         event => unblocked by desk because mended A1 blocked>available:2
         hold a A1
         seats A1 A2 => held:3:a blocked:1",
    );
}

#[test]
fn nothing_happens_if_all_seats_are_so_already() {
    play(
        "block A1
         block A1 key=none => unchanged
         block A1 A2
         seats A1 A2 => blocked:2 blocked:1
         claims => A1 A2
         unblock A3 key=none => unchanged
         unblock A2 A3
         seats A2 A3 => available:2 available:1",
    );
}

#[test]
fn held_and_booked_seats_are_neither_blocked_nor_unblocked() {
    play(
        "hold a A1
         hold b A2
         confirm b
         block A1 A2 A3 => seat_unavailable A1 held A2 booked
         unblock A1 A2 => seat_unavailable A1 held A2 booked
         seats A3 => available:0",
    );
}

#[test]
fn what_a_block_can_get_wrong_is_named() {
    play(
        "block => no_seats
         unblock => no_seats
         block A1 Z1 => unknown_seat Z1
         block A1 A1 => duplicate_seat A1
         block A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 B1 B2 B3 B4 A2 A1 A2 => duplicate_seat A1 A2
         call_off
         block A1 => showtime_cancelled
         unblock A1 => showtime_cancelled",
    );
}

#[test]
fn blocking_needs_no_sale() {
    play(
        "change on_sale_at=5h
         block A1
         tick 11h
         unblock A1",
    );
}
