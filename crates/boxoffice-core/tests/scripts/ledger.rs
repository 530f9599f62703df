//! A box office in plain maps, written from the contract: what the rules should answer, and what should be left.

use std::collections::{BTreeMap, BTreeSet};

use super::asks::{Ask, LABELS, Label, Versions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) status: &'static str,
    pub(crate) owner: u64,
    pub(crate) version: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) status: &'static str,
    pub(crate) version: u32,
    pub(crate) seats: Vec<(Label, u32, i64, bool)>, // label, version, price, cancelled
    pub(crate) expires: i64,
    pub(crate) cap: i64,
    pub(crate) ended: Option<i64>,
}

impl Record {
    fn has(&self, label: Label) -> bool {
        self.seats.iter().any(|seat| seat.0 == label)
    }
}

/// Times are milliseconds since the opening of the sale.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) now: i64,
    pub(crate) margin_ms: i64,
    pub(crate) claimed: BTreeSet<Label>,
    pub(crate) seats: BTreeMap<Label, Seat>,
    pub(crate) records: BTreeMap<u64, Record>,
    pub(crate) movie: u64,
    pub(crate) ttl_ms: i64,
    pub(crate) max_ttl_ms: i64,
    pub(crate) limit: u16,
    pub(crate) closes: i64,
    pub(crate) begins: i64,
    pub(crate) cancelled: bool,
    pub(crate) settings_version: u32,
    touched: BTreeSet<Label>,
}

/// Whether something changed, or the refusal as scripts spell it.
pub(crate) type Answer = Result<bool, String>;

impl Ledger {
    pub(crate) fn new(margin_ms: i64) -> Self {
        let seat = Seat { status: "available", owner: 0, version: 0 };
        Self {
            now: 0,
            margin_ms,
            claimed: BTreeSet::new(),
            seats: LABELS[..7].iter().map(|label| (*label, seat)).collect(),
            records: BTreeMap::new(),
            movie: 1,
            ttl_ms: 100_000,
            max_ttl_ms: 105_000,
            limit: 3,
            closes: 2_000_000,
            begins: 200_000,
            cancelled: false,
            settings_version: 1,
            touched: BTreeSet::new(),
        }
    }

    /// Answers a request; a new hold gets `serial`.
    pub(crate) fn answer(&mut self, ask: &Ask, serial: u64) -> Answer {
        self.touched.clear();
        match ask {
            Ask::Hold { seats, ticket, ttl_ms, versions } => {
                self.hold(serial, seats, *ticket, *ttl_ms, versions)
            }
            Ask::Edit { serial, add, remove, extend, versions } => {
                self.edit(*serial, add, remove, *extend, versions)
            }
            Ask::Release(serial) => self.release(*serial),
            Ask::Expire(serial) => Ok(self.expire(*serial)),
            Ask::Confirm(serial) => self.confirm(*serial),
            Ask::Cancel { serial, seats, by_key } => self.cancel(*serial, seats.as_deref(), *by_key),
            Ask::Block(seats) => self.turn_all(seats, "blocked"),
            Ask::Unblock(seats) => self.turn_all(seats, "available"),
            Ask::Change { movie, ttl_ms, max_ttl_ms, limit, closes } => {
                self.change([*ttl_ms, *max_ttl_ms, *closes], *movie, *limit)
            }
            Ask::CallOff => {
                self.settings_version += u32::from(!self.cancelled);
                Ok(!std::mem::replace(&mut self.cancelled, true))
            }
            Ask::WindUp => Ok(self.wind_up()),
        }
    }

    fn hold(
        &mut self,
        serial: u64,
        seats: &[Label],
        ticket: Option<&str>,
        ttl_ms: Option<i64>,
        versions: &Versions,
    ) -> Answer {
        self.open()?;
        ensure(ttl_ms.is_none_or(|ms| ms <= self.ttl_ms), || {
            format!("ttl_too_long {}s", self.ttl_ms / 1000)
        })?;
        ensure(!seats.is_empty(), || "no_seats".into())?;
        let priced = self.priced(seats, ticket, 0)?;
        self.check_versions(versions)?;
        self.check_free(seats)?;
        let seats = self.take(&priced, serial);
        let expires = self.now + ttl_ms.unwrap_or(self.ttl_ms);
        let cap = self.now + self.max_ttl_ms;
        self.records
            .insert(serial, Record { status: "active", version: 1, seats, expires, cap, ended: None });
        Ok(true)
    }

