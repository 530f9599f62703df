//! Messages as payloads of notifications, which are texts below 8,000 bytes: a longer message comes in several parts.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

/// How many bytes of a message are in one part: with four characters for three, and the part's name, below 8,000.
const PART_BYTES: usize = 5_880;
/// How many parts a message may have.
const MOST_PARTS: usize = 256;

/// A message's payloads, in order. The name of each part makes it another text than all others of its transaction:
/// PostgreSQL delivers equal ones once. Nothing if the message is too long.
pub(super) fn split(number: u64, message: &[u8]) -> Vec<String> {
    let parts = message.len().div_ceil(PART_BYTES);
    if parts > MOST_PARTS {
        return Vec::new();
    }
    let payload = |(place, part): (usize, &[u8])| {
        let mut text = String::with_capacity(64 + part.len() * 4 / 3);
        // Writing to a String cannot fail.
        let _ = write!(text, "{number:x}.{place}.{parts}:");
        BASE64.encode_string(part, &mut text);
        text
    };
    message.chunks(PART_BYTES).enumerate().map(payload).collect()
}

/// A payload that is none of ours, or that does not continue what came before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign;

/// Puts messages together. The parts of one come one after the other: transactions that notify are one after the other.
#[derive(Default)]
pub(super) struct Assembly {
    /// Whose message of which number is being put together.
    of: (i32, u64),
    next: usize,
    bytes: Vec<u8>,
}

impl Assembly {
    /// Adds what a server process has been told; says the message if that was its last part.
    pub(super) fn add(&mut self, process: i32, payload: &str) -> Result<Option<Vec<u8>>, Foreign> {
        let (name, body) = payload.split_once(':').ok_or(Foreign)?;
        let mut name = name.split('.');
        let mut word = || name.next().ok_or(Foreign);
        let of = (process, u64::from_str_radix(word()?, 16).map_err(|_| Foreign)?);
        let place: usize = word()?.parse().map_err(|_| Foreign)?;
        let parts: usize = word()?.parse().map_err(|_| Foreign)?;
        if place == 0 {
            *self = Self { of, ..Self::default() };
        }
        if of != self.of || place != self.next || place >= parts || parts > MOST_PARTS {
            *self = Self::default();
            return Err(Foreign);
        }
        BASE64.decode_vec(body, &mut self.bytes).map_err(|_| Foreign)?;
        self.next += 1;
        Ok((self.next == parts).then(|| std::mem::take(self).bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_is_what_was_split() {
        let mut assembly = Assembly::default();
        for length in [1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, MOST_PARTS * PART_BYTES] {
            let message: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            let payloads = split(u64::MAX, &message);
            assert!(payloads.iter().all(|payload| payload.len() < 8_000));
            let (last, before) = payloads.split_last().unwrap();
            for payload in before {
                assert_eq!(assembly.add(7, payload), Ok(None));
            }
            assert_eq!(assembly.add(7, last), Ok(Some(message)));
        }
        assert_eq!(split(1, &vec![0; MOST_PARTS * PART_BYTES + 1]), Vec::<String>::new());
    }

    #[test]
    fn parts_that_do_not_belong_together_are_passed_over() {
        let mut assembly = Assembly::default();
        let (one, other) = (split(1, &[1; PART_BYTES + 1]), split(2, &[2; PART_BYTES + 1]));
        assert_eq!(assembly.add(7, &one[1]), Err(Foreign), "the first is missing");
        assert_eq!(assembly.add(7, &one[0]), Ok(None));
        assert_eq!(assembly.add(7, &other[1]), Err(Foreign), "of another message");
        assert_eq!(assembly.add(7, &one[0]), Ok(None));
        assert_eq!(assembly.add(8, &one[1]), Err(Foreign), "of another process");
        for foreign in ["", "1.0.1", "1.0.0:", "x.0.1:", "1.0.1:?", "1.0.9999:AA==", "1.0:AA=="] {
            assert_eq!(assembly.add(7, foreign), Err(Foreign), "{foreign}");
        }
        assert_eq!(assembly.add(7, &one[0]), Ok(None));
        assert_eq!(assembly.add(7, &one[1]), Ok(Some(vec![1; PART_BYTES + 1])), "and a whole one is taken");
    }
}
