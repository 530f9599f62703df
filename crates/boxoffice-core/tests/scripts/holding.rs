//! New holds: what they take, and everything that a request can get wrong.

use super::stage::play;

#[test]
fn a_hold_takes_all_its_seats_at_once() {
    play(
        "hold a A1 A2:child meta:lane=2
         record a => v1 A1:1 A2:1 until 480s
         tickets a => adult:1000 child:700 1700 0
         meta a => lane=2
         seats A1 A2 A3 => held:1:a held:1:a available:0
         event => held by patron A1 available>held:1 A2 available>held:1
         claims => A1 A2
         relies => v1
         revision => 1
         since 0 => A1 A2
         counts => 16 2 0 0",
    );
}

#[test]
fn of_two_who_want_a_seat_the_second_gets_nothing() {
    play(
        "hold a A1 A2
         hold b A2 A3 => seat_unavailable A2 held
         seats A2 A3 => held:1:a available:0
         hold b A3
         revision => 2",
    );
}

#[test]
fn every_seat_that_cannot_be_had_is_named_with_its_reason() {
    play(
        "block A1
         hold a A2
         confirm a
         hold b A3
         claim A4
         hold c A1 A2 A3 A4 A5 => seat_unavailable A1 blocked A2 booked A3 held A4 claimed
         seats A5 => available:0",
    );
}

#[test]
fn seats_are_sold_from_the_opening_to_just_before_the_end() {
    play(
        "change on_sale_at=60s off_sale_at=120s
         hold a A1 => not_on_sale until 60s
         tick 59999ms
         hold a A1 => not_on_sale until 60s
         tick 1ms
         hold a A1
         tick 59999ms
         hold b A2
         tick 1ms
         hold c A3 => not_on_sale any more
         edit a +A4 => not_on_sale any more
         extend a
         confirm a",
    );
}

#[test]
fn a_showtime_called_off_sells_nothing() {
    play(
        "call_off
         hold a A1 => showtime_cancelled
         tick 12h
         hold a A1 => showtime_cancelled",
    );
}

#[test]
fn unknown_and_repeated_seats_are_all_named() {
    play(
        "hold a Z1 A1 a1 => unknown_seat Z1 a1
         hold a A2 A1 A2 A1 => duplicate_seat A2 A1
         hold a A1 A1 A1 => duplicate_seat A1
         hold a => no_seats
         revision => 0",
    );
}

#[test]
fn a_seat_named_many_times_is_reported_once() {
    play("hold a A1 A2 A1 A2 A1 => duplicate_seat A1 A2");
}

#[test]
fn a_hold_has_no_more_seats_than_the_limit() {
    play(
        "hold a A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 => too_many_seats 10
         hold a A1 A2 A3 A4 A5 A6 A7 A8 A9 A10
         edit a +A11 => too_many_seats 10
         edit a +A11 -A1
         change max_seats=2
         hold b B1 B2 B3 => too_many_seats 2
         edit a +A1 -A2 => too_many_seats 2
         edit a -A2",
    );
}

#[test]
fn tickets_are_those_of_the_seats_category() {
    play(
        "hold a A1:child B1:child B2:senior => unknown_ticket B1 B2
         hold a A1 C1 C2 => missing_price C1 C2
         hold a A1 B1
         tickets a => adult:1000 vip:2500 3500 0",
    );
}

#[test]
fn a_wanted_time_may_only_be_shorter() {
    play(
        "hold a A1 ttl=481s => ttl_too_long 480s
         hold a A1 ttl=480s
         hold b A2 ttl=30s
         record b => v1 A2:1 until 30s
         tick 30s
         confirm b => hold_expired
         confirm a",
    );
}

#[test]
fn versions_must_be_right_for_every_seat_that_is_given_one() {
    play(
        "hold a A1
         release a
         seats A1 => available:2
         hold b A1 A2 v:A1=1 v:A2=3 v:A3=0 => version_mismatch A1 expected 1 actual 2 A2 expected 3 actual 0
         hold b A1 v:Z9=0 => unknown_seat Z9
         hold b A1 v:A1=2 v:A3=0
         seats A1 => held:3:b",
    );
}

#[test]
fn checks_go_showtime_sale_seats_versions_availability() {
    play(
        "hold x A1
         change on_sale_at=60s
         hold a Z9 v:A1=9 => not_on_sale until 60s
         tick 60s
         hold a Z9 A1 v:A1=9 => unknown_seat Z9
         hold a A1:senior v:A1=9 => unknown_ticket A1
         hold a A1 v:A1=9 => version_mismatch A1 expected 9 actual 1
         hold a A1 v:A1=1 => seat_unavailable A1 held
         call_off
         hold a Z9 => showtime_cancelled",
    );
}
