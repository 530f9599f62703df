//! The record of a hold and of the booking that it may become.

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::codec::{Malformed, Reader, Writer};
use crate::id::{Reference, Serial};
use crate::money::Currency;
use crate::plan::SeatNo;
use crate::time::Timestamp;

/// Free pairs of text that an integrator keeps with a hold and its booking.
pub type Metadata = Vec<(CompactString, CompactString)>;

/// How many pairs a hold or booking may have.
pub const MAX_METADATA: usize = 20;

/// How a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum HoldStatus {
    /// It has its seats, until its deadline.
    Active = 0,
    /// It became a booking.
    Booked = 1,
    /// It was given back.
    Released = 2,
    /// Its time ran out.
    Expired = 3,
}

impl HoldStatus {
    const ALL: [Self; 4] = [Self::Active, Self::Booked, Self::Released, Self::Expired];

    /// From its number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Booked => "booked",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// One seat of a hold, with the price that was frozen when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSeat {
    /// Which seat of the plan.
    pub no: SeatNo,
    /// The seat's version after the hold's last change of it.
    pub version: u32,
    /// Index of its category in the plan.
    pub category: u16,
    /// The kind of ticket.
    pub ticket: CompactString,
    /// Minor units.
    pub price: i64,
    /// Booked and later cancelled.
    pub cancelled: bool,
}

/// What a hold gains when it is confirmed. The buyer's personal data is kept apart ([`Contact`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// What the buyer shows at the door.
    pub reference: Reference,
    /// When it was confirmed.
    pub created_at: Timestamp,
}

/// How a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingStatus {
    /// All its seats stand.
    Confirmed,
    /// Some were cancelled.
    PartlyCancelled,
    /// All were.
    Cancelled,
}

impl BookingStatus {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::PartlyCancelled => "partly_cancelled",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Who bought: kept with the booking alone, never in events, feeds, stored answers or logs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// A name to call.
    pub name: Option<CompactString>,
    /// An address to write to.
    pub email: Option<CompactString>,
}

impl Contact {
    /// The contact as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        for part in [&self.name, &self.email] {
            out.option(part.as_ref(), |out, text| out.text(text));
        }
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new("contact", bytes);
        let contact = Self { name: input.option(Reader::text)?, email: input.option(Reader::text)? };
        input.finish()?;
        Ok(contact)
    }
}

/// A hold, through its whole life: one record with one version, also after it became a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub serial: Serial,
    /// +1 at each change, starting at 1.
    pub version: u32,
    /// How it stands.
    pub status: HoldStatus,
    /// What it has or had, in the order asked for.
    pub seats: SmallVec<[HeldSeat; 2]>,
    /// Of its prices.
    pub currency: Currency,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it is free to whoever asks.
    pub expires_at: Timestamp,
    /// The latest deadline that extending may reach.
    pub extendable_until: Timestamp,
    /// When it was booked, released or expired.
    pub ended_at: Option<Timestamp>,
    /// The key that its tokens are made with.
    pub key_id: u32,
    /// The integrator's pairs.
    pub metadata: Metadata,
    /// Once confirmed.
    pub booking: Option<Booking>,
}

impl Hold {
    /// The sum of its prices.
    pub fn total(&self) -> i64 {
        self.seats.iter().map(|seat| seat.price).sum()
    }

    /// The sum of the prices of cancelled seats.
    pub fn cancelled_total(&self) -> i64 {
        self.seats.iter().filter(|seat| seat.cancelled).map(|seat| seat.price).sum()
    }

    /// Whether it is active and its time is not over at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.status == HoldStatus::Active && now < self.expires_at
    }

    /// How the booking stands, judged by its seats.
    pub fn booking_status(&self) -> BookingStatus {
        match self.seats.iter().filter(|seat| seat.cancelled).count() {
            0 => BookingStatus::Confirmed,
            some if some < self.seats.len() => BookingStatus::PartlyCancelled,
            _ => BookingStatus::Cancelled,
        }
    }

    /// Appends the record to `out`.
    pub fn write(&self, out: &mut Writer) {
        out.uint(1u8);
        out.uint(self.serial);
        out.uint(self.version);
        out.uint(self.status as u8);
        out.list(self.seats.iter(), |out, seat| {
            out.uint(seat.no);
            out.uint(seat.version);
            out.uint(seat.category);
            out.text(&seat.ticket);
            out.int(seat.price);
            out.bool(seat.cancelled);
        });
        out.raw(self.currency.as_str().as_bytes());
        out.int(self.created_at.as_ms());
        out.int(self.expires_at.since_ms(self.created_at));
        out.int(self.extendable_until.since_ms(self.created_at));
        out.option(self.ended_at, |out, at| out.int(at.since_ms(self.created_at)));
        out.uint(self.key_id);
        out.list(self.metadata.iter(), |out, (name, value)| {
            out.text(name);
            out.text(value);
        });
        out.option(self.booking.as_ref(), |out, booking| {
            out.uint(booking.reference.number());
            out.int(booking.created_at.as_ms());
        });
    }

    /// Reads what [`write`](Self::write) wrote.
    pub fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        if input.uint::<u8>()? != 1 {
            return Err(input.malformed());
        }
        let serial = input.uint()?;
        let version = input.uint()?;
        let status = HoldStatus::from_number(input.uint()?).ok_or_else(|| input.malformed())?;
        let seats = input.list(|input| {
            Ok(HeldSeat {
                no: input.uint()?,
                version: input.uint()?,
                category: input.uint()?,
                ticket: input.text()?,
                price: input.int()?,
                cancelled: input.bool()?,
            })
        })?;
        let currency: [u8; 3] = input.array()?;
        let currency =
            std::str::from_utf8(&currency).ok().and_then(Currency::new).ok_or_else(|| input.malformed())?;
        let created_at = Timestamp::from_ms(input.int()?);
        Ok(Self {
            serial,
            version,
            status,
            seats,
            currency,
            created_at,
            expires_at: created_at.plus_ms(input.int()?),
            extendable_until: created_at.plus_ms(input.int()?),
            ended_at: input.option(Reader::int)?.map(|ms| created_at.plus_ms(ms)),
            key_id: input.uint()?,
            metadata: input.list(|input| Ok((input.text()?, input.text()?)))?,
            booking: input.option(|input| {
                Ok(Booking {
                    reference: Reference::from_number(input.uint()?),
                    created_at: Timestamp::from_ms(input.int()?),
                })
            })?,
        })
    }

    /// The record as bytes of its own.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(96);
        self.write(&mut out);
        out.finish()
    }

    /// Reads what [`encode`](Self::encode) gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new("hold", bytes);
        let hold = Self::read(&mut input)?;
        input.finish()?;
        Ok(hold)
    }
}
