//! The hot statements by name, for whoever wants to ask the database how it would run them.

use crate::reads::{EVENTS, HEADS, HOLD, LOAD};
use crate::writer::statements::{IS_VOID, ONE, Statements, VOID, WRITE_FENCE};

/// Every statement on the tables that grow with sales, as it is sent where those tables are partitioned or distributed:
/// those of a batch of one showtime, and the reads that boards make. A list of showtimes is a list of one for `heads`.
pub fn hot_statements() -> Vec<(&'static str, &'static str)> {
    // Taken apart, so that a new statement does not compile until it stands here.
    let Statements {
        lock,
        seats,
        holds,
        keys,
        new_seats,
        write_seats,
        new_holds,
        write_holds,
        write_keys,
        write_events,
        write_clocks,
    } = &*ONE;
    vec![
        ("lock", lock),
        ("seats", seats),
        ("holds", holds),
        ("keys", keys),
        ("new_seats", new_seats),
        ("write_seats", write_seats),
        ("new_holds", new_holds),
        ("write_holds", write_holds),
        ("write_keys", write_keys),
        ("write_events", write_events),
        ("write_clocks", write_clocks),
        ("write_fence", WRITE_FENCE),
        ("void", VOID),
        ("is_void", IS_VOID),
        ("load", LOAD),
        ("events", EVENTS),
        ("heads", HEADS),
        ("hold", HOLD),
    ]
}
