//! What reads bytes from outside, as functions of bytes that a fuzzer can call, with first inputs and a mutator.

pub mod mutate;
pub mod seeds;
pub mod targets;
mod words;
pub mod world;
