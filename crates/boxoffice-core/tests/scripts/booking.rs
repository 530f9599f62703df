//! From hold to booking, and from booking to cancelled seats.

use super::stage::play;

#[test]
fn confirming_books_every_seat() {
    play(
        "hold a A1 A2 meta:lane=2 meta:x=1
         tick 10s
         confirm a name=Ada meta:x=2 meta:y=3
         record a => v2 A1:2 A2:2 confirmed at 10s
         meta a => lane=2 x=2 y=3
         contact => Contact { name: Some(\"Ada\"), email: None }
         seats A1 A2 => booked:2:a booked:2:a
         event => booked by patron A1 held>booked:2 A2 held>booked:2
         claims => A1 A2
         relies => v1
         counts => 16 0 2 0",
    );
}

#[test]
fn confirming_again_is_answered_with_the_same_booking() {
    play(
        "hold a A1
         confirm a
         confirm a => unchanged
         tick 12h
         confirm a => unchanged
         call_off
         confirm a => unchanged
         seats A1 => booked:2:a",
    );
}

#[test]
fn a_hold_is_confirmed_until_just_before_its_deadline() {
    play(
        "hold a A1
         hold b A2
         tick 479999ms
         confirm a
         tick 1ms
         confirm b => hold_expired
         confirm nobody => hold_not_found
         release b
         confirm b => hold_expired",
    );
}

#[test]
fn released_holds_and_called_off_showtimes_book_nothing() {
    play(
        "hold a A1
         hold b A2
         release a
         confirm a => hold_not_active released
         call_off
         confirm b => showtime_cancelled
         confirm nobody => showtime_cancelled",
    );
}

#[test]
fn a_sale_that_is_over_still_lets_its_holds_be_booked() {
    play(
        "hold a A1
         change off_sale_at=1s
         tick 2s
         confirm a",
    );
}

#[test]
fn cancelling_gives_back_all_seats_or_some() {
    play(
        "hold a A1 A2 B1
         confirm a
         cancel a A2
         record a => v3 A1:2 A2:3:cancelled B1:2 partly_cancelled at 0s
         tickets a => adult:1000 adult:1000 vip:2500 4500 1000
         seats A2 => available:3
         event => cancelled by patron A2 booked>available:3
         claims => A1 A2 B1
         relies => nothing
         cancel a A2 => unchanged
         cancel a A2 A1
         claims => A1 B1
         cancel a
         record a => v5 A1:3:cancelled A2:3:cancelled B1:3:cancelled cancelled at 0s
         cancel a => unchanged
         revision => 5",
    );
}

#[test]
fn a_cancelled_seat_belongs_to_its_next_buyer() {
    play(
        "hold a A1 A2
         confirm a
         cancel a A1
         hold b A1
         confirm b
         cancel a A1 => unchanged
         cancel a
         seats A1 A2 => booked:5:b available:3",
    );
}

#[test]
fn what_a_cancellation_can_get_wrong_is_named() {
    play(
        "hold a A1
         hold b A2
         confirm b
         cancel nobody => booking_not_found
         cancel a => booking_not_found
         cancel b none => no_seats
         cancel b A1 A3 => seat_not_in_hold A1 A3
         cancel b A2 A2 => duplicate_seat A2
         cancel b Z9 => unknown_seat Z9",
    );
}

#[test]
fn after_the_beginning_only_a_key_cancels() {
    play(
        "hold a A1 A2
         confirm a
         cancel a A1
         tick 39599999ms
         cancel a A2
         hold b A3 => not_on_sale any more",
    );
    play(
        "hold a A1 A2
         confirm a
         cancel a A1
         tick 11h
         cancel a => too_late
         cancel a A1 => unchanged
         cancel a by=desk
         event => cancelled by desk A2 booked>available:3
         cancel a => unchanged",
    );
}

#[test]
fn released_seats_are_free_and_releasing_again_changes_nothing() {
    play(
        "hold a A1 A2
         tick 10s
         release a
         record a => v2 A1:2 A2:2 released at 10s
         event => released by patron A1 held>available:2 A2 held>available:2
         claims => A1 A2
         relies => nothing
         release a => unchanged
         release nobody => hold_not_found
         hold b A1
         confirm b
         release b => hold_not_active booked
         seats A1 => booked:4:b",
    );
}

#[test]
fn a_hold_released_past_its_deadline_has_expired() {
    play(
        "hold a A1
         tick 480s
         release a
         event => expired by patron A1 held>available:2
         release a => unchanged",
    );
}
