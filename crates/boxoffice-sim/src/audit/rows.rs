//! The store's rows against the auditor's replay of its log.

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::seat::SeatState;
use boxoffice_core::settings::Settings;

use super::replay::Log;
use crate::rows::ShowtimeRows;

/// Replaying the log gives exactly the seats, the records, the settings and the keys that are stored.
pub(crate) fn compare(id: ShowtimeId, rows: &ShowtimeRows, log: &Log, faults: &mut Vec<String>) {
    let Some(state) = log.states.last() else { return };
    for (no, seat) in (0..).zip(&state.seats) {
        let row = rows.seats.get(&no).copied().unwrap_or_default();
        let replayed = SeatState {
            owner: seat.owner,
            changed: seat.changed,
            version: seat.version,
            status: seat.status,
        };
        if row != replayed {
            faults.push(format!("{id}: seat {no} is stored as {row:?}, the log makes it {replayed:?}"));
        }
    }
    if rows.holds.len() != state.holds.len() {
        let (stored, made) = (rows.holds.len(), state.holds.len());
        faults.push(format!("{id}: {stored} holds are stored, the log makes {made}"));
    }
    for (serial, row) in &rows.holds {
        match row.decode() {
            Ok(stored) if Some(&stored.hold) == state.holds.get(serial) => {}
            other => faults.push(format!("{id}: hold {serial:x} is stored as {other:?}")),
        }
    }
    if Settings::decode(&rows.settings).ok().as_ref() != Some(&*state.settings) {
        faults.push(format!("{id}: other settings are stored than the log makes"));
    }
    let used = log.events.iter().filter_map(|event| Some((event.change.request?.key, event.revision)));
    let used: std::collections::BTreeMap<_, _> = used.collect();
    let stored = rows.keys.iter().map(|(key, used)| (*key, used.revision)).collect();
    if used != stored {
        faults.push(format!("{id}: the keys {stored:02x?} are stored, the log has {used:02x?}"));
    }
}
