//! Reads of seat maps that are partly sold: not modified, whole, or compressed. Every answer is looked at.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};

use super::dice::Dice;
use super::load::Visitor;
use super::shop::{Said, Shop};
use super::stage::Run;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// With If-None-Match: not modified.
    NotModified,
    /// The whole map.
    Full,
    /// The whole map, compressed.
    Gzip,
}

/// The maps as they must come: for each showtime its headers and its body.
#[derive(Debug)]
pub(super) struct Expected {
    kind: Kind,
    maps: Vec<Map>,
}

#[derive(Debug)]
struct Map {
    headers: String,
    tag: String,
    body: Vec<u8>,
}

impl Expected {
    /// Sells a third of each showtime, and reads each map once to know what must come.
    pub(super) async fn prepare(run: &Run, shop: &mut Shop<'_>, kind: Kind) -> anyhow::Result<Self> {
        let mut maps = Vec::new();
        for (number, showtime) in run.showtimes.iter().enumerate() {
            for pair in run.room.pairs.iter().filter(|pair| pair[0] % 6 == 0) {
                let Said::Yes(_) = shop.hold(number, pair).await else {
                    bail!("the seats for the maps cannot be held: {:?}", run.recorder.measured().refusals);
                };
            }
            let encoding = if kind == Kind::Gzip { "accept-encoding: gzip\r\n" } else { "" };
            let look = |status: u16, tag: Option<&str>, body: &[u8]| {
                (status == 200).then(|| (tag.unwrap_or_default().to_owned(), body.to_vec()))
            };
            let first = shop.read("first_map", &showtime.seats, encoding, look).await.flatten();
            let (tag, body) = first.context("a seat map cannot be read")?;
            if kind == Kind::Gzip && !body.starts_with(&[0x1f, 0x8b]) {
                bail!("--kind gzip: the server does not compress");
            }
            let headers = match kind {
                Kind::NotModified => format!("if-none-match: {tag}\r\n"),
                _ => encoding.to_owned(),
            };
            let body = if kind == Kind::NotModified { Vec::new() } else { body };
            maps.push(Map { headers, tag, body });
        }
        Ok(Self { kind, maps })
    }
}

/// One connection's part of the work.
pub(super) struct Reader {
    shop: Shop<'static>,
    dice: Dice,
    expected: Arc<Expected>,
}

impl Reader {
    /// Over this connection.
    pub(super) fn new(shop: Shop<'static>, expected: Arc<Expected>, seed: u64) -> Self {
        Self { shop, dice: Dice::new(seed), expected }
    }
}

impl Visitor for Reader {
    async fn visit(&mut self, due: Instant) -> bool {
        let run = self.shop.run;
        let number = self.dice.below(run.showtimes.len());
        let map = &self.expected.maps[number];
        let status = if self.expected.kind == Kind::NotModified { 304 } else { 200 };
        let look = |got: u16, tag: Option<&str>, body: &[u8]| {
            (got == status && tag == Some(&map.tag) && body == map.body, got)
        };
        let heard = self.shop.read("map", &run.showtimes[number].seats, &map.headers, look).await;
        let outcome = match heard {
            Some((true, 304)) => "not_modified",
            Some((true, _)) => "right",
            Some((false, got)) if got < 400 => {
                run.recorder.fault("a map is another one though nothing was sold");
                "wrong"
            }
            Some(_) => "refused",
            None => "no_answer",
        };
        run.recorder.finished(outcome, due.elapsed());
        true
    }
}
