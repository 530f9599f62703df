//! Copying a whole store into another of any kind: its rows in a form that no store has, on their way from one to the
//! other, counted and added up on both sides.
//!
//! A source gives all its rows, kind by kind in the order of [`Row`], and ends with what it counted; without that end a
//! target undoes everything. Events come so that the newest of all is the last one, and a showtime's in order. What a
//! store can make anew from a row (columns that repeat a record, places of events) is not copied, and neither is the
//! epoch: the two histories may go apart from here on.

use std::fmt;

use boxoffice_core::codec::Writer;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

/// One row. Bodies are the core's binary forms. Numbers are as they stand in tables: never negative but for times.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the column or the property of the same name")]
pub enum Row {
    /// A seating plan.
    Plan { hash: Vec<u8>, body: Vec<u8> },
    /// A cinema, movie or auditorium.
    Entry { kind: i16, number: i64, external_id: Option<String>, body: Vec<u8> },
    /// A showtime, with the revision that it is at.
    Showtime {
        id: i64,
        plan: Vec<u8>,
        cinema: Option<i64>,
        external_id: Option<String>,
        settings: Vec<u8>,
        revision: i64,
        ever_held: bool,
    },
    /// A seat that ever changed.
    Seat { showtime: i64, no: i32, version: i32, status: i16, owner: i64, revision: i64 },
    /// A hold or booking, with its buyer.
    Hold { showtime: i64, serial: i64, body: Vec<u8>, contact: Option<Vec<u8>> },
    /// An idempotency key of a showtime.
    RequestKey { showtime: i64, key: Vec<u8>, revision: i64, at_ms: i64 },
    /// A committed change.
    Event { showtime: i64, revision: i64, body: Vec<u8> },
    /// An idempotency key of the catalogue, with what was answered.
    CatalogueKey {
        caller: String,
        key: Vec<u8>,
        fingerprint: Vec<u8>,
        number: i64,
        at_ms: i64,
        answer: Option<Vec<u8>>,
    },
    /// A key that tokens are made with.
    TokenKey { id: i32, secret: Vec<u8>, made_at_ms: i64, revoked_at_ms: Option<i64> },
}

/// What the kinds of rows are called, in their order.
const KINDS: [&str; 9] = [
    "plans",
    "cinemas, movies and auditoriums",
    "showtimes",
    "seats",
    "holds and bookings",
    "keys of requests",
    "events",
    "keys of the catalogue",
    "keys of tokens",
];

impl Row {
    fn kind(&self) -> usize {
        match self {
            Self::Plan { .. } => 0,
            Self::Entry { .. } => 1,
            Self::Showtime { .. } => 2,
            Self::Seat { .. } => 3,
            Self::Hold { .. } => 4,
            Self::RequestKey { .. } => 5,
            Self::Event { .. } => 6,
            Self::CatalogueKey { .. } => 7,
            Self::TokenKey { .. } => 8,
        }
    }

    /// All of it as bytes; different rows have different ones.
    fn bytes(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(256);
        out.uint(self.kind() as u64);
        let bytes = |out: &mut Writer, value: &Option<Vec<u8>>| {
            out.option(value.as_deref(), Writer::bytes);
        };
        let text = |out: &mut Writer, value: &Option<String>| {
            out.option(value.as_deref(), Writer::text);
        };
        match self {
            Self::Plan { hash, body } => [hash, body].iter().for_each(|value| out.bytes(value)),
            Self::Entry { kind, number, external_id, body } => {
                [i64::from(*kind), *number].iter().for_each(|value| out.int(*value));
                text(&mut out, external_id);
                out.bytes(body);
            }
            Self::Showtime { id, plan, cinema, external_id, settings, revision, ever_held } => {
                [*id, *revision, i64::from(*ever_held)].iter().for_each(|value| out.int(*value));
                out.option(*cinema, Writer::int);
                text(&mut out, external_id);
                [plan, settings].iter().for_each(|value| out.bytes(value));
            }
            Self::Seat { showtime, no, version, status, owner, revision } => {
                let narrow = [i64::from(*no), i64::from(*version), i64::from(*status)];
                [*showtime, *owner, *revision].iter().chain(&narrow).for_each(|value| out.int(*value));
            }
            Self::Hold { showtime, serial, body, contact } => {
                [*showtime, *serial].iter().for_each(|value| out.int(*value));
                out.bytes(body);
                bytes(&mut out, contact);
            }
            Self::RequestKey { showtime, key, revision, at_ms } => {
                [*showtime, *revision, *at_ms].iter().for_each(|value| out.int(*value));
                out.bytes(key);
            }
            Self::Event { showtime, revision, body } => {
                [*showtime, *revision].iter().for_each(|value| out.int(*value));
                out.bytes(body);
            }
            Self::CatalogueKey { caller, key, fingerprint, number, at_ms, answer } => {
                [*number, *at_ms].iter().for_each(|value| out.int(*value));
                out.text(caller);
                [key, fingerprint].iter().for_each(|value| out.bytes(value));
                bytes(&mut out, answer);
            }
            Self::TokenKey { id, secret, made_at_ms, revoked_at_ms } => {
                [i64::from(*id), *made_at_ms].iter().for_each(|value| out.int(*value));
                out.option(*revoked_at_ms, Writer::int);
                out.bytes(secret);
            }
        }
        out.finish()
    }
}

/// How many rows of each kind there are, and a sum of their hashes, which does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    counts: [u64; KINDS.len()],
    sum: u128,
}

