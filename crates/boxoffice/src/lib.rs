//! Boxoffice: a seat reservation backend for cinemas. The binary is a thin `main` over this library.

pub mod bench;
pub mod cli;
pub mod config;
pub mod demo;
mod file_limit;
pub mod http;
mod json_text;
mod links;
pub mod live;
mod logging;
pub mod plans;
mod priority;
pub mod runtime;
pub mod serve;
mod time_text;
