//! Inputs of one shape that grow: eight times the input takes about eight times the work, not sixty-four times.
#![allow(
    unsafe_code,
    reason = "the time that a process was given has no safe wrapper in the standard library"
)]

use std::time::Duration;

use boxoffice_fuzz::targets;

/// How many times larger the large input is.
const TIMES: usize = 8;

/// The processors' time that all threads of this process were given so far: what else runs does not count.
fn given() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` outlives the call.
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(outcome, 0, "the system keeps this clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The shortest of some runs: what the machine does besides only makes them longer.
fn shortest(target: &str, input: &[u8]) -> Duration {
    let run = || {
        let begun = given();
        targets::run(target, input);
        given() - begun
    };
    (0..5).map(|_| run()).min().unwrap_or_default()
}

/// A shape: the target, and the input of a size.
type Shape = (&'static str, &'static str, usize, fn(usize) -> String);

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

const SHAPES: &[Shape] = &[
    ("bodies", "one seat many times", 3000, |n| format!("a{{\"seats\":[{}]}}", list(n, |_| "\"A3\"".into()))),
    ("bodies", "many unknown seats", 2000, |n| {
        format!("a{{\"seats\":[{}]}}", list(n, |i| format!("\"Q{i}\"")))
    }),
    ("bodies", "many wrong seats", 4000, |n| format!("a{{\"seats\":[{}]}}", list(n, |_| "7".into()))),
    ("bodies", "many unknown fields", 2000, |n| format!("a{{{}}}", list(n, |i| format!("\"x{i}\":1")))),
    ("bodies", "one seat removed many times", 100, |n| {
        format!("b{{\"remove\":[{}],\"add\":[{0}]}}", list(n, |_| "\"A1\"".into()))
    }),
    ("bodies", "one seat blocked many times", 3000, |n| {
        format!("f{{\"seats\":[{}]}}", list(n, |_| "\"A3\"".into()))
    }),
    ("bodies", "many seats blocked", 2000, |n| {
        format!("f{{\"seats\":[{}]}}", list(n, |i| format!("\"Q{i}\"")))
    }),
    ("bodies", "many prices", 100, |n| {
        format!("l{{\"prices\":{{{}}}}}", list(n, |i| format!("\"c{i}\":{i}")))
    }),
    ("bodies", "many blocked categories", 100, |n| {
        let blocked = list(n, |i| format!("\"c{i}\""));
        format!(
            "j{{\"name\":\"x\",\"blocked_categories\":[{blocked}],\"plan\":{{\"rows\":[{{\"row\":\"A\",\"seats\":4}}]}}}}"
        )
    }),
    ("doors", "one seat many times", 3000, |n| format!("{{\"seats\":[{}]}}", list(n, |_| "\"A3\"".into()))),
    ("queries", "many parameters", 500, |n| format!("a{}", "x=1&".repeat(n))),
    ("queries", "one parameter many times", 500, |n| format!("alimit=1{}", "&limit=1".repeat(n))),
    ("headers", "many tags", 500, |n| format!("a{}", "\"x\", ".repeat(n))),
    ("headers", "many encodings", 500, |n| format!("b{}", "zstd;q=1, ".repeat(n))),
    ("plans", "many rows", 500, |n| {
        format!("{{\"rows\":[{}]}}", list(n, |i| format!("{{\"row\":\"R{i}\",\"seats\":2}}")))
    }),
    ("plans", "rows of one name", 500, |n| {
        format!("{{\"rows\":[{}]}}", list(n, |_| "{\"row\":\"R\",\"seats\":2}".into()))
    }),
    ("plans", "one long row", 1000, |n| format!("{{\"rows\":[{{\"row\":\"A\",\"seats\":{n}}}]}}")),
    ("plans", "seats of one number", 1000, |n| {
        format!("{{\"rows\":[{{\"row\":\"A\",\"seats\":[{}]}}]}}", list(n, |_| "{\"number\":\"1\"}".into()))
    }),
    ("plans", "seats in one place", 1000, |n| {
        let seats = list(n, |i| format!("{{\"number\":\"{i}\",\"x\":1,\"y\":1}}"));
        format!("{{\"rows\":[{{\"row\":\"A\",\"seats\":[{seats}]}}]}}")
    }),
    ("plans", "many sofas", 500, |n| {
        let seats = list(2 * n, |i| format!("{{\"number\":\"{i}\",\"group\":\"g{}\"}}", i / 2));
        format!("{{\"rows\":[{{\"row\":\"A\",\"seats\":[{seats}]}}]}}")
    }),
    ("plans", "many categories", 100, |n| {
        let categories = list(n, |i| format!("{{\"key\":\"c{i}\"}}"));
        let rows = list(n, |i| format!("{{\"row\":\"R{i}\",\"category\":\"c{i}\",\"seats\":2}}"));
        format!("{{\"categories\":[{categories}],\"rows\":[{rows}]}}")
    }),
    ("plans", "a row with a long name", 2000, |n| {
        format!("{{\"rows\":[{{\"row\":\"{}\",\"zone\":\"{0}\",\"seats\":1000}}]}}", "B".repeat(n))
    }),
    ("plans", "a pretix row with a long name", 2000, |n| {
        let seat =
            "{\"seat_guid\":\"x\",\"seat_number\":\"1\",\"position\":{\"x\":1,\"y\":1},\"category\":\"c\"}";
        let (name, seats) = ("B".repeat(n), list(1000, |_| seat.into()));
        let row =
            format!("{{\"row_number\":\"{name}\",\"position\":{{\"x\":0,\"y\":0}},\"seats\":[{seats}]}}");
        format!("{{\"zones\":[{{\"name\":\"{name}\",\"position\":{{\"x\":0,\"y\":0}},\"rows\":[{row}]}}]}}")
    }),
    ("plans", "a category with a long name", 2000, |n| {
        let (category, row) = ("C".repeat(n), "\"row\":\"A\",\"seats\":1000");
        format!(
            "{{\"categories\":[{{\"key\":\"{category}\"}}],\"rows\":[{{{row},\"category\":\"{category}\"}}]}}"
        )
    }),
    ("plans", "unknown members", 2000, |n| format!("{{\"rows\":[],{}}}", list(n, |i| format!("\"x{i}\":1")))),
    ("plans", "a fault behind many rows", 1000, |n| {
        let rows = list(n, |i| format!("{{\"row\":\"R{i}\",\"seats\":2}}"));
        format!("{{\"rows\":[{rows},{{\"row\":[]}}]}}")
    }),
    ("json", "many members", 5000, |n| format!("{{{}}}", list(n, |i| format!("\"x{i}\":1")))),
    ("json", "deep", 5000, |n| "[".repeat(n)),
    ("config", "many keys", 300, |n| {
        let key =
            |i| format!("[[keys]]\nname = \"k{i}\"\nscope = \"read\"\nsha256 = \"{}\"\n", "0".repeat(64));
        (0..n).map(key).collect()
    }),
];

#[test]
fn time_grows_with_the_input() {
    for (target, shape, size, make) in SHAPES {
        let (small, large) = (make(*size), make(TIMES * size));
        let (short, long) = (shortest(target, small.as_bytes()), shortest(target, large.as_bytes()));
        eprintln!("{target}, {shape}: {short:?} for {} bytes, {long:?} for {}", small.len(), large.len());
        let limit = short * (3 * TIMES as u32) + Duration::from_millis(5);
        assert!(long < limit, "{target}, {shape}: {short:?}, eight times as large {long:?}");
    }
}
