//! Putting together the condition of a list, with its values numbered as PostgreSQL wants them.

use tokio_postgres::types::{ToSql, Type};

use crate::values::{OfType, Typed};

/// A value that knows its type.
pub(crate) trait Value: ToSql + Send + Sync {
    fn kind(&self) -> Type;
    fn as_sql(&self) -> &(dyn ToSql + Sync);
}

impl<T: OfType + Send> Value for T {
    fn kind(&self) -> Type {
        T::TYPE
    }

    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

/// Parts that all must hold.
#[derive(Default)]
pub(crate) struct Condition {
    parts: Vec<String>,
    values: Vec<Box<dyn Value>>,
}

impl Condition {
    /// Adds a part, with a value for each question mark in it.
    pub(crate) fn add(&mut self, part: &str, values: Vec<Box<dyn Value>>) {
        let mut numbered = String::new();
        let mut number = self.values.len();
        for character in part.chars() {
            if character == '?' {
                number += 1;
                numbered.push_str(&format!("${number}"));
            } else {
                numbered.push(character);
            }
        }
        self.parts.push(numbered);
        self.values.extend(values);
    }

    /// The whole statement.
    pub(crate) fn finish(&self, select: &str, order: &str, limit: usize) -> String {
        let condition = if self.parts.is_empty() { "true".to_owned() } else { self.parts.join(" AND ") };
        format!("{select} WHERE {condition} {order} LIMIT {limit}")
    }

    /// Its values.
    pub(crate) fn values(&self) -> Vec<Typed<'_>> {
        self.values.iter().map(|value| (value.as_sql(), value.kind())).collect()
    }
}
