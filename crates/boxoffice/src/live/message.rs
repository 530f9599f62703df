//! The messages of a feed, each written once for each wire format however many it goes to.

use std::sync::{Arc, OnceLock};

use boxoffice_core::id::ShowtimeId;
use boxoffice_core::plan::Plan;
use boxoffice_engine::board::SeatView;
use boxoffice_engine::feed::Update;
use boxoffice_signalr::{Event, Payload};
use bytes::Bytes;

use super::frame;
use crate::json_text::{put_number, put_text};
use crate::time_text::TimeText;

/// From this size on the seats of one update go in several messages, in bytes.
pub(super) const PART_BYTES: usize = 256 * 1024;
/// The room that a message has beside its seats.
const HEAD_BYTES: usize = 512;

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Snapshot,
    Delta,
    Heartbeat,
    Changed,
    Closed,
    Bye,
}

impl Kind {
    /// Its name: the member `type`, and the event of an event stream.
    fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Delta => "delta",
            Self::Heartbeat => "heartbeat",
            Self::Changed => "changed",
            Self::Closed => "closed",
            Self::Bye => "bye",
        }
    }

    /// What the hub calls on its clients.
    fn hub_target(self) -> &'static str {
        match self {
            Self::Changed => "ShowtimeChanged",
            Self::Closed => "ShowtimeClosed",
            _ => "SeatsChanged",
        }
    }
}

/// One message. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Message(Arc<Forms>);

#[derive(Debug)]
struct Forms {
    kind: Kind,
    showtime: ShowtimeId,
    /// Where an event stream goes on after it, if it is whole with it.
    id: Option<Box<str>>,
    /// When a client may come back that is sent away.
    retry_ms: Option<u64>,
    /// As JSON.
    text: Bytes,
    frame: OnceLock<Bytes>,
    sse: OnceLock<Bytes>,
    hub: OnceLock<Payload>,
}

impl Message {
    fn new(kind: Kind, showtime: ShowtimeId, id: Option<Box<str>>, text: Vec<u8>) -> Self {
        let (frame, sse, hub) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self(Arc::new(Forms { kind, showtime, id, retry_ms: None, text: text.into(), frame, sse, hub }))
    }

    /// Whether its client is to come back.
    pub(super) fn is_bye(&self) -> bool {
        self.0.kind == Kind::Bye
    }

    /// Whether it says that the showtime itself was changed.
    pub(super) fn is_change(&self) -> bool {
        self.0.kind == Kind::Changed
    }

    /// As a text frame of a WebSocket.
    pub(super) fn frame(&self) -> &Bytes {
        self.0.frame.get_or_init(|| frame::text(&self.0.text))
    }

    /// As an event of an event stream.
    pub(super) fn sse(&self) -> &Bytes {
        self.0.sse.get_or_init(|| {
            let mut out = Vec::with_capacity(self.0.text.len() + 80);
            for (name, value) in [("event", Some(self.0.kind.name())), ("id", self.0.id.as_deref())] {
                let Some(value) = value else { continue };
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(value.as_bytes());
                out.push(b'\n');
            }
            if let Some(retry_ms) = self.0.retry_ms {
                out.extend_from_slice(b"retry: ");
                put_number(&mut out, retry_ms);
                out.push(b'\n');
            }
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&self.0.text);
            out.extend_from_slice(b"\n\n");
            out.into()
        })
    }

    /// As a value for clients of the hub: with the showtime that it is about.
    pub(super) fn payload(&self) -> &Payload {
        self.0.hub.get_or_init(|| {
            let head = open(self.0.kind);
            let text = if self.0.kind == Kind::Snapshot {
                self.0.text.clone()
            } else {
                let mut out = head.clone();
                out.extend_from_slice(b",\"showtime\":");
                put_text(&mut out, &self.0.showtime.to_string());
                out.extend_from_slice(&self.0.text[head.len()..]);
                out.into()
            };
            // It was written here, as JSON on one line.
            Payload::from_json(text).unwrap_or_else(|_| Payload::from(serde_json::Value::Null))
        })
    }

    /// As a call of the hub's clients.
    pub(super) fn event(&self) -> Event {
        Event::new(self.0.kind.hub_target(), [self.payload().clone()])
    }
}

/// What a message of this kind begins with.
fn open(kind: Kind) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.name().as_bytes());
    out.push(b'"');
    out
}

