//! The hot statements by name, for whoever wants to ask the database how it would run them.

use crate::reads::{HEADS, HOLD, LOAD, LOG};
use crate::writer::statements::{
    IS_VOID, KEYS, LOCK, STATE, VOID, WRITE_CLOCK, WRITE_FENCE, WRITE_HOLDS, WRITE_KEYS, WRITE_LOG,
    WRITE_SNAPSHOT,
};

/// Every statement on the tables that grow with sales, as it is sent where those tables are partitioned or distributed:
/// those of a batch, and the reads that boards make. A list of showtimes is a list of one for `heads`.
pub fn hot_statements() -> Vec<(&'static str, &'static str)> {
    vec![
        ("lock", LOCK),
        ("state", STATE),
        ("keys", KEYS),
        ("write_clock", WRITE_CLOCK),
        ("write_log", WRITE_LOG),
        ("write_snapshot", WRITE_SNAPSHOT),
        ("write_holds", WRITE_HOLDS),
        ("write_keys", WRITE_KEYS),
        ("write_fence", WRITE_FENCE),
        ("void", VOID),
        ("is_void", IS_VOID),
        ("load", LOAD),
        ("log", LOG),
        ("heads", HEADS),
        ("hold", HOLD),
    ]
}
