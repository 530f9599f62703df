//! The target `records` of `boxoffice-fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| boxoffice_fuzz::targets::run("records", input));
