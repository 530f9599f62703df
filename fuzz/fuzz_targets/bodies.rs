//! The target `bodies` of `boxoffice-fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| boxoffice_fuzz::targets::run("bodies", input));

libfuzzer_sys::fuzz_mutator!(|input: &mut [u8], size: usize, most: usize, seed: u32| {
    // Every other change is one of the JSON's structure.
    match seed % 2 {
        0 => libfuzzer_sys::fuzzer_mutate(input, size, most),
        _ => boxoffice_fuzz::mutate::in_place(input, size, most, seed.into()),
    }
});
