//! Claims: seats that a transition in flight is about to change are for nobody else to decide about.

use super::stage::play;

#[test]
fn a_claimed_seat_is_refused_to_strangers_whatever_it_is() {
    play(
        "hold a A1
         confirm a
         block A2
         claim A1 A2 A3
         hold b A1 A2 A3 => seat_unavailable A1 claimed A2 claimed A3 claimed
         block A3 A2 => seat_unavailable A3 claimed A2 claimed
         unblock A2 => seat_unavailable A2 claimed
         settle
         hold b A3",
    );
}

#[test]
fn an_expired_hold_of_which_any_seat_is_claimed_is_not_taken_over() {
    play(
        "hold a A1 A2
         tick 480s
         claim A2
         hold b A1 => seat_unavailable A1 claimed
         expire a => unchanged
         settle
         hold b A1",
    );
}

#[test]
fn a_hold_within_its_time_is_held_not_claimed() {
    play(
        "hold a A1 A2
         claim A2
         hold b A1 => seat_unavailable A1 held",
    );
}

#[test]
fn a_holds_own_commands_are_not_refused_for_claims() {
    play(
        "hold a A1 A2
         claim A1 A2
         tick 1s
         extend a
         edit a -A2
         confirm a
         cancel a",
    );
    play(
        "hold a A1
         claim A1
         release a",
    );
}

#[test]
fn an_added_seat_must_not_be_claimed() {
    play(
        "hold a A1
         claim A2
         edit a +A2 => seat_unavailable A2 claimed",
    );
}

#[test]
fn claims_cover_all_seats_of_every_hold_touched() {
    play(
        "hold a A1 A2
         edit a +A3
         claims => A1 A2 A3
         edit a -A1
         claims => A1 A2 A3
         tick 400s
         hold b A5
         tick 80s
         edit b +A3
         claims => A2 A3 A5
         block A7 A8
         claims => A7 A8
         change movie=1 hold_ttl=60s
         claims =>",
    );
}
