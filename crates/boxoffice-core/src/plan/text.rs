//! The rules for names and labels: what may be printed on a ticket and typed back.

use compact_str::CompactString;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The longest label, in characters.
pub(super) const MAX_LABEL: usize = 32;
/// The longest other name, in characters.
const MAX_NAME: usize = 200;

/// The text in Unicode's normal form C, in which equal looking names are equal bytes.
pub(super) fn nfc(text: &str) -> CompactString {
    if is_nfc(text) { text.into() } else { text.nfc().collect() }
}

/// The start of a text that may be very long, for messages.
pub(super) fn cut(text: &str) -> CompactString {
    match text.char_indices().nth(MAX_LABEL + 8) {
        Some((end, _)) => compact_str::format_compact!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// What is wrong with a name, if anything. Spaces are fine here, an empty name too.
pub(super) fn name_fault(text: &str) -> Option<&'static str> {
    if text.len() > MAX_NAME && text.chars().count() > MAX_NAME {
        Some("is longer than 200 characters")
    } else if text.chars().any(|c| c.is_control() || turns_writing(c)) {
        Some("has control characters")
    } else {
        None
    }
}

/// What is wrong with a label, if anything.
pub(super) fn label_fault(label: &str) -> Option<&'static str> {
    if label.is_empty() {
        Some("is empty")
    } else if label.len() > MAX_LABEL && label.chars().count() > MAX_LABEL {
        Some("is longer than 32 characters")
    } else if label.chars().any(char::is_whitespace) {
        Some("has a space")
    } else if label.chars().any(|c| c.is_control() || is_invisible(c)) {
        Some("has control or invisible characters")
    } else if !is_nfc(label) {
        Some("is not in Unicode's normal form C")
    } else {
        None
    }
}

/// Characters that take no room: two labels with and without them look the same. (Names may have them: some scripts
/// need joiners.)
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}') || turns_writing(c)
}

/// Characters that break lines or turn the direction of whatever is written after them.
fn turns_writing(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
