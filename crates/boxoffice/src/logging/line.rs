//! A line of the log about a request, like those that tracing writes, but made without its visitors: a busy sale
//! writes one for each hold.

use std::cell::Cell;
use std::time::Duration;

use boxoffice_engine::clock::wall_us;

use crate::json_text::{put_number, put_text};
use crate::time_text::TimeText;

/// A line that is being made.
pub(crate) struct Line {
    text: Vec<u8>,
    as_json: bool,
}

/// Enough for the usual line.
const USUAL_LINE: usize = 320;

thread_local! {
    /// The last line's buffer, for the next one.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Line {
    /// A line of this level, `INFO` or `WARN`.
    pub(crate) fn new(as_json: bool, level: &str, message: &str) -> Self {
        let now = TimeText::of_us(wall_us());
        let mut text = SPARE.take();
        text.clear();
        text.reserve(USUAL_LINE);
        if as_json {
            text.extend_from_slice(b"{\"timestamp\":");
            put_text(&mut text, now.as_str());
            text.extend_from_slice(b",\"level\":");
            put_text(&mut text, level);
            text.extend_from_slice(b",\"message\":");
            put_text(&mut text, message);
        } else {
            text.extend_from_slice(now.as_str().as_bytes());
            text.extend_from_slice(b"  ");
            text.extend_from_slice(level.as_bytes());
            text.push(b' ');
            text.extend_from_slice(message.as_bytes());
        }
        Self { text, as_json }
    }

    fn name(&mut self, name: &str) {
        if self.as_json {
            self.text.push(b',');
            put_text(&mut self.text, name);
            self.text.push(b':');
        } else {
            self.text.push(b' ');
            self.text.extend_from_slice(name.as_bytes());
            self.text.push(b'=');
        }
    }

    /// A text, in quotes. What is not printable is escaped, so that nobody who asks can forge a line.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        put_text(&mut self.text, value);
        self
    }

    /// A text, in quotes, if there is one.
    pub(crate) fn some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// A whole number.
    pub(crate) fn number(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        put_number(&mut self.text, value);
        self
    }

    /// A duration in milliseconds, to the microsecond.
    pub(crate) fn ms(mut self, name: &str, took: Duration) -> Self {
        self.name(name);
        let us = took.as_micros() as u64;
        put_number(&mut self.text, us / 1000);
        let digit = |of: u64| b'0' + (us / of % 10) as u8;
        self.text.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
        self
    }

    /// Gives the line, with its end, to `write`.
    pub(crate) fn end(mut self, write: impl FnOnce(&[u8])) {
        self.text.extend_from_slice(if self.as_json { b"}\n" } else { b"\n" });
        write(&self.text);
        SPARE.set(self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(as_json: bool) -> String {
        let line = Line::new(as_json, "INFO", "change")
            .text("path", "/v1/\"odd\"\n")
            .some("code", None)
            .number("status", 201)
            .ms("ms", Duration::from_micros(12_034));
        let mut written = Vec::new();
        line.end(|bytes| written.extend_from_slice(bytes));
        String::from_utf8(written).expect("UTF-8")
    }

    #[test]
    fn a_line_is_one_line() {
        let text = line(false);
        let (time, rest) = text.split_once(' ').expect("words");
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        assert_eq!(rest, " INFO change path=\"/v1/\\\"odd\\\"\\n\" status=201 ms=12.034\n");
    }

    #[test]
    fn a_line_of_json_is_json() {
        let value: serde_json::Value = serde_json::from_str(&line(true)).expect("JSON");
        assert_eq!(value["level"], "INFO");
        assert_eq!(value["path"], "/v1/\"odd\"\n");
        assert_eq!((&value["status"], &value["ms"]), (&201.into(), &12.034.into()));
    }
}
