//! The name of a plan: a hash of its encoded contents.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The first 16 bytes of the SHA-256 of a plan's encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanHash([u8; 16]);

/// The text is not 32 lowercase hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a plan's hash is 32 lowercase hexadecimal digits")]
pub struct ParsePlanHashError;

impl PlanHash {
    /// The hash of an encoded plan.
    pub(super) fn of(encoded: &[u8]) -> Self {
        let digest = Sha256::digest(encoded);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }

    /// A hash kept as bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanHash({self})")
    }
}

impl FromStr for PlanHash {
    type Err = ParsePlanHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| ParsePlanHashError)?;
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// Capitals are refused so that a plan has one address and caches keep it once.
fn digit(ascii: u8) -> Result<u8, ParsePlanHashError> {
    match ascii {
        b'0'..=b'9' => Ok(ascii - b'0'),
        b'a'..=b'f' => Ok(ascii - b'a' + 10),
        _ => Err(ParsePlanHashError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let hash = PlanHash::of(b"some plan");
        let text = hash.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(PlanHash::from_bytes(*hash.as_bytes()), hash);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "00", &"g".repeat(32), &"A".repeat(32), &"0".repeat(33), &"ä".repeat(16)] {
            assert_eq!(text.parse::<PlanHash>(), Err(ParsePlanHashError), "{text}");
        }
    }
}
