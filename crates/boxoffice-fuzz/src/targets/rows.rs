//! Stored rows: plans, holds, settings, buyers, events and entries of the catalogue, after whatever happened to a disk.

use std::fmt::Debug;

use boxoffice_core::change::Change;
use boxoffice_core::codec::Malformed;
use boxoffice_core::hold::{Contact, Hold};
use boxoffice_core::plan::Plan;
use boxoffice_core::settings::Settings;
use boxoffice_engine::catalogue::{Entry, Kind};

/// The first byte says as what the others are read. What is read is written and read again: it is the same, and its
/// bytes stay the same from then on.
pub(super) fn rows(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    let entry = |kind| move |bytes: &[u8]| Entry::decode(kind, 1, None, bytes);
    match kind % 8 {
        0 => twice(bytes, Change::decode, Change::encode),
        1 => twice(bytes, Hold::decode, Hold::encode),
        2 => twice(bytes, Settings::decode, Settings::encode),
        3 => twice(bytes, Contact::decode, Contact::encode),
        4 => {
            twice(bytes, Plan::decode, Plan::encode);
            if let Ok(plan) = Plan::decode(bytes) {
                let again = Plan::decode(&plan.encode()).map(|plan| plan.hash());
                assert_eq!(again, Ok(plan.hash()), "a plan keeps its name");
            }
        }
        5 => twice(bytes, entry(Kind::Cinema), Entry::encode),
        6 => twice(bytes, entry(Kind::Movie), Entry::encode),
        _ => twice(bytes, entry(Kind::Auditorium), Entry::encode),
    }
}

fn twice<T: Debug + PartialEq>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, Malformed>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    let value = match decode(bytes) {
        Ok(value) => value,
        Err(error) => {
            assert!(error.at <= bytes.len(), "{error} is behind the end");
            return;
        }
    };
    let written = encode(&value);
    let again = decode(&written);
    assert_eq!(again.as_ref(), Ok(&value), "what was read is not what is read again");
    assert_eq!(again.map(|again| encode(&again)), Ok(written), "it is written in two ways");
}
