//! Text as JSON, written into a buffer: for the few answers and log lines that are written so often that a general
//! serialiser shows in the profile.

/// Writes a string with its quotes.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    // Every byte is looked at, so that many are at once.
    let odd = |odd, byte| odd | (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if !text.bytes().fold(false, odd) {
        put_plain(out, text);
    } else {
        // Writing into memory does not fail.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Writes a string that is known to have nothing to escape, such as an id or a time, with its quotes.
pub(crate) fn put_plain(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Writes a whole number.
pub(crate) fn put_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_as_a_serialiser_writes_it() {
        for text in ["", "C12", "Ärger im Ballhaus", "a\"b", "a\\b", "line\nbreak", "\u{1}", "\u{7f}", "🎬"]
        {
            let mut out = Vec::new();
            put_text(&mut out, text);
            assert_eq!(out, serde_json::to_vec(text).expect("JSON"));
        }
        let mut out = Vec::new();
        put_number(&mut out, i64::MIN);
        assert_eq!(out, i64::MIN.to_string().as_bytes());
    }
}
