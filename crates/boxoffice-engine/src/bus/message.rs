//! What travels on the bus: committed changes of one node, many in one message, in the compact form of the core.

use std::sync::Arc;

use boxoffice_core::change::{Change, Event};
use boxoffice_core::codec::{Malformed, Reader, Writer};
use boxoffice_core::id::ShowtimeId;

use super::Message;

/// The form. Who does not know it passes the message over, so that two versions can run side by side.
const FORMAT: u8 = 1;

/// Where a message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The node that committed the changes.
    pub node: u64,
    /// The history that their revisions belong to.
    pub epoch: String,
}

/// A message while it is put together.
pub struct Draft {
    out: Writer,
    /// How many changes it tells.
    pub changes: u64,
    /// About how many bytes it has.
    pub size: usize,
}

impl Draft {
    /// One that tells nothing yet.
    pub fn new(origin: &Origin) -> Self {
        let mut out = Writer::with_capacity(512);
        out.uint(FORMAT);
        out.raw(&origin.node.to_le_bytes());
        out.text(&origin.epoch);
        Self { out, changes: 0, size: 0 }
    }

    /// Adds a change.
    pub fn add(&mut self, showtime: ShowtimeId, event: &Event) {
        let change = event.change.encode();
        self.out.uint(showtime.number());
        self.out.uint(event.revision);
        self.out.bytes(&change);
        self.changes += 1;
        self.size += change.len() + 16;
    }

    /// Its bytes.
    pub fn finish(self) -> Vec<u8> {
        self.out.finish()
    }
}

/// Reads where a message comes from, and what it tells if `wanted` says so.
pub fn read(bytes: &[u8], wanted: impl FnOnce(&Origin) -> bool) -> Result<Vec<Message>, Malformed> {
    let mut input = Reader::new("bus message", bytes);
    if input.uint::<u8>()? != FORMAT {
        return Err(input.malformed());
    }
    let origin =
        Origin { node: u64::from_le_bytes(input.array()?), epoch: input.text()?.as_str().to_owned() };
    let mut messages = Vec::new();
    if !wanted(&origin) {
        return Ok(messages);
    }
    while !input.is_at_end() {
        let number: u64 = input.uint()?;
        let showtime = ShowtimeId::from_number(number);
        if showtime.number() != number {
            return Err(input.malformed());
        }
        let revision = input.uint()?;
        let change = Arc::new(Change::decode(input.bytes()?)?);
        messages.push((showtime, Arc::new(Event { revision, change })));
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use boxoffice_core::change::{Actor, EventKind};
    use boxoffice_core::time::Timestamp;

    use super::*;

    fn message(number: u64, revision: u64) -> Message {
        let change = Change {
            at: Timestamp::from_ms(1_000 + number as i64),
            kind: EventKind::HELD,
            actor: Actor::Patron,
            seats: Default::default(),
            holds: Default::default(),
            settings: None,
            request: None,
            reason: None,
        };
        (ShowtimeId::from_number(number), Arc::new(Event { revision, change: Arc::new(change) }))
    }

    fn encoded(origin: &Origin, messages: &[Message]) -> Vec<u8> {
        let mut draft = Draft::new(origin);
        messages.iter().for_each(|(showtime, event)| draft.add(*showtime, event));
        draft.finish()
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let origin = Origin { node: u64::MAX - 1, epoch: "history".into() };
        let messages = [message(5, 1), message(7, u64::MAX), message(5, 2)];
        let bytes = encoded(&origin, &messages);
        assert_eq!(read(&bytes, |from| *from == origin).unwrap(), messages);
        assert_eq!(read(&bytes, |from| *from != origin).unwrap(), [], "of others only");
    }

    #[test]
    fn what_is_cut_short_or_of_another_form_is_malformed() {
        let origin = Origin { node: 1, epoch: "history".into() };
        let bytes = encoded(&origin, &[message(5, 1)]);
        for cut in (0..bytes.len()).filter(|cut| *cut != encoded(&origin, &[]).len()) {
            assert!(read(&bytes[..cut], |_| true).is_err(), "{cut} bytes");
        }
        let mut other = bytes;
        other[0] = 2;
        assert!(read(&other, |_| true).is_err());
    }
}
