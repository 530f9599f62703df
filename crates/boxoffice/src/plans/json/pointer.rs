//! From a byte of a JSON text to the JSON Pointer of what is there, also where the text is broken.

use crate::plans::faults::short;

/// The deepest place that a pointer names in full.
const MAX_STEPS: usize = 32;

/// One level of nesting on the way to a place.
enum Step<'a> {
    Index(usize),
    /// The key as written, with its quotes; none before the first.
    Key(Option<&'a str>),
}

/// The JSON Pointer of what has just been read when `end` bytes have: a key that begins before the end counts, and
/// what the last byte closes is still open, because an object's faults are noticed at its end.
pub(super) fn before(text: &str, end: usize) -> String {
    steps(text, end).iter().take(MAX_STEPS).map(segment).collect()
}

/// The JSON Pointer of the object whose last byte is read when `end` bytes have.
pub(super) fn object(text: &str, end: usize) -> String {
    let mut steps = steps(text, end);
    steps.pop_if(|step| matches!(step, Step::Key(_)));
    steps.iter().take(MAX_STEPS).map(segment).collect()
}

fn steps(text: &str, end: usize) -> Vec<Step<'_>> {
    let bytes = text.as_bytes();
    let end = end.min(bytes.len());
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut key_next = false;
    let mut next = 0;
    while next < end {
        let from = next;
        next += 1;
        match bytes[from] {
            b'}' | b']' | b',' if next == end => {}
            b'{' => {
                steps.push(Step::Key(None));
                key_next = true;
            }
            b'[' => steps.push(Step::Index(0)),
            b'}' | b']' => {
                steps.pop();
            }
            b',' => match steps.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(Step::Key(_)) => key_next = true,
                None => {}
            },
            b'"' => {
                next = string_end(bytes, from);
                if let (true, Some(Step::Key(key))) = (key_next, steps.last_mut()) {
                    *key = text.get(from..next);
                    key_next = false;
                }
            }
            _ => {}
        }
    }
    steps
}

/// Behind the closing quote of the string that begins at `from`.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut next = from + 1;
    while let Some(byte) = bytes.get(next) {
        next += 1;
        match byte {
            b'"' => break,
            b'\\' => next += 1,
            _ => {}
        }
    }
    next.min(bytes.len())
}

fn segment(step: &Step<'_>) -> String {
    match step {
        Step::Index(index) => format!("/{index}"),
        Step::Key(None) => String::new(),
        Step::Key(Some(written)) => {
            let key: String = serde_json::from_str(written).unwrap_or_else(|_| (*written).to_owned());
            format!("/{}", short(&key).replace('~', "~0").replace('/', "~1"))
        }
    }
}
