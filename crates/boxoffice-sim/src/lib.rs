//! The deterministic judge: one seed decides a workload and its faults, core and engine run through it on one thread in
//! virtual time, and an auditor that knows neither judges what came out.
//!
//! Begin with [`run`]. The engine's ports are in [`store`], [`gate`], [`bus`], [`clock`] and [`node`]; the truth
//! that all nodes share in [`truth`] and [`rows`]; what people want in [`workload`]; the judgement in [`audit`].

mod asking;
pub mod audit;
pub mod bus;
pub mod campaign;
mod client;
pub mod clock;
mod drain;
pub mod executor;
pub mod faults;
pub mod gate;
pub mod history;
pub mod lots;
pub mod node;
pub mod outcomes;
pub mod rows;
pub mod run;
pub mod shrink;
pub mod store;
pub mod trace;
pub mod truth;
mod watcher;
pub mod words;
pub mod workload;
pub mod world;
