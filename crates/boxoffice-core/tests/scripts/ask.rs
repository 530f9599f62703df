//! The script language: one line, one command or question.
//!
//! `hold a A1 A2:child v:A1=3 ttl=60s meta:k=v` · `edit a +A3 -A1 extend` · `extend a` · `release a` · `expire a` ·
//! `confirm a` · `cancel a [A1]` · `block A1` · `unblock A1` · `change hold_ttl=60s …` · `call_off` · `wind_up`.
//! Any of them may end in `by=<API key's name>`, `key=none` (it comes without an idempotency key) and `=> <answer>`;
//! without an answer it must succeed and change something.

use boxoffice_core::command::{
    Command, ExpectedVersion, HoldEdit, HoldSeats, SeatRequest, SeatRequests, SettingsPatch,
};
use boxoffice_core::hold::Contact;
use boxoffice_core::id::{MovieId, Serial};
use boxoffice_core::money::Currency;
use boxoffice_core::settings::{Prices, TicketPrice};

use super::room::START;

/// A line, taken apart.
pub(crate) struct Line<'a> {
    pub(crate) verb: &'a str,
    pub(crate) args: Vec<&'a str>,
    pub(crate) options: Vec<(&'a str, &'a str)>,
    pub(crate) expected: Option<String>,
}

impl<'a> Line<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (asked, expected) = match text.split_once("=>") {
            Some((asked, expected)) => (asked, Some(words(expected))),
            None => (text, None),
        };
        let mut line = Self { verb: "", args: Vec::new(), options: Vec::new(), expected };
        for word in asked.split_whitespace() {
            match word.split_once('=') {
                Some(option) => line.options.push(option),
                None if line.verb.is_empty() => line.verb = word,
                None => line.args.push(word),
            }
        }
        line
    }

    pub(crate) fn option(&self, name: &str) -> Option<&'a str> {
        self.options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn prefixed(&self, prefix: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.options.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, *value)))
    }

    fn metadata(&self) -> Vec<(compact_str::CompactString, compact_str::CompactString)> {
        self.prefixed("meta:").map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn versions(&self) -> Vec<ExpectedVersion> {
        let expected = |(seat, version): (&str, &str)| ExpectedVersion {
            seat: seat.into(),
            version: version.parse().expect("a version"),
        };
        self.prefixed("v:").map(expected).collect()
    }

    fn ms(&self, name: &str) -> Option<i64> {
        self.option(name).map(duration)
    }

    /// The command that the line asks for, if its verb is one.
    pub(crate) fn command(&self, serial_of: impl Fn(&str) -> Serial) -> Option<Command> {
        let target = || serial_of(self.args[0]);
        let labels = |from: usize| self.args[from..].iter().map(|label| (*label).into()).collect::<Vec<_>>();
        let reason = self.option("reason").map(Into::into);
        Some(match self.verb {
            "hold" => Command::Hold(HoldSeats {
                seats: requests(&self.args[1..]),
                versions: self.versions(),
                ttl_ms: self.ms("ttl"),
                metadata: self.metadata(),
            }),
            "edit" => Command::Edit(target(), self.edit()),
            "extend" => {
                let versions = self.versions();
                Command::Edit(target(), HoldEdit { extend: true, versions, ..HoldEdit::default() })
            }
            "release" => Command::Release(target()),
            "expire" => Command::Expire(target()),
            "confirm" => {
                let contact = Contact { name: self.option("name").map(Into::into), email: None };
                Command::Confirm { hold: target(), contact, metadata: self.metadata() }
            }
            "cancel" => {
                let seats = match self.args[1..] {
                    [] => None,
                    ["none"] => Some(Vec::new()),
                    _ => Some(labels(1)),
                };
                Command::Cancel { booking: target(), seats }
            }
            "block" => Command::Block { seats: labels(0), reason },
            "unblock" => Command::Unblock { seats: labels(0), reason },
            "change" => Command::ChangeShowtime(self.patch()),
            "call_off" => Command::CancelShowtime,
            "wind_up" => Command::WindUp,
            _ => return None,
        })
    }

    fn edit(&self) -> HoldEdit {
        let signed = |sign: char| self.args.iter().filter_map(move |word| word.strip_prefix(sign));
        HoldEdit {
            add: requests(&signed('+').collect::<Vec<_>>()),
            remove: signed('-').map(Into::into).collect(),
            extend: self.args.contains(&"extend"),
            versions: self.versions(),
        }
    }

    fn patch(&self) -> SettingsPatch {
        let at = |name| self.ms(name).map(|ms| START.plus_ms(ms));
        let number = |name| self.option(name).map(|value| value.parse::<u16>().expect("a number"));
        let flat = |amount: &str| {
            let amount = amount.parse().expect("an amount");
            Prices(vec![vec![TicketPrice { ticket: "flat".into(), amount }]; 3])
        };
        SettingsPatch {
            movie: number("movie").map(|no| MovieId::from_number(no.into())),
            currency: self.option("currency").map(|code| Currency::new(code).expect("a currency")),
            starts_at: at("starts_at"),
            on_sale_at: at("on_sale_at"),
            off_sale_at: at("off_sale_at"),
            prices: self.option("price").map(flat),
            hold_ttl_ms: self.ms("hold_ttl"),
            max_hold_ttl_ms: self.ms("max_hold_ttl"),
            max_seats_per_hold: number("max_seats"),
            published: self.option("published").map(|value| value == "yes"),
        }
    }
}

/// Words with one space between.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `90s`, `250ms`, `2h`.
pub(crate) fn duration(text: &str) -> i64 {
    let units = [("ms", 1), ("s", 1000), ("h", 3_600_000)];
    let parsed = units.iter().find_map(|(unit, ms)| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * ms)
    });
    parsed.unwrap_or_else(|| panic!("`{text}` is no duration"))
}

fn requests(words: &[&str]) -> SeatRequests {
    let request = |word: &&str| match word.split_once(':') {
        Some((seat, ticket)) => SeatRequest { seat: seat.into(), ticket: Some(ticket.into()) },
        None => SeatRequest { seat: (*word).into(), ticket: None },
    };
    words.iter().map(request).collect()
}
