//! Changing an input at random: bytes, pieces of others, words, and the structure of JSON.

use std::sync::OnceLock;

use boxoffice_engine::random::{Randomness as _, Seeded};
use serde_json::{Map, Value, json};

/// The longest input that is made.
const LONGEST: usize = 64 * 1024;

/// Makes new inputs out of old ones; the same from the same seed.
pub struct Mutator<'w> {
    lots: Seeded,
    words: &'w [String],
}

impl<'w> Mutator<'w> {
    /// A mutator that knows these words.
    pub fn new(seed: u64, words: &'w [String]) -> Self {
        Self { lots: Seeded::new(seed), words }
    }

    /// A number below `most`; 0 if `most` is 0.
    pub fn below(&self, most: usize) -> usize {
        (self.lots.next() % (most as u64).max(1)) as usize
    }

    fn word(&self) -> &str {
        self.words.get(self.below(self.words.len())).map_or("", String::as_str)
    }

    /// A new input, made by some changes of one of these.
    pub fn mutate(&self, corpus: &[Vec<u8>], json: bool) -> Vec<u8> {
        let mut input = corpus.get(self.below(corpus.len())).cloned().unwrap_or_default();
        for _ in 0..=self.below(4) {
            if !(json && self.below(2) == 0 && self.change_json(&mut input)) {
                self.change_bytes(&mut input, corpus);
            }
            input.truncate(LONGEST);
        }
        input
    }

    fn range(&self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let end = start + self.below((length - start).min(64) + 1);
        start..end
    }

    fn change_bytes(&self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let range = self.range(input.len());
        match self.below(8) {
            0 => {
                if let Some(byte) = input.get_mut(range.start) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(range.start) {
                    *byte = self.below(256) as u8;
                }
            }
            2 => drop(input.drain(range)),
            3 => {
                let piece = input[range.clone()].repeat(1 + self.below(50));
                input.splice(range.start..range.start, piece);
            }
            4 => {
                let other = corpus.get(self.below(corpus.len())).map_or(&[][..], Vec::as_slice);
                let piece = &other[self.range(other.len())];
                input.splice(range, piece.iter().copied());
            }
            5 => drop(input.splice(range, self.word().bytes())),
            6 => drop(input.splice(range.start..range.start, self.word().bytes())),
            _ => input.truncate(range.start),
        }
    }

    /// Changes one node of JSON, perhaps behind a first letter. False if the input is no JSON.
    fn change_json(&self, input: &mut Vec<u8>) -> bool {
        let behind = usize::from(input.first().is_some_and(u8::is_ascii_lowercase));
        let Ok(mut value) = serde_json::from_slice::<Value>(&input[behind..]) else { return false };
        let mut left = self.below(count(&value));
        self.change_node(&mut value, &mut left);
        input.truncate(behind);
        input.extend_from_slice(value.to_string().as_bytes());
        true
    }

    fn change_node(&self, value: &mut Value, left: &mut usize) -> bool {
        if *left == 0 {
            *value = self.changed(value.take());
            return true;
        }
        *left -= 1;
        match value {
            Value::Array(items) => items.iter_mut().any(|item| self.change_node(item, left)),
            Value::Object(members) => members.values_mut().any(|member| self.change_node(member, left)),
            _ => false,
        }
    }

    fn changed(&self, value: Value) -> Value {
        match (value, self.below(6)) {
            (Value::Array(mut items), 0..4) if !items.is_empty() => {
                let at = self.below(items.len());
                match self.below(3) {
                    0 => drop(items.remove(at)),
                    1 => items.extend(vec![items[at].clone(); 1 + self.below(40)]),
                    _ => items.insert(at, self.leaf()),
                }
                Value::Array(items)
            }
            (Value::Object(mut members), 0..4) => {
                let name = members.keys().nth(self.below(members.len())).cloned().unwrap_or_default();
                match self.below(3) {
                    0 => drop(members.remove(&name)),
                    1 => drop(members.insert(self.word().to_owned(), self.leaf())),
                    _ => {
                        let moved = members.remove(&name).unwrap_or_default();
                        members.insert(self.word().to_owned(), moved);
                    }
                }
                Value::Object(members)
            }
            (Value::String(text), 0..2) => Value::String(text.repeat(self.below(20))),
            (value, 4) => Value::Array(vec![value]),
            (value, 5) => Value::Object(Map::from_iter([(self.word().to_owned(), value)])),
            _ => self.leaf(),
        }
    }

    fn leaf(&self) -> Value {
        match self.below(8) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(1u64 << self.below(64)),
            3 => json!(-(self.below(1 << 20) as i64)),
            4 => json!(f64::from_bits(self.lots.next())),
            5 => json!([]),
            6 => json!({}),
            _ => json!(self.word()),
        }
    }
}

/// Changes the first `size` bytes of `room` as JSON, or as bytes if they are none, for a fuzzer that mutates in place.
/// Returns how many bytes there are then, at most `most`.
pub fn in_place(room: &mut [u8], size: usize, most: usize, seed: u64) -> usize {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    let mutator = Mutator::new(seed, WORDS.get_or_init(crate::seeds::words));
    let mut input = room[..size].to_vec();
    if !mutator.change_json(&mut input) {
        mutator.change_bytes(&mut input, &[]);
    }
    input.truncate(most.min(room.len()));
    room[..input.len()].copy_from_slice(&input);
    input.len()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}
