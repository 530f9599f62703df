//! The description of the API in OpenAPI 3.1, from which `/openapi.json` and `/docs` are made.
//!
//! It is written by hand beside the handlers, which read bodies field by field and so have no types to derive it from.
//! Tests keep both together: every route and code is in it, and every answer that a test sees must be as it says.

mod bookings;
mod catalogue;
mod holds;
mod live;
mod operation;
mod operations;
mod page;
mod plans;
mod problems;
mod schema;
mod seats;
mod shared;
mod showtimes;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use operation::Operation;

/// What begins the page.
const ABOUT: &str = "Sells cinema seats under a stampede: hold, change, book, cancel; no seat is sold twice.

Times are RFC 3339 in UTC. Money is in minor units. Ids are opaque. Unknown fields and query parameters are refused. \
Bodies have at most 256 KiB, seating plans 32 MiB. Answers may gain members and enumerations values: ignore what you do \
not know. Nothing changes its meaning within v1.

Every error is a `Problem`. Repeat a request after a lost answer or a 503 under the same `Idempotency-Key`: it is done \
once. A path that is there but not with a method is answered 405 `method_not_allowed`, a path that is not there 404 \
`route_not_found`.";

const TAGS: [(&str, &str); 7] = [
    ("Showtimes", "One movie in one room at one time."),
    ("Seats", "The seat map, kept up to date by ETag or by asking for changes."),
    ("Holds", "Timed claims of seats."),
    ("Bookings", "Holds that were confirmed."),
    ("Catalogue", "Cinemas, movies, rooms and their seating plans."),
    ("Staff", "What the box office itself does."),
    ("Operations", "For those who run the server, and pages for people."),
];

/// The description as it is sent.
pub struct Described {
    /// For programs.
    pub json: Bytes,
    /// For people.
    pub page: Bytes,
}

impl Described {
    /// The description of a server whose links begin with `url`.
    pub fn of(url: &str) -> Self {
        let document = document(url);
        Self { json: document.to_string().into(), page: page::page(&document).into() }
    }
}

/// The description under construction.
struct Description {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Description {
    fn add(&mut self, method: &str, path: &str, operation: Operation) {
        let new = || json!({"parameters": [{"$ref": "#/components/parameters/RequestId"}]});
        self.paths.entry(path).or_insert_with(new)[method] = operation.finish();
    }

    fn schema(&mut self, name: &str, schema: Value) {
        self.schemas.insert(name.to_owned(), schema);
    }
}

/// The whole description of a server whose links begin with `url`.
pub fn document(url: &str) -> Value {
    let mut description = Description { paths: Map::new(), schemas: Map::new() };
    showtimes::add(&mut description);
    seats::add(&mut description);
    live::add(&mut description);
    holds::add(&mut description);
    bookings::add(&mut description);
    catalogue::add(&mut description);
    plans::add(&mut description);
    operations::add(&mut description);
    shared::add(&mut description);
    description.schema("Problem", problems::schema());
    for (name, schema) in problems::part_schemas() {
        description.schema(name, schema);
    }
    description.schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Boxoffice",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "tags": TAGS.map(|(name, description)| json!({"name": name, "description": description})),
        "paths": description.paths,
        "components": {
            "schemas": description.schemas,
            "parameters": shared::parameters(),
            "headers": shared::headers(),
            "responses": problems::shared_responses(),
            "examples": problems::examples(url),
            "securitySchemes": shared::security_schemes(),
        },
    })
}
