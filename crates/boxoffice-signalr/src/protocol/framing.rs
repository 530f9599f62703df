//! Cutting what arrives into records, wherever the transport happened to cut it.

use bytes::{Buf, Bytes, BytesMut};

use super::{Fault, Protocol};

/// Ends every JSON record, and the handshake of both protocols.
pub(crate) const SEPARATOR: u8 = 0x1E;

/// Bytes that arrived and are not yet understood. Between records it holds no memory.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: BytesMut,
    /// How many bytes at the start are known to have no separator, so that a record in many pieces is read once.
    searched: usize,
    max_record_bytes: usize,
}

impl Inbox {
    pub(crate) fn new(max_record_bytes: usize) -> Self {
        Self { bytes: BytesMut::new(), searched: 0, max_record_bytes }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// The next whole record without its frame, or nothing while it is not whole.
    pub(crate) fn next(&mut self, protocol: Protocol) -> Result<Option<Bytes>, Fault> {
        let found = match protocol {
            Protocol::Json => self.until_separator(),
            Protocol::MessagePack => self.by_length(),
        };
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        found
    }

    /// The handshake is text in both protocols.
    pub(crate) fn next_handshake(&mut self) -> Result<Option<Bytes>, Fault> {
        self.next(Protocol::Json)
    }

    fn until_separator(&mut self) -> Result<Option<Bytes>, Fault> {
        let found = self.bytes[self.searched..].iter().position(|byte| *byte == SEPARATOR);
        let length = found.map_or(self.bytes.len(), |place| self.searched + place);
        if length > self.max_record_bytes {
            return Err(Fault::TooLong(self.max_record_bytes));
        }
        if found.is_none() {
            self.searched = length;
            return Ok(None);
        }
        self.searched = 0;
        let record = self.bytes.split_to(length).freeze();
        self.bytes.advance(1);
        Ok(Some(record))
    }

    fn by_length(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some((length, prefix)) = read_length(&self.bytes)? else { return Ok(None) };
        if length > self.max_record_bytes {
            return Err(Fault::TooLong(self.max_record_bytes));
        }
        if self.bytes.len() < prefix + length {
            return Ok(None);
        }
        self.bytes.advance(prefix);
        Ok(Some(self.bytes.split_to(length).freeze()))
    }
}

/// A length in seven bits a byte, low bits first, and how many bytes it took: one to five, at most 2^31 - 1.
fn read_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Fault> {
    let mut length: u64 = 0;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return match usize::try_from(length) {
                Ok(length) if length <= 0x7FFF_FFFF => Ok(Some((length, place + 1))),
                _ => Err(Fault::invalid("Messages over 2GB in size are not supported.")),
            };
        }
    }
    if bytes.len() >= 5 {
        return Err(Fault::invalid("Messages over 2GB in size are not supported."));
    }
    Ok(None)
}

/// Puts the length of a record before it.
pub(crate) fn write_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        // Seven bits fit a byte.
        out.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(inbox: &mut Inbox, protocol: Protocol) -> Vec<Bytes> {
        std::iter::from_fn(|| inbox.next(protocol).unwrap()).collect()
    }

    #[test]
    fn a_json_record_may_come_in_pieces_and_many_at_once() {
        let mut inbox = Inbox::new(100);
        inbox.push(b"{\"a\"");
        assert_eq!(inbox.next(Protocol::Json), Ok(None));
        inbox.push(b":1}\x1e{}\x1e\x1e{\"b");
        assert_eq!(all(&mut inbox, Protocol::Json), [&b"{\"a\":1}"[..], b"{}", b""]);
        inbox.push(b"\":2}\x1e");
        assert_eq!(all(&mut inbox, Protocol::Json), [&b"{\"b\":2}"[..]]);
    }

    #[test]
    fn a_record_of_the_longest_length_passes_and_one_byte_more_does_not() {
        for (length, fits) in [(10, true), (11, false)] {
            let mut json = Inbox::new(10);
            json.push(&vec![b' '; length]);
            assert_eq!(json.next(Protocol::Json).is_ok(), fits, "unfinished, {length}");
            json.push(&[SEPARATOR]);
            assert_eq!(json.next(Protocol::Json).is_ok(), fits, "{length}");
            let mut binary = Inbox::new(10);
            binary.push(&[length as u8]);
            assert_eq!(binary.next(Protocol::MessagePack).is_ok(), fits, "only the length, {length}");
        }
    }

    #[test]
    fn a_length_has_one_to_five_bytes() {
        let cases: &[(usize, &[u8])] = &[
            (0, &[0]),
            (127, &[0x7F]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xFF, 0x7F]),
            (16_384, &[0x80, 0x80, 0x01]),
            (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
            (0x7FFF_FFFF, &[0xFF, 0xFF, 0xFF, 0xFF, 0x07]),
        ];
        for (length, bytes) in cases {
            let mut written = Vec::new();
            write_length(*length, &mut written);
            assert_eq!(written, *bytes);
            assert_eq!(read_length(bytes), Ok(Some((*length, bytes.len()))));
            assert_eq!(read_length(&bytes[..bytes.len() - 1]), Ok(None), "cut off");
        }
        for junk in [&[0xFF, 0xFF, 0xFF, 0xFF, 0x08][..], &[0xFF; 5], &[0x80; 6]] {
            assert!(read_length(junk).is_err(), "{junk:?}");
        }
    }

    proptest! {
        #[test]
        fn records_survive_any_cutting(
            records in prop::collection::vec(prop::collection::vec(0u8..0x1E, 0..300), 0..8),
            cuts in prop::collection::vec(1usize..40, 1..20),
        ) {
            for protocol in [Protocol::Json, Protocol::MessagePack] {
                let mut wire = Vec::new();
                for record in &records {
                    if protocol == Protocol::MessagePack {
                        write_length(record.len(), &mut wire);
                    }
                    wire.extend_from_slice(record);
                    if protocol == Protocol::Json {
                        wire.push(SEPARATOR);
                    }
                }
                let (mut inbox, mut found, mut rest) = (Inbox::new(300), Vec::new(), &wire[..]);
                for cut in cuts.iter().cycle() {
                    let (chunk, after) = rest.split_at((*cut).min(rest.len()));
                    inbox.push(chunk);
                    found.extend(all(&mut inbox, protocol));
                    rest = after;
                    if rest.is_empty() {
                        break;
                    }
                }
                prop_assert_eq!(&found, &records);
                prop_assert_eq!(inbox.bytes.capacity(), 0, "nothing is kept between records");
            }
        }
    }
}
