//! The targets: each is a plain function of bytes that panics if what it promises does not hold.
//!
//! None may panic by itself, overflow, or answer with a fault of the server. What else each checks stands at it. A
//! target keeps nothing that a later input could meet, so a failing input fails again by itself.

mod plans;
pub(crate) mod requests;
mod rows;
mod texts;
mod wires;

/// A function that a fuzzer calls.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it promises, in a sentence.
    pub promise: &'static str,
    /// Reads an input. A panic is a find.
    pub run: fn(&[u8]),
    /// Whether inputs are JSON, perhaps behind a first letter, so that changes of its structure make sense.
    pub json: bool,
}

/// Every target.
pub const TARGETS: [Target; 14] = [
    Target {
        name: "bodies",
        promise: "a body changes the state as it says or not at all, and is never a fault of the server",
        run: requests::bodies,
        json: true,
    },
    Target {
        name: "doors",
        promise: "the door for plain holds answers every body as the router does",
        run: requests::doors,
        json: true,
    },
    Target {
        name: "headers",
        promise: "no header changes what a request without it could not, nor is a fault of the server",
        run: requests::headers,
        json: false,
    },
    Target {
        name: "queries",
        promise: "cursors and query parameters are understood or refused by name",
        run: requests::queries,
        json: false,
    },
    Target {
        name: "requests",
        promise: "any path, method, header and body together get an answer that is no fault of the server",
        run: requests::requests,
        json: false,
    },
    Target {
        name: "plans",
        promise: "a plan that is read is the same plan in every form, and one that is not has located faults",
        run: plans::plans,
        json: true,
    },
    Target {
        name: "rows",
        promise: "stored bytes are read as what they would be written as again, or are malformed",
        run: rows::rows,
        json: false,
    },
    Target {
        name: "json",
        promise: "the strict reader takes what the usual one takes, but for members that are there twice",
        run: texts::json,
        json: true,
    },
    Target {
        name: "ids",
        promise: "an id has one text alone, and a reference that was typed in is shown as itself",
        run: texts::ids,
        json: false,
    },
    Target {
        name: "tokens",
        promise: "only the very token of a hold opens it, and only the very secret of a key is that key",
        run: texts::tokens,
        json: false,
    },
    Target {
        name: "config",
        promise: "settings that are taken from a file are the same when set by name, or one is named as wrong",
        run: texts::config,
        json: false,
    },
    Target {
        name: "frames",
        promise: "a watcher's WebSocket frames have the same answers however they are cut",
        run: wires::frames,
        json: false,
    },
    Target {
        name: "records",
        promise: "a SignalR client's records say the same however they are cut, and in either protocol",
        run: wires::records,
        json: false,
    },
    Target {
        name: "bus",
        promise: "a message of another node that is understood is the same when it is written again",
        run: wires::bus,
        json: false,
    },
];

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs the target of this name, which must be there.
pub fn run(name: &str, input: &[u8]) {
    let target = find(name).unwrap_or_else(|| panic!("there is no target {name}"));
    (target.run)(input);
}