    fn edit(
        &mut self,
        serial: u64,
        add: &[Label],
        remove: &[Label],
        extend: bool,
        versions: &Versions,
    ) -> Answer {
        self.not_cancelled()?;
        let mut hold = self.live(serial)?;
        if !add.is_empty() {
            self.open()?;
        }
        named(remove)?;
        refuse_any("seat_not_in_hold", remove, |label| !hold.has(label))?;
        let kept = hold.seats.len() - remove.len();
        let priced = if add.is_empty() { Vec::new() } else { self.priced(add, None, kept)? };
        refuse_any("duplicate_seat", add, |label| hold.has(label))?;
        ensure(kept + add.len() > 0, || "no_seats".into())?;
        ensure(!extend || hold.expires < hold.cap, || "hold_limit_reached".into())?;
        self.check_versions(versions)?;
        self.check_free(add)?;
        let fresh = (self.now + self.ttl_ms).min(hold.cap);
        let moved = extend && fresh > hold.expires;
        if !moved && add.is_empty() && remove.is_empty() {
            return Ok(false);
        }
        remove.iter().for_each(|label| _ = self.turn(label, "available", 0));
        hold.seats.retain(|seat| !remove.contains(&seat.0));
        if moved {
            hold.expires = fresh;
            hold.seats.iter_mut().for_each(|seat| seat.1 = self.turn(seat.0, "held", serial));
        }
        hold.seats.extend(self.take(&priced, serial));
        hold.version += 1;
        self.records.insert(serial, hold);
        Ok(true)
    }

