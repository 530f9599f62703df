//! Records that were read a moment too early: what is decided from them does not fit the newer ones, so that a store
//! undoes it and nobody's seats are lost.

use super::stage::play;

#[test]
fn a_stale_booking_cannot_cancel_what_another_bought() {
    play(
        "hold a A1 A2
         confirm a
         cancel a A1
         hold b A1
         confirm b
         read a@2
         cancel a A1 => conflict
         cancel a A1 => unchanged
         seats A1 => booked:5:b",
    );
}

#[test]
fn a_stale_hold_cannot_book_what_another_holds() {
    play(
        "hold a A1
         release a
         hold b A1
         read a@1
         confirm a => conflict
         confirm a => hold_not_active released
         seats A1 => held:3:b",
    );
}

#[test]
fn a_stale_hold_cannot_give_back_what_another_holds() {
    play(
        "hold a A1
         tick 480s
         hold b A1
         read a@1
         release a => conflict
         release a => unchanged
         seats A1 => held:2:b",
    );
}
