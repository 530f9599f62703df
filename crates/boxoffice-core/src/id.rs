//! Ids that route themselves: a hold's or booking's id carries its showtime's.
//!
//! Written as a type prefix and lowercase Crockford base32 digits of fixed width, most significant first, so that
//! the text order of ids of one kind is their numeric order. Inside, a showtime's id has 46 bits, so that with a
//! seat's number (17 bits) it fits a signed 64-bit row key; a hold's serial has 63. A booking has the serial of the
//! hold that it came from: a hold becomes at most one booking.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const NO_DIGIT: u8 = u8::MAX;
/// The value of each byte as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};
const PREFIX_WIDTH: usize = 4;
const SHOWTIME_WIDTH: usize = 10;
const SERIAL_WIDTH: usize = 13;
const LONGEST: usize = PREFIX_WIDTH + SHOWTIME_WIDTH + SERIAL_WIDTH;

/// The number of a hold (and of the booking that it became) within the whole database; never 0.
pub type Serial = u64;

/// Text that is no id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

/// The text of an id, in place: no buffer is allocated for it.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; LONGEST],
    length: usize,
}

impl IdText {
    fn new(prefix: &str) -> Self {
        let mut text = Self { bytes: [0; LONGEST], length: prefix.len() };
        text.bytes[..prefix.len()].copy_from_slice(prefix.as_bytes());
        text
    }

    fn with_digits(mut self, value: u64, width: usize) -> Self {
        let start = self.length;
        self.length += width;
        write_digits(value, &mut self.bytes[start..self.length]);
        self
    }
}

impl Deref for IdText {
    type Target = str;

    fn deref(&self) -> &str {
        // Prefixes and digits are ASCII.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Writes the lowest `5 * out.len()` bits of `value` as base32 digits.
fn write_digits(value: u64, out: &mut [u8]) {
    let mut rest = value;
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(rest & 31) as usize];
        rest >>= 5;
    }
}

/// Reads base32 digits of which the value must stay below 2^`bits`.
fn read_digits(text: &[u8], bits: u32) -> Result<u64, NotAnId> {
    let mut value = 0u64;
    for byte in text {
        let digit = VALUES[usize::from(*byte)];
        if digit == NO_DIGIT || value >> 59 != 0 {
            return Err(NotAnId);
        }
        value = value << 5 | u64::from(digit);
    }
    if value >> bits == 0 { Ok(value) } else { Err(NotAnId) }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $bits:literal, $width:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// What its text starts with.
            pub const PREFIX: &'static str = $prefix;
            /// How many bits its number has.
            pub const BITS: u32 = $bits;

            /// From its number, of which the lowest bits are taken.
            pub const fn from_number(number: u64) -> Self {
                Self(number & ((1 << $bits) - 1))
            }

            /// Its number.
            pub const fn number(self) -> u64 {
                self.0
            }

            /// Its text.
            pub fn text(self) -> IdText {
                IdText::new($prefix).with_digits(self.0, $width)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.strip_prefix($prefix).ok_or(NotAnId)?;
                if digits.len() != $width {
                    return Err(NotAnId);
                }
                read_digits(digits.as_bytes(), $bits).map(Self)
            }
        }
    };
}

number_id!(
    /// A showtime's id.
    ShowtimeId, "sho_", 46, SHOWTIME_WIDTH
);
number_id!(
    /// A cinema's id.
    CinemaId, "cin_", 63, SERIAL_WIDTH
);
number_id!(
    /// A movie's id.
    MovieId, "mov_", 63, SERIAL_WIDTH
);
number_id!(
    /// An auditorium's id.
    AuditoriumId, "aud_", 63, SERIAL_WIDTH
);

macro_rules! routed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The showtime that it belongs to.
            pub showtime: ShowtimeId,
            /// Its number.
            pub serial: Serial,
        }

        impl $name {
            /// What its text starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Its text.
            pub fn text(self) -> IdText {
                let text = IdText::new($prefix).with_digits(self.showtime.number(), SHOWTIME_WIDTH);
                text.with_digits(self.serial, SERIAL_WIDTH)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.strip_prefix($prefix).ok_or(NotAnId)?.as_bytes();
                if digits.len() != SHOWTIME_WIDTH + SERIAL_WIDTH {
                    return Err(NotAnId);
                }
                let (showtime, serial) = digits.split_at(SHOWTIME_WIDTH);
                let showtime = ShowtimeId::from_number(read_digits(showtime, ShowtimeId::BITS)?);
                match read_digits(serial, 63)? {
                    0 => Err(NotAnId),
                    serial => Ok(Self { showtime, serial }),
                }
            }
        }
    };
}

routed_id!(
    /// A hold's id.
    HoldId, "hld_"
);
routed_id!(
    /// A booking's id.
    BookingId, "bkg_"
);

/// A booking's human reference: 10 Crockford base32 characters, shown as `XXXXX-XXXXX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(u64);

impl Reference {
    /// How many bits it has.
    pub const BITS: u32 = 50;

    /// From random bits, of which the lowest 50 are taken.
    pub const fn from_number(number: u64) -> Self {
        Self(number & ((1 << Self::BITS) - 1))
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; 11];
        write_digits(self.0 >> 25, &mut text[..5]);
        write_digits(self.0, &mut text[6..]);
        text.make_ascii_uppercase();
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Reference {
    type Err = NotAnId;

    /// Case and hyphens are ignored; as in Crockford's base32, O reads as 0 and I and L as 1.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let mut digits = [0; 10];
        let mut count = 0;
        for byte in text.bytes().filter(|byte| *byte != b'-') {
            *digits.get_mut(count).ok_or(NotAnId)? = match byte.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                other => other,
            };
            count += 1;
        }
        if count < digits.len() {
            return Err(NotAnId);
        }
        read_digits(&digits, Self::BITS).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_route() {
        let showtime = ShowtimeId::from_number((1 << 46) - 2);
        assert_eq!(showtime.to_string().parse(), Ok(showtime));
        for serial in [1, 77, (1 << 63) - 1] {
            let hold = HoldId { showtime, serial };
            assert_eq!(hold.to_string().parse(), Ok(hold));
            assert!(hold.to_string().parse::<BookingId>().is_err());
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "sho_",
            "sho_zzzzzzzzzz",
            "sho_000000000",
            "sho_00000000O0",
            "hld_0000000000",
            "sho_é00000000",
        ] {
            assert!(text.parse::<ShowtimeId>().is_err(), "{text}");
        }
        assert!("hld_00000000000000000000000".parse::<HoldId>().is_err(), "a serial of 0");
        assert!("hld_0000000001zzzzzzzzzzzzz".parse::<HoldId>().is_err(), "more than 63 bits");
    }

    #[test]
    fn references_forgive_case_hyphens_and_lookalikes() {
        let reference = Reference::from_number(0x3_1234_5678_9abc);
        let shown = reference.to_string();
        assert_eq!(shown.len(), 11);
        assert_eq!(shown.parse(), Ok(reference));
        assert_eq!(shown.to_lowercase().replace('-', "").parse(), Ok(reference));
        assert_eq!("0000O-0000L".parse::<Reference>(), Ok(Reference::from_number(1)));
        assert!("00000-0000".parse::<Reference>().is_err());
        assert!("00000-000000".parse::<Reference>().is_err());
    }
}
