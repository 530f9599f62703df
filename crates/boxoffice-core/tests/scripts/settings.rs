//! Changes of a showtime's settings.

use super::stage::play;

#[test]
fn a_change_of_settings_is_a_transition_without_seats() {
    play(
        "change hold_ttl=60s published=no
         event => showtime_changed by patron
         relies => v1
         revision => 1
         hold a A1
         record a => v1 A1:1 until 60s
         relies => v2
         change hold_ttl=60s published=no key=none => unchanged
         change key=none => unchanged
         change hold_ttl=90s
         relies => v2
         record a => v1 A1:1 until 60s",
    );
}

#[test]
fn a_change_that_changes_nothing_is_one_if_its_key_is_to_be_kept() {
    play(
        "change hold_ttl=60s
         change hold_ttl=60s
         event => showtime_changed by patron
         revision => 2
         relies => v2",
    );
}

#[test]
fn movie_and_currency_change_only_before_the_first_hold() {
    play(
        "block A1
         change movie=2 currency=USD
         hold a A2
         change movie=3 => showtime_in_use
         change currency=EUR hold_ttl=0s => showtime_in_use
         change movie=2 currency=USD hold_ttl=60s
         release a
         change movie=3 => showtime_in_use",
    );
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    play(
        "change off_sale_at=0s => invalid_field off_sale_at
         change on_sale_at=10h => invalid_field off_sale_at
         change hold_ttl=0s => invalid_field hold_ttl_s
         change hold_ttl=1441s => invalid_field max_hold_ttl_s
         change max_hold_ttl=479s => invalid_field max_hold_ttl_s
         change max_seats=0 => invalid_field max_seats_per_hold
         change on_sale_at=10h off_sale_at=36001s max_hold_ttl=60s hold_ttl=60s max_seats=1
         revision => 1",
    );
}

#[test]
fn holds_keep_the_cap_that_they_were_made_with() {
    play(
        "hold a A1
         change max_hold_ttl=500s
         hold b A2
         tick 470s
         extend a
         record a => v2 A1:2 until 950s
         extend b
         record b => v2 A2:2 until 500s",
    );
}

#[test]
fn a_showtime_is_called_off_once_and_for_all() {
    play(
        "hold a A1
         call_off by=desk
         event => showtime_cancelled by desk
         relies => v1
         seats A1 => held:1:a
         call_off => unchanged
         change published=no => showtime_cancelled
         change => showtime_cancelled
         release a
         revision => 3",
    );
}
