//! The event log, replayed by someone who knows nothing but the contract.

use std::collections::BTreeMap;

use serde_json::Value;

use super::house::{Showtime, text};

/// Replays a showtime's event log, fails on any gap or contradiction, and on any difference to its seat map.
/// Returns how many events there were.
#[track_caller]
pub(crate) fn replay(showtime: &Showtime<'_>) -> usize {
    let map = showtime.map();
    let events = showtime.events();
    let head = map["revision"].as_u64().expect("a revision");
    let mut seats: BTreeMap<String, (String, u64)> = BTreeMap::new();
    for (revision, event) in (1..).zip(&events) {
        assert_eq!(event["revision"], revision, "the log has a gap: {event:#}");
        if revision <= head {
            apply(&mut seats, event);
        }
    }
    assert!(events.len() as u64 >= head, "the map is at {head}, the log ends at {}", events.len());
    for (seat, shown) in showtime_states(&map) {
        let logged = seats.remove(&seat).unwrap_or_else(|| ("available".to_owned(), 0));
        // Expiry is a comparison: the map shows a seat as available before the sweeper has said so in the log.
        let swept = shown == logged || (shown.0 == "available" && logged.0 == "held");
        assert!(swept, "{seat} is {shown:?} in the map, but {logged:?} in the log");
    }
    assert!(seats.is_empty(), "the log has seats that the map has not: {seats:?}");
    events.len()
}

fn apply(seats: &mut BTreeMap<String, (String, u64)>, event: &Value) {
    for change in event["seats"].as_array().expect("seats") {
        let (from, to) = (text(&change["from"]), text(&change["to"]));
        let version = change["version"].as_u64().expect("a version");
        let seat = seats.entry(text(&change["seat"])).or_insert_with(|| ("available".to_owned(), 0));
        assert_eq!((&seat.0, seat.1 + 1), (&from, version), "the log contradicts itself at {event:#}");
        *seat = (to, version);
    }
}

fn showtime_states(map: &Value) -> BTreeMap<String, (String, u64)> {
    super::house::states(&map["seats"])
}
