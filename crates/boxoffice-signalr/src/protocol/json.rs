//! The protocol `json`.

pub(crate) mod read;
pub(crate) mod write;
