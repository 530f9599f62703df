//! The live seat map in the description of the API: its event stream, and the messages that all transports have.

use serde_json::{Value, json};

use super::super::problem::Code;
use super::Description;
use super::operation::Access::PublicOrKey;
use super::operation::Operation;
use super::schema::{Object, answer, count, list, of, one_of, pattern, said, text};
use super::shared::sample;
use crate::config::Scope;

/// Adds the operation and the schemas of its messages.
pub(super) fn add(description: &mut Description) {
    add_messages(description);
    let since = "After which revision to go on: a revision, or an epoch, a hyphen and a revision. A snapshot comes \
                 first if it is left out, or of another history.";
    let content = json!({"text/event-stream": {
        "schema": text(),
        "example": format!("event: delta\nid: {}-41\ndata: {}\n\n", sample::EPOCH, delta_sample()),
    }});
    let watch = Operation::new(
        "watchSeats",
        "Seats",
        "Watch the seat map: an event stream, or a WebSocket",
        PublicOrKey(Scope::Read),
    )
    .text(
        "Sends `LiveSnapshot`, `LiveDelta`, `LiveHeartbeat`, `LiveChanged`, `LiveClosed` and `LiveBye` as events whose data \
         is JSON; the event's name is the member `type`, its id `<epoch>-<revision>`. A request that upgrades to a \
         WebSocket (version 13) is answered 101 and sent the same objects, each in a text frame. The first message is a \
         snapshot, or a delta from where you asked to resume. Apply a seat if its version is greater than the one that \
         you have; drop your map when a snapshot comes. After 40 s of silence connect again. If there is no place, the \
         stream opens, says `bye` and ends; beyond 256 of those at once the answer is 503.",
    )
    .path("id", "ShowtimeId", Code::ShowtimeNotFound)
    .query("since", pattern("^([^&#]+-)?[0-9]{1,18}$"), since, format!("{}-41", sample::EPOCH).into())
    .header(
        "Last-Event-ID",
        pattern("^([^&#]+-)?[0-9]{1,18}$"),
        "The id of the last event that you have; goes before `since`. Browsers send it by themselves.",
        &format!("{}-41", sample::EPOCH),
    )
    .answers_with(200, "The stream. It ends after `closed` or `bye`.", Some(content), &["X-Accel-Buffering"])
    .refuses(&[Code::InvalidField, Code::InvalidHeader, Code::OriginNotAllowed, Code::Draining]);
    description.add("get", "/v1/showtimes/{id}/live", watch);
}

fn add_messages(description: &mut Description) {
    let kind = |message: Object, name: &str| message.must("type", one_of([name]));
    let epoch =
        |message: Object| message.must("epoch", said(text(), "The history that revisions belong to."));
    let parts = |message: Object| {
        message
            .may("part", said(count(), "Above 256 KiB: which part, from 1."))
            .may("parts", said(count(), "How many there are: go on when you have them all."))
            .must("seats", list(of("ChangedSeat")))
    };
    let snapshot =
        kind(answer("Every seat that ever changed; others are available at version 0."), "snapshot");
    let snapshot = epoch(snapshot.must("showtime", of("ShowtimeId"))).must("revision", count());
    description.schema("LiveSnapshot", parts(snapshot).schema());
    let delta = epoch(kind(answer("The newest state of each seat changed since `from`."), "delta"));
    let delta = parts(delta.must("from", count()).must("revision", count()));
    description.schema("LiveDelta", delta.like(delta_sample()));
    let heartbeat = epoch(kind(answer("Nothing has happened for 15 s."), "heartbeat"));
    description.schema("LiveHeartbeat", heartbeat.must("revision", count()).schema());
    let changed = kind(answer("Times, prices or limits are others: read the showtime again."), "changed");
    description.schema("LiveChanged", changed.must("revision", count()).schema());
    let closed = kind(answer("The last message: there is nothing more to come."), "closed");
    description.schema("LiveClosed", closed.must("reason", one_of(["cancelled", "deleted"])).schema());
    let bye = kind(answer("The connection ends; come back."), "bye");
    let bye = bye.must("reason", one_of(["draining", "overloaded"])).must("reconnect_after_ms", count());
    description.schema("LiveBye", bye.schema());
}

fn delta_sample() -> Value {
    json!({
        "type": "delta", "epoch": sample::EPOCH, "from": 40, "revision": 41,
        "seats": [{"seat": "A1", "status": "held", "version": 3, "expires_at": "2026-11-22T18:08:00Z"}],
    })
}
