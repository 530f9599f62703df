//! A showtime's settings: times, prices and limits, with a version of their own.

use compact_str::CompactString;

use crate::codec::{Malformed, Reader, Writer};
use crate::id::{AuditoriumId, MovieId};
use crate::money::Currency;
use crate::time::Timestamp;

/// What one kind of ticket costs in one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPrice {
    /// The ticket's name: `standard`, `adult`, `child`.
    pub ticket: CompactString,
    /// Minor units of the showtime's currency.
    pub amount: i64,
}

/// The ticket prices of each category, at the index of the category in the plan; the first is the default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices(pub Vec<Vec<TicketPrice>>);

impl Prices {
    /// The price of `ticket` (or of the default ticket) in a category.
    pub fn find(&self, category: u16, ticket: Option<&str>) -> Option<&TicketPrice> {
        let tickets = self.0.get(usize::from(category))?;
        match ticket {
            None => tickets.first(),
            Some(name) => tickets.iter().find(|price| price.ticket == name),
        }
    }
}

/// Everything about a showtime that staff may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// +1 at each change.
    pub version: u32,
    /// What is shown.
    pub movie: MovieId,
    /// Where.
    pub auditorium: AuditoriumId,
    /// When the show begins.
    pub starts_at: Timestamp,
    /// From when seats may be held.
    pub on_sale_at: Timestamp,
    /// Until when (exclusive) seats may be held.
    pub off_sale_at: Timestamp,
    /// Of all prices.
    pub currency: Currency,
    /// By category and ticket.
    pub prices: Prices,
    /// How long a new or extended hold lasts.
    pub hold_ttl_ms: i64,
    /// How long a hold may last in all, extensions included.
    pub max_hold_ttl_ms: i64,
    /// How many seats one hold may have.
    pub max_seats_per_hold: u16,
    /// Whether the public sees it.
    pub published: bool,
    /// Whether it was called off; nothing sells after that.
    pub cancelled: bool,
}

/// A showtime's state as the public sees it, by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleStatus {
    /// The sale has not opened.
    Upcoming,
    /// Seats may be held.
    OnSale,
    /// The sale is over.
    Closed,
    /// Called off.
    Cancelled,
}

impl SaleStatus {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::OnSale => "on_sale",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Settings {
    /// The state of the sale at `now`.
    pub fn sale_status(&self, now: Timestamp) -> SaleStatus {
        if self.cancelled {
            SaleStatus::Cancelled
        } else if now >= self.off_sale_at {
            SaleStatus::Closed
        } else if now < self.on_sale_at {
            SaleStatus::Upcoming
        } else {
            SaleStatus::OnSale
        }
    }

    /// Appends the settings to `out`.
    pub fn write(&self, out: &mut Writer) {
        out.uint(1u8);
        out.uint(self.version);
        out.uint(self.movie.number());
        out.uint(self.auditorium.number());
        for time in [self.starts_at, self.on_sale_at, self.off_sale_at] {
            out.int(time.as_ms());
        }
        out.text(self.currency.as_str());
        out.list(self.prices.0.iter(), |out, tickets| {
            out.list(tickets.iter(), |out, price| {
                out.text(&price.ticket);
                out.int(price.amount);
            });
        });
        out.int(self.hold_ttl_ms);
        out.int(self.max_hold_ttl_ms);
        out.uint(self.max_seats_per_hold);
        out.bool(self.published);
        out.bool(self.cancelled);
    }

    /// Reads what [`write`](Self::write) wrote.
    pub fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        if input.uint::<u8>()? != 1 {
            return Err(input.malformed());
        }
        Ok(Self {
            version: input.uint()?,
            movie: MovieId::from_number(input.uint()?),
            auditorium: AuditoriumId::from_number(input.uint()?),
            starts_at: Timestamp::from_ms(input.int()?),
            on_sale_at: Timestamp::from_ms(input.int()?),
            off_sale_at: Timestamp::from_ms(input.int()?),
            currency: Currency::new(&input.text()?).ok_or_else(|| input.malformed())?,
            prices: Prices(input.list(|input| {
                input.list(|input| Ok(TicketPrice { ticket: input.text()?, amount: input.int()? }))
            })?),
            hold_ttl_ms: input.int()?,
            max_hold_ttl_ms: input.int()?,
            max_seats_per_hold: input.uint()?,
            published: input.bool()?,
            cancelled: input.bool()?,
        })
    }

    /// The settings as bytes of their own.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(128);
        self.write(&mut out);
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new("settings", bytes);
        let settings = Self::read(&mut input)?;
        input.finish()?;
        Ok(settings)
    }
}
