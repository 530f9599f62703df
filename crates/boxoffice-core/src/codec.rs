//! The compact binary form in which plans, records and events are kept: varints, length-prefixed bytes.
//!
//! Integers are LEB128 varints (signed ones zigzag first, as in Protocol Buffers); text and blobs are a varint
//! length and the bytes. Each encoded thing starts with a format number of its own, so that a newer binary can
//! still read what an older one wrote.

use compact_str::CompactString;

/// The bytes are not what they should be: cut short, of an unknown format, or out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("damaged or unknown encoding of {what} at byte {at}")]
pub struct Malformed {
    /// What was being read.
    pub what: &'static str,
    /// Offset of the fault in the encoded bytes.
    pub at: usize,
}

/// Appends values to a byte vector.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A writer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// An unsigned integer as a varint of 1 to 10 bytes.
    pub fn uint(&mut self, value: impl Into<u64>) {
        let mut rest = value.into();
        while rest >= 0x80 {
            self.0.push((rest as u8) | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    /// A signed integer, zigzag encoded.
    pub fn int(&mut self, value: i64) {
        self.uint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A boolean as one byte.
    pub fn bool(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    /// A 32-bit float, bit for bit.
    pub fn float(&mut self, value: f32) {
        self.0.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    /// Length and bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.uint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// Bytes whose number the reader knows.
    pub fn raw(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    /// UTF-8 text with its length.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// A presence byte, then the value if there is one.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// The number of items, then each.
    pub fn list<T>(&mut self, items: impl ExactSizeIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        self.uint(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes values from encoded bytes, checking every length.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `what` names the thing in errors.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, what }
    }

    /// The error for what was just read.
    pub fn malformed(&self) -> Malformed {
        Malformed { what: self.what, at: self.at }
    }

    /// Exactly `count` bytes.
    pub fn raw(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count).ok_or_else(|| self.malformed())?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| self.malformed())?;
        self.at = end;
        Ok(taken)
    }

    /// Exactly `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let bytes = self.raw(N)?;
        bytes.try_into().map_err(|_| self.malformed())
    }

    /// An unsigned integer that fits `T`.
    pub fn uint<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.raw(1)?[0];
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return T::try_from(value).map_err(|_| self.malformed());
            }
        }
        Err(self.malformed())
    }

    /// A zigzag encoded integer.
    pub fn int(&mut self) -> Result<i64, Malformed> {
        let raw: u64 = self.uint()?;
        Ok(((raw >> 1) as i64) ^ -((raw & 1) as i64))
    }

    /// A boolean; any byte but 0 and 1 is malformed.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        match self.raw(1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.malformed()),
        }
    }

    /// A 32-bit float.
    pub fn float(&mut self) -> Result<f32, Malformed> {
        Ok(f32::from_bits(u32::from_le_bytes(self.array()?)))
    }

    /// Length and bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.uint()?;
        self.raw(length)
    }

    /// UTF-8 text.
    pub fn text(&mut self) -> Result<CompactString, Malformed> {
        let bytes = self.bytes()?;
        CompactString::from_utf8(bytes).map_err(|_| self.malformed())
    }

    /// A value that may be absent.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list; its stated length is not trusted for allocation.
    pub fn list<T, C: FromIterator<T>>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<C, Malformed> {
        let count: usize = self.uint()?;
        (0..count).map(|_| read(self)).collect()
    }

    /// Whether nothing is left to read.
    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Ends the reading: bytes left over are malformed.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.is_at_end() { Ok(()) } else { Err(self.malformed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip_at_their_edges() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut writer = Writer::default();
            writer.uint(value);
            writer.int(value as i64);
            let bytes = writer.finish();
            let mut reader = Reader::new("test", &bytes);
            assert_eq!(reader.uint::<u64>(), Ok(value));
            assert_eq!(reader.int(), Ok(value as i64));
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn cut_short_or_absurd_bytes_are_malformed() {
        assert!(Reader::new("test", &[0x80]).uint::<u64>().is_err());
        assert!(Reader::new("test", &[0xff; 11]).uint::<u64>().is_err());
        assert!(Reader::new("test", &[200, 1, 0]).uint::<u8>().is_ok_and(|v| v == 200));
        assert!(Reader::new("test", &[200, 2]).uint::<u8>().is_err());
        assert!(Reader::new("test", &[5, b'a']).bytes().is_err());
        let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
        assert!(Reader::new("test", &huge).list::<u8, Vec<u8>>(Reader::uint).is_err());
    }
}
