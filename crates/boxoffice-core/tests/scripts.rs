//! The rules of selling seats, told as scripts: who asks for what, when, and what the answer is.

mod scripts {
    mod ask;
    mod room;
    mod stage;
    mod tell;
    mod view;

    mod booking;
    mod claims;
    mod editing;
    mod holding;
    mod log;
    mod settings;
    mod staff;
    mod stale;
    mod takeover;
    mod wind_up;
}
