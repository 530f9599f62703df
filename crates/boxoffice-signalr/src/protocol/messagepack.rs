//! The protocol `messagepack`.

pub(crate) mod read;
pub(crate) mod value;
pub(crate) mod write;