    fn release(&mut self, serial: u64) -> Answer {
        let hold = self.records.get(&serial).ok_or("hold_not_found")?;
        match hold.status {
            "booked" => Err("hold_not_active booked".into()),
            "active" => {
                let status = if self.now < hold.expires { "released" } else { "expired" };
                self.end(serial, status);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn expire(&mut self, serial: u64) -> bool {
        let due = self.records.get(&serial).is_some_and(|hold| {
            let claimed = hold.seats.iter().any(|seat| self.claimed.contains(seat.0));
            hold.status == "active" && hold.expires + self.margin_ms <= self.now && !claimed
        });
        if due {
            self.end(serial, "expired");
        }
        due
    }

    fn confirm(&mut self, serial: u64) -> Answer {
        if self.records.get(&serial).is_some_and(|hold| hold.status == "booked") {
            return Ok(false);
        }
        self.not_cancelled()?;
        let mut hold = self.live(serial)?;
        hold.seats.iter_mut().for_each(|seat| seat.1 = self.turn(seat.0, "booked", serial));
        (hold.status, hold.ended, hold.version) = ("booked", Some(self.now), hold.version + 1);
        self.records.insert(serial, hold);
        Ok(true)
    }

    fn cancel(&mut self, serial: u64, seats: Option<&[Label]>, by_key: bool) -> Answer {
        let mut booking = self.records.get(&serial).cloned().ok_or("booking_not_found")?;
        ensure(booking.status == "booked", || "booking_not_found".into())?;
        if let Some(seats) = seats {
            ensure(!seats.is_empty(), || "no_seats".into())?;
            named(seats)?;
            refuse_any("seat_not_in_hold", seats, |label| !booking.has(label))?;
        }
        let chosen = |label: Label| seats.is_none_or(|seats| seats.contains(&label));
        if booking.seats.iter().all(|seat| seat.3 || !chosen(seat.0)) {
            return Ok(false);
        }
        ensure(by_key || self.now < self.begins, || "too_late".into())?;
        for seat in booking.seats.iter_mut().filter(|seat| !seat.3 && chosen(seat.0)) {
            (seat.1, seat.3) = (self.turn(seat.0, "available", 0), true);
        }
        booking.version += 1;
        self.records.insert(serial, booking);
        Ok(true)
    }

    fn turn_all(&mut self, seats: &[Label], status: &'static str) -> Answer {
        self.not_cancelled()?;
        ensure(!seats.is_empty(), || "no_seats".into())?;
        named(seats)?;
        refuse_reasons(seats, |label| self.taken(label).filter(|why| *why != "blocked"))?;
        if seats.iter().all(|label| self.seats[label].status == status) {
            return Ok(false);
        }
        seats.iter().for_each(|label| self.take_over(label));
        Ok(seats.iter().map(|label| self.turn(label, status, 0)).count() > 0)
    }

    fn change(
        &mut self,
        [ttl_ms, max_ttl_ms, closes]: [Option<i64>; 3],
        movie: Option<u64>,
        limit: Option<u16>,
    ) -> Answer {
        self.not_cancelled()?;
        let new_movie = movie.is_some_and(|movie| movie != self.movie);
        ensure(!new_movie || self.records.is_empty(), || "showtime_in_use".into())?;
        let mut after = self.clone();
        after.movie = movie.unwrap_or(self.movie);
        after.ttl_ms = ttl_ms.unwrap_or(self.ttl_ms);
        after.max_ttl_ms = max_ttl_ms.unwrap_or(self.max_ttl_ms);
        after.closes = closes.unwrap_or(self.closes);
        after.limit = limit.unwrap_or(self.limit);
        let all =
            |ledger: &Self| (ledger.movie, ledger.ttl_ms, ledger.max_ttl_ms, ledger.closes, ledger.limit);
        if all(&after) == all(self) {
            return Ok(false);
        }
        ensure(after.closes > 0, || "invalid_field off_sale_at".into())?;
        ensure(after.ttl_ms > 0, || "invalid_field hold_ttl_s".into())?;
        ensure(after.max_ttl_ms >= after.ttl_ms, || "invalid_field max_hold_ttl_s".into())?;
        ensure(after.limit > 0, || "invalid_field max_seats_per_hold".into())?;
        after.settings_version += 1;
        *self = after;
        Ok(true)
    }

    fn wind_up(&mut self) -> bool {
        let free =
            |record: &Record| !record.seats.iter().any(|seat| !seat.3 && self.claimed.contains(seat.0));
        let standing = |record: &Record| match record.status {
            "active" => true,
            "booked" => record.seats.iter().any(|seat| !seat.3),
            _ => false,
        };
        let due =
            self.records.iter().filter(|(_, record)| self.cancelled && standing(record) && free(record));
        let due: Vec<(u64, &str)> = due.map(|(serial, record)| (*serial, record.status)).collect();
        for (serial, status) in &due {
            match *status {
                "active" => self.end(*serial, "released"),
                _ => assert_eq!(self.cancel(*serial, None, true), Ok(true)),
            }
        }
        !due.is_empty()
    }

    fn open(&self) -> Result<(), String> {
        self.not_cancelled()?;
        ensure(self.now < self.closes, || "not_on_sale any more".into())
    }

    fn not_cancelled(&self) -> Result<(), String> {
        ensure(!self.cancelled, || "showtime_cancelled".into())
    }

    fn live(&self, serial: u64) -> Result<Record, String> {
        let hold = self.records.get(&serial).ok_or("hold_not_found")?;
        match hold.status {
            "active" if self.now < hold.expires => Ok(hold.clone()),
            "active" | "expired" => Err("hold_expired".into()),
            status => Err(format!("hold_not_active {status}")),
        }
    }

    fn priced(
        &self,
        seats: &[Label],
        ticket: Option<&str>,
        others: usize,
    ) -> Result<Vec<(Label, i64)>, String> {
        let limit = self.limit;
        ensure(seats.len() + others <= usize::from(limit), || format!("too_many_seats {limit}"))?;
        named(seats)?;
        let price = |label: &str| match (label.as_bytes()[0], ticket) {
            (b'A', None | Some("adult")) => Some(1000),
            (b'A', Some("child")) => Some(700),
            (b'B', None) => Some(2500),
            _ => None,
        };
        let code = if ticket.is_some() { "unknown_ticket" } else { "missing_price" };
        refuse_any(code, seats, |label| price(label).is_none())?;
        Ok(seats.iter().map(|label| (*label, price(label).expect("checked"))).collect())
    }

    fn check_versions(&self, versions: &Versions) -> Result<(), String> {
        named(&versions.keys().copied().collect::<Vec<_>>())?;
        let wrong = versions.iter().filter(|(label, version)| self.seats[*label].version != **version);
        let faults: String = wrong
            .map(|(label, version)| {
                format!(" {label} expected {version} actual {}", self.seats[label].version)
            })
            .collect();
        ensure(faults.is_empty(), || format!("version_mismatch{faults}"))
    }

    fn check_free(&self, seats: &[Label]) -> Result<(), String> {
        refuse_reasons(seats, |label| self.taken(label))
    }

    fn taken(&self, label: Label) -> Option<&'static str> {
        let seat = self.seats[label];
        match seat.status {
            _ if self.claimed.contains(label) => Some("claimed"),
            "available" => None,
            "held" => {
                let hold = &self.records[&seat.owner];
                let claimed = hold.seats.iter().any(|seat| self.claimed.contains(seat.0));
                let over = hold.expires + self.margin_ms <= self.now;
                if !over { Some("held") } else { claimed.then_some("claimed") }
            }
            status => Some(status),
        }
    }

    fn take(&mut self, priced: &[(Label, i64)], serial: u64) -> Vec<(Label, u32, i64, bool)> {
        priced.iter().for_each(|(label, _)| self.take_over(label));
        priced
            .iter()
            .map(|(label, price)| (*label, self.turn(label, "held", serial), *price, false))
            .collect()
    }

    fn take_over(&mut self, label: Label) {
        if self.seats[label].status == "held" {
            self.end(self.seats[label].owner, "expired");
        }
    }

    fn end(&mut self, serial: u64, status: &'static str) {
        let mut hold = self.records[&serial].clone();
        hold.seats.iter_mut().for_each(|seat| seat.1 = self.turn(seat.0, "available", 0));
        (hold.status, hold.ended, hold.version) = (status, Some(self.now), hold.version + 1);
        self.records.insert(serial, hold);
    }

    /// Gives a seat another status: its version is raised once in each answer.
    fn turn(&mut self, label: Label, status: &'static str, owner: u64) -> u32 {
        let seat = self.seats.get_mut(label).expect("a seat of the room");
        seat.version += u32::from(self.touched.insert(label));
        (seat.status, seat.owner) = (status, owner);
        seat.version
    }
}

fn ensure(holds: bool, refusal: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(refusal()) }
}

/// Every seat is known and named once.
fn named(seats: &[Label]) -> Result<(), String> {
    refuse_any("unknown_seat", seats, |label| label == "Z9")?;
    let repeated = |label: Label| seats.iter().filter(|other| **other == label).count() > 1;
    let mut once = seats.to_vec();
    once.sort_unstable();
    once.dedup();
    refuse_any("duplicate_seat", &once, repeated)
}

fn refuse_any(code: &str, seats: &[Label], fault: impl Fn(Label) -> bool) -> Result<(), String> {
    let faults: String = seats.iter().filter(|label| fault(label)).map(|label| format!(" {label}")).collect();
    ensure(faults.is_empty(), || format!("{code}{faults}"))
}

fn refuse_reasons(seats: &[Label], why: impl Fn(Label) -> Option<&'static str>) -> Result<(), String> {
    let faults: String = seats.iter().filter_map(|label| Some(format!(" {label} {}", why(label)?))).collect();
    ensure(faults.is_empty(), || format!("seat_unavailable{faults}"))
}