impl Tally {
    fn add(&mut self, row: &Row, bytes: &[u8]) {
        self.counts[row.kind()] += 1;
        let mut first = [0; 16];
        first.copy_from_slice(&Sha256::digest(bytes)[..16]);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(first));
    }

    /// How many rows in all.
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What differs from another one, in words; `None` if nothing does.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let differs = |(kind, (one, other)): (&str, (&u64, &u64))| {
            (one != other).then(|| format!("{one} {kind} became {other}"))
        };
        let counts = KINDS.into_iter().zip(self.counts.iter().zip(&other.counts)).find_map(differs);
        counts.or_else(|| (self.sum != other.sum).then(|| "there are as many rows, but not the same".into()))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in KINDS.iter().zip(self.counts) {
            write!(f, "{count} {kind}, ")?;
        }
        write!(f, "digest {:032x}", self.sum)
    }
}

/// What comes from a source.
#[derive(Debug)]
pub enum Piece {
    /// Some rows.
    Rows(Vec<Row>),
    /// There are no more, and so many there were. What ends without this is not whole.
    End(Tally),
}

/// How many rows are on their way together, and how many bytes of them.
const ROWS: usize = 1_000;
const BYTES: usize = 1 << 20;
/// How many such pieces may wait for the target: memory has no more of a store at a time.
const PIECES: usize = 4;

/// The target has gone, and will say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the copy was given up")]
pub struct Gone;

/// Where a source puts its rows.
pub struct Outlet {
    pieces: Option<mpsc::Sender<Piece>>,
    rows: Vec<Row>,
    bytes: usize,
    tally: Tally,
}

/// A way from a source to a target.
pub fn way() -> (Outlet, mpsc::Receiver<Piece>) {
    let (pieces, arriving) = mpsc::channel(PIECES);
    (Outlet { pieces: Some(pieces), ..Outlet::counting() }, arriving)
}

impl Outlet {
    /// One that only counts.
    pub fn counting() -> Self {
        Self { pieces: None, rows: Vec::new(), bytes: 0, tally: Tally::default() }
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Adds a row; says what is to be sent now, if it is enough.
    fn add(&mut self, row: Row) -> Option<(&mpsc::Sender<Piece>, Piece)> {
        let bytes = row.bytes();
        self.tally.add(&row, &bytes);
        let pieces = self.pieces.as_ref()?;
        self.bytes += bytes.len();
        self.rows.push(row);
        if self.rows.len() < ROWS && self.bytes < BYTES {
            return None;
        }
        self.bytes = 0;
        Some((pieces, Piece::Rows(std::mem::take(&mut self.rows))))
    }

    /// Gives a row; waits for room.
    pub async fn give(&mut self, row: Row) -> Result<(), Gone> {
        match self.add(row) {
            Some((pieces, piece)) => pieces.send(piece).await.map_err(|_| Gone),
            None => Ok(()),
        }
    }

    /// As [`give`](Self::give), on a thread that may wait.
    pub fn give_blocking(&mut self, row: Row) -> Result<(), Gone> {
        match self.add(row) {
            Some((pieces, piece)) => pieces.blocking_send(piece).map_err(|_| Gone),
            None => Ok(()),
        }
    }

    /// There are no more rows: says how many there were.
    pub async fn end(mut self) -> Result<Tally, Gone> {
        if let Some(pieces) = self.pieces.take() {
            pieces.send(Piece::Rows(self.rows)).await.map_err(|_| Gone)?;
            pieces.send(Piece::End(self.tally)).await.map_err(|_| Gone)?;
        }
        Ok(self.tally)
    }

    /// As [`end`](Self::end), on a thread that may wait.
    pub fn end_blocking(mut self) -> Result<Tally, Gone> {
        if let Some(pieces) = self.pieces.take() {
            pieces.blocking_send(Piece::Rows(self.rows)).map_err(|_| Gone)?;
            pieces.blocking_send(Piece::End(self.tally)).map_err(|_| Gone)?;
        }
        Ok(self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(no: i32) -> Row {
        Row::Seat { showtime: 5, no, version: 1, status: 1, owner: 9, revision: 1 }
    }

    fn tally(rows: &[Row]) -> Tally {
        let mut outlet = Outlet::counting();
        rows.iter().for_each(|row| outlet.give_blocking(row.clone()).unwrap());
        outlet.end_blocking().unwrap()
    }

    #[test]
    fn a_tally_knows_rows_but_not_their_order() {
        let one = tally(&[seat(1), seat(2)]);
        assert_eq!(one.difference(&tally(&[seat(2), seat(1)])), None);
        assert!(one.difference(&tally(&[seat(2), seat(3)])).unwrap().contains("not the same"));
        assert_eq!(one.difference(&tally(&[seat(2)])).unwrap(), "2 seats became 1");
    }

    #[tokio::test]
    async fn what_arrives_is_what_was_given_and_ends_with_its_tally() {
        let (mut outlet, mut arriving) = way();
        let giving = tokio::spawn(async move {
            for no in 0..2_500 {
                outlet.give(seat(no)).await.unwrap();
            }
            outlet.end().await.unwrap()
        });
        let mut rows = Vec::new();
        let end = loop {
            match arriving.recv().await.unwrap() {
                Piece::Rows(more) => rows.extend(more),
                Piece::End(tally) => break tally,
            }
        };
        assert_eq!(rows, (0..2_500).map(seat).collect::<Vec<_>>());
        assert_eq!((end, end.rows()), (giving.await.unwrap(), 2_500));
    }
}
