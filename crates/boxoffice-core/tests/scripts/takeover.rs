//! Expired holds: free to whoever asks, swept or not, and always ended whole.

use super::stage::play;

#[test]
fn taking_one_seat_of_an_expired_hold_ends_the_whole_hold() {
    play(
        "hold a A1 A2 A3
         tick 480s
         counts => 18 0 0 0
         hold b A2 A4
         event => held by patron A1 held>available:2 A2 held>held:2 A3 held>available:2 A4 available>held:1
         claims => A1 A2 A3 A4
         record a => v2 A1:2 A2:2 A3:2 expired at 480s
         record b => v1 A2:2 A4:1 until 960s
         seats A1 A2 A3 A4 => available:2 held:2:b available:2 held:1:b
         confirm a => hold_expired
         revision => 2",
    );
}

#[test]
fn a_deadline_is_exclusive_to_the_millisecond() {
    play(
        "hold a A1
         tick 479999ms
         hold b A1 => seat_unavailable A1 held
         expire a => unchanged
         tick 1ms
         hold b A1",
    );
}

#[test]
fn one_request_may_end_several_expired_holds() {
    play(
        "hold a A1 A2
         hold b A3 A4
         tick 480s
         hold c A2 A3 A1
         event => held by patron A1 held>held:2 A2 held>held:2 A3 held>held:2 A4 held>available:2
         record a => v2 A1:2 A2:2 expired at 480s
         record b => v2 A3:2 A4:2 expired at 480s
         record c => v1 A2:2 A3:2 A1:2 until 960s",
    );
}

#[test]
fn adding_blocking_and_unblocking_take_over_too() {
    play(
        "hold a A1 A2
         hold b A3 A4
         hold e A9 A10
         tick 400s
         hold c A5
         tick 80s
         edit c +A1
         record a => v2 A1:2 A2:2 expired at 480s
         record c => v2 A5:1 A1:2 until 880s
         block A3
         record b => v2 A3:2 A4:2 expired at 480s
         seats A1 A2 A3 A4 => held:2:c available:2 blocked:2 available:2
         unblock A9
         seats A9 A10 => available:2 available:2",
    );
}

#[test]
fn the_margin_delays_others_but_not_the_deadline() {
    play(
        "margin 250ms
         hold a A1
         tick 480s
         confirm a => hold_expired
         hold b A1 => seat_unavailable A1 held
         block A1 => seat_unavailable A1 held
         expire a => unchanged
         tick 249ms
         hold b A1 => seat_unavailable A1 held
         tick 1ms
         hold b A1",
    );
}

#[test]
fn the_sweeper_ends_a_hold_that_is_due_and_nothing_else() {
    play(
        "hold a A1 A2
         expire a => unchanged
         tick 480s
         expire a
         event => expired by patron A1 held>available:2 A2 held>available:2
         record a => v2 A1:2 A2:2 expired at 480s
         expire a => unchanged
         expire nobody => unchanged
         hold b A1
         confirm b
         tick 480s
         expire b => unchanged",
    );
}

#[test]
fn a_refused_takeover_leaves_the_expired_hold_as_it_is() {
    play(
        "hold a A1 A2
         hold b A3
         confirm b
         tick 480s
         hold c A1 A3 => seat_unavailable A3 booked
         record a => v1 A1:1 A2:1 until 480s
         seats A1 => held:1:a",
    );
}
