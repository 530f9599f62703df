//! What many operations share: parameters, headers, credentials, ids, money, pages, and the values of examples.

use serde_json::{Value, json};

use super::Description;
use super::schema::{Object, answer, integer, list, map, of, one_of, or_null, pattern, said, text};

/// The ids and times of all examples, which tell one story: a showtime, a hold in it, the booking of that hold.
pub(super) mod sample {
    pub(crate) const CINEMA: &str = "cin_06ffh3rz7a1k8";
    pub(crate) const MOVIE: &str = "mov_06ffh3rz7a1k9";
    pub(crate) const AUDITORIUM: &str = "aud_06ffh3rz7a1ka";
    pub(crate) const PLAN: &str = "9f86d081884c7d659a2feaa0c55ad015";
    pub(crate) const SHOWTIME: &str = "sho_06ffh3rz7a";
    pub(crate) const HOLD: &str = "hld_06ffh3rz7a06ffh5d2m9x3c";
    pub(crate) const BOOKING: &str = "bkg_06ffh3rz7a06ffh5d2m9x3c";
    pub(crate) const TOKEN: &str = "tok_AAAAAWJ0aGlzIGlzIGFuIGV4YW1";
    pub(crate) const EPOCH: &str = "2db43b1d";
    pub(crate) const NOW: &str = "2026-11-22T18:00:00Z";
}

/// An amount in euros, for examples.
pub(super) fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// Adds the schemas that many use.
pub(super) fn add(description: &mut Description) {
    for (name, prefix, what) in [
        ("CinemaId", "cin", "A cinema's id."),
        ("MovieId", "mov", "A movie's id."),
        ("AuditoriumId", "aud", "An auditorium's id."),
    ] {
        description.schema(name, id(prefix, SERIAL, what));
    }
    description.schema("ShowtimeId", id("sho", SHOWTIME, "A showtime's id."));
    let routed = format!("{SHOWTIME}{SERIAL}");
    description.schema("HoldId", id("hld", &routed, "A hold's id. It carries its showtime's."));
    description.schema("BookingId", id("bkg", &routed, "A booking's id. It carries its showtime's."));
    let hash = pattern("^[0-9a-f]{32}$");
    description.schema("PlanHash", said(hash, "The name of a seating plan: a hash of its contents."));
    let token =
        said(text(), "Opens this hold or booking and nothing else; send it as `Authorization: Bearer …`.");
    description.schema("TokenText", token);
    let currency = pattern("^[A-Z]{3}$");
    let currency = said(currency, "ISO 4217.");
    description.schema("Currency", with_format(currency.clone(), "iso-4217"));
    let money = answer("An amount of money.")
        .must("amount", said(json!({"type": "integer"}), "In minor units: 1250 is €12.50."))
        .must("currency", currency);
    description.schema("Money", money.like(euros(1250)));
    let category = said(map(of("Money")), "By ticket; the first is the default.");
    let prices = said(map(category), "By category of the plan, then by ticket.");
    description.schema("Prices", prices);
    description.schema(
        "SeatStatus",
        said(
            one_of(["available", "held", "booked", "blocked"]),
            "What a seat is. Treat one that you do not know as not available.",
        ),
    );
    description.schema("SeatKind", one_of(["standard", "wheelchair", "companion", "love_seat"]));
    description.schema("Label", label());
    let metadata = json!({
        "type": "object",
        "maxProperties": 20,
        "propertyNames": {"minLength": 1, "maxLength": 40},
        "additionalProperties": {"type": "string", "maxLength": 500},
    });
    description.schema("Metadata", said(metadata, "Your own pairs of texts, copied from hold to booking."));
}

/// The digits of a showtime's id, of 46 bits.
const SHOWTIME: &str = "[01][0-9a-hjkmnp-tv-z]{9}";
/// The digits of 63 bits.
const SERIAL: &str = "[0-7][0-9a-hjkmnp-tv-z]{12}";

fn id(prefix: &str, digits: &str, what: &str) -> Value {
    let form = pattern(&format!("^{prefix}_{digits}$"));
    said(form, &format!("{what} Take it as it is: nothing in it means anything to you."))
}

fn label() -> Value {
    let label = json!({"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^\\S+$"});
    said(label, "A seat as the plan and the ticket name it; case counts.")
}

/// A schema with a format.
pub(super) fn with_format(mut schema: Value, format: &str) -> Value {
    schema["format"] = format.into();
    schema
}

/// The members that cinemas, movies, auditoriums and showtimes have for integrators.
pub(super) fn external_id(object: Object) -> Object {
    object.must("external_id", said(or_null(text()), "The integrator's own id."))
}

