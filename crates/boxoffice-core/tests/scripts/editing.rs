//! Changes of a hold: add, remove, swap, extend; all of it or nothing.

use super::stage::{play, play_with};

#[test]
fn seats_are_added_and_removed_and_the_deadline_stays() {
    play(
        "hold a A1 A2
         tick 100s
         edit a +A3:child -A1
         record a => v2 A2:1 A3:1 until 480s
         tickets a => adult:1000 child:700 1700 0
         seats A1 A2 A3 => available:2 held:1:a held:1:a
         event => hold_changed by patron A1 held>available:2 A3 available>held:1
         claims => A1 A2 A3
         relies => v1
         edit a -A2
         relies => v1",
    );
}

#[test]
fn a_swap_never_loses_the_old_seat_when_the_new_one_is_gone() {
    play(
        "hold a A1
         hold b A2
         edit a +A2 -A1 => seat_unavailable A2 held
         edit a +A2 +A3 -A1 extend => seat_unavailable A2 held
         record a => v1 A1:1 until 480s
         seats A1 A3 => held:1:a available:0
         edit a +A3 -A1
         record a => v2 A3:1 until 480s",
    );
}

#[test]
fn extending_moves_the_deadline_and_every_seat() {
    play(
        "hold a A1 A2
         tick 100s
         extend a
         record a => v2 A1:2 A2:2 until 580s
         event => hold_changed by patron A1 held>held:2 A2 held>held:2
         relies => v1
         tick 480s
         confirm a => hold_expired",
    );
}

#[test]
fn extending_ends_at_the_cap() {
    play(
        "hold a A1
         tick 479s
         extend a
         tick 479s
         extend a
         record a => v3 A1:3 until 1438s
         tick 3s
         extend a
         record a => v4 A1:4 until 1440s
         extend a => hold_limit_reached
         edit a +A2 extend => hold_limit_reached
         seats A2 => available:0
         tick 478s
         confirm a",
    );
}

#[test]
fn extending_within_the_same_instant_changes_nothing() {
    play(
        "hold a A1
         extend a key=none => unchanged
         revision => 1",
    );
}

#[test]
fn under_a_key_what_changes_nothing_is_remembered_in_the_log() {
    play(
        "hold a A1
         edit a
         record a => v2 A1:1 until 480s
         seats A1 => held:1:a
         block A3 by=shop
         block A3 by=shop
         seats A3 => blocked:2
         revision => 4",
    );
}

#[test]
fn extending_never_shortens() {
    play(
        "hold a A1
         change hold_ttl=60s
         tick 10s
         extend a key=none => unchanged
         tick 420s
         extend a
         record a => v2 A1:2 until 490s",
    );
}

#[test]
fn a_short_hold_may_be_extended_to_the_full_time() {
    play(
        "hold a A1 ttl=30s
         tick 20s
         extend a
         record a => v2 A1:2 until 500s",
    );
}

#[test]
fn add_remove_and_extend_raise_each_seat_once() {
    play(
        "hold a A1 A2
         tick 1s
         edit a +A3 -A1 extend
         record a => v2 A2:2 A3:1 until 481s
         seats A1 => available:2",
    );
}

#[test]
fn what_an_edit_can_get_wrong_is_named() {
    play(
        "hold a A1 A2
         hold b A3
         edit a -A3 -A4 => seat_not_in_hold A3 A4
         edit a -Z9 => unknown_seat Z9
         edit a -A1 -A1 => duplicate_seat A1
         edit a +A1 +A5 => duplicate_seat A1
         edit a +A1 -A1 => duplicate_seat A1
         edit a +A5 +A5 => duplicate_seat A5
         edit a -A1 -A2 => no_seats
         edit a +A5:senior => unknown_ticket A5
         edit a +C1 => missing_price C1
         edit a +A5 v:A1=2 => version_mismatch A1 expected 2 actual 1
         edit a key=none => unchanged
         edit nobody +A5 => hold_not_found
         revision => 2",
    );
}

#[test]
fn only_an_active_hold_within_its_time_is_edited() {
    play(
        "hold a A1
         hold b A2
         hold c A3
         confirm a
         release b
         edit a +A5 => hold_not_active booked
         extend b => hold_not_active released
         tick 480s
         extend c => hold_expired
         expire c
         edit c -A3 => hold_expired",
    );
}

#[test]
fn removing_works_after_the_sale_and_adding_does_not() {
    play(
        "change off_sale_at=10s
         hold a A1 A2
         tick 10s
         edit a -A1
         edit a +A3 => not_on_sale any more
         edit a +A3 +Z9 v:A2=7 => not_on_sale any more
         call_off
         edit a extend => showtime_cancelled",
    );
}

#[test]
fn frozen_prices_stay_when_prices_change() {
    play(
        "hold a A1
         change price=5000
         edit a +A2
         tickets a => adult:1000 flat:5000 6000 0
         confirm a
         tickets a => adult:1000 flat:5000 6000 0",
    );
}

#[test]
fn without_room_for_extension_the_limit_is_reached_at_once() {
    let mut settings = super::room::settings();
    settings.max_hold_ttl_ms = settings.hold_ttl_ms;
    play_with(
        settings,
        "hold a A1
         tick 10s
         extend a => hold_limit_reached",
    );
}
