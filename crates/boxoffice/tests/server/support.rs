//! The real binary driven from outside: its process, an HTTP client, and helpers that let a test read like a ledger.

#![allow(dead_code, unused_imports, reason = "every test file uses another part of this")]

mod client;
mod contract;
mod crowd;
mod database;
mod faults;
mod house;
mod ledger;
mod log;
mod process;
mod proxy;
mod request;
mod shape;
mod shops;
mod signal;
mod wait;
mod watcher;

pub(crate) use client::{Answer, Client};
pub(crate) use contract::{conforms, fits};
pub(crate) use crowd::{Crowd, Outcome, Sale, Step, settle};
pub(crate) use database::postgres_database;
pub(crate) use faults::Faults;
pub(crate) use house::{House, Showtime, from_now, hall, id, merge, room, states, text};
pub(crate) use ledger::{Booking, Hold};
pub(crate) use log::replay;
pub(crate) use process::{ADMIN_KEY, Run, Server};
pub(crate) use proxy::{Proxy, block, document, free_address, installed, swap};
pub(crate) use request::{Request, delete, get, patch, post};
pub(crate) use shape::{Kind, Shape, check, labels, time, timeless};
pub(crate) use shops::Shops;
pub(crate) use signal::{interrupt, limit_file_size, raise_open_files, terminate, unlimit_file_size};
pub(crate) use wait::{Dice, fresh_key, until};
pub(crate) use watcher::Watcher;