/// The schema of a page of a list.
pub(super) fn page(items: &str) -> Value {
    let next = said(or_null(text()), "Pass it as `after` for the next page; null at the end.");
    answer("A page of a list.").must("data", list(of(items))).must("next", next).schema()
}

/// An example of a page with one item.
pub(super) fn page_of(item: Value) -> Value {
    json!({"data": [item], "next": null})
}

/// The parameters that many operations take.
pub(super) fn parameters() -> Value {
    let key = json!({"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$"});
    json!({
        "Limit": {
            "name": "limit", "in": "query", "description": "How many items a page has at most; left out: 50.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "example": 20,
        },
        "After": {
            "name": "after", "in": "query",
            "description": "Where the list goes on: the `next` of the page before, unchanged.",
            "schema": with_format(text(), "cursor"),
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header",
            "description": "Best a random UUID. The same request under the same key is done once, and has the first \
                answer again, also after a crash.",
            "schema": key, "example": "5f0c2b54-8d6e-4b0a-9c1e-4b8a4f0c2b54",
        },
        "RequestId": {
            "name": "X-Request-Id", "in": "header",
            "description": "Comes back with the answer and stands in the log, if it has 1 to 128 letters, digits and \
                `-_.:/+=`. Else the server gives one.",
            "schema": text(), "example": "till-7.order-42",
        },
    })
}

/// The headers of answers.
pub(super) fn headers() -> Value {
    let header = |required: bool, schema: Value, description: &str, example: Value| json!({"required": required, "description": description, "schema": schema, "example": example});
    json!({
        "X-Request-Id": header(true, text(), "Names this request in the server's log.", "till-7.order-42".into()),
        "Cache-Control": header(true, text(), "Whether and how long the answer may be kept.", "no-store".into()),
        "Location": header(true, text(), "The path of what was made.", "/v1/holds/hld_06ffh3rz7a06ffh5d2m9x3c".into()),
        "Idempotent-Replayed": header(
            false, one_of(["true"]), "There if this is the answer to an earlier request under the same key.", "true".into()
        ),
        "ETag": header(false, text(), "Names the content: of a map its epoch and revision; send it as `If-None-Match`.", "W/\"2db43b1d-41\"".into()),
        "Vary": header(true, text(), "What else the answer depends on.", "Accept-Encoding, Origin".into()),
        "traceparent": header(false, text(), "The trace that the request named.", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        "Access-Control-Allow-Origin": header(false, text(), "There if a page of a listed origin asked: `cors.origins`.", "https://tickets.example".into()),
        "Access-Control-Allow-Credentials": header(false, one_of(["true"]), "With the one before.", "true".into()),
        "Access-Control-Expose-Headers": header(false, text(), "With the one before: what the page may read.", "ETag, Location".into()),
        "Content-Encoding": header(false, one_of(["br", "gzip"]), "There if the body is compressed.", "br".into()),
        "Content-Security-Policy": header(true, text(), "The page loads nothing from elsewhere.", "default-src 'none'".into()),
        "X-Content-Type-Options": header(true, one_of(["nosniff"]), "The type is what it says.", "nosniff".into()),
        "Referrer-Policy": header(true, one_of(["no-referrer"]), "Nobody is told where one came from.", "no-referrer".into()),
        "Cross-Origin-Opener-Policy": header(true, one_of(["same-origin"]), "Other pages have no hold of this one.", "same-origin".into()),
        "WWW-Authenticate": header(true, text(), "Send a bearer token.", "Bearer realm=\"boxoffice\"".into()),
        "Sec-WebSocket-Version": header(false, one_of(["13"]), "There if the handshake for a WebSocket was not sound.", "13".into()),
        "X-Accel-Buffering": header(true, one_of(["no"]), "Proxies must not gather the stream.", "no".into()),
        "Allow": header(true, text(), "The methods that the path has.", "GET,HEAD,POST".into()),
        "Retry-After": header(true, integer(0, 3600), "In seconds; `retry_after_ms` is finer.", 1.into()),
    })
}

/// The credentials.
pub(super) fn security_schemes() -> Value {
    json!({
        "ApiKey": {
            "type": "http", "scheme": "bearer",
            "description": "A key of the server's config. `admin` may all that `sell` may, and `sell` all that `read` may.",
        },
        "Token": {
            "type": "http", "scheme": "bearer", "bearerFormat": "tok_…",
            "description": "The `token` of the hold or booking that the request is about.",
        },
    })
}