fn put_member(out: &mut Vec<u8>, name: &str, number: impl itoa::Integer) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    put_number(out, number);
}

fn put_epoch(out: &mut Vec<u8>, epoch: &str) {
    out.extend_from_slice(b",\"epoch\":");
    put_text(out, epoch);
}

fn put_seat(out: &mut Vec<u8>, plan: &Plan, seat: &SeatView) {
    out.extend_from_slice(b"{\"seat\":");
    put_text(out, &plan.seat(seat.no).label);
    out.extend_from_slice(b",\"status\":\"");
    out.extend_from_slice(seat.status.as_str().as_bytes());
    out.extend_from_slice(b"\",\"version\":");
    put_number(out, seat.version);
    if let Some(expires_at) = seat.expires_at {
        out.extend_from_slice(b",\"expires_at\":\"");
        out.extend_from_slice(TimeText::of_ms(expires_at.as_ms()).as_str().as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
}

fn id(epoch: &str, revision: u64) -> Box<str> {
    format!("{epoch}-{revision}").into()
}

/// The snapshot or delta that an update is, in parts of at most so many bytes.
pub(super) fn seats(
    (showtime, plan): (ShowtimeId, &Plan),
    epoch: &str,
    update: &Update,
    part_bytes: usize,
) -> Vec<Message> {
    let mut parts = vec![Vec::new()];
    for seat in &update.seats {
        let mut place = parts.len() - 1;
        if parts[place].len() + HEAD_BYTES > part_bytes {
            parts.push(Vec::new());
            place += 1;
        }
        if !parts[place].is_empty() {
            parts[place].push(b',');
        }
        put_seat(&mut parts[place], plan, seat);
    }
    let count = parts.len();
    let kind = if update.from.is_some() { Kind::Delta } else { Kind::Snapshot };
    let written = (1..).zip(parts).map(|(part, seats)| {
        let mut out = open(kind);
        if update.from.is_none() {
            out.extend_from_slice(b",\"showtime\":");
            put_text(&mut out, &showtime.to_string());
        }
        put_epoch(&mut out, epoch);
        if let Some(from) = update.from {
            put_member(&mut out, "from", from);
        }
        put_member(&mut out, "revision", update.revision);
        if count > 1 {
            put_member(&mut out, "part", part);
            put_member(&mut out, "parts", count);
        }
        out.extend_from_slice(b",\"seats\":[");
        out.extend_from_slice(&seats);
        out.extend_from_slice(b"]}");
        let id = (part == count).then(|| id(epoch, update.revision));
        Message::new(kind, showtime, id, out)
    });
    written.collect()
}

/// Nothing has happened for a while.
pub(super) fn heartbeat(showtime: ShowtimeId, epoch: &str, revision: u64) -> Message {
    let mut out = open(Kind::Heartbeat);
    put_epoch(&mut out, epoch);
    put_member(&mut out, "revision", revision);
    out.push(b'}');
    Message::new(Kind::Heartbeat, showtime, Some(id(epoch, revision)), out)
}

/// The showtime itself is another: read it again.
pub(super) fn changed(showtime: ShowtimeId, revision: u64) -> Message {
    let mut out = open(Kind::Changed);
    put_member(&mut out, "revision", revision);
    out.push(b'}');
    Message::new(Kind::Changed, showtime, None, out)
}

/// There is nothing more to come, ever: `cancelled` or `deleted`.
pub(super) fn closed(showtime: ShowtimeId, reason: &str) -> Message {
    let mut out = open(Kind::Closed);
    out.extend_from_slice(b",\"reason\":");
    put_text(&mut out, reason);
    out.push(b'}');
    Message::new(Kind::Closed, showtime, None, out)
}

/// The connection ends; the client may come back after a while: `draining` or `overloaded`.
pub(super) fn bye(showtime: ShowtimeId, reason: &str, reconnect_after_ms: u64) -> Message {
    let mut out = open(Kind::Bye);
    out.extend_from_slice(b",\"reason\":");
    put_text(&mut out, reason);
    put_member(&mut out, "reconnect_after_ms", reconnect_after_ms);
    out.push(b'}');
    let retry_ms = Some(reconnect_after_ms);
    let (frame, sse, hub) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    let text = out.into();
    Message(Arc::new(Forms { kind: Kind::Bye, showtime, id: None, retry_ms, text, frame, sse, hub }))
}
