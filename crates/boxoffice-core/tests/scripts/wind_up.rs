//! Letting go of what a showtime that was called off still has.

use std::sync::Arc;

use boxoffice_core::showtime::Showtime;

use super::stage::{play, play_in};
use super::{room, view};

#[test]
fn winding_up_lets_go_of_every_hold_and_booking() {
    play(
        "hold a A1 A2
         hold b A3 A4
         confirm b
         cancel b A3
         hold c A5
         release c
         block A6
         wind_up => unchanged
         call_off
         wind_up
         event => wound_up by patron A1 held>available:2 A2 held>available:2 A4 booked>available:3
         claims => A1 A2 A4
         record a => v2 A1:2 A2:2 released at 0s
         record b => v4 A3:3:cancelled A4:3:cancelled cancelled at 0s
         record c => v2 A5:2 released at 0s
         counts => 17 0 0 1
         wind_up => unchanged",
    );
}

#[test]
fn winding_up_leaves_seats_in_flight_for_the_next_time() {
    play(
        "hold a A1 A2
         hold b A3
         confirm b
         call_off
         claim A2
         wind_up
         seats A1 A2 A3 => held:1:a held:1:a available:3
         wind_up => unchanged
         settle
         wind_up
         record a => v2 A1:2 A2:2 released at 0s",
    );
}

#[test]
fn winding_up_leaves_a_seat_to_whoever_bought_it_next() {
    play(
        "hold a A1 A2
         confirm a
         cancel a A1
         hold b A1
         confirm b
         call_off
         claim A1
         wind_up
         seats A1 A2 => booked:5:b available:3
         record a => v4 A1:3:cancelled A2:3:cancelled cancelled at 0s",
    );
}

#[test]
fn winding_up_does_not_touch_a_booking_that_was_cancelled_before() {
    play(
        "hold a A1
         confirm a
         cancel a
         hold b A2
         call_off
         wind_up
         record a => v3 A1:3:cancelled cancelled at 0s
         event => wound_up by patron A2 held>available:2",
    );
}

/// `A1 A2 …`, `count` seats from the first on.
fn seats(row: &str, count: usize) -> String {
    (1..=count).map(|no| format!("{row}{no}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_too_much_for_one_transition_is_left_for_the_next() {
    let mut settings = room::settings();
    settings.max_seats_per_hold = 700;
    let plan = room::plan_of([("A", 300, "standard"), ("B", 201, "vip"), ("C", 1, "unpriced")]);
    let (a, b) = (seats("A", 300), seats("B", 201));
    play_in(
        Showtime::new(view::SHOWTIME, plan, Arc::new(settings)),
        &format!(
            "hold a {a}
             hold b {b}
             call_off
             wind_up
             counts => 301 201 0 0
             wind_up
             counts => 502 0 0 0
             wind_up => unchanged"
        ),
    );
}

#[test]
fn a_hold_larger_than_a_transition_should_be_is_still_let_go() {
    let mut settings = room::settings();
    settings.max_seats_per_hold = 700;
    let plan = room::plan_of([("A", 501, "standard"), ("B", 4, "vip"), ("C", 1, "unpriced")]);
    play_in(
        Showtime::new(view::SHOWTIME, plan, Arc::new(settings)),
        &format!(
            "hold a {}
             hold b B1
             call_off
             wind_up
             counts => 505 1 0 0
             wind_up
             wind_up => unchanged",
            seats("A", 501)
        ),
    );
}
